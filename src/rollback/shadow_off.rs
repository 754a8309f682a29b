//! The end of shadow traffic: no more copies, and users back on the old pods if they had been switched already.
//!
//! Traps: before the switch there is nobody to bring back, so a rollback here is worth what it saves of the switch that would
//! have come; after it, it is a switch back like any other, slow if the old pods are gone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PlannedStep, Procedure, Services, StepKind, needs_a_router};
use crate::catalogue::Entry;
use crate::effect::Routing;
use crate::time::SimDuration;

/// The end of shadow traffic.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ShadowOff {
    /// Time until the router's configuration has been changed.
    pub command: SimDuration,
    /// Time the new pods stay.
    pub scale_down_delay: SimDuration,
}

impl Default for ShadowOff {
    fn default() -> Self {
        ShadowOff { command: SimDuration::from_secs(1), scale_down_delay: SimDuration::from_secs(30) }
    }
}

impl Entry for ShadowOff {
    const NAME: &'static str = "shadow_off";
    const SUMMARY: &'static str = "no more copies of requests, and the router back to the old pods";
    const EXAMPLE: &'static str = "shadow_off: {command: 1s}";
}

impl Procedure for ShadowOff {
    fn plan(&self, _: &Services) -> Vec<PlannedStep> {
        vec![
            PlannedStep::new("make sure of the old pods", SimDuration::ZERO, StepKind::RestoreCapacity),
            PlannedStep::new(
                "end the copies, all traffic to the old pods",
                self.command,
                StepKind::FlipWeight,
            ),
            PlannedStep::new("stop the new pods", self.scale_down_delay, StepKind::ScaleDown),
        ]
    }

    fn why_not(&self, routing: Routing) -> Option<&'static str> {
        needs_a_router(routing)
    }
}
