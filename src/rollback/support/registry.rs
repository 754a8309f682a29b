//! A model registry while a procedure is at work on it, and the servers that follow it.
//!
//! Servers keep what they have loaded until the registry names another version. A version that stands for neither the old
//! nor the new set is brought up first (loading it is part of that), and takes over when it is.
//!
//! Traps: what the script reports and what the registry then names may differ: an older version promoted beside the one
//! that ran is not served.

use super::drive::{Begun, Standing};
use crate::effect::{Action, RolloutView, SetName};
use crate::rollback::target::support::stages::Stages;
use crate::rollback::target::{History, Shelf, Target, Which};
use crate::strategy::support::polling::Polling;

/// What a call to the registry does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// The target to Production, and what is there to Archived.
    PromoteAlone,
    /// The target to Production; what is there stays.
    Promote,
    /// The version that is served when the procedure begins to Archived.
    ArchiveCurrent,
}

/// The registry as of the last call.
#[derive(Clone, Debug)]
pub(super) struct Registry {
    stages: Stages,
    /// What was served when the procedure began.
    current: Which,
    /// What servers were told to serve last.
    served: Option<Which>,
    /// Whether the last call made it name a version after none, or none after one.
    turned: bool,
}

impl Registry {
    /// The registry when a procedure begins.
    pub(super) fn new(shelf: &Shelf<'_>, promotion_archived: bool) -> Self {
        let stages = Stages::after_promotion(shelf, promotion_archived);
        Registry { stages, current: shelf.current(), served: Some(shelf.current()), turned: false }
    }

    /// Carries out a call.
    pub(super) fn call(&mut self, transition: Transition, target: Which, history: &History) {
        match transition {
            Transition::PromoteAlone => self.stages.promote(target, true),
            Transition::Promote => self.stages.promote(target, false),
            Transition::ArchiveCurrent => self.stages.archive(self.current),
        }
        let named_none = self.names_none();
        self.served = self.stages.served(history);
        self.turned = named_none != self.names_none();
    }

    /// The version servers go to, if the registry names another one than at the beginning.
    pub(super) fn goes_to(&self) -> Option<Which> {
        self.served.filter(|which| *which != self.current)
    }

    /// Whether it names none.
    pub(super) fn names_none(&self) -> bool {
        self.served.is_none()
    }
}

/// Servers follow the registry to this target; to none, they stay.
pub(super) fn follow(
    registry: &Registry,
    to: Option<&Target>,
    (polling, begun): (&Polling, Begun),
    (asked, view): (bool, &RolloutView),
    actions: &mut Vec<Action>,
) -> Standing {
    if !asked && registry.turned {
        actions.push(Action::NothingToLoad(registry.names_none()));
    }
    let Some(target) = to else { return Standing::Over };
    let back = polling.back(begun.asked, begun.share, view.now.since(begun.at));
    if (back.found, back.loaded) != (view.split.candidate, view.in_force.candidate) {
        actions.push(Action::ModelShare { found: back.found, loaded: back.loaded });
    }
    let arrived = target.set == SetName::Old || take_over(target.set, view, actions);
    match back.until {
        Some(left) => Standing::PendingUntil(begun.at + left),
        None => Standing::over_if(arrived),
    }
}

/// Brings up what stands for servers of another version, and then lets it have everything; whether it has.
fn take_over(set: SetName, view: &RolloutView, actions: &mut Vec<Action>) -> bool {
    let target = view.set(set);
    if target.desired < view.replicas {
        actions.push(Action::Scale(set, view.replicas));
    }
    if target.ready < view.replicas {
        return false;
    }
    let others = SetName::ALL.into_iter().filter(|other| *other != set);
    for other in others.clone().filter(|other| view.set(*other).desired > 0) {
        actions.push(Action::Scale(other, 0));
    }
    others.into_iter().all(|other| view.set(other).created == 0 && view.set(other).terminating == 0)
}
