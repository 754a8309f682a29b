//! MiSim architectures: microservices with instances, a capacity, and operations that call operations.
//!
//! An operation with `demand` d on an instance of `capacity` c takes d / c seconds alone (work over work per second).
//! Operations of a service are one service here, in equal shares of its requests; the calls of each are made with that
//! share. Requests enter at services that nobody calls.
//!
//! Traps: an instance shares its capacity among all requests at once, ours has slots; patterns (circuit breakers,
//! autoscalers) have settings of their own that have no counterpart.

use super::names::Labels;
use super::{About, Collector, Edge, GraphService, HowOften, Known, count, from, known, place};
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::import::line;
use crate::time::SimDuration;

const NOTES: crate::import::unread::Notes = &[
    ("patterns", "patterns have settings of their own: add a `breaker` to the calls it is meant for"),
    ("network_latency", "calls take no time on the way"),
    ("loadbalancer_strategy", "requests pick a pod at random"),
];

pub(super) fn is_one(root: &Reader<'_>) -> bool {
    root.peek().get("microservices").is_some_and(|list| !list.items().is_empty())
}

pub(super) fn read(roots: &[Reader<'_>], into: &mut Collector<'_>) -> Result<(), Diagnostic> {
    for root in roots {
        into.source = root.source().name.to_owned();
        one(root, into)?;
        into.unread(root, NOTES);
    }
    Ok(())
}

fn one(root: &Reader<'_>, into: &mut Collector<'_>) -> Result<(), Diagnostic> {
    let mut labels = Labels::default();
    let services = root.required("microservices")?.seq()?;
    for at in &services {
        let name = at.required("name")?.text()?;
        labels.give(name, name);
    }
    for at in &services {
        let name = at.required("name")?.text()?;
        let label = labels.give(name, name);
        let mut service = GraphService { at: place(at), ..GraphService::default() };
        if let Some(at) = at.get("instances") {
            service.replicas = known(count(&at, 1)?, &at);
        }
        let capacity = positive(&at.required("capacity")?)?;
        let operations = at.get("operations").map(|list| list.seq()).transpose()?.unwrap_or_default();
        let share = 1.0 / (operations.len().max(1) as f64);
        let mut demands = 0.0;
        for operation in &operations {
            operation.get("name");
            demands += positive(&operation.required("demand")?)? * share;
            calls(operation, &label, share, &labels, into)?;
        }
        if operations.len() > 1 {
            let text = format!(
                "the {} operations of `{name}` are one service, each an equal share of it",
                operations.len()
            );
            into.note(About::Changed, line(at), text);
        }
        let time = SimDuration::from_secs_f64(demands / capacity);
        if !time.is_zero() {
            let words = format!("{}: mean demand over capacity, in seconds", place(at));
            service.service_time =
                Some(Known { value: format!("{{exponential: {{mean: {time}}}}}"), from: words });
        }
        into.graph.services.insert(label, service);
    }
    Ok(())
}

fn calls(
    operation: &Reader<'_>,
    caller: &str,
    share: f64,
    labels: &Labels,
    into: &mut Collector<'_>,
) -> Result<(), Diagnostic> {
    for dependency in operation.get("dependencies").map(|list| list.seq()).transpose()?.unwrap_or_default() {
        let at = dependency.required("service")?;
        dependency.get("operation");
        let Some(to) = labels.get(at.text()?) else {
            return Err(at.diagnostic_at(
                format!("there is no microservice `{}`", at.peek().raw),
                "name one of the file",
            ));
        };
        let chance = match dependency.get("probability") {
            Some(at) => positive(&at)?.min(1.0),
            None => 1.0,
        };
        let edge = Edge::new(caller, to, from(&at), false, HowOften::PerRequest(share * chance));
        into.graph.edges.push(edge);
    }
    Ok(())
}

/// A number above zero.
fn positive(at: &Reader<'_>) -> Result<f64, Diagnostic> {
    let value = at.f64()?;
    if value > 0.0 && value < 1e12 {
        return Ok(value);
    }
    Err(at.diagnostic_at(format!("`{}` must be above zero", at.path()), "write a number"))
}
