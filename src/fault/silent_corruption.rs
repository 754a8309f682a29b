//! The new revision writes wrong values, and nobody notices.
//!
//! No request fails or is late. A share of the requests that the new revision serves leaves a row with a wrong value, until
//! somebody stops the writes or takes the revision back; what is corrupted stays corrupted. Only a comparison of the
//! table with its source shows it (`backout_reconciliation_mismatches`), each time it is run. It needs a `database`.
//!
//! Trap: the first harm is the first corrupted row, as no request is ever harmed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, Revision, WorldDisturbance};
use crate::rng::{Distribution, Ratio};
use crate::time::{SimDuration, SimTime};

/// Requests of the new revision corrupt rows, and none of them fails.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SilentCorruption {
    /// Share of its requests that corrupt a row each.
    pub share: Distribution<Ratio>,
    /// When it begins, counted from the deploy.
    #[serde(default = "super::at_once")]
    pub after: Distribution<SimDuration>,
}

impl Entry for SilentCorruption {
    const NAME: &'static str = "silent_corruption";
    const SUMMARY: &'static str =
        "requests of the new revision corrupt rows; only a comparison of the data shows it";
    const EXAMPLE: &'static str = "silent_corruption: {share: {uniform: [0.01%, 0.1%]}}";
}

impl Fault for SilentCorruption {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let from = r.deploy_at + r.duration("after", &self.after);
        let share = r.share("share", &self.share);
        let what = WorldDisturbance::Corrupts { revision: Revision::Candidate, share };
        vec![Effect { from, until: SimTime::NEVER, what: Disturbance::World(what) }]
    }

    fn needs_database(&self) -> bool {
        true
    }
}
