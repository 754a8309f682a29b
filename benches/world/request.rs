//! Request level: a single server, and a graph of ten services.

use std::hint::black_box;

use backout::effect::ServiceId;
use backout::rng::Distribution;
use backout::time::{SimDuration, SimTime};
use backout::world::spec::{CallSpec, ServiceSpec};
use backout::world::{Level, World};
use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};

use crate::baseline::{self, CHILDREN};
use crate::study;

const CUSTOMERS: u64 = 20_000;
/// Arrivals per second, and the mean service time that makes the single server busy four fifths of the time.
const RATE: f64 = 100.0;
const SERVICE: f64 = 0.008;

fn exponential(name: &str, concurrency: u32, mean: f64) -> ServiceSpec {
    let service_time = Distribution::exponential(mean).expect("a distribution");
    ServiceSpec { service_time, concurrency, queue: 1_000_000, ..study::service(name, 1, 0.0) }
}

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

fn counting(services: Vec<ServiceSpec>) -> World {
    let mut world = study::start(study::world(services, RATE), Level::Request);
    world.begin_counting(None, false);
    world
}

/// Poisson arrivals, one server, exponential service: two events per customer.
pub(crate) fn single_server(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("world/mm1");
    group.throughput(Throughput::Elements(CUSTOMERS));
    bench(&mut group, &counting(vec![exponential("server", 1, SERVICE)]));
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
    let call = |to: &usize| CallSpec { timeout, ..CallSpec::plain(ServiceId(*to as u16)) };
    let services = CHILDREN.iter().enumerate().map(|(index, children)| ServiceSpec {
        calls: children.iter().map(call).collect(),
        ..exponential(&format!("service-{index}"), 64, SERVICE)
    });
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(CUSTOMERS));
    bench(&mut group, &counting(services.collect()));
    let nanos = timeout.map(SimDuration::as_nanos);
    group.bench_function("std_heap", |bencher| {
        bencher.iter(|| black_box(baseline::call_graph((RATE, SERVICE), 64, CUSTOMERS, nanos)));
    });
    group.finish();
}
