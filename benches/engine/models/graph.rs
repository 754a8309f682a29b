//! A request through ten services: a call tree with parallel fan-out and join, FIFO workers, network delay both ways.
//! Ten services times (call arrives, work done, reply arrives) are thirty events per request.
//!
//! With timeouts, every call also has one a second ahead that practically never fires: the agenda cancels it when the
//! reply arrives, the heap cannot and finds it stale a second later.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use backout::engine::{Agenda, Handle, run_until};
use backout::time::SimTime;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::list::{List, Packed, SEED, StdHeap, exponential};

pub(crate) const SERVICES: usize = 10;
pub(crate) const EVENTS_PER_REQUEST: u64 = 3 * SERVICES as u64;
/// Whom each service calls, all at once, after its own work.
pub(crate) const CALLS: [&[u8]; SERVICES] =
    [&[1, 2, 3], &[4, 5], &[6, 7], &[8], &[], &[], &[], &[], &[9], &[]];
/// Who called each service; the root was called by the user.
pub(crate) const CALLER: [u8; SERVICES] = [0, 0, 0, 0, 1, 1, 2, 2, 3, 8];
pub(crate) const WORKERS: u32 = 4;
pub(crate) const SERVICE_NS: f64 = 2.8e6;
pub(crate) const NETWORK_NS: f64 = 5e5;
pub(crate) const INTERARRIVAL_NS: f64 = 1e6;
const TIMEOUT_NS: u64 = 1_000_000_000;

/// A request slot (16 bits) and how often it was reused (8 bits, for stale timeouts).
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Id {
    slot: u16,
    reuse: u8,
}

#[derive(Clone, Copy)]
pub(crate) enum Event {
    Arrive { service: u8, id: Id },
    Done { service: u8, id: Id },
    Reply { service: u8, id: Id },
    Timeout { service: u8, id: Id },
}

impl Packed for Event {
    #[inline(always)]
    fn pack(self) -> u32 {
        let (kind, service, id) = match self {
            Event::Arrive { service, id } => (0, service, id),
            Event::Done { service, id } => (1, service, id),
            Event::Reply { service, id } => (2, service, id),
            Event::Timeout { service, id } => (3, service, id),
        };
        kind << 28 | u32::from(service) << 24 | u32::from(id.reuse) << 16 | u32::from(id.slot)
    }
    #[inline(always)]
    fn unpack(word: u32) -> Self {
        let id = Id { slot: word as u16, reuse: (word >> 16) as u8 };
        let service = (word >> 24) as u8 & 15;
        match word >> 28 {
            0 => Event::Arrive { service, id },
            1 => Event::Done { service, id },
            2 => Event::Reply { service, id },
            _ => Event::Timeout { service, id },
        }
    }
}

#[derive(Clone, Default)]
struct Service {
    busy: u32,
    queue: VecDeque<Id>,
}

/// One request in flight: outstanding calls of each service, and the timeouts of those calls.
#[derive(Clone)]
struct Request<T> {
    started: u64,
    reuse: u8,
    waiting_for: [u8; SERVICES],
    answered: u16,
    timeouts: [T; SERVICES],
}

/// The ten services and everything in flight.
pub(crate) struct Graph<T> {
    rng: Xoshiro256PlusPlus,
    services: [Service; SERVICES],
    requests: Vec<Request<T>>,
    free: Vec<u16>,
    with_timeouts: bool,
    pub(crate) latency_ns: u64,
    pub(crate) finished: u64,
    pub(crate) timed_out: u64,
}

impl<T: Copy + Default> Graph<T> {
    pub(crate) fn new(with_timeouts: bool) -> Self {
        Graph {
            rng: Xoshiro256PlusPlus::seed_from_u64(SEED),
            services: Default::default(),
            requests: Vec::new(),
            free: Vec::new(),
            with_timeouts,
            latency_ns: 0,
            finished: 0,
            timed_out: 0,
        }
    }

    /// Issues the request that arrives at `at`.
    #[inline(always)]
    pub(crate) fn issue<L: List<Event, Ticket = T>>(&mut self, at: u64, list: &mut L) {
        let slot = self.free.pop().unwrap_or_else(|| {
            let fresh = Request {
                started: 0,
                reuse: 0,
                waiting_for: [0; SERVICES],
                answered: 0,
                timeouts: [T::default(); SERVICES],
            };
            self.requests.push(fresh);
            (self.requests.len() - 1) as u16
        });
        let request = &mut self.requests[slot as usize];
        request.started = at;
        request.answered = 0;
        let id = Id { slot, reuse: request.reuse };
        self.call(0, id, at, at, list);
    }

    /// Calls `service`: the call arrives at `arrival`, and must be answered within the timeout from `now`.
    #[inline(always)]
    fn call<L: List<Event, Ticket = T>>(
        &mut self,
        service: u8,
        id: Id,
        now: u64,
        arrival: u64,
        list: &mut L,
    ) {
        list.schedule(arrival, Event::Arrive { service, id });
        if self.with_timeouts {
            let timeout = list.schedule(now + TIMEOUT_NS, Event::Timeout { service, id });
            self.requests[id.slot as usize].timeouts[service as usize] = timeout;
        }
    }

