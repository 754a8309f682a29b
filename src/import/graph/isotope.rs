//! isotope topologies (`isotope/convert/pkg/graph`): services with a script of sleeps and calls.
//!
//! A list inside of a script is made at once; `sleep` is time of the service's own; `errorRate` is a share of its answers.
//! `defaults:` fill in what a service leaves out. Where no service is an entry point, those that nobody calls are.

use super::names::Labels;
use super::{About, Collector, Edge, Entry, GraphService, HowOften, Known, count, from, known, place};
use crate::diagnostic::Diagnostic;
use crate::document::{NodeValue, Reader};
use crate::import::line;
use crate::quantity::Ratio;
use crate::time::SimDuration;

const NOTES: crate::import::unread::Notes = &[
    ("requestSize", "sizes have no effect"),
    ("responseSize", "sizes have no effect"),
    ("numRbacPolicies", "the simulation has no sidecars"),
];

pub(super) fn is_one(root: &Reader<'_>) -> bool {
    let services = root.peek().get("services").map(|list| list.items()).unwrap_or_default();
    root.peek().get("edges").is_none()
        && !services.is_empty()
        && services.iter().all(|service| service.get("name").is_some() && service.get("id").is_none())
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
    let services = root.required("services")?.seq()?;
    for at in &services {
        let name = at.required("name")?.text()?;
        labels.give(name, name);
    }
    let defaults = root.get("defaults");
    for at in &services {
        let name = at.required("name")?.text()?;
        let label = labels.give(name, name);
        let said = |key: &str| at.get(key).or_else(|| defaults.as_ref()?.get(key));
        let mut service = GraphService { at: place(at), ..GraphService::default() };
        service.replicas = match said("numReplicas") {
            Some(at) => known(count(&at, 1)?, &at),
            None => Some(Known { value: 1, from: format!("{}: no `numReplicas`, which is 1", place(at)) }),
        };
        if let Some(at) = said("errorRate") {
            let share: Result<Ratio, _> = at.text()?.parse();
            let share = share.map_err(|wrong| at.diagnostic_at(wrong.to_string(), "write it like `0.1%`"))?;
            service.error_ratio = known(share, &at);
        }
        if at.get("isEntrypoint").map_or(Ok(false), |at| at.bool())? {
            let why = format!("{}: `isEntrypoint`", place(at));
            into.graph.entries.push(Entry { name: "users".to_owned(), to: label.clone(), rate: None, why });
        }
        let mut slept = SimDuration::ZERO;
        if let Some(script) = said("script") {
            for (number, step) in script.seq()?.iter().enumerate() {
                let group = matches!(step.peek().value, NodeValue::Seq(_)).then(|| format!("step-{number}"));
                let parts = if group.is_some() { step.seq()? } else { vec![step.clone()] };
                for part in parts {
                    slept += command(&part, &label, group.as_deref(), &labels, into)?;
                }
            }
            if !slept.is_zero() {
                let words = format!("{}: what its script sleeps", from(&script));
                service.service_time = Some(Known { value: slept.to_string(), from: words });
            }
        }
        into.graph.services.insert(label, service);
    }
    Ok(())
}

/// One command of a script; the time it sleeps.
fn command(
    at: &Reader<'_>,
    caller: &str,
    group: Option<&str>,
    labels: &Labels,
    into: &mut Collector<'_>,
) -> Result<SimDuration, Diagnostic> {
    if let Some(sleep) = at.get("sleep") {
        return sleep.duration_go();
    }
    let Some(call) = at.get("call") else {
        into.note(About::LeftOut, line(at), "a command that is neither `sleep` nor `call`");
        return Ok(SimDuration::ZERO);
    };
    let is_long = matches!(call.peek().value, NodeValue::Map(_));
    let to = if is_long { call.required("service")? } else { call.clone() };
    let Some(label) = labels.get(to.text()?) else {
        return Err(
            to.diagnostic_at(format!("there is no service `{}`", to.peek().raw), "name one of `services`")
        );
    };
    let often = match call.get("probability").filter(|_| is_long) {
        Some(at) => f64::from(count(&at, 0)?.min(100)) / 100.0,
        None => 1.0,
    };
    let mut edge = Edge::new(caller, label, from(&call), false, HowOften::PerRequest(often));
    edge.parallel = group.map(str::to_owned);
    into.graph.edges.push(edge);
    Ok(SimDuration::ZERO)
}
