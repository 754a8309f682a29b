//! What was tried: how many worlds, with what in them, and how far each number went.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::amount::{self, Unit};
use super::judge::Tally;
use super::world::{Stage, World};

/// What was tried of one kind of event, or of one setting.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Trial {
    /// Worlds with it.
    pub worlds: u32,
    /// How far its numbers went: name, least and most as files write them.
    pub numbers: BTreeMap<String, [Value; 2]>,
    /// The largest share of replications of a world with it that showed the failure.
    pub most_shown: f64,
}

/// What was tried in all.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tried {
    pub(super) worlds: u32,
    /// Worlds that nobody could play: combinations that the scenario format refuses.
    pub(super) invalid: u32,
    pub(super) replications: u64,
    kinds: BTreeMap<String, Extent>,
    settings: BTreeMap<String, Extent>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Extent {
    worlds: u32,
    most_shown: f64,
    numbers: BTreeMap<String, (f64, f64, Unit)>,
}

impl Tried {
    /// Notes a world; `None` if it could not be played.
    pub(super) fn world(&mut self, stage: &Stage, world: &World, tally: Option<&Tally>) {
        self.worlds += 1;
        let Some(tally) = tally else {
            self.invalid += 1;
            return;
        };
        self.replications += u64::from(tally.played);
        for member in &world.members {
            let Some(kind) = stage.kinds.get(member.kind) else { continue };
            let extent = self.kinds.entry(kind.name().to_owned()).or_default();
            extent.note(tally);
            for (name, value) in &member.fields {
                if let Some((value, unit)) = amount::read(value) {
                    extent.number(name, value, unit);
                }
            }
        }
        for (index, value) in &world.settings {
            let Some(knob) = stage.knobs.get(*index) else { continue };
            let extent = self.settings.entry(knob.setting.name.to_owned()).or_default();
            extent.note(tally);
            extent.number("value", *value, knob.range.unit);
        }
    }

    /// Adds what another part of the search tried.
    pub(super) fn add(&mut self, other: Tried) {
        self.worlds += other.worlds;
        self.invalid += other.invalid;
        self.replications += other.replications;
        let pairs = [(&mut self.kinds, other.kinds), (&mut self.settings, other.settings)];
        for (own, others) in pairs {
            for (name, extent) in others {
                own.entry(name).or_default().add(extent);
            }
        }
    }

    /// By kind of event.
    pub(super) fn kinds(&self) -> BTreeMap<String, Trial> {
        self.kinds.iter().map(|(name, extent)| (name.clone(), extent.trial())).collect()
    }

    /// By setting.
    pub(super) fn settings(&self) -> BTreeMap<String, Trial> {
        self.settings.iter().map(|(name, extent)| (name.clone(), extent.trial())).collect()
    }
}

impl Extent {
    fn note(&mut self, tally: &Tally) {
        self.worlds += 1;
        self.most_shown = self.most_shown.max(tally.share());
    }

    fn number(&mut self, name: &str, value: f64, unit: Unit) {
        let seen = self.numbers.entry(name.to_owned()).or_insert((value, value, unit));
        *seen = (seen.0.min(value), seen.1.max(value), seen.2);
    }

    fn add(&mut self, other: Extent) {
        self.worlds += other.worlds;
        self.most_shown = self.most_shown.max(other.most_shown);
        for (name, (least, most, unit)) in other.numbers {
            let seen = self.numbers.entry(name).or_insert((least, most, unit));
            *seen = (seen.0.min(least), seen.1.max(most), seen.2);
        }
    }

    fn trial(&self) -> Trial {
        let ends = |(name, (least, most, unit)): (&String, &(f64, f64, Unit))| {
            let written = |value: f64| amount::write(value, *unit);
            (name.clone(), [written(*least), written(*most)])
        };
        let numbers = self.numbers.iter().map(ends).collect();
        Trial { worlds: self.worlds, numbers, most_shown: self.most_shown }
    }
}
