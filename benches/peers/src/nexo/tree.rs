//! The request graph with one model a service: calls and replies go through ports, network delays are events of the
//! sender, because a nexosim model schedules only itself. Thirty scheduled events a request, as on the other sides.

use std::collections::VecDeque;

use nexosim::model::{Context, Model, schedulable};
use nexosim::ports::{EventSource, Output, SinkState, event_slot};
use nexosim::simulation::Mailbox;
use nexosim::time::MonotonicTime;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

use super::{Sums, after, bench, now, play};
use crate::Done;
use crate::loops;
use crate::models::graph::{CALLER, CALLS, INTERARRIVAL_NS, NETWORK_NS, SERVICE_NS, SERVICES, WORKERS};
use crate::models::list::{SEED, exponential};

/// A request in flight: a number that is used again.
type Slot = u32;

#[derive(Serialize, Deserialize)]
struct Service {
    index: usize,
    rng: Xoshiro256PlusPlus,
    busy: u32,
    queue: VecDeque<Slot>,
    /// Replies each request still waits for, by slot.
    waiting_for: Vec<u8>,
    calls: Vec<Output<Slot>>,
    answer: Output<Slot>,
    /// Of the first service only: when each request came, free slots, sums.
    started: Vec<u64>,
    free: Vec<Slot>,
    latency_ns: u64,
    finished: u64,
    result: Output<Sums>,
}

#[Model]
impl Service {
    fn new(index: usize) -> Self {
        Service {
            index,
            rng: Xoshiro256PlusPlus::seed_from_u64(SEED + index as u64),
            busy: 0,
            queue: VecDeque::new(),
            waiting_for: Vec::new(),
            calls: CALLS[index].iter().map(|_| Output::default()).collect(),
            answer: Output::default(),
            started: Vec::new(),
            free: Vec::new(),
            latency_ns: 0,
            finished: 0,
            result: Output::default(),
        }
    }

    #[nexosim(init)]
    async fn init(&mut self, cx: &Context<Self>) {
        if self.index == 0 {
            after(cx, 0, schedulable!(Self::user), ());
        }
    }

    /// A user's request arrives; so does the next one, later.
    #[nexosim(schedulable)]
    async fn user(&mut self, (): (), cx: &Context<Self>) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.started.push(0);
            self.started.len() as Slot - 1
        });
        self.started[slot as usize] = now(cx);
        after(cx, exponential(&mut self.rng, INTERARRIVAL_NS), schedulable!(Self::user), ());
        self.arrive(slot, cx).await;
    }

    async fn arrive(&mut self, slot: Slot, cx: &Context<Self>) {
        if self.busy < WORKERS {
            self.busy += 1;
            self.work(slot, cx);
        } else {
            self.queue.push_back(slot);
        }
    }

    fn work(&mut self, slot: Slot, cx: &Context<Self>) {
        after(cx, exponential(&mut self.rng, SERVICE_NS), schedulable!(Self::done), slot);
    }

    #[nexosim(schedulable)]
    async fn done(&mut self, slot: Slot, cx: &Context<Self>) {
        match self.queue.pop_front() {
            Some(next) => self.work(next, cx),
            None => self.busy -= 1,
        }
        if self.calls.is_empty() {
            return self.send_answer(slot, cx);
        }
        if self.waiting_for.len() <= slot as usize {
            self.waiting_for.resize(slot as usize + 1, 0);
        }
        self.waiting_for[slot as usize] = self.calls.len() as u8;
        for callee in 0..self.calls.len() as u32 {
            after(cx, exponential(&mut self.rng, NETWORK_NS), schedulable!(Self::call), (callee, slot));
        }
    }

    /// A call reaches the callee.
    #[nexosim(schedulable)]
    async fn call(&mut self, (callee, slot): (u32, Slot)) {
        self.calls[callee as usize].send(slot).await;
    }

    fn send_answer(&mut self, slot: Slot, cx: &Context<Self>) {
        after(cx, exponential(&mut self.rng, NETWORK_NS), schedulable!(Self::answered), slot);
    }

    /// The answer reaches the caller.
    #[nexosim(schedulable)]
    async fn answered(&mut self, slot: Slot, cx: &Context<Self>) {
        if self.index == 0 {
            self.latency_ns += now(cx) - self.started[slot as usize];
            self.finished += 1;
            self.free.push(slot);
        } else {
            self.answer.send(slot).await;
        }
    }

    async fn reply(&mut self, slot: Slot, cx: &Context<Self>) {
        self.waiting_for[slot as usize] -= 1;
        if self.waiting_for[slot as usize] == 0 {
            self.send_answer(slot, cx);
        }
    }

    async fn report(&mut self) {
        self.result.send((self.latency_ns, self.finished)).await;
    }
}

pub(crate) fn graph(requests: u64) -> Done {
    let mut services: Vec<Service> = (0..SERVICES).map(Service::new).collect();
    let mailboxes: Vec<Mailbox<Service>> = (0..SERVICES).map(|_| Mailbox::new()).collect();
    for (index, service) in services.iter_mut().enumerate() {
        for (call, &callee) in service.calls.iter_mut().zip(CALLS[index]) {
            call.connect(Service::arrive, &mailboxes[callee as usize]);
        }
        if index > 0 {
            service.answer.connect(Service::reply, &mailboxes[CALLER[index] as usize]);
        }
    }
    let (sink, sums) = event_slot(SinkState::Enabled);
    services[0].result.connect_sink(sink);
    let mut bench = bench();
    let report = EventSource::new().connect(Service::report, &mailboxes[0]).register(&mut bench);
    for (index, (service, mailbox)) in services.into_iter().zip(mailboxes).enumerate() {
        bench = bench.add_model(service, mailbox, &format!("service-{index}"));
    }
    let simulation = bench.init(MonotonicTime::EPOCH).expect("a simulation");
    loops::latency(play(simulation, loops::span_of_requests(requests), &report, sums))
}
