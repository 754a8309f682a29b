//! What can be played and is probably not meant. Each doubt has a stable name, listed in [`DOUBTS`].

use super::resolve::Checker;
use super::resolved::{FidelityChoice, Scenario};
use super::services;
use crate::effect::ServiceId;
use crate::fault::{Fault, Resolution};
use crate::rng::Key;
use crate::time::{SimDuration, SimTime};

/// Every doubt: its name, and the mistake in one sentence.
pub const DOUBTS: &[(&str, &str)] = &[
    ("horizon-before-rollout", "the horizon ends before the rollout can be through"),
    ("no-fault", "the bad release has no fault, so there is nothing to detect"),
    ("begins-after-horizon", "a fault or confounder begins after the horizon whatever is drawn"),
    ("flow-leaves-out", "the flow level is asked for and leaves out what the scenario describes"),
    ("warm-up-below-two-scrapes", "the warm-up has fewer than two scrapes, so rates have no history"),
    ("overloaded", "a service gets more requests than it can serve before any fault"),
];

/// Notes warnings.
pub(super) fn note(checker: &mut Checker<'_>, scenario: &Scenario) {
    let shortest = scenario.rollout.as_dyn().shortest();
    if shortest > scenario.horizon {
        let fact =
            format!("the horizon {} ends before the rollout, which takes {shortest}", scenario.horizon);
        checker.warning(
            "horizon-before-rollout",
            &["horizon"],
            fact,
            "no release can be promoted in that time: make it longer",
        );
    }
    if !scenario.is_faulty() {
        let help = "add an entry to `change.faults`";
        checker.warning(
            "no-fault",
            &["change"],
            "the bad release has no fault: there is nothing to detect",
            help,
        );
    }
    late(checker, scenario);
    if let Some(why) = scenario.why_not_flow().filter(|_| scenario.fidelity == FidelityChoice::Flow) {
        let help = "leave `fidelity` out to let the simulator choose";
        checker.warning(
            "flow-leaves-out",
            &["fidelity"],
            format!("the flow level leaves out that {why}"),
            help,
        );
    }
    let scrape = scenario.telemetry.scrape;
    if scrape * 2 > scenario.warm_up {
        let fact = format!("a warm-up of {} has fewer than two scrapes of {scrape}", scenario.warm_up);
        checker.warning(
            "warm-up-below-two-scrapes",
            &["warm_up"],
            fact,
            "rates need history: warm up for some minutes",
        );
    }
    let busy = scenario.world.services.iter().enumerate().find_map(|(index, service)| {
        let rate = scenario.peak_rate(index);
        let slots = f64::from(service.most_replicas()) * f64::from(service.concurrency);
        let busy = rate * service.service_time.mean() / slots;
        (busy >= 1.0).then(|| (service.name.clone(), busy))
    });
    if let Some((name, busy)) = busy {
        let fact = format!("`{name}` gets {busy:.1} times the requests it can serve, before any fault");
        let help = "raise `replicas` or `concurrency`, or lower the rate";
        checker.warning("overloaded", &["services", &name], fact, help);
    }
}

/// Faults and confounders that begin after the horizon whatever is drawn.
fn late(checker: &mut Checker<'_>, scenario: &Scenario) {
    let faults = scenario.faults.iter().enumerate().map(|(at, (path, fault))| {
        (vec!["change".to_owned(), "faults".to_owned(), at.to_string()], path, fault.as_dyn())
    });
    let confounders = scenario.confounders.iter().enumerate().map(|(at, (path, confounder))| {
        (vec!["confounders".to_owned(), at.to_string()], path, confounder.as_dyn())
    });
    let surroundings = scenario.surroundings.iter().enumerate().map(|(at, (path, surrounding))| {
        (vec!["surroundings".to_owned(), at.to_string()], path, surrounding.as_dyn())
    });
    for (place, path, fault) in faults.chain(confounders).chain(surroundings) {
        let Some(earliest) = earliest(checker, path, fault) else { continue };
        if earliest >= scenario.horizon {
            let fact = format!(
                "begins {earliest} after the deploy or later, but the horizon is {}",
                scenario.horizon
            );
            let place: Vec<&str> = place.iter().map(String::as_str).collect();
            checker.warning(
                "begins-after-horizon",
                &place,
                fact,
                "it can never be seen: let it begin earlier",
            );
        }
    }
}

/// The earliest begin in a few replications, from the deploy; draws are spread over their range because each
/// replication has its own key.
fn earliest(checker: &Checker<'_>, path: &str, fault: &dyn Fault) -> Option<SimDuration> {
    const LOOKS: u32 = 32;
    let deploy_at = SimTime::ZERO;
    let service = |name: &str| -> Option<ServiceId> { services::id_of(&checker.document.services, name) };
    let begins = (0..LOOKS).flat_map(|replication| {
        let mut drawn = Vec::new();
        let key = Key::root(0, "scenario doubts").replication(replication);
        let mut resolution = Resolution { key, path, deploy_at, service: &service, drawn: &mut drawn };
        fault
            .resolve(&mut resolution)
            .into_iter()
            .map(|effect| effect.from.since(deploy_at))
            .collect::<Vec<_>>()
    });
    begins.min()
}
