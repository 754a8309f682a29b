//! The models of `benches/engine` on the agenda and on std's heap, at the same draws.

use crate::Done;
use crate::models::list::exponential;
use crate::models::{graph, hold, mm1};

/// Events played over events expected when each of `pending` comes once in a mean time; `until` in ns.
fn pace(events: u64, pending: u32, until: u64) -> Done {
    let expected = f64::from(pending) * until as f64 / hold::MEAN_NS;
    Done { units: events, check: events as f64 / expected }
}

pub(crate) fn hold_on_heap(pending: u32, events: u64) -> Done {
    let mut hold = hold::HoldOnHeap::new(pending, |rng| exponential(rng, hold::MEAN_NS));
    pace(events, pending, hold.run(events).unwrap_or(0))
}

pub(crate) fn hold_on_agenda(pending: u32, events: u64) -> Done {
    let mut hold = hold::HoldOnAgenda::new(pending, |rng| exponential(rng, hold::MEAN_NS));
    pace(events, pending, hold.run(events).unwrap_or(0))
}

/// What [`hold::Entities`] came to.
pub(crate) fn visits(pending: u32, (visits, last): (u64, u64)) -> Done {
    pace(visits, pending, last)
}

pub(crate) fn phold_on_heap(pending: u32, events: u64) -> Done {
    let mut phold = hold::PholdOnHeap::new(pending);
    phold.run(events);
    visits(pending, phold.0.sums())
}

pub(crate) fn phold_on_agenda(pending: u32, events: u64) -> Done {
    let mut phold = hold::PholdOnAgenda::new(pending);
    phold.run(events);
    visits(pending, phold.0.sums())
}

/// Mean waiting time in service times.
pub(crate) fn waiting((waited_ns, served): (u64, u64)) -> Done {
    Done { units: served, check: waited_ns as f64 / served as f64 / mm1::SERVICE_NS }
}

/// When so many customers are expected to have come.
pub(crate) fn span_of_customers(customers: u64) -> u64 {
    (customers as f64 * mm1::INTERARRIVAL_NS) as u64
}

pub(crate) fn mm1_on_heap(customers: u64) -> Done {
    waiting(mm1::OnHeap::new().run(span_of_customers(customers)))
}

pub(crate) fn mm1_on_agenda(customers: u64) -> Done {
    waiting(mm1::OnAgenda::new().run(span_of_customers(customers)))
}

/// Mean latency in ms.
pub(crate) fn latency((latency_ns, finished): (u64, u64)) -> Done {
    Done { units: finished, check: latency_ns as f64 / finished as f64 / 1e6 }
}

/// When so many requests are expected to have come.
pub(crate) fn span_of_requests(requests: u64) -> u64 {
    (requests as f64 * graph::INTERARRIVAL_NS) as u64
}

pub(crate) fn graph_on_heap(requests: u64) -> Done {
    latency(graph::OnHeap::new(false).run(span_of_requests(requests)))
}

pub(crate) fn graph_on_agenda(requests: u64) -> Done {
    latency(graph::OnAgenda::new(false).run(span_of_requests(requests)))
}
