//! One call to a load balancer that sends everybody to the other side (`POST /api/switch {"target": "blue"}`).
//!
//! Instantaneous while the other side is up. Sound if somebody makes sure of that first; a bare call switches to
//! whatever is there.
//!
//! Traps: the call says that the switch was made, not that anybody serves behind it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PlannedStep, Procedure, Services, StepKind, needs_a_router};
use crate::catalogue::Entry;
use crate::effect::Routing;
use crate::time::SimDuration;

/// A switch of the load balancer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LoadBalancerSwitch {
    /// Time until the call is answered.
    pub call: SimDuration,
    /// Whether the other side is brought to full size first; flawed without.
    pub make_sure: bool,
}

impl Default for LoadBalancerSwitch {
    fn default() -> Self {
        LoadBalancerSwitch { call: SimDuration::from_secs(1), make_sure: true }
    }
}

impl Entry for LoadBalancerSwitch {
    const NAME: &'static str = "load_balancer_switch";
    const SUMMARY: &'static str = "one call that sends everybody to the other side, if it is there";
    const EXAMPLE: &'static str = "load_balancer_switch: {make_sure: true}";
}

impl Procedure for LoadBalancerSwitch {
    fn plan(&self, _: &Services) -> Vec<PlannedStep> {
        let mut plan = Vec::new();
        if self.make_sure {
            let up = StepKind::RestoreCapacity;
            plan.push(PlannedStep::new("make sure of the other side", SimDuration::ZERO, up));
        }
        plan.push(PlannedStep::new("switch the load balancer", self.call, StepKind::FlipWeight));
        plan
    }

    fn why_not(&self, routing: Routing) -> Option<&'static str> {
        needs_a_router(routing)
    }
}
