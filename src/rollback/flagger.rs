//! Flagger's rollback: routes back to the primary in one go, canary scaled to zero, phase Failed; nothing is verified.
//! (pkg/controller/scheduler.go, rollback.)

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PlannedStep, Procedure, Services, StepKind, needs_a_router};
use crate::catalogue::Entry;
use crate::effect::Routing;
use crate::time::SimDuration;

/// Flagger's rollback.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Flagger {
    /// Time the controller takes for one call of the cluster's API.
    pub call: SimDuration,
}

impl Default for Flagger {
    fn default() -> Self {
        Flagger { call: SimDuration::from_secs(1) }
    }
}

impl Entry for Flagger {
    const NAME: &'static str = "flagger";
    const SUMMARY: &'static str = "Flagger's own: weight to zero in one go, canary scaled to zero";
    const EXAMPLE: &'static str = "flagger: {call: 1s}";
}

impl Procedure for Flagger {
    fn plan(&self, _: &Services) -> Vec<PlannedStep> {
        // A failed call is repeated on the next reconcile of the canary, 10 s later.
        let retry = SimDuration::from_secs(10);
        let step = |name: &'static str, what| PlannedStep::new(name, self.call, what).retried(retry);
        vec![
            step("route all traffic to the primary", StepKind::FlipWeight),
            step("scale the canary to zero", StepKind::ScaleDown),
        ]
    }

    fn why_not(&self, routing: Routing) -> Option<&'static str> {
        needs_a_router(routing)
    }
}
