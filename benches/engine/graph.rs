//! The call tree of `models::graph` on both lists, without timeouts and with them.

use criterion::{BenchmarkId, Criterion, Throughput};

use crate::models::graph::{EVENTS_PER_REQUEST, INTERARRIVAL_NS, OnAgenda, OnHeap};

/// Simulated time per timed iteration: 200 requests on average.
const SPAN_NS: u64 = 200_000_000;
const REQUESTS: u64 = SPAN_NS / INTERARRIVAL_NS as u64;

/// Events per second (timeouts not counted) through the graph.
pub(crate) fn graph(c: &mut Criterion) {
    let mut group = c.benchmark_group("graph");
    group.throughput(Throughput::Elements(REQUESTS * EVENTS_PER_REQUEST));
    for (name, with_timeouts) in [("plain", false), ("timeouts", true)] {
        assert_same_world(with_timeouts);
        group.bench_function(BenchmarkId::new("std_heap", name), |b| {
            let (mut simulation, mut until) = (OnHeap::new(with_timeouts), 0);
            b.iter(|| {
                until += SPAN_NS;
                simulation.run(until)
            });
        });
        group.bench_function(BenchmarkId::new("agenda", name), |b| {
            let (mut simulation, mut until) = (OnAgenda::new(with_timeouts), 0);
            b.iter(|| {
                until += SPAN_NS;
                simulation.run(until)
            });
        });
    }
}

/// Both lists must play the same world to the nanosecond, at a stable load, and no timeout may fire.
fn assert_same_world(with_timeouts: bool) {
    let (mut heap, mut agenda) = (OnHeap::new(with_timeouts), OnAgenda::new(with_timeouts));
    let (latency_ns, finished) = heap.run(50 * SPAN_NS);
    assert_eq!(agenda.run(50 * SPAN_NS), (latency_ns, finished));
    assert_eq!((heap.0.timed_out, agenda.0.timed_out), (0, 0));
    let latency_ms = latency_ns as f64 / finished as f64 / 1e6;
    assert!((15.0..40.0).contains(&latency_ms), "mean latency {latency_ms} ms");
}
