//! The simulated world against what one would write by hand, side by side in one run.
//!
//! Every group runs one workload through the public API and through a tight loop of its own (`baseline`): what stands
//! between the two is what keyed draws, pods, instruments and counting cost. Ratios within a group are the figures to
//! quote; absolute ones belong to the machine and the minute. Elements are customers, requests, windows, releases.
//!
//! `replication` holds no baseline: `one_policy` is a release of half an hour end to end, with both twins and all
//! reference players, and the other rows are to be read against it.

mod baseline;
mod flow;
mod queues;
mod request;
mod study;

use std::time::Duration;

use backout::replication::{Options, replicate};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// One replication after the other, so that no luck is measured twice as often as another.
fn replications(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("world/replication");
    group.throughput(Throughput::Elements(2));
    let one_by_one = Options { no_sweep: true, ..Options::default() };
    let cases = [
        ("references_only", study::prepared(&[], false), Options::default()),
        ("one_policy", study::prepared(&study::one(), false), Options::default()),
        ("one_policy_with_noise", study::prepared(&study::one(), true), Options::default()),
        ("1000_variants", study::prepared(&study::variants(50), false), Options::default()),
        ("1000_variants_one_by_one", study::prepared(&study::variants(50), false), one_by_one),
        ("10000_variants", study::prepared(&study::variants(500), false), Options::default()),
    ];
    for (name, prepared, options) in &cases {
        let mut replication = 0;
        group.bench_function(*name, |bencher| {
            bencher.iter(|| {
                replication = (replication + 1) % 64;
                replicate(prepared, replication, *options)
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500));
    targets = request::single_server, request::call_graph,
        request::call_graph_with_timeouts, flow::windows, replications
}
criterion_main!(benches);