    #[inline(always)]
    pub(crate) fn handle<L: List<Event, Ticket = T>>(&mut self, now: u64, event: Event, list: &mut L) {
        match event {
            Event::Arrive { service, id } => {
                if service == 0 {
                    let next = now + exponential(&mut self.rng, INTERARRIVAL_NS);
                    self.issue(next, list);
                }
                let station = &mut self.services[service as usize];
                if station.busy < WORKERS {
                    station.busy += 1;
                    self.work(now, service, id, list);
                } else {
                    station.queue.push_back(id);
                }
            }
            Event::Done { service, id } => self.done(now, service, id, list),
            Event::Reply { service, id } => self.reply(now, service, id, list),
            Event::Timeout { service, id } => {
                let request = &self.requests[id.slot as usize];
                let stale = request.reuse != id.reuse || request.answered >> service & 1 == 1;
                self.timed_out += u64::from(!stale);
            }
        }
    }

    #[inline(always)]
    fn work<L: List<Event, Ticket = T>>(&mut self, now: u64, service: u8, id: Id, list: &mut L) {
        list.schedule(now + exponential(&mut self.rng, SERVICE_NS), Event::Done { service, id });
    }

    #[inline(always)]
    fn done<L: List<Event, Ticket = T>>(&mut self, now: u64, service: u8, id: Id, list: &mut L) {
        match self.services[service as usize].queue.pop_front() {
            Some(next) => self.work(now, service, next, list),
            None => self.services[service as usize].busy -= 1,
        }
        let calls = CALLS[service as usize];
        self.requests[id.slot as usize].waiting_for[service as usize] = calls.len() as u8;
        if calls.is_empty() {
            self.send_reply(now, service, id, list);
        }
        for &callee in calls {
            let arrival = now + exponential(&mut self.rng, NETWORK_NS);
            self.call(callee, id, now, arrival, list);
        }
    }

    #[inline(always)]
    fn send_reply<L: List<Event, Ticket = T>>(&mut self, now: u64, service: u8, id: Id, list: &mut L) {
        list.schedule(now + exponential(&mut self.rng, NETWORK_NS), Event::Reply { service, id });
    }

    #[inline(always)]
    fn reply<L: List<Event, Ticket = T>>(&mut self, now: u64, service: u8, id: Id, list: &mut L) {
        let request = &mut self.requests[id.slot as usize];
        request.answered |= 1 << service;
        if self.with_timeouts {
            list.cancel(request.timeouts[service as usize]);
        }
        if service == 0 {
            self.latency_ns += now - request.started;
            self.finished += 1;
            request.reuse = request.reuse.wrapping_add(1);
            self.free.push(id.slot);
            return;
        }
        let caller = CALLER[service as usize];
        request.waiting_for[caller as usize] -= 1;
        if request.waiting_for[caller as usize] == 0 {
            self.send_reply(now, caller, id, list);
        }
    }
}

/// A simulation on the heap and one on the agenda, each with its own state.
pub(crate) struct OnHeap(pub(crate) Graph<()>, StdHeap);
pub(crate) struct OnAgenda(pub(crate) Graph<Option<Handle>>, Agenda<Event>);

impl OnHeap {
    pub(crate) fn new(with_timeouts: bool) -> Self {
        let (mut graph, mut list) = (Graph::new(with_timeouts), StdHeap::default());
        graph.issue(0, &mut list);
        OnHeap(graph, list)
    }

    /// Total latency and number of the requests answered by `until`.
    #[inline(always)]
    pub(crate) fn run(&mut self, until: u64) -> (u64, u64) {
        let OnHeap(graph, list) = self;
        while list.next().is_some_and(|at| at <= until) {
            let Some((at, word)) = list.pop() else { break };
            graph.handle(at, Event::unpack(word), list);
        }
        (graph.latency_ns, graph.finished)
    }
}

impl OnAgenda {
    pub(crate) fn new(with_timeouts: bool) -> Self {
        let (mut graph, mut agenda) = (Graph::new(with_timeouts), Agenda::new());
        graph.issue(0, &mut agenda);
        OnAgenda(graph, agenda)
    }

    /// Total latency and number of the requests answered by `until`.
    #[inline(always)]
    pub(crate) fn run(&mut self, until: u64) -> (u64, u64) {
        let OnAgenda(graph, agenda) = self;
        let run = run_until(agenda, SimTime::from_nanos(until), u64::MAX, |at, event, agenda| {
            graph.handle(at.as_nanos(), event, agenda);
            ControlFlow::<()>::Continue(())
        });
        debug_assert!(run.is_ok());
        (graph.latency_ns, graph.finished)
    }
}
