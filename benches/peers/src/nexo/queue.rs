//! M/M/1 as a source connected to a server.

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
use crate::models::list::{SEED, exponential};
use crate::models::mm1::{INTERARRIVAL_NS, SERVICE_NS};

#[derive(Serialize, Deserialize)]
struct Source {
    rng: Xoshiro256PlusPlus,
    customer: Output<()>,
}

#[Model]
impl Source {
    #[nexosim(init)]
    async fn init(&mut self, cx: &Context<Self>) {
        after(cx, 0, schedulable!(Self::arrival), ());
    }

    #[nexosim(schedulable)]
    async fn arrival(&mut self, (): (), cx: &Context<Self>) {
        self.customer.send(()).await;
        after(cx, exponential(&mut self.rng, INTERARRIVAL_NS), schedulable!(Self::arrival), ());
    }
}

#[derive(Serialize, Deserialize)]
struct Server {
    rng: Xoshiro256PlusPlus,
    busy: bool,
    queue: VecDeque<u64>,
    waited_ns: u64,
    served: u64,
    result: Output<Sums>,
}

#[Model]
impl Server {
    async fn customer(&mut self, (): (), cx: &Context<Self>) {
        let now = now(cx);
        if self.busy {
            self.queue.push_back(now);
        } else {
            self.busy = true;
            self.serve(now, now, cx);
        }
    }

    #[nexosim(schedulable)]
    async fn departure(&mut self, (): (), cx: &Context<Self>) {
        match self.queue.pop_front() {
            Some(arrived) => self.serve(now(cx), arrived, cx),
            None => self.busy = false,
        }
    }

    fn serve(&mut self, now: u64, arrived: u64, cx: &Context<Self>) {
        self.waited_ns += now - arrived;
        self.served += 1;
        after(cx, exponential(&mut self.rng, SERVICE_NS), schedulable!(Self::departure), ());
    }

    async fn report(&mut self) {
        self.result.send((self.waited_ns, self.served)).await;
    }
}

pub(crate) fn mm1(customers: u64) -> Done {
    let rng = Xoshiro256PlusPlus::seed_from_u64;
    let (sink, sums) = event_slot(SinkState::Enabled);
    let mut source = Source { rng: rng(SEED), customer: Output::default() };
    let mut server = Server {
        rng: rng(SEED + 1),
        busy: false,
        queue: VecDeque::new(),
        waited_ns: 0,
        served: 0,
        result: Output::default(),
    };
    let (of_source, of_server) = (Mailbox::new(), Mailbox::new());
    source.customer.connect(Server::customer, &of_server);
    server.result.connect_sink(sink);
    let mut bench = bench();
    let report = EventSource::new().connect(Server::report, &of_server).register(&mut bench);
    let bench = bench.add_model(source, of_source, "source").add_model(server, of_server, "server");
    let simulation = bench.init(MonotonicTime::EPOCH).expect("a simulation");
    loops::waiting(play(simulation, loops::span_of_customers(customers), &report, sums))
}
