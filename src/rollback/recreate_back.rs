//! The undo of a Deployment with `strategy.type: Recreate`: all pods stop, then the old revision's start.
//!
//! `kubectl rollout undo` sets the old template, and the controller does with it what it does with any: nothing of it runs
//! before the last other pod is gone (pkg/controller/deployment/recreate.go). So it costs a downtime as long as the
//! release's, and longer than the bad release's harm if that was small.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PlannedStep, Procedure, Services, StepKind, needs_one_pool};
use crate::catalogue::Entry;
use crate::effect::Routing;
use crate::time::SimDuration;

/// The undo of a recreation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RecreateBack {
    /// Time until the command has been accepted and the controller acts.
    pub command: SimDuration,
}

impl Default for RecreateBack {
    fn default() -> Self {
        RecreateBack { command: SimDuration::from_secs(2) }
    }
}

impl Entry for RecreateBack {
    const NAME: &'static str = "recreate_back";
    const SUMMARY: &'static str = "the undo of a recreation: all pods stop, then the old revision's start";
    const EXAMPLE: &'static str = "recreate_back: {command: 2s}";
}

impl Procedure for RecreateBack {
    fn plan(&self, _: &Services) -> Vec<PlannedStep> {
        // The controller goes on by itself; nobody gives a second command.
        let retry = SimDuration::from_secs(10);
        vec![
            PlannedStep::new("kubectl rollout undo: stop all pods", self.command, StepKind::ScaleDown),
            PlannedStep::new("start the old revision's pods", SimDuration::ZERO, StepKind::RestoreCapacity)
                .retried(retry),
            PlannedStep::new("kubectl rollout status", self.command, StepKind::Verify),
        ]
    }

    fn why_not(&self, routing: Routing) -> Option<&'static str> {
        needs_one_pool(routing)
    }
}
