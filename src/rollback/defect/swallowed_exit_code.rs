//! A script that goes on after a failed command (`docker stop app || true`, no `set -e`): what fails is reported as done.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Defect, PlannedStep};
use crate::catalogue::Entry;

/// A script that ignores failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SwallowedExitCode {}

impl Entry for SwallowedExitCode {
    const NAME: &'static str = "swallowed_exit_code";
    const SUMMARY: &'static str = "a command that fails counts as done, and the next one follows";
    const EXAMPLE: &'static str = "swallowed_exit_code: {}";
}

impl Defect for SwallowedExitCode {
    fn spoil(&self, plan: &mut [PlannedStep]) {
        plan.iter_mut().filter(|step| step.acts()).for_each(|step| step.swallows = true);
    }
}
