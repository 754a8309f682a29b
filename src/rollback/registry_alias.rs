//! The alias of a model moved back to the old version: one call, which either happens or does not.
//!
//! An alias names exactly one version, so there is no moment at which servers find none or two. They follow as they poll, and
//! load what they find.
//!
//! Traps: as with every poll, "the alias is moved" is a call that has returned, not users who are safe.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PlannedStep, Procedure, Services, StepKind, Transition};
use crate::catalogue::Entry;
use crate::effect::Routing;
use crate::strategy::model_registry::ModelRegistry;
use crate::strategy::support::polling::Polling;
use crate::time::SimDuration;

/// An alias that is moved back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RegistryAlias {
    /// How often a serving process asks.
    pub poll: SimDuration,
    /// Time from finding a version to answering with it.
    pub load: SimDuration,
    /// Time until the call has returned.
    pub command: SimDuration,
}

impl Default for RegistryAlias {
    fn default() -> Self {
        RegistryAlias::undoing(&ModelRegistry::default())
    }
}

impl RegistryAlias {
    /// What takes such a rollout back.
    pub fn undoing(rollout: &ModelRegistry) -> Self {
        RegistryAlias { poll: rollout.poll, load: rollout.load, command: SimDuration::from_secs(1) }
    }
}

impl Entry for RegistryAlias {
    const NAME: &'static str = "registry_alias";
    const SUMMARY: &'static str =
        "the alias of a model is moved back in one call; servers find it when they poll";
    const EXAMPLE: &'static str = "registry_alias: {poll: 30s, load: 10s}";
}

impl Procedure for RegistryAlias {
    fn plan(&self, _: &Services) -> Vec<PlannedStep> {
        let polling = Polling { poll: self.poll, load: self.load };
        // An alias is a stage that holds one version.
        let what = StepKind::Registry { transition: Transition::PromoteAlone, polling };
        vec![PlannedStep::new("move the alias to the target", self.command, what)]
    }

    fn why_not(&self, routing: Routing) -> Option<&'static str> {
        super::needs_a_registry(routing)
    }

    fn asks_registry(&self) -> bool {
        true
    }
}
