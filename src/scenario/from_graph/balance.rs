//! What follows from the rates of a graph: what arrives where, how often a request makes a call, and who fails.
//!
//! **Rates.** Requests arrive at a service from entries and from calls; an observed call of `r` per second from a service
//! at which `a` per second arrive is made `r / a` times for each request, so that all observed rates come out again. Calls
//! whose frequency nobody says are made once.
//!
//! **Failures.** If a service was observed to fail for at least as many of its requests as its calls were observed to fail
//! for it, those failures are taken to be passed on, and only the rest are its own. If it failed for fewer, it cannot have
//! passed all of them on: it answers without what failed (`on_failure: ignore`), and all of its failures are its own.
//! The graph has no circles, so both are worked out along it.

use std::collections::{BTreeMap, BTreeSet};

use crate::import::graph::{Edge, Entry, Graph, HowOften};
use crate::quantity::Ratio;

/// Share of requests that fail where nobody says it.
pub(super) const ERRORS: f64 = 0.001;

/// How often a call is made for each request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Made {
    /// Mean per request.
    pub(super) mean: f64,
    /// Share of requests that make it.
    pub(super) probability: f64,
    /// How often each of those.
    pub(super) count: u32,
    /// Whether the caller answers without it when it fails.
    pub(super) ignored: bool,
}

/// What was worked out.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Balance {
    /// Requests per second that arrive at each service.
    pub(super) arrivals: BTreeMap<String, f64>,
    /// By position of the call in the graph.
    pub(super) made: Vec<Made>,
    /// Share of requests that fail in the service itself, and whether that was observed.
    pub(super) own: BTreeMap<String, (f64, bool)>,
    /// Share of requests of each service whose users see a failure.
    pub(super) seen: BTreeMap<String, f64>,
}

impl Balance {
    /// The balance of a graph with these entries; `errors` are the failures of services of which none were observed.
    pub(super) fn of(graph: &Graph, entries: &[Entry], errors: Option<Ratio>) -> Balance {
        let order = callers_first(graph);
        let mut balance = Balance { made: vec![Made::ONCE; graph.edges.len()], ..Balance::default() };
        for entry in entries {
            *balance.arrivals.entry(entry.to.clone()).or_default() +=
                entry.rate.as_ref().map_or(0.0, |rate| rate.value);
        }
        // A scale of all entries (`--rate`) scales observed calls as well, which `scale` finds out.
        let scale = scale(graph, entries);
        for name in &order {
            let arriving = balance.arrivals.get(name).copied().unwrap_or(0.0);
            for (index, edge) in graph.edges.iter().enumerate().filter(|(_, edge)| edge.from == *name) {
                let mean = match edge.often {
                    HowOften::Rate(rate) if arriving > 0.0 => rate * scale / arriving,
                    HowOften::PerRequest(mean) => mean,
                    HowOften::Rate(_) | HowOften::Unknown => 1.0,
                };
                if let Some(made) = balance.made.get_mut(index) {
                    *made = Made::of(mean);
                }
                *balance.arrivals.entry(edge.to.clone()).or_default() += mean * arriving;
            }
        }
        let stand_in = errors.map_or(ERRORS, Ratio::get);
        for name in order.iter().rev() {
            balance.failures(graph, name, stand_in);
        }
        balance
    }

