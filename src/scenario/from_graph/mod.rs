//! A scenario file from a service graph of the user's own ([`crate::import::graph`]): every number with the place it is
//! from, or called a stand-in.
//!
//! What comes out is text, read like any other scenario. Two things are worked out (`balance.rs`): how often a request to a
//! service makes a call follows from observed rates, and which failures of a call reach the caller's users follows from
//! who was observed to fail.
//!
//! Traps: a graph has no latencies but where the file says otherwise; stand-ins decide then how much a slow release shows.

mod balance;
mod text;

use std::fmt::Write as _;

use super::quick::Variant;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::import::graph::{Entry, Graph, Known};
use crate::quantity::{Rate, Ratio};
use crate::strategy::StrategySpec;
use crate::time::SimDuration;
use balance::Balance;

/// What the user says beside the files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wishes {
    /// The service that is rolled out.
    pub service: Option<String>,
    /// Requests per second of all users together; observed rates are scaled to it.
    pub rate: Option<Rate>,
    /// Share of requests that fail where the files do not say it.
    pub errors: Option<Ratio>,
    /// Median of the time of a service whose file does not say it.
    pub p50: Option<SimDuration>,
    /// Its 0.99 quantile.
    pub p99: Option<SimDuration>,
    /// Users of each entry.
    pub users: Option<u64>,
    /// Pods of the service that is rolled out.
    pub replicas: Option<u32>,
    /// The rollout, from another file.
    pub rollout: Option<Known<StrategySpec>>,
}

/// A scenario file in the making.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The text of the file.
    pub text: String,
    /// What was chosen for the user, one sentence a line.
    pub chosen: Vec<String>,
}

/// The scenario file of a graph in which the release has this fault.
///
/// # Errors
/// When the service to roll out is not in the graph.
pub fn draft(graph: &Graph, wishes: &Wishes, variant: &Variant) -> Result<Draft, Diagnostic> {
    let mut chosen = Vec::new();
    let target = target(graph, wishes, &mut chosen)?;
    let entries = entries(graph, &target, wishes, &mut chosen);
    let balance = Balance::of(graph, &entries, wishes.errors);
    let text =
        text::Writer { graph, wishes, target: &target, entries: &entries, balance: &balance }.write(variant);
    Ok(Draft { text, chosen })
}

/// The service that is rolled out: the one named, else the entry with the most requests, else the one that calls most.
fn target(graph: &Graph, wishes: &Wishes, chosen: &mut Vec<String>) -> Result<String, Diagnostic> {
    let names: Vec<&str> = graph.services.keys().map(String::as_str).collect();
    if let Some(name) = &wishes.service {
        if graph.services.contains_key(name) {
            return Ok(name.clone());
        }
        let meant =
            did_you_mean(name, &names).map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default();
        let fact = format!("there is no service `{name}` in {}", graph.sources.join(", "));
        return Err(Diagnostic::error(fact).with_help(format!("{meant}services: {}", names.join(", "))));
    }
    let rate = |name: &str| -> f64 {
        let into = graph.entries.iter().filter(|entry| entry.to == name);
        into.filter_map(|entry| entry.rate.as_ref()).map(|rate| rate.value).sum()
    };
    let enters = |name: &str| graph.entries.iter().any(|entry| entry.to == name);
    let calls = |name: &str| graph.edges.iter().filter(|edge| edge.from == name).count();
    let better = |one: &&&str, other: &&&str| {
        let rank = |name: &str| (enters(name), rate(name), calls(name));
        let ((one_enters, one_rate, one_calls), (other_enters, other_rate, other_calls)) =
            (rank(one), rank(other));
        let by_rate = one_enters.cmp(&other_enters).then(one_rate.total_cmp(&other_rate));
        // Of equals the first in the order of names counts.
        by_rate.then(one_calls.cmp(&other_calls)).then_with(|| other.cmp(one))
    };
    let best = names.iter().max_by(better).copied().unwrap_or_default();
    let why = if enters(best) { "requests enter there" } else { "nothing says where requests enter" };
    chosen.push(format!("`{best}` is rolled out ({why}); choose another with --service NAME"));
    Ok(best.to_owned())
}

/// Most events per second of simulated time that a rate nobody gave may cause: a replication of 100 minutes has three
/// million then.
const EVENTS_PER_SECOND: f64 = 500.0;

/// Where requests enter, each with a rate; the service that is rolled out gets some in any case.
fn entries(graph: &Graph, target: &str, wishes: &Wishes, chosen: &mut Vec<String>) -> Vec<Entry> {
    let mut entries = graph.entries.clone();
    if !balance::is_reached(graph, &entries, target) {
        let why = "nothing in the files leads here, so it gets requests of its own".to_owned();
        chosen.push(format!("`{target}` gets requests of its own: nothing in the files leads there"));
        entries.push(Entry { name: format!("users-of-{target}"), to: target.to_owned(), rate: None, why });
    }
    let observed: f64 = entries.iter().filter_map(|entry| entry.rate.as_ref()).map(|rate| rate.value).sum();
    if let Some(rate) = wishes.rate {
        let share = rate.get() / entries.len() as f64;
        for entry in &mut entries {
            let (value, from) = match &entry.rate {
                Some(known) if observed > 0.0 => {
                    (known.value * rate.get() / observed, format!("{}, scaled to --rate", known.from))
                }
                _ => (share, "an equal share of --rate".to_owned()),
            };
            entry.rate = Some(Known { value, from });
        }
        return entries;
    }
    let missing = entries.iter().filter(|entry| entry.rate.is_none()).count();
    if missing > 0 {
        let events = balance::events_per_request(graph, &entries);
        let rate = (EVENTS_PER_SECOND / events / missing as f64).floor().clamp(1.0, 50.0);
        chosen.push(format!(
            "no file says how many requests come: {rate}/s for each entry, a stand-in (--rate)"
        ));
        for entry in entries.iter_mut().filter(|entry| entry.rate.is_none()) {
            let from = "stand-in: no file says how many requests come (--rate)".to_owned();
            entry.rate = Some(Known { value: rate, from });
        }
    }
    entries
}

/// A comment on one line, whatever stands in the names of files and keys.
fn comment(text: &str) -> String {
    let mut one_line = String::new();
    for c in text.chars() {
        let _ = one_line.write_char(if c.is_control() { ' ' } else { c });
    }
    one_line
}
