//! The new revision writes entries of shared state (sessions, a cache, a queue) in a format that the old one cannot read.
//!
//! While both run, requests of the old revision that meet a new entry fail; after a rollback they go on failing until
//! these entries have expired or been overwritten. What is in the store, who reads it and how it decays is written
//! down in [`crate::world::residue`].
//!
//! Traps: a canary shows nothing of it if the new revision reads both formats: the stable pods fail, because of the
//! candidate. The longer a release has run, the more a rollback costs; once every entry is new, not rolling back harms
//! nobody any more.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, Revision, WorldDisturbance};
use crate::rng::{Distribution, Ratio};
use crate::time::{SimDuration, SimTime};

/// The new revision writes entries of shared state that the old one cannot read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IncompatibleState {
    /// Share of all requests that read an entry.
    pub reads: Distribution<Ratio>,
    /// Mean time until an entry expires or is overwritten.
    pub lifetime: Distribution<SimDuration>,
    /// Whether the new revision reads what the old one wrote.
    #[serde(default = "yes")]
    pub new_reads_old: bool,
    /// When it begins to write the new format, counted from the deploy.
    #[serde(default = "super::at_once")]
    pub after: Distribution<SimDuration>,
}

fn yes() -> bool {
    true
}

impl Entry for IncompatibleState {
    const NAME: &'static str = "incompatible_state";
    const SUMMARY: &'static str =
        "the new revision writes entries of shared state that the old one cannot read, also after a rollback";
    const EXAMPLE: &'static str = "incompatible_state: {reads: 40%, lifetime: 30m, new_reads_old: true}";
}

impl Fault for IncompatibleState {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let from = r.deploy_at + r.duration("after", &self.after);
        let what = WorldDisturbance::StateFormat {
            revision: Revision::Candidate,
            reads: r.share("reads", &self.reads),
            lifetime: r.duration("lifetime", &self.lifetime),
            new_reads_old: self.new_reads_old,
        };
        vec![Effect { from, until: SimTime::NEVER, what: Disturbance::World(what) }]
    }
}
