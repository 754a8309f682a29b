//! The monitoring of one branch: its samples, and the values of the queries over them.

use std::collections::BTreeMap;

use crate::policy::{Queries, QueryError};
use crate::promql::Value;
use crate::telemetry::sampler::Sampler;
use crate::telemetry::store::SampleStore;
use crate::time::{SimDuration, SimTime};
use crate::world::World;
use crate::world::instruments::ServiceInstruments;

use super::panel::PanelState;
use super::prepared::{PlayerSpec, Prepared};
use super::setting::Setting;

/// The monitoring of one branch.
#[derive(Clone)]
pub struct Station {
    /// `None` for a branch nobody monitors.
    store: Option<SampleStore>,
    panels: Vec<PanelState>,
    instruments: Vec<ServiceInstruments>,
}

impl Station {
    /// Monitoring with every panel of the study.
    pub fn new(prepared: &Prepared) -> Self {
        Station {
            store: Some(SampleStore::new(&prepared.needs)),
            panels: prepared.panels.iter().map(|panel| panel.begin()).collect(),
            instruments: Vec::new(),
        }
    }

    /// No monitoring at all.
    pub fn blind() -> Self {
        Station { store: None, panels: Vec::new(), instruments: Vec::new() }
    }

    /// Scrapes the world.
    pub fn scrape(&mut self, sampler: &Sampler, index: usize, at: SimTime, world: &World) {
        let Some(store) = &mut self.store else { return };
        world.instruments(&mut self.instruments);
        let health = sampler.health(index as u64, at, &self.instruments);
        let visible = sampler.visible_at(at).as_millis();
        store.record_scrape(at.as_millis(), visible, &self.instruments, &health);
    }

    /// The value of a query text over the pods of the new revision alone; `None` when it has none.
    pub fn candidate_only(&mut self, panel: usize, text: &str, now: SimTime) -> Option<Value> {
        let store = self.store.as_ref()?;
        self.panels.get_mut(panel)?.candidate_only(store, text, now).ok()
    }
}

/// The queries of one player, answered by a branch's monitoring.
pub struct Answers<'a> {
    prepared: &'a Prepared,
    player: &'a PlayerSpec,
    station: &'a mut Station,
    now: SimTime,
    fails: bool,
    scratch: BTreeMap<usize, Value>,
}

impl<'a> Answers<'a> {
    /// The answers at `now`.
    pub fn new(
        prepared: &'a Prepared,
        setting: &Setting,
        player: &'a PlayerSpec,
        station: &'a mut Station,
        now: SimTime,
    ) -> Self {
        let fails = setting.sampler.query_fails(now);
        Answers { prepared, player, station, now, fails, scratch: BTreeMap::new() }
    }
}

impl Queries for Answers<'_> {
    fn value(&mut self, query: usize) -> Result<&Value, QueryError> {
        if self.fails {
            return Err(QueryError::Unavailable);
        }
        let (Some(panel), Some(&id), Some(store)) =
            (self.player.panel, self.player.queries.get(query), self.station.store.as_ref())
        else {
            return Ok(self.scratch.entry(query).or_insert(Value::Vector(Vec::new())));
        };
        self.station.panels[panel].value(&self.prepared.panels[panel], store, id, self.now)
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
        let (Some(panel), Some(&id), Some(store)) =
            (self.player.panel, self.player.queries.get(query), self.station.store.as_ref())
        else {
            return Ok(Value::Matrix(Vec::new()));
        };
        let span = (start, end, step);
        self.station.panels[panel].range(&self.prepared.panels[panel], store, id, span, self.now)
    }
}
