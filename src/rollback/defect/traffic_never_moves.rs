//! Pods come and go as they should, but users are still sent where they were: a weight nobody applies, a proxy whose
//! configuration test fails so that it is not reloaded.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Defect, PlannedStep};
use crate::catalogue::Entry;
use crate::rollback::Command;

/// Traffic that stays where it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrafficNeverMoves {}

impl Entry for TrafficNeverMoves {
    const NAME: &'static str = "traffic_never_moves";
    const SUMMARY: &'static str =
        "pods change as they should, but the router keeps sending users where they were";
    const EXAMPLE: &'static str = "traffic_never_moves: {}";
}

impl Defect for TrafficNeverMoves {
    fn spoil(&self, plan: &mut [PlannedStep]) {
        plan.iter_mut()
            .filter(|step| step.moves_traffic())
            .for_each(|step| step.working = Command::DoesNothing);
    }
}
