//! M/M/1 at utilisation 0.8: two pending events, so the list hardly matters and the cost of the API shows.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use backout::engine::{Agenda, run_until};
use backout::time::SimTime;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::list::{List, Packed, SEED, StdHeap, exponential};

pub(crate) const SERVICE_NS: f64 = 1e6;
pub(crate) const INTERARRIVAL_NS: f64 = SERVICE_NS / 0.8;

#[derive(Clone, Copy)]
pub(crate) enum Event {
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
pub(crate) struct Server {
    rng: Xoshiro256PlusPlus,
    busy: bool,
    queue: VecDeque<u64>,
    pub(crate) waited_ns: u64,
    pub(crate) served: u64,
}

impl Server {
    pub(crate) fn new() -> Self {
        let rng = Xoshiro256PlusPlus::seed_from_u64(SEED);
        Server { rng, busy: false, queue: VecDeque::new(), waited_ns: 0, served: 0 }
    }

    #[inline(always)]
    pub(crate) fn handle(&mut self, now: u64, event: Event, list: &mut impl List<Event>) {
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

/// The server on the heap and the one on the agenda.
pub(crate) struct OnHeap(Server, StdHeap);
pub(crate) struct OnAgenda(Server, Agenda<Event>);

impl OnHeap {
    pub(crate) fn new() -> Self {
        let mut list = StdHeap::default();
        List::schedule(&mut list, 0, Event::Arrival);
        OnHeap(Server::new(), list)
    }

    /// Total waiting time and number of the customers whose service began by `until`.
    #[inline(always)]
    pub(crate) fn run(&mut self, until: u64) -> (u64, u64) {
        let OnHeap(server, list) = self;
        while list.next().is_some_and(|at| at <= until) {
            let Some((at, word)) = list.pop() else { break };
            server.handle(at, Event::unpack(word), list);
        }
        (server.waited_ns, server.served)
    }
}

impl OnAgenda {
    pub(crate) fn new() -> Self {
        let mut agenda = Agenda::new();
        List::schedule(&mut agenda, 0, Event::Arrival);
        OnAgenda(Server::new(), agenda)
    }

    /// Total waiting time and number of the customers whose service began by `until`.
    #[inline(always)]
    pub(crate) fn run(&mut self, until: u64) -> (u64, u64) {
        let OnAgenda(server, agenda) = self;
        let run = run_until(agenda, SimTime::from_nanos(until), u64::MAX, |at, event, agenda| {
            server.handle(at.as_nanos(), event, agenda);
            ControlFlow::<()>::Continue(())
        });
        debug_assert!(run.is_ok());
        (server.waited_ns, server.served)
    }
}
