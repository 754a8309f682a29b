//! The commands go to another cluster or account: they succeed there, and nothing happens here.
//!
//! A context left on staging, a workflow whose default input is another environment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Defect, PlannedStep};
use crate::catalogue::Entry;
use crate::rollback::Command;

/// Commands that go somewhere else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WrongEnvironment {}

impl Entry for WrongEnvironment {
    const NAME: &'static str = "wrong_environment";
    const SUMMARY: &'static str = "every command succeeds somewhere else, and nothing happens here";
    const EXAMPLE: &'static str = "wrong_environment: {}";
}

impl Defect for WrongEnvironment {
    fn spoil(&self, plan: &mut [PlannedStep]) {
        plan.iter_mut().filter(|step| step.acts()).for_each(|step| step.working = Command::DoesNothing);
    }
}
