//! Some services of a change go back, the others keep their new revision.
//!
//! "Revert the component that is broken" is right where revisions understand each other. Where a service that stays needs
//! the new revision of one that goes, or the other way round, the rollback brings the harm of version skew to those who
//! were well before, for as long as nobody takes the rest back.
//!
//! Traps: every procedure but a `group_rollback` is partial where a change has companions, as it knows the target only; the
//! target stays as it is where it is not named here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::group_rollback::two_seconds;
use super::{PlannedStep, Procedure, Services};
use crate::catalogue::Entry;
use crate::strategy::support::replicas::Bounds;
use crate::time::SimDuration;

/// Undoes some services of a change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartialRollback {
    /// The services that go back, in this order; each is waited for.
    pub services: Vec<String>,
    /// Bounds of the rolling update of the target back, if it is among them.
    #[serde(default)]
    pub bounds: Bounds,
    /// Time until a command has been accepted and the controller acts.
    #[serde(default = "two_seconds")]
    pub command: SimDuration,
}

impl Entry for PartialRollback {
    const NAME: &'static str = "partial_rollback";
    const SUMMARY: &'static str = "some services of a change back, the others stay new";
    const EXAMPLE: &'static str = "partial_rollback: {services: [shop]}";
}

impl Procedure for PartialRollback {
    fn plan(&self, services: &Services) -> Vec<PlannedStep> {
        services.undo(&self.services, true, (self.bounds, self.command))
    }

    fn services(&self) -> Option<(&'static str, &[String])> {
        Some(("services", &self.services))
    }
}
