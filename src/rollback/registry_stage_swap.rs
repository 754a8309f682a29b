//! The old version of a model into *Production* again, and the new one out of it.
//!
//! Sound: one call, which archives whatever is in the stage in the same transaction. As tutorials do it: two calls, one after
//! the other, without either of them archiving anything. A script that dies between the two leaves no version in Production (the
//! new one archived first) or two of them (the old one promoted first).
//!
//! Servers do what their client does: with two versions they take the one of the highest number, which is the one that was to
//! go; with none they get an empty list, keep what they have loaded, and cannot start again.
//!
//! Traps: in both cases users keep the bad model, and nothing says so; the version that is picked is a
//! [rule](super::target::first_archived) of its own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PlannedStep, Procedure, Services, StepKind, Transition};
use crate::catalogue::Entry;
use crate::effect::Routing;
use crate::quantity::Ratio;
use crate::strategy::model_registry::ModelRegistry;
use crate::strategy::support::polling::Polling;
use crate::time::SimDuration;

/// What is called in which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Calls {
    /// One transition, which archives what is in Production.
    #[default]
    One,
    /// First the new version to Archived, then the old one to Production.
    ArchiveFirst,
    /// First the old version to Production, then the new one to Archived.
    PromoteFirst,
}

/// The old version into Production again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RegistryStageSwap {
    /// What is called in which order.
    pub calls: Calls,
    /// Chance that whoever calls dies between two calls.
    pub dies: Ratio,
    /// Whether the promotion of the new version archived the old one.
    pub promotion_archived: bool,
    /// How often a serving process asks.
    pub poll: SimDuration,
    /// Time from finding a version to answering with it.
    pub load: SimDuration,
    /// Time from one call to the next.
    pub command: SimDuration,
}

impl Default for RegistryStageSwap {
    fn default() -> Self {
        RegistryStageSwap::undoing(&ModelRegistry::default())
    }
}

impl RegistryStageSwap {
    /// What takes such a rollout back.
    pub fn undoing(rollout: &ModelRegistry) -> Self {
        RegistryStageSwap {
            calls: Calls::One,
            dies: Ratio::ZERO,
            promotion_archived: rollout.archive_existing,
            poll: rollout.poll,
            load: rollout.load,
            command: SimDuration::from_secs(1),
        }
    }
}

impl Entry for RegistryStageSwap {
    const NAME: &'static str = "registry_stage_swap";
    const SUMMARY: &'static str =
        "the old version of a model goes to Production again; servers find it when they poll";
    const EXAMPLE: &'static str = "registry_stage_swap: {calls: archive_first, dies: 20%, poll: 1m}";
}

impl Procedure for RegistryStageSwap {
    fn plan(&self, _: &Services) -> Vec<PlannedStep> {
        let polling = Polling { poll: self.poll, load: self.load };
        let call = |name: &'static str, transition| {
            PlannedStep::new(name, self.command, StepKind::Registry { transition, polling })
        };
        let archive = || call("transition the current version to Archived", Transition::ArchiveCurrent);
        let promote = || call("transition the target to Production", Transition::Promote);
        match self.calls {
            Calls::One => {
                let name = "transition the target to Production, archiving what is there";
                vec![call(name, Transition::PromoteAlone)]
            }
            Calls::ArchiveFirst => vec![archive(), promote().dying(self.dies)],
            Calls::PromoteFirst => vec![promote(), archive().dying(self.dies)],
        }
    }

    fn why_not(&self, routing: Routing) -> Option<&'static str> {
        super::needs_a_registry(routing)
    }

    fn asks_registry(&self) -> bool {
        true
    }

    fn promotion_archived(&self) -> bool {
        self.promotion_archived
    }
}
