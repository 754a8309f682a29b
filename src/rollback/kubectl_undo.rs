//! `kubectl rollout undo` and `kubectl rollout status`: the old template through the same rolling rule, then a look.
//!
//! Nothing repeats a failed command by itself; a person does. (pkg/controller/deployment/rolling.go; kubectl rollout.)

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PlannedStep, Procedure, Services, StepKind};
use crate::catalogue::Entry;
use crate::strategy::support::replicas::Bounds;
use crate::time::SimDuration;

/// `kubectl rollout undo`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KubectlUndo {
    /// Bounds of the rolling update back.
    pub bounds: Bounds,
    /// Time until the command has been accepted and the controller acts.
    pub command: SimDuration,
}

impl Default for KubectlUndo {
    fn default() -> Self {
        KubectlUndo { bounds: Bounds::default(), command: SimDuration::from_secs(2) }
    }
}

impl Entry for KubectlUndo {
    const NAME: &'static str = "kubectl_undo";
    const SUMMARY: &'static str = "`kubectl rollout undo`: a rolling update back, then a look";
    const EXAMPLE: &'static str = "kubectl_undo: {command: 2s}";
}

impl Procedure for KubectlUndo {
    fn plan(&self, _: &Services) -> Vec<PlannedStep> {
        let step = |name: &'static str, what| PlannedStep::new(name, self.command, what);
        vec![
            step("kubectl rollout undo", StepKind::RollBack(self.bounds)),
            step("kubectl rollout status", StepKind::Verify),
        ]
    }
}
