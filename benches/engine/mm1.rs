//! M/M/1 at utilisation 0.8: two pending events, so the list hardly matters and the cost of the API shows.

use std::collections::VecDeque;
use std::hint::black_box;
use std::ops::ControlFlow;

use backout::engine::{Agenda, run_until};
use backout::time::SimTime;
use criterion::{Criterion, Throughput};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::heap::{List, Packed, SEED, StdHeap, exponential};

const SERVICE_NS: f64 = 1e6;
const INTERARRIVAL_NS: f64 = SERVICE_NS / 0.8;
/// Mean number of customers per timed iteration.
const CUSTOMERS: u64 = 10_000;
const SPAN_NS: u64 = (CUSTOMERS as f64 * INTERARRIVAL_NS) as u64;

#[derive(Clone, Copy)]
enum Event {
    Arrival,
    Departure,
}

impl Packed for Event {
    #[inline(always)]
    fn pack(self) -> u32 {
        self as u32
    }
    #[inline(always)]
    fn unpack(word: u32) -> Self {
        if word == 0 { Event::Arrival } else { Event::Departure }
    }
}

/// One server, its queue of arrival times, and the waiting times so far.
struct Server {
    rng: Xoshiro256PlusPlus,
    busy: bool,
    queue: VecDeque<u64>,
    waited_ns: u64,
    served: u64,
}

impl Server {
    fn new() -> Self {
        let rng = Xoshiro256PlusPlus::seed_from_u64(SEED);
        Server { rng, busy: false, queue: VecDeque::new(), waited_ns: 0, served: 0 }
    }

    #[inline(always)]
    fn handle(&mut self, now: u64, event: Event, list: &mut impl List<Event>) {
        match event {
            Event::Arrival => {
                list.schedule(now + exponential(&mut self.rng, INTERARRIVAL_NS), Event::Arrival);
                if self.busy {
                    self.queue.push_back(now);
                } else {
                    self.busy = true;
                    self.start(now, now, list);
                }
            }
            Event::Departure => match self.queue.pop_front() {
                Some(arrived) => self.start(now, arrived, list),
                None => self.busy = false,
            },
        }
    }

    #[inline(always)]
    fn start(&mut self, now: u64, arrived: u64, list: &mut impl List<Event>) {
        self.waited_ns += now - arrived;
        self.served += 1;
        list.schedule(now + exponential(&mut self.rng, SERVICE_NS), Event::Departure);
    }
}

/// Customers per second through one server.
pub(crate) fn mm1(c: &mut Criterion) {
    let mut group = c.benchmark_group("mm1");
    group.throughput(Throughput::Elements(CUSTOMERS));
    group.bench_function("std_heap", |b| {
        let (mut server, mut list, mut until) = (Server::new(), StdHeap::default(), 0);
        List::schedule(&mut list, 0, Event::Arrival);
        b.iter(|| {
            until += SPAN_NS;
            while list.next().is_some_and(|at| at <= until) {
                let Some((at, word)) = list.pop() else { break };
                server.handle(at, Event::unpack(word), &mut list);
            }
            black_box((server.waited_ns, server.served))
        });
    });
    group.bench_function("agenda", |b| {
        let (mut server, mut agenda, mut until) = (Server::new(), Agenda::new(), 0);
        List::schedule(&mut agenda, 0, Event::Arrival);
        b.iter(|| {
            until += SPAN_NS;
            let run = run_until(&mut agenda, SimTime::from_nanos(until), u64::MAX, |at, event, agenda| {
                server.handle(at.as_nanos(), event, agenda);
                ControlFlow::<()>::Continue(())
            });
            black_box((run.is_ok(), server.waited_ns, server.served))
        });
    });
}
