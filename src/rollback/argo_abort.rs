//! Argo Rollouts' abort.
//!
//! With a traffic router the next reconcile sets the weight to 0 at once if the stable set has enough available
//! pods (after a full promotion it has none and they are started first); the candidate is scaled down 30 s later.
//! With `dynamicStableScale` the stable set has given pods up: they are started again, and the weight walks down as
//! they become available. Without a router the abort is a rolling update back, as slow as pods start.
//! (rollout/canary.go, rollout/trafficrouting.go, rollout/sync.go.)

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PlannedStep, Procedure, Services, StepKind, needs_a_router};
use crate::catalogue::Entry;
use crate::effect::Routing;
use crate::strategy::support::replicas::Bounds;
use crate::time::SimDuration;

/// Argo's abort.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ArgoAbort {
    /// Whether a router splits the traffic.
    pub traffic_routed: bool,
    /// Whether the stable set gave up pods as it gave up traffic (`dynamicStableScale`), with a router.
    pub dynamic_stable_scale: bool,
    /// Bounds of the rolling update back, without a router.
    pub bounds: Bounds,
    /// Time until the controller has reconciled.
    pub reconcile: SimDuration,
    /// Time the candidate's pods stay after the abort, with a router.
    pub scale_down_delay: SimDuration,
    /// Whether the candidate's pods are left running for ever (`abortScaleDownDelaySeconds: 0`), with a router.
    pub keep_candidate: bool,
}

impl Default for ArgoAbort {
    fn default() -> Self {
        ArgoAbort {
            traffic_routed: true,
            dynamic_stable_scale: false,
            bounds: Bounds::default(),
            reconcile: SimDuration::from_secs(1),
            scale_down_delay: SimDuration::from_secs(30),
            keep_candidate: false,
        }
    }
}

impl Entry for ArgoAbort {
    const NAME: &'static str = "argo_abort";
    const SUMMARY: &'static str =
        "Argo Rollouts' abort: by weight with a router, by a rolling update back without";
    const EXAMPLE: &'static str = "argo_abort: {traffic_routed: true, scale_down_delay: 30s}";
}

impl Procedure for ArgoAbort {
    fn plan(&self, _: &Services) -> Vec<PlannedStep> {
        let retry = SimDuration::from_secs(10);
        let step = |name: &'static str, command, what| PlannedStep::new(name, command, what).retried(retry);
        if !self.traffic_routed {
            let what = StepKind::RollBack(self.bounds);
            return vec![step("roll back to the stable replica set", self.reconcile, what)];
        }
        let mut plan = if self.dynamic_stable_scale {
            vec![step("walk the canary weight down", self.reconcile, StepKind::WalkWeightBack)]
        } else {
            vec![
                step("make sure of the stable pods", self.reconcile, StepKind::RestoreCapacity),
                step("set the canary weight to 0", SimDuration::ZERO, StepKind::FlipWeight),
            ]
        };
        if !self.keep_candidate {
            plan.push(step("scale the canary down", self.scale_down_delay, StepKind::ScaleDown));
        }
        plan
    }

    fn why_not(&self, routing: Routing) -> Option<&'static str> {
        if self.traffic_routed { needs_a_router(routing) } else { None }
    }
}
