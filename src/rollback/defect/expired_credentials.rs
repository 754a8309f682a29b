//! Nobody has rolled back for so long that the credentials have expired: the first command fails until a person has
//! renewed them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Defect, PlannedStep};
use crate::catalogue::Entry;
use crate::rollback::Command;

/// Credentials that have expired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpiredCredentials {}

impl Entry for ExpiredCredentials {
    const NAME: &'static str = "expired_credentials";
    const SUMMARY: &'static str = "the first command fails until a person has renewed the credentials";
    const EXAMPLE: &'static str = "expired_credentials: {}";
}

impl Defect for ExpiredCredentials {
    fn spoil(&self, plan: &mut [PlannedStep]) {
        if let Some(step) = plan.first_mut() {
            step.working = Command::FailsUntilMended;
        }
    }
}
