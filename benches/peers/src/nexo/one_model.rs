//! Whole models of the benches, each as one nexosim model that schedules itself.

use std::marker::PhantomData;

use nexosim::model::{BuildContext, Context, InitializedModel, Model, ProtoModel, SchedulableId};
use nexosim::ports::{EventSource, Output, SinkState, event_slot};
use nexosim::simulation::Mailbox;
use nexosim::time::MonotonicTime;
use serde::{Deserialize, Serialize};

use super::{Sums, after, bench, now, play};
use crate::Done;
use crate::baseline::{self, Later};
use crate::loops;
use crate::models::list::{List, Packed};
use crate::models::{graph, hold, mm1};
use crate::queues::{POD, RATE, SERVICE};

/// A model whose events are words, and what it came to.
trait Whole: Send + 'static {
    fn start(&mut self, outbox: &mut Outbox<'_, Self>)
    where
        Self: Sized;
    fn handle(&mut self, now: u64, word: u32, outbox: &mut Outbox<'_, Self>)
    where
        Self: Sized;
    fn sums(&self) -> Sums;
}

/// Where a whole model puts its events: the context of the player.
struct Outbox<'a, W: Whole> {
    cx: &'a Context<Player<W>>,
    input: &'a SchedulableId<Player<W>, u32>,
    now: u64,
}

impl<W: Whole> Outbox<'_, W> {
    fn push(&self, at: u64, word: u32) {
        after(self.cx, at - self.now, self.input, word);
    }
}

impl<W: Whole, E: Packed> List<E> for Outbox<'_, W> {
    type Ticket = ();
    fn schedule(&mut self, at: u64, event: E) {
        self.push(at, event.pack());
    }
    fn cancel(&mut self, (): ()) {}
}

/// The nexosim model; what it plays is its environment, because that cannot be serialised.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
struct Player<W: Whole> {
    input: SchedulableId<Player<W>, u32>,
    result: Output<Sums>,
    plays: PhantomData<W>,
}

impl<W: Whole> Player<W> {
    async fn event(&mut self, word: u32, cx: &Context<Self>, whole: &mut W) {
        let now = now(cx);
        whole.handle(now, word, &mut Outbox { cx, input: &self.input, now });
    }

    async fn report(&mut self, (): (), _: &Context<Self>, whole: &mut W) {
        self.result.send(whole.sums()).await;
    }
}

impl<W: Whole> Model for Player<W> {
    type Env = W;

    async fn init(self, cx: &Context<Self>, whole: &mut W) -> InitializedModel<Self> {
        whole.start(&mut Outbox { cx, input: &self.input, now: now(cx) });
        self.into()
    }
}

struct Build<W> {
    whole: W,
    result: Output<Sums>,
}

impl<W: Whole> ProtoModel for Build<W> {
    type Model = Player<W>;

    fn build(self, cx: &mut BuildContext<Self>) -> (Player<W>, W) {
        let input = cx.register_schedulable(Player::<W>::event);
        (Player { input, result: self.result, plays: PhantomData }, self.whole)
    }
}

fn run<W: Whole>(whole: W, until: u64) -> Sums {
    let mailbox = Mailbox::new();
    let (sink, sums) = event_slot(SinkState::Enabled);
    let mut result = Output::default();
    result.connect_sink(sink);
    let mut bench = bench();
    let report = EventSource::new().connect(Player::<W>::report, &mailbox).register(&mut bench);
    let bench = bench.add_model(Build { whole, result }, mailbox, "all");
    let simulation = bench.init(MonotonicTime::EPOCH).expect("a simulation");
    play(simulation, until, &report, sums)
}

impl Whole for mm1::Server {
    fn start(&mut self, outbox: &mut Outbox<'_, Self>) {
        outbox.schedule(0, mm1::Event::Arrival);
    }
    fn handle(&mut self, now: u64, word: u32, outbox: &mut Outbox<'_, Self>) {
        mm1::Server::handle(self, now, mm1::Event::unpack(word), outbox);
    }
    fn sums(&self) -> Sums {
        (self.waited_ns, self.served)
    }
}

pub(crate) fn mm1(customers: u64) -> Done {
    loops::waiting(run(mm1::Server::new(), loops::span_of_customers(customers)))
}

impl Whole for graph::Graph<()> {
    fn start(&mut self, outbox: &mut Outbox<'_, Self>) {
        self.issue(0, outbox);
    }
    fn handle(&mut self, now: u64, word: u32, outbox: &mut Outbox<'_, Self>) {
        graph::Graph::handle(self, now, graph::Event::unpack(word), outbox);
    }
    fn sums(&self) -> Sums {
        (self.latency_ns, self.finished)
    }
}

pub(crate) fn graph(requests: u64) -> Done {
    loops::latency(run(graph::Graph::new(false), loops::span_of_requests(requests)))
}

impl Whole for hold::Entities {
    fn start(&mut self, outbox: &mut Outbox<'_, Self>) {
        hold::Entities::start(self, outbox);
    }
    fn handle(&mut self, now: u64, word: u32, outbox: &mut Outbox<'_, Self>) {
        hold::Entities::handle(self, now, hold::Visit::unpack(word), outbox);
    }
    fn sums(&self) -> Sums {
        hold::Entities::sums(self)
    }
}

pub(crate) fn phold(pending: u32, events: u64) -> Done {
    let until = (events as f64 / f64::from(pending) * hold::MEAN_NS) as u64;
    loops::visits(pending, run(hold::Entities::new(pending), until))
}

/// Events of one step of `baseline::Graph`, before they are scheduled.
#[derive(Default)]
struct Step(Vec<(u64, u32)>);

impl Later for Step {
    fn schedule(&mut self, at: u64, event: u32) {
        self.0.push((at, event));
    }
}

/// The tree of `benches/world`, whose services are called one after the other.
struct InTurn {
    graph: baseline::Graph<Step>,
    requests: u64,
}

impl InTurn {
    fn send(&mut self, outbox: &mut Outbox<'_, Self>) {
        self.graph.later.0.drain(..).for_each(|(at, event)| outbox.push(at, event));
    }
}

impl Whole for InTurn {
    fn start(&mut self, outbox: &mut Outbox<'_, Self>) {
        self.send(outbox);
    }
    fn handle(&mut self, now: u64, word: u32, outbox: &mut Outbox<'_, Self>) {
        self.graph.handle(now, word);
        self.send(outbox);
    }
    fn sums(&self) -> Sums {
        (self.graph.sojourn, self.requests)
    }
}

pub(crate) fn graph_in_turn(requests: u64) -> Done {
    let graph = baseline::Graph::new(Step::default(), (RATE, SERVICE), POD, requests, None);
    // It ends by itself when the last request is answered; the span only has to be long enough.
    let until = (2.0 * requests as f64 / RATE * 1e9) as u64;
    loops::latency(run(InTurn { graph, requests }, until))
}
