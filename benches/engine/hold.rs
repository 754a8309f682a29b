//! The hold model: a constant number of pending events, each replaced by one later. PHOLD adds a random target whose
//! state (one cache line) is touched.

use std::hint::black_box;
use std::ops::ControlFlow;

use backout::engine::{Agenda, run_until};
use backout::time::{SimDuration, SimTime};
use criterion::{BenchmarkId, Criterion, Throughput};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::heap::{SEED, StdHeap, TRAFFIC, exponential};

const MEAN: f64 = 1e6;
/// Events per timed iteration.
const BATCH: u64 = 10_000;
const PENDING: [u32; 3] = [30, 1000, 100_000];

/// Pure event list: pop one, schedule one an exponential time later.
pub(crate) fn hold(c: &mut Criterion) {
    let mut group = c.benchmark_group("hold");
    group.throughput(Throughput::Elements(BATCH));
    for pending in PENDING {
        compare(&mut group, pending, |rng| exponential(rng, MEAN));
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
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(SEED);
        let mut list = StdHeap::default();
        (0..pending).for_each(|i| list.push(delay(&mut rng), i));
        b.iter(|| {
            for _ in 0..BATCH {
                let Some((at, event)) = list.pop() else { break };
                list.push(at + delay(&mut rng), event);
            }
            black_box(list.next())
        });
    });
    group.bench_function(BenchmarkId::new("agenda", pending), |b| {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(SEED);
        let mut agenda = Agenda::new();
        for i in 0..pending {
            agenda.schedule(SimTime::from_nanos(delay(&mut rng)), TRAFFIC, i);
        }
        b.iter(|| {
            for _ in 0..BATCH {
                let Some((at, event)) = agenda.pop() else { break };
                agenda.schedule(at + SimDuration::from_nanos(delay(&mut rng)), TRAFFIC, event);
            }
            black_box(agenda.peek_time())
        });
    });
}

/// One cache line of state.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Entity {
    visits: u64,
    last: u64,
}

/// PHOLD through the event loop.
pub(crate) fn phold(c: &mut Criterion) {
    let mut group = c.benchmark_group("phold");
    group.throughput(Throughput::Elements(BATCH));
    for pending in PENDING {
        let target =
            move |rng: &mut Xoshiro256PlusPlus| (((rng.next_u64() >> 32) * u64::from(pending)) >> 32) as u32;
        group.bench_function(BenchmarkId::new("std_heap", pending), |b| {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(SEED);
            let mut list = StdHeap::default();
            let mut entities = vec![Entity::default(); pending as usize];
            (0..pending).for_each(|i| list.push(exponential(&mut rng, MEAN), i));
            b.iter(|| {
                for _ in 0..BATCH {
                    let Some((at, event)) = list.pop() else { break };
                    let entity = &mut entities[event as usize];
                    entity.visits += 1;
                    entity.last = at;
                    let next = target(&mut rng);
                    list.push(at + exponential(&mut rng, MEAN), next);
                }
                black_box(entities[0].visits)
            });
        });
        group.bench_function(BenchmarkId::new("agenda", pending), |b| {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(SEED);
            let mut agenda = Agenda::new();
            let mut entities = vec![Entity::default(); pending as usize];
            for i in 0..pending {
                agenda.schedule(SimTime::from_nanos(exponential(&mut rng, MEAN)), TRAFFIC, i);
            }
            b.iter(|| {
                let run = run_until(&mut agenda, SimTime::NEVER, BATCH, |at, event: u32, agenda| {
                    let entity = &mut entities[event as usize];
                    entity.visits += 1;
                    entity.last = at.as_nanos();
                    let next = target(&mut rng);
                    agenda.schedule(at + SimDuration::from_nanos(exponential(&mut rng, MEAN)), TRAFFIC, next);
                    ControlFlow::<()>::Continue(())
                });
                black_box((run.is_err(), entities[0].visits))
            });
        });
    }
}
