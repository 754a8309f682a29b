//! Flow level: half an hour of one service in windows of 15 s, errors only and with a latency histogram.

use std::hint::black_box;

use backout::time::{SimDuration, SimTime};
use backout::world::instruments::BOUNDS;
use backout::world::{Level, World};
use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};

use crate::{baseline, study};

const WINDOWS: u64 = 120;
const WINDOW: SimDuration = SimDuration::from_secs(15);
const RATE: f64 = 100.0;
const ERRORS: f64 = 0.008;

fn play(world: &World) -> u64 {
    let mut world = world.clone();
    for window in 0..WINDOWS {
        study::play(&mut world, SimTime::ZERO + WINDOW * (window + 1));
        world.end_slot(window as usize);
    }
    world.tally().map_or(0, |tally| tally.counts.failed)
}

fn start(histograms: bool, noise: bool) -> World {
    let quiet = study::world(vec![study::service("shop", 1, ERRORS)], RATE);
    let spec = if noise { study::noisy(quiet) } else { quiet };
    let mut world = study::start(spec, Level::Flow { histograms });
    world.begin_counting(None, false);
    world
}

/// Constant rates, and rates, service times and errors that change from window to window.
fn worlds(group: &mut BenchmarkGroup<'_, WallTime>, histograms: bool) {
    for (name, noise) in [("world", false), ("world_with_noise", true)] {
        let world = start(histograms, noise);
        group.bench_function(name, |bencher| bencher.iter(|| black_box(play(&world))));
    }
}

/// Windows of the world, and of loops that draw the same counts and do nothing else.
pub(crate) fn windows(criterion: &mut Criterion) {
    let mean = RATE * WINDOW.as_secs_f64();
    let mut group = criterion.benchmark_group("world/windows_errors");
    group.throughput(Throughput::Elements(WINDOWS));
    worlds(&mut group, false);
    group.bench_function("rejection", |bencher| {
        bencher.iter(|| black_box(baseline::windows_by_rejection(mean, ERRORS, WINDOWS)));
    });
    group.bench_function("inversion", |bencher| {
        bencher.iter(|| black_box(baseline::windows_by_inversion(mean, ERRORS, WINDOWS)));
    });
    group.finish();

    let mut group = criterion.benchmark_group("world/windows_histogram");
    group.throughput(Throughput::Elements(WINDOWS));
    let service_time = study::service("shop", 1, ERRORS).service_time;
    let mut below = 0.0;
    let shares = BOUNDS.map(|bound| {
        let upto = if bound.is_finite() { service_time.cdf(bound) } else { 1.0 };
        let share = upto - below;
        below = upto;
        share
    });
    worlds(&mut group, true);
    group.bench_function("rejection", |bencher| {
        bencher.iter(|| black_box(baseline::histograms_by_rejection(mean, &shares, WINDOWS)));
    });
    group.bench_function("inversion", |bencher| {
        bencher.iter(|| black_box(baseline::histograms_by_inversion(mean, &shares, WINDOWS)));
    });
    group.finish();
}
