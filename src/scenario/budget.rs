//! How much work a scenario asks for: rate times time, pods times scrapes.

use super::limits::{MAX_COUNTED, MAX_POD_SCRAPES, MAX_REQUESTS, MAX_SCRAPES};
use super::resolve::Checker;
use super::resolved::{FidelityChoice, Scenario};
use crate::time::SimTime;
use crate::world::spec::TrafficSpec;

/// Notes errors where one replication would be too much.
pub(super) fn check(checker: &mut Checker<'_>, scenario: &Scenario) {
    let span = (scenario.warm_up + scenario.horizon + scenario.watch).as_secs_f64();
    let scrapes = span / scenario.telemetry.scrape.as_secs_f64();
    let pods: f64 = scenario.world.services.iter().map(|service| f64::from(service.most_replicas())).sum();
    if scrapes > MAX_SCRAPES || scrapes * pods > MAX_POD_SCRAPES {
        let fact = format!("{scrapes:.0} scrapes of {pods} pods are too many for one replication");
        checker.error(&["telemetry", "scrape"], fact, "shorten the horizon, or scrape less often");
    }
    if scenario.fidelity == FidelityChoice::Flow
        && let Some(why) = scenario.why_never_flow()
    {
        let fact = format!("{why}, which the flow level cannot play");
        checker.error(&["fidelity"], fact, "write `fidelity: request`, or leave it out");
        return;
    }
    let end = SimTime::ZERO + scenario.warm_up + scenario.horizon + scenario.watch;
    let requests = scenario.rate_over(SimTime::ZERO, end) * span;
    if scenario.is_flow() {
        if requests > MAX_COUNTED {
            let fact = format!("{requests:.1e} requests in one replication are more than {MAX_COUNTED:.0e}");
            checker.error(&["traffic"], fact, "lower the rate or the horizon");
        }
        return;
    }
    let rate = |t: &TrafficSpec| t.request_rate() * t.shape.mean(SimTime::ZERO, end);
    let calls: f64 = scenario.world.traffic.iter().map(|t| rate(t) * fan_out(scenario, t.to.0)).sum();
    let events = requests + calls * span;
    if events > MAX_REQUESTS {
        let fact = format!(
            "{:.0} million calls in one replication are more than {:.0} million",
            events / 1e6,
            MAX_REQUESTS / 1e6
        );
        let why = scenario.why_not_flow().map(|why| format!(" (each request is an event because {why})"));
        let help = format!(
            "lower rate, replicas and concurrency by the same factor, or the horizon{}",
            why.unwrap_or_default()
        );
        checker.error(&["traffic"], fact, help);
    }
}

/// Calls one request to the service causes along the graph, each made once. The graph has no circles.
fn fan_out(scenario: &Scenario, service: u16) -> f64 {
    let services = &scenario.world.services;
    // Costs settle after as many rounds as the longest path has calls.
    let mut costs = vec![0.0; services.len()];
    for _ in 0..services.len() {
        let of = |at: u16| costs.get(usize::from(at)).copied().unwrap_or(0.0);
        costs = services
            .iter()
            .map(|s| s.calls.iter().map(|call| call.mean_count() * (1.0 + of(call.to.0))).sum())
            .collect();
    }
    costs.get(usize::from(service)).copied().unwrap_or(0.0)
}