    fn failures(&mut self, graph: &Graph, name: &str, stand_in: f64) {
        let calls: Vec<(usize, &Edge)> =
            graph.edges.iter().enumerate().filter(|(_, edge)| edge.from == name).collect();
        let mean = |index: usize, made: &[Made]| made.get(index).map_or(0.0, |made| made.mean);
        let passed: f64 =
            calls.iter().filter_map(|(index, edge)| Some(edge.failing? * mean(*index, &self.made))).sum();
        let observed = graph.services.get(name).and_then(|service| service.error_ratio.as_ref());
        let own = match observed.map(|known| known.value.get()) {
            // The last digit of rounded rates does not tell who failed.
            Some(observed) if observed + 1e-3 >= passed => ((observed - passed).max(0.0), true),
            Some(observed) => {
                for (index, edge) in &calls {
                    if let Some(made) = self.made.get_mut(*index) {
                        made.ignored = edge.failing.is_some_and(|share| share > 0.0);
                    }
                }
                (observed, true)
            }
            None => (stand_in, false),
        };
        self.own.insert(name.to_owned(), own);
        let mut good = 1.0 - own.0;
        for (index, edge) in &calls {
            let Some(made) = self.made.get(*index).filter(|made| !made.ignored) else { continue };
            let callee = self.seen.get(&edge.to).copied().unwrap_or(0.0);
            good *= 1.0 - (made.mean * callee).min(1.0);
        }
        self.seen.insert(name.to_owned(), 1.0 - good);
    }
}

impl Made {
    const ONCE: Made = Made { mean: 1.0, probability: 1.0, count: 1, ignored: false };

    /// As few repetitions as give the mean with a probability of at most 1.
    fn of(mean: f64) -> Made {
        let count = (mean - 1e-9).ceil().clamp(1.0, 1000.0);
        Made { mean, probability: (mean / count).clamp(0.0, 1.0), count: count as u32, ignored: false }
    }
}

/// Given rates over observed ones, 1 where nothing was scaled.
fn scale(graph: &Graph, entries: &[Entry]) -> f64 {
    let sum =
        |entries: &[Entry]| -> f64 { entries.iter().filter_map(|e| e.rate.as_ref()).map(|r| r.value).sum() };
    let observed = sum(&graph.entries);
    let all_observed = !graph.entries.is_empty() && graph.entries.iter().all(|entry| entry.rate.is_some());
    if all_observed && observed > 0.0 && entries.len() == graph.entries.len() {
        sum(entries) / observed
    } else {
        1.0
    }
}

/// Every service after all that call it.
fn callers_first(graph: &Graph) -> Vec<String> {
    let mut left: Vec<&String> = graph.services.keys().collect();
    let mut order = Vec::new();
    while !left.is_empty() {
        let called: BTreeSet<&String> =
            graph.edges.iter().filter(|edge| left.contains(&&edge.from)).map(|edge| &edge.to).collect();
        let (next, rest): (Vec<&String>, Vec<&String>) =
            left.iter().partition(|name| !called.contains(**name));
        if next.is_empty() {
            // A circle: the graph was not settled. The rest in any order is as good as another.
            order.extend(rest.into_iter().cloned());
            break;
        }
        order.extend(next.into_iter().cloned());
        left = rest;
    }
    order
}

/// Whether requests that enter reach a service.
pub(super) fn is_reached(graph: &Graph, entries: &[Entry], name: &str) -> bool {
    let mut open: Vec<&str> = entries.iter().map(|entry| entry.to.as_str()).collect();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    while let Some(one) = open.pop() {
        if seen.insert(one) {
            open.extend(graph.edges.iter().filter(|edge| edge.from == one).map(|edge| edge.to.as_str()));
        }
    }
    seen.contains(name)
}

/// A request and all calls it causes, in the worst entry, every call made as often as is said.
pub(super) fn events_per_request(graph: &Graph, entries: &[Entry]) -> f64 {
    let mut cost: BTreeMap<&str, f64> = BTreeMap::new();
    let order = callers_first(graph);
    for name in order.iter().rev() {
        let calls = graph.edges.iter().filter(|edge| edge.from == *name);
        let sum: f64 = calls
            .map(|edge| {
                let mean = if let HowOften::PerRequest(mean) = edge.often { mean } else { 1.0 };
                mean * cost.get(edge.to.as_str()).copied().unwrap_or(1.0)
            })
            .sum();
        cost.insert(name, 1.0 + sum);
    }
    let of_entry = entries.iter().filter_map(|entry| cost.get(entry.to.as_str()).copied());
    of_entry.fold(1.0, f64::max)
}
