//! The abort of a blue-green rollout, as Argo Rollouts does it.
//!
//! Before the switch no traffic has moved: the new pods go after their delay and that is all. After it the active
//! service is switched back at once while the old replica set is still at full size; if it is too small by then, or
//! gone, its pods are started first and users stay on the new revision until they are ready. (rollout/bluegreen.go.)

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PlannedStep, Procedure, Services, StepKind, needs_a_router};
use crate::catalogue::Entry;
use crate::effect::Routing;
use crate::time::SimDuration;

/// The abort of a blue-green rollout.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SwitchBack {
    /// Time until the controller has reconciled.
    pub reconcile: SimDuration,
    /// Time the new pods stay after the switch back.
    pub scale_down_delay: SimDuration,
    /// Whether the new pods are left running for ever.
    pub keep_candidate: bool,
}

impl Default for SwitchBack {
    fn default() -> Self {
        SwitchBack {
            reconcile: SimDuration::from_secs(1),
            scale_down_delay: SimDuration::from_secs(30),
            keep_candidate: false,
        }
    }
}

impl Entry for SwitchBack {
    const NAME: &'static str = "switch_back";
    const SUMMARY: &'static str =
        "the abort of a blue-green rollout: the active service back to the old pods";
    const EXAMPLE: &'static str = "switch_back: {scale_down_delay: 30s}";
}

impl Procedure for SwitchBack {
    fn plan(&self, _: &Services) -> Vec<PlannedStep> {
        let retry = SimDuration::from_secs(10);
        let step = |name: &'static str, command, what| PlannedStep::new(name, command, what).retried(retry);
        let mut plan = vec![
            step("make sure of the old replica set", self.reconcile, StepKind::RestoreCapacity),
            step("switch the active service back", SimDuration::ZERO, StepKind::FlipWeight),
        ];
        if !self.keep_candidate {
            plan.push(step("scale the new replica set down", self.scale_down_delay, StepKind::ScaleDown));
        }
        plan
    }

    fn why_not(&self, routing: Routing) -> Option<&'static str> {
        needs_a_router(routing)
    }
}
