//! The people of a scenario, checked.

use super::limits::MAX_SPAN;
use super::resolve::Checker;
use crate::people::People;
use crate::time::SimDuration;

/// The people as written; what was found wrong is with the checker.
pub(super) fn resolve(checker: &mut Checker<'_>) -> Option<People> {
    let people = checker.document.people.clone()?;
    let factors: [(&[&str], f64); 3] = [
        (&["people", "on_call", "slower"], people.on_call.slower),
        (&["people", "unpractised", "slower"], people.unpractised.slower),
        (&["people", "without_evidence"], people.without_evidence),
    ];
    for (path, factor) in factors {
        if !(factor.is_finite() && factor > 0.0 && factor <= 1000.0) {
            let fact = format!("a multiplier of {factor} is not between 0 and 1000");
            checker.error(path, fact, "1 makes no difference, 2 takes twice as long");
        }
    }
    if people.page.lost.get() >= 1.0 {
        let help = "write `act_on_pages: false` if nobody ever acts on a page";
        checker.error(&["people", "page", "lost"], "every page is lost, so it is sent for ever", help);
    }
    let second = SimDuration::from_secs(1);
    checker.span(&["people", "page", "repeat"], people.page.repeat, second, MAX_SPAN);
    checker.span(&["people", "looks_again"], people.looks_again, SimDuration::ZERO, MAX_SPAN);
    Some(people)
}
