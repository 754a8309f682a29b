//! The fate of every counted request, by traffic source and intent: what branches are compared by.

use super::tally::Fate;
use crate::time::SimTime;

/// Fates by source and intent, one byte each.
#[derive(Clone, Debug, Default)]
pub struct Outcomes {
    sources: Vec<Source>,
    /// Every bad answer with its instant, in time order.
    pub bad: Vec<(SimTime, u16, u32)>,
    /// Whether fates are kept at all.
    pub keep: bool,
}

#[derive(Clone, Debug, Default)]
struct Source {
    first: Option<u32>,
    fates: Vec<Fate>,
}

impl Outcomes {
    /// An empty table.
    pub fn new(sources: usize) -> Self {
        Outcomes { sources: vec![Source::default(); sources], bad: Vec::new(), keep: false }
    }

    /// A request was issued.
    pub fn begin(&mut self, source: usize, intent: u32) {
        if !self.keep {
            return;
        }
        let entry = &mut self.sources[source];
        entry.first.get_or_insert(intent);
        entry.fates.push(Fate::Open);
    }

    /// As [`Outcomes::begin`], for sources whose intents are not issued in order.
    pub fn begin_unordered(&mut self, source: usize, intent: u32) {
        if !self.keep {
            return;
        }
        let entry = &mut self.sources[source];
        entry.first = Some(0);
        let needed = intent as usize + 1;
        if entry.fates.len() < needed {
            entry.fates.resize(needed, Fate::Open);
        }
    }

    /// A request has its fate.
    pub fn set(&mut self, source: usize, intent: u32, fate: Fate, now: SimTime) {
        if !self.keep {
            return;
        }
        let entry = &mut self.sources[source];
        let Some(first) = entry.first else { return };
        if let Some(slot) = entry.fates.get_mut(intent.wrapping_sub(first) as usize) {
            *slot = fate;
        }
        if fate.is_bad() {
            self.bad.push((now, source as u16, intent));
        }
    }

    /// The fate of a request; [`Fate::Open`] for one that was never issued here.
    pub fn fate(&self, source: usize, intent: u32) -> Fate {
        let entry = &self.sources[source];
        entry
            .first
            .and_then(|first| entry.fates.get(intent.wrapping_sub(first) as usize))
            .copied()
            .unwrap_or_default()
    }
}
