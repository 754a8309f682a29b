//! The hold model: a constant number of pending events, each replaced by one later. PHOLD adds a random target whose
//! state (one cache line) is touched.

use std::ops::ControlFlow;

use backout::engine::{Agenda, run_until};
use backout::time::{SimDuration, SimTime};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::list::{List, Packed, SEED, StdHeap, TRAFFIC, exponential};

pub(crate) const MEAN_NS: f64 = 1e6;

/// The pure event list, with any law of delays: pop one, schedule one later.
pub(crate) struct HoldOnHeap<D>(Xoshiro256PlusPlus, StdHeap, D);
pub(crate) struct HoldOnAgenda<D>(Xoshiro256PlusPlus, Agenda<u32>, D);

impl<D: Fn(&mut Xoshiro256PlusPlus) -> u64> HoldOnHeap<D> {
    pub(crate) fn new(pending: u32, delay: D) -> Self {
        let (mut rng, mut list) = (Xoshiro256PlusPlus::seed_from_u64(SEED), StdHeap::default());
        (0..pending).for_each(|i| list.push(delay(&mut rng), i));
        HoldOnHeap(rng, list, delay)
    }

    /// The time of the next event after so many.
    #[inline(always)]
    pub(crate) fn run(&mut self, events: u64) -> Option<u64> {
        let HoldOnHeap(rng, list, delay) = self;
        for _ in 0..events {
            let Some((at, event)) = list.pop() else { break };
            list.push(at + delay(rng), event);
        }
        list.next()
    }
}

impl<D: Fn(&mut Xoshiro256PlusPlus) -> u64> HoldOnAgenda<D> {
    pub(crate) fn new(pending: u32, delay: D) -> Self {
        let (mut rng, mut agenda) = (Xoshiro256PlusPlus::seed_from_u64(SEED), Agenda::new());
        for i in 0..pending {
            agenda.schedule(SimTime::from_nanos(delay(&mut rng)), TRAFFIC, i);
        }
        HoldOnAgenda(rng, agenda, delay)
    }

    /// The time of the next event after so many.
    #[inline(always)]
    pub(crate) fn run(&mut self, events: u64) -> Option<u64> {
        let HoldOnAgenda(rng, agenda, delay) = self;
        for _ in 0..events {
            let Some((at, event)) = agenda.pop() else { break };
            agenda.schedule(at + SimDuration::from_nanos(delay(rng)), TRAFFIC, event);
        }
        agenda.peek_time().map(SimTime::as_nanos)
    }
}

/// One cache line of state.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Entity {
    visits: u64,
    last: u64,
}

/// The number of the entity an event is for.
#[derive(Clone, Copy)]
pub(crate) struct Visit(u32);

impl Packed for Visit {
    #[inline(always)]
    fn pack(self) -> u32 {
        self.0
    }
    #[inline(always)]
    fn unpack(word: u32) -> Self {
        Visit(word)
    }
}

/// The entities of PHOLD.
pub(crate) struct Entities {
    rng: Xoshiro256PlusPlus,
    all: Vec<Entity>,
}

impl Entities {
    pub(crate) fn new(pending: u32) -> Self {
        let rng = Xoshiro256PlusPlus::seed_from_u64(SEED);
        Entities { rng, all: vec![Entity::default(); pending as usize] }
    }

    /// Schedules one event for each.
    pub(crate) fn start(&mut self, list: &mut impl List<Visit>) {
        for entity in 0..self.all.len() as u32 {
            list.schedule(exponential(&mut self.rng, MEAN_NS), Visit(entity));
        }
    }

    #[inline(always)]
    pub(crate) fn handle(&mut self, now: u64, event: Visit, list: &mut impl List<Visit>) {
        let entity = &mut self.all[event.0 as usize];
        entity.visits += 1;
        entity.last = now;
        let target = ((self.rng.next_u64() >> 32) * self.all.len() as u64) >> 32;
        list.schedule(now + exponential(&mut self.rng, MEAN_NS), Visit(target as u32));
    }

    /// Visits and the time of the latest one.
    pub(crate) fn sums(&self) -> (u64, u64) {
        (self.all.iter().map(|e| e.visits).sum(), self.all.iter().map(|e| e.last).max().unwrap_or(0))
    }
}

/// PHOLD through the event loop.
pub(crate) struct PholdOnHeap(pub(crate) Entities, StdHeap);
pub(crate) struct PholdOnAgenda(pub(crate) Entities, Agenda<Visit>);

impl PholdOnHeap {
    pub(crate) fn new(pending: u32) -> Self {
        let (mut entities, mut list) = (Entities::new(pending), StdHeap::default());
        entities.start(&mut list);
        PholdOnHeap(entities, list)
    }

    #[inline(always)]
    pub(crate) fn run(&mut self, events: u64) {
        let PholdOnHeap(entities, list) = self;
        for _ in 0..events {
            let Some((at, word)) = list.pop() else { break };
            entities.handle(at, Visit::unpack(word), list);
        }
    }
}

impl PholdOnAgenda {
    pub(crate) fn new(pending: u32) -> Self {
        let (mut entities, mut agenda) = (Entities::new(pending), Agenda::new());
        entities.start(&mut agenda);
        PholdOnAgenda(entities, agenda)
    }

    #[inline(always)]
    pub(crate) fn run(&mut self, events: u64) {
        let PholdOnAgenda(entities, agenda) = self;
        // It ends by its limit, which `run_until` reports as an error.
        let run = run_until(agenda, SimTime::NEVER, events, |at, event, agenda| {
            entities.handle(at.as_nanos(), event, agenda);
            ControlFlow::<()>::Continue(())
        });
        debug_assert!(run.is_err());
    }
}
