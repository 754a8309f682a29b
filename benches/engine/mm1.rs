//! The server of `models::mm1` on both lists.

use std::hint::black_box;

use criterion::{Criterion, Throughput};

use crate::models::mm1::{INTERARRIVAL_NS, OnAgenda, OnHeap};

/// Mean number of customers per timed iteration.
const CUSTOMERS: u64 = 10_000;
const SPAN_NS: u64 = (CUSTOMERS as f64 * INTERARRIVAL_NS) as u64;

/// Customers per second through one server.
pub(crate) fn mm1(c: &mut Criterion) {
    let mut group = c.benchmark_group("mm1");
    group.throughput(Throughput::Elements(CUSTOMERS));
    group.bench_function("std_heap", |b| {
        let (mut simulation, mut until) = (OnHeap::new(), 0);
        b.iter(|| {
            until += SPAN_NS;
            black_box(simulation.run(until))
        });
    });
    group.bench_function("agenda", |b| {
        let (mut simulation, mut until) = (OnAgenda::new(), 0);
        b.iter(|| {
            until += SPAN_NS;
            black_box(simulation.run(until))
        });
    });
}
