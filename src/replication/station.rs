//! The monitoring of one branch: its samples, and the values of the queries over them.

use std::sync::{Mutex, PoisonError};

use crate::policy::{Queries, QueryError};
use crate::promql::{EvalError, Evaluator, Program, QueryId, Storage, Value};
use crate::telemetry::exposition::Exposition;
use crate::telemetry::instrument::Needs;
use crate::telemetry::sampler::Sampler;
use crate::telemetry::store::{SampleStore, SpareBlocks};
use crate::time::{SimDuration, SimTime};
use crate::world::World;
use crate::world::instruments::ServiceInstruments;

use super::panel::{PanelState, Reads, SpareDesks};
use super::prepared::{PlayerSpec, Prepared};

/// Memory of monitoring that has ended, for the monitoring of the next branch: to ask for it anew costs more than to
/// fill it. It holds nothing that could be read.
#[derive(Default)]
pub struct Spare {
    panel: SpareDesks,
    blocks: SpareBlocks,
}

impl Spare {
    /// This and what another one has.
    pub fn add(&mut self, other: Spare) {
        self.panel.add(other.panel);
        self.blocks.add(other.blocks);
    }
}

/// What the threads of a study have to spare between replications.
#[derive(Default)]
pub struct Spares(Mutex<Vec<Spare>>);

impl Spares {
    /// Takes what somebody has left, or nothing.
    pub fn take(&self) -> Spare {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Leaves it for the next one.
    pub fn leave(&self, spare: Spare) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(spare);
    }
}

/// The monitoring of one branch.
#[derive(Clone)]
pub struct Station {
    /// `None` for a branch nobody monitors.
    store: Option<SampleStore>,
    panel: Option<PanelState>,
    instruments: Vec<ServiceInstruments>,
    /// Whether anybody may look again.
    watched: bool,
    exposition: Exposition,
}

impl Station {
    /// Monitoring that nobody has asked yet, with everything that is needed.
    pub fn new(needs: &Needs) -> Self {
        Station {
            store: Some(SampleStore::new(needs)),
            panel: None,
            instruments: Vec::new(),
            watched: true,
            exposition: Exposition::default(),
        }
    }

    /// The same for those who read this: from now on only what they read is stored, and they may ask.
    pub fn open(&self, prepared: &Prepared, reads: &Reads) -> Self {
        let narrowed = |store: &SampleStore| {
            if *store.needs() == reads.needs { store.clone() } else { store.narrowed(&reads.needs) }
        };
        Station {
            store: self.store.as_ref().map(narrowed),
            panel: Some(prepared.known.start(&prepared.panel, reads)),
            instruments: Vec::new(),
            watched: self.watched,
            exposition: self.exposition.clone(),
        }
    }

    /// No monitoring at all.
    pub fn blind() -> Self {
        Station {
            store: None,
            panel: None,
            instruments: Vec::new(),
            watched: false,
            exposition: Exposition::default(),
        }
    }

    /// Lets later replications know what this one learnt about labels; their answers are the same, only sooner.
    pub fn teach(&self, prepared: &Prepared) {
        if let Some(panel) = &self.panel {
            prepared.known.learn(panel);
        }
    }

    /// Nobody will look again: nothing more is stored.
    pub fn unwatch(&mut self) {
        self.watched = false;
    }

    /// Ends the monitoring of a branch that is over.
    pub fn close(&mut self) -> Spare {
        let blocks = self.store.take().map(SampleStore::into_spare).unwrap_or_default();
        Spare { panel: self.panel.take().map(PanelState::into_spare).unwrap_or_default(), blocks }
    }

    /// Goes on with the memory of monitoring that has ended.
    pub fn inherit(&mut self, spare: &mut Spare) {
        if let Some(store) = &mut self.store {
            store.take_spare(&mut spare.blocks);
        }
        if let Some(panel) = &mut self.panel {
            panel.inherit(&mut spare.panel);
        }
    }

    /// Scrapes the world.
    pub fn scrape(&mut self, sampler: &Sampler, index: usize, at: SimTime, world: &World) {
        let Some(store) = self.store.as_mut().filter(|_| self.watched) else { return };
        world.instruments(&mut self.instruments);
        self.exposition.bend(sampler, at, &mut self.instruments);
        let mut health = sampler.health(index as u64, at, &self.instruments);
        health.gap |= is_cut_off(sampler, world);
        let visible = sampler.visible_at(at).as_millis();
        store.record_scrape(at.as_millis(), visible, &self.instruments, &health);
    }

    /// The value of a compiled query, under the names of a policy, over the pods of the new revision alone; `None` when
    /// it has none.
    pub fn candidate_only(
        &mut self,
        prepared: &Prepared,
        policy: usize,
        query: (&Program, QueryId),
        evaluator: &mut Evaluator,
        now: SimTime,
    ) -> Option<Value> {
        let (store, panel) = (self.store.as_ref()?, self.panel.as_mut()?);
        panel.candidate_only(&prepared.panel, store, policy, query, evaluator, now.as_millis()).ok()
    }
}

/// Whether monitoring itself is down, because a service it needs is.
pub fn is_cut_off(sampler: &Sampler, world: &World) -> bool {
    sampler.needs().is_some_and(|service| !world.answers(service))
}

/// The queries of one player, answered by a branch's monitoring.
pub struct Answers<'a> {
    prepared: &'a Prepared,
    player: &'a PlayerSpec,
    station: &'a mut Station,
    now: SimTime,
    fails: bool,
}

impl<'a> Answers<'a> {
    /// The answers at `now`; none if monitoring fails then.
    pub fn new(
        prepared: &'a Prepared,
        player: &'a PlayerSpec,
        station: &'a mut Station,
        now: SimTime,
        fails: bool,
    ) -> Self {
        Answers { prepared, player, station, now, fails }
    }
}

impl Queries for Answers<'_> {
    fn value(&mut self, query: usize) -> Result<&Value, QueryError> {
        if self.fails {
            return Err(QueryError::Unavailable);
        }
        let (Some(policy), Some(store), Some(panel)) =
            (self.player.asks_as, self.station.store.as_ref(), self.station.panel.as_mut())
        else {
            return Err(QueryError::Unavailable);
        };
        panel.value(&self.prepared.panel, store, (policy, query), self.now.as_millis()).map_err(failed)
    }

    fn range(
        &mut self,
        query: usize,
        start: SimTime,
        end: SimTime,
        step: SimDuration,
    ) -> Result<Value, QueryError> {
        if self.fails {
            return Err(QueryError::Unavailable);
        }
        let (Some(policy), Some(store), Some(panel)) =
            (self.player.asks_as, self.station.store.as_ref(), self.station.panel.as_mut())
        else {
            return Err(QueryError::Unavailable);
        };
        let span = (start.as_millis(), end.as_millis(), step.as_millis());
        panel.range(&self.prepared.panel, store, (policy, query), self.now.as_millis(), span).map_err(failed)
    }

    fn scraped(&mut self, read: &mut dyn FnMut(&dyn Storage)) -> Result<(), QueryError> {
        if self.fails {
            return Err(QueryError::Unavailable);
        }
        let (Some(policy), Some(store), Some(panel)) =
            (self.player.asks_as, self.station.store.as_ref(), self.station.panel.as_mut())
        else {
            return Err(QueryError::Unavailable);
        };
        panel.scraped(&self.prepared.panel, store, policy, self.now.as_millis(), read).map_err(failed)
    }
}

fn failed(error: EvalError) -> QueryError {
    QueryError::Failed(error.to_string())
}
