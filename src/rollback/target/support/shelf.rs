//! What a rule sees when it chooses: the revisions, in the order in which the platform numbers them.
//!
//! Platforms number revisions by when they last became the current one, not by when they were built: after
//! `kubectl rollout undo` the old revision has the highest number and the one that was left the second highest. So
//! "the previous one", asked twice, is where one came from.

use super::history::{Artefact, History};
use crate::effect::SetName;

/// A revision, by what it is to the rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one that is being deployed.
    New,
    /// One that was deployed before, by its place in [`History::past`].
    Past(usize),
    /// One that mends the new one.
    Fix,
}

/// Revisions in the order in which they last became current; the last is the current one.
pub type Log = Vec<Which>;

/// What a procedure brings when it means to bring a revision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Brings {
    /// That revision.
    #[default]
    Itself,
    /// Its code in the environment of the new revision, which is wrong there too if it is the environment that is wrong.
    InTheNewEnvironment,
    /// Some other image, which is no such service and is never ready.
    AnotherImage,
}

/// A revision a rollback goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Which one is meant.
    pub which: Which,
    /// What it is called.
    pub name: String,
    /// Where its pods run; those of the new revision come back under the stable destination.
    pub set: SetName,
    /// Whether there is nothing to start new pods from.
    pub is_gone: bool,
    /// What comes instead of it.
    pub brings: Brings,
    /// Whether it is what ran before, whose own pods are the old ones.
    pub was_running: bool,
}

impl Target {
    /// The same, where this comes of it: not the old pods, whatever it is.
    #[must_use]
    pub fn brought_as(self, brings: Brings) -> Self {
        let other = brings != Brings::Itself && self.was_running;
        Target { brings, set: if other { SetName::Other } else { self.set }, ..self }
    }

    /// The same as it was meant.
    #[must_use]
    pub fn mended(self) -> Self {
        Target { brings: Brings::Itself, set: if self.was_running { SetName::Old } else { self.set }, ..self }
    }
}

/// What a rule chooses from.
#[derive(Clone, Copy, Debug)]
pub struct Shelf<'a> {
    /// The revisions.
    pub history: &'a History,
    /// Their order.
    pub log: &'a [Which],
}

impl History {
    /// The order when the new revision has just been deployed.
    pub fn log(&self) -> Log {
        let others = (0..self.past.len()).rev().filter(|&past| past != self.running);
        let others: Vec<Which> = others.map(Which::Past).collect();
        others.into_iter().chain([Which::Past(self.running), Which::New]).collect()
    }

    /// What a revision is called.
    pub fn name(&self, which: Which) -> &str {
        match which {
            Which::New => &self.new.name,
            Which::Past(past) => &self.past[past].name,
            Which::Fix => "fix",
        }
    }
}

impl<'a> Shelf<'a> {
    /// The current revision.
    pub fn current(&self) -> Which {
        self.log.last().copied().unwrap_or(Which::New)
    }

    /// The revisions the platform still lists, oldest first, the current one last.
    pub fn listed(&self) -> &'a [Which] {
        let most = self.history.retention.revisions() + 1;
        &self.log[self.log.len().saturating_sub(most)..]
    }

    /// Everything that was ever deployed, newest deploy first.
    pub fn deployed(&self) -> impl Iterator<Item = Which> + '_ {
        let fix = self.log.contains(&Which::Fix).then_some(Which::Fix);
        fix.into_iter().chain([Which::New]).chain((0..self.history.past.len()).map(Which::Past))
    }

    /// Tags on the artefact of a revision.
    pub fn tags(&self, which: Which) -> &'a [String] {
        match which {
            Which::New => &self.history.new.tags,
            Which::Past(past) => &self.history.past[past].tags,
            Which::Fix => &[],
        }
    }

    /// The figure a revision was chosen by.
    pub fn metric(&self, which: Which) -> Option<f64> {
        match which {
            Which::New => self.history.new.metric,
            Which::Past(past) => self.history.past[past].metric,
            Which::Fix => None,
        }
    }

    /// A revision as a target. An overwritten artefact is the new revision's, whatever it is called.
    pub fn target(&self, which: Which) -> Target {
        let (set, is_gone) = match which {
            Which::New => (SetName::Promoted, false),
            Which::Fix => (SetName::Other, false),
            Which::Past(past) => {
                let artefact = self.history.artefact(past);
                let own = if past == self.history.running { SetName::Old } else { SetName::Other };
                let set = if artefact == Artefact::Overwritten { SetName::Promoted } else { own };
                (set, artefact == Artefact::Deleted)
            }
        };
        let (name, was_running) = (self.history.name(which).to_owned(), set == SetName::Old);
        Target { which, name, set, is_gone, brings: Brings::Itself, was_running }
    }
}
