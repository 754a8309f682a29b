//! Request level: a single server, and a graph of ten services.

use std::hint::black_box;

use backout::time::{SimDuration, SimTime};
use backout::world::World;
use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};

use crate::queues::{self, POD, RATE, SERVICE};
use crate::{baseline, study};

const CUSTOMERS: u64 = 20_000;

fn bench(group: &mut BenchmarkGroup<'_, WallTime>, world: &World) {
    let until = SimTime::ZERO + SimDuration::from_secs_f64(CUSTOMERS as f64 / RATE);
    group.bench_function("world", |bencher| {
        bencher.iter(|| {
            let mut world = world.clone();
            study::play(&mut world, until);
            black_box(world.tally().map(|tally| tally.counts))
        });
    });
}

/// Poisson arrivals, one server, exponential service: two events per customer.
pub(crate) fn single_server(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("world/mm1");
    group.throughput(Throughput::Elements(CUSTOMERS));
    bench(&mut group, &queues::single_server());
    group.bench_function("std_heap", |bencher| {
        bencher.iter(|| black_box(baseline::single_server(RATE, SERVICE, CUSTOMERS)));
    });
    group.finish();
}

/// Ten services in a tree, called one after the other: eleven events per request.
pub(crate) fn call_graph(criterion: &mut Criterion) {
    graph(criterion, "world/graph_10_services", None);
}

/// The same with a time-out of a second for each call, which hardly ever comes: cancelled here, left to go stale there.
pub(crate) fn call_graph_with_timeouts(criterion: &mut Criterion) {
    graph(criterion, "world/graph_10_services_timeouts", Some(SimDuration::from_secs(1)));
}

fn graph(criterion: &mut Criterion, name: &str, timeout: Option<SimDuration>) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(CUSTOMERS));
    bench(&mut group, &queues::call_graph(timeout));
    let nanos = timeout.map(SimDuration::as_nanos);
    group.bench_function("std_heap", |bencher| {
        bencher.iter(|| black_box(baseline::call_graph((RATE, SERVICE), POD, CUSTOMERS, nanos)));
    });
    group.finish();
}
