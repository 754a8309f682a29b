//! A command of the runbook does not exist (any more): it fails, every time, until somebody finds another way.
//!
//! `aws route53 change-resource-record`, `kubectl patch` of a kind that refuses the patch, a script that was never
//! copied to the new host.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Defect, PlannedStep};
use crate::catalogue::Entry;
use crate::rollback::Command;

/// A command that does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CommandMissing {
    /// Which step of the procedure, from 0.
    pub step: usize,
}

impl Entry for CommandMissing {
    const NAME: &'static str = "command_missing";
    const SUMMARY: &'static str =
        "the command of a step does not exist, so it fails until a person finds another way";
    const EXAMPLE: &'static str = "command_missing: {step: 0}";
}

impl Defect for CommandMissing {
    fn spoil(&self, plan: &mut [PlannedStep]) {
        if let Some(step) = plan.get_mut(self.step) {
            step.working = Command::FailsUntilMended;
        }
    }
}
