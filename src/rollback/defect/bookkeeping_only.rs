//! The commands change records and nothing else.
//!
//! `prisma migrate resolve --rolled-back` marks a migration as rolled back and leaves the tables as they are; a patch
//! of a field the platform drops is "patched"; a plan applied without the old configuration changes nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Defect, PlannedStep};
use crate::catalogue::Entry;
use crate::rollback::Command;

/// Commands that only change records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BookkeepingOnly {}

impl Entry for BookkeepingOnly {
    const NAME: &'static str = "bookkeeping_only";
    const SUMMARY: &'static str = "the commands change records and nothing else, and report success";
    const EXAMPLE: &'static str = "bookkeeping_only: {}";
}

impl Defect for BookkeepingOnly {
    fn spoil(&self, plan: &mut [PlannedStep]) {
        plan.iter_mut().filter(|step| step.acts()).for_each(|step| step.working = Command::DoesNothing);
    }
}
