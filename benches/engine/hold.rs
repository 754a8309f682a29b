//! The hold models of `models::hold` on both lists.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::models::hold::{HoldOnAgenda, HoldOnHeap, MEAN_NS, PholdOnAgenda, PholdOnHeap};
use crate::models::list::exponential;

/// Events per timed iteration.
const BATCH: u64 = 10_000;
const PENDING: [u32; 3] = [30, 1000, 100_000];

/// Pure event list: pop one, schedule one an exponential time later.
pub(crate) fn hold(c: &mut Criterion) {
    let mut group = c.benchmark_group("hold");
    group.throughput(Throughput::Elements(BATCH));
    for pending in PENDING {
        compare(&mut group, pending, |rng| exponential(rng, MEAN_NS));
    }
}

/// The worst case for keys that fit one word: a lattice of equal times, as of a thousand scrapes in step.
pub(crate) fn ties(c: &mut Criterion) {
    let mut group = c.benchmark_group("hold_ties");
    group.throughput(Throughput::Elements(BATCH));
    compare(&mut group, 1000, |rng| (rng.next_u64() % 4) * 15_000_000_000);
}

type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;

fn compare(group: &mut Group<'_>, pending: u32, delay: impl Fn(&mut Xoshiro256PlusPlus) -> u64 + Copy) {
    group.bench_function(BenchmarkId::new("std_heap", pending), |b| {
        let mut simulation = HoldOnHeap::new(pending, delay);
        b.iter(|| black_box(simulation.run(BATCH)));
    });
    group.bench_function(BenchmarkId::new("agenda", pending), |b| {
        let mut simulation = HoldOnAgenda::new(pending, delay);
        b.iter(|| black_box(simulation.run(BATCH)));
    });
}

/// PHOLD through the event loop.
pub(crate) fn phold(c: &mut Criterion) {
    let mut group = c.benchmark_group("phold");
    group.throughput(Throughput::Elements(BATCH));
    for pending in PENDING {
        group.bench_function(BenchmarkId::new("std_heap", pending), |b| {
            let mut simulation = PholdOnHeap::new(pending);
            b.iter(|| simulation.run(BATCH));
            black_box(simulation.0.sums());
        });
        group.bench_function(BenchmarkId::new("agenda", pending), |b| {
            let mut simulation = PholdOnAgenda::new(pending);
            b.iter(|| simulation.run(BATCH));
            black_box(simulation.0.sums());
        });
    }
}
