//! The steady state: what must hold at the end of the warm-up before anything is deployed or disturbed.
//!
//! Whoever injects chaos into a system, or a release, that is already broken learns nothing from what follows. So each replication
//! looks at the last minutes of its warm-up: every pod is ready, and the objectives are met. If not, nothing is
//! deployed, and the record says why; such a replication is neither a pass nor a detection.
//!
//! "Met" leaves room for chance and for weather: noise makes every objective fail for some minutes now and then. What does not
//! pass is a budget that burns at more than three times the rate the objective allows, by more than three
//! standard errors. It is a sanity check of the scenario, not a judgement of the service.

use crate::time::SimDuration;
use crate::world::World;
use crate::world::tally::Tally;

/// How much of the warm-up is looked at, at its end.
pub const LOOKED_AT: SimDuration = SimDuration::from_mins(5);

/// How fast an error budget may burn.
const BURN: f64 = 3.0;

/// Standard errors beyond that.
const ERRORS: f64 = 3.0;

/// The latency objective is a 99th percentile.
const SLOW_ALLOWED: f64 = 0.01;

/// The service of which not every pod is ready, in a sentence; `None` if all are.
pub fn not_ready(world: &World) -> Option<String> {
    let service = world.not_ready().first().map(|id| usize::from(id.0))?;
    Some(format!("not every pod of `{}` was ready", world.common().spec.services[service].name))
}

/// Which objective was not met in the last minutes of the warm-up, of which `counted` tells; `None` if all were.
pub fn off_objective(world: &World, counted: &Tally) -> Option<String> {
    let spec = &world.common().spec;
    let counts = &counted.counts;
    let answered = counts.issued.saturating_sub(counts.in_flight);
    let bad = counts.failed + counts.timed_out + counts.rejected;
    let availability = spec.slo.availability.get();
    if is_violated(bad, answered, 1.0 - availability) {
        return Some(format!(
            "{} of requests failed before the deploy, the objective allows {}",
            percent(bad, answered),
            percent_of(1.0 - availability)
        ));
    }
    let limit = spec.slo.latency.filter(|_| is_violated(counts.slow, answered, SLOW_ALLOWED))?;
    Some(format!(
        "{} of requests took longer than {limit} before the deploy, the objective allows {}",
        percent(counts.slow, answered),
        percent_of(SLOW_ALLOWED)
    ))
}

/// Whether more are bad than the objective, weather and chance allow.
fn is_violated(bad: u64, of: u64, allowed: f64) -> bool {
    let expected = BURN * allowed * of as f64;
    bad as f64 > expected + ERRORS * libm::sqrt(expected.max(1.0))
}

fn percent(part: u64, of: u64) -> String {
    percent_of(part as f64 / of.max(1) as f64)
}

fn percent_of(share: f64) -> String {
    format!("{} %", (share * 1e4).round() / 1e2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_and_weather_are_no_violation_and_an_outage_is() {
        // 0.1 % of 10,000 allowed: 10; three times that and three standard errors: 46.4.
        assert!(!is_violated(46, 10_000, 0.001));
        assert!(is_violated(47, 10_000, 0.001));
        assert!(!is_violated(0, 0, 0.001), "nobody came");
        assert!(!is_violated(3, 10, 0.0), "an objective of 100 % still leaves chance");
        assert!(is_violated(4, 10, 0.0));
    }
}
