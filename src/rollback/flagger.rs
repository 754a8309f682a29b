//! Flagger's rollback: routes back to the primary in one go, canary scaled to zero, phase Failed; nothing is verified.
//! (pkg/controller/scheduler.go, rollback.)

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PlannedStep, StepKind};
use crate::time::SimDuration;

/// Flagger's rollback.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FlaggerRollback {
    /// Time the controller takes for one call of the cluster's API.
    pub call: SimDuration,
}

impl Default for FlaggerRollback {
    fn default() -> Self {
        FlaggerRollback { call: SimDuration::from_secs(1) }
    }
}

impl FlaggerRollback {
    pub(super) fn plan(&self) -> Vec<PlannedStep> {
        // A failed call is repeated on the next reconcile of the canary, 10 s later.
        let retry = Some(SimDuration::from_secs(10));
        let step = |name, what| PlannedStep { name, command: self.call, what, retry };
        vec![
            step("route all traffic to the primary", StepKind::FlipWeight),
            step("scale the canary to zero", StepKind::ScaleDown),
        ]
    }
}
