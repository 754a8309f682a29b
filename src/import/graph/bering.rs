//! Bering topologies (`source: topology_api`) and models discovered from traces.
//!
//! Edges are calls with a weight (how often for each request), resilience settings and observed latencies; an edge that
//! does not block is no part of answering and is left out. Endpoints say where requests enter. The observed latency of a
//! call is the answer time of who is called, calls included; the service's own time is taken from it.
//!
//! Traps: `live_probability` is the chance that an instance is up, which is no share of failed requests.

use super::names::Labels;
use super::{About, Collector, Edge, Entry, GraphService, HowOften, Known, count, from, known, place};
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::import::line;
use crate::time::SimDuration;

const NOTES: crate::import::unread::Notes = &[
    ("reliability", "the chance that an instance is up is no share of failed requests"),
    ("circuit_breaker", "has no thresholds of ours: add a `breaker` to the call"),
    ("placements", "the simulation has no nodes: set `zones`"),
    ("shared_resource_refs", "has no counterpart"),
    ("budget_cap", "add a retry `budget` to the call"),
    ("retry_on", "every failed attempt is tried again"),
    ("backoff", "retries wait 50 ms at first"),
];

pub(super) fn is_one(root: &Reader<'_>) -> bool {
    let services = root.peek().get("services").map(|list| list.items()).unwrap_or_default();
    // An overlay has these lists too, and a name of its own.
    root.peek().get("edges").is_some()
        && !root.has("name")
        && !services.is_empty()
        && services.iter().all(|one| one.get("id").is_some())
}

pub(super) fn read(roots: &[Reader<'_>], into: &mut Collector<'_>) -> Result<(), Diagnostic> {
    for root in roots {
        into.source = root.source().name.to_owned();
        for key in ["metadata", "source"] {
            root.ignore(key);
        }
        one(root, into)?;
        into.unread(root, NOTES);
    }
    Ok(())
}

fn one(root: &Reader<'_>, into: &mut Collector<'_>) -> Result<(), Diagnostic> {
    let mut labels = Labels::default();
    for at in root.required("services")?.seq()? {
        for key in ["labels", "support", "name", "failure_eligible"] {
            at.ignore(key);
        }
        let id = at.required("id")?.text()?;
        let mut service = GraphService { at: place(&at), ..GraphService::default() };
        if let Some(at) = at.get("replicas") {
            service.replicas = known(count(&at, 1)?, &at);
        }
        into.graph.services.insert(labels.give(id, id), service);
    }
    for at in root.get("edges").map(|list| list.seq()).transpose()?.unwrap_or_default() {
        edge(&at, &labels, into)?;
    }
    for at in root.get("endpoints").map(|list| list.seq()).transpose()?.unwrap_or_default() {
        let to = at.required("entry_service")?;
        at.whole();
        let label = label(&to, &labels)?.to_owned();
        if into.graph.entries.iter().all(|entry| entry.to != label) {
            let why = format!("{}: an endpoint", from(&to));
            into.graph.entries.push(Entry { name: "users".to_owned(), to: label, rate: None, why });
        }
    }
    Ok(())
}

fn label<'l>(at: &Reader<'_>, labels: &'l Labels) -> Result<&'l str, Diagnostic> {
    labels.get(at.text()?).ok_or_else(|| {
        at.diagnostic_at(format!("there is no service `{}`", at.peek().raw), "name the `id` of a service")
    })
}

fn edge(at: &Reader<'_>, labels: &Labels, into: &mut Collector<'_>) -> Result<(), Diagnostic> {
    for key in ["id", "kind", "identity", "policy_scope", "support"] {
        at.ignore(key);
    }
    let (source, target) = (at.required("from")?, at.required("to")?);
    let (caller, called) = (label(&source, labels)?, label(&target, labels)?.to_owned());
    let is_async = at.get("kind").is_some_and(|kind| kind.peek().raw == "async");
    let blocks = at.get("blocking").map_or(Ok(!is_async), |at| at.bool())?;
    if !blocks || is_async {
        at.whole();
        let text =
            format!("`{caller}` -> `{called}` does not block: nobody waits for it, so it is no call here");
        into.note(About::LeftOut, line(at), text);
        return Ok(());
    }
    let often = match at.get("weight") {
        Some(at) => at.f64()?.clamp(0.0, 100.0),
        None => 1.0,
    };
    let mut edge = Edge::new(caller, &called, from(at), false, HowOften::PerRequest(often));
    if let Some(at) = at.at("resilience.request_timeout_ms") {
        let timeout = SimDuration::from_millis(u64::from(count(&at, 1)?));
        edge.timeout = known(timeout, &at);
    }
    if let Some(at) = at.at("resilience.retry.max_attempts") {
        edge.attempts = known(count(&at, 1)?.min(10), &at);
    }
    if let Some(at) = at.at("observed.error_rate") {
        edge.failing = Some(at.f64()?.clamp(0.0, 1.0));
    }
    if let Some(latency) = at.at("observed.latency_ms") {
        observed(&latency, &called, into)?;
    }
    into.graph.edges.push(edge);
    Ok(())
}

/// The observed latency of a call as the time of who is called.
fn observed(at: &Reader<'_>, called: &str, into: &mut Collector<'_>) -> Result<(), Diagnostic> {
    at.whole();
    let (Some(p50), Some(p99)) = (at.get("p50"), at.get("p99")) else { return Ok(()) };
    let (p50, p99) = (p50.f64()?, p99.f64()?);
    let Some(service) = into.graph.services.get_mut(called) else { return Ok(()) };
    if !(p50 > 0.0 && p99 >= p50 && p99 < 600_000.0) || service.service_time.is_some() {
        return Ok(());
    }
    let value = format!("{{lognormal: {{p50: {p50}ms, p99: {p99}ms}}}}");
    service.service_time = Some(Known { value, from: format!("{}: calls included", from(at)) });
    let text = format!(
        "the observed latency of calls to `{called}` is taken for its own time; its calls are part of it"
    );
    into.note(About::Guess, line(at), text);
    Ok(())
}
