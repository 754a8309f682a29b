//! The new revision writes the keys of its cache entries in another way.
//!
//! A changed serialisation, a new prefix, a version in the key: the candidate finds nothing that the old revision filled and fills the cache
//! a second time, and its callee gets the misses. The old revision's entries stay, so going back helps at once, unless the callee is
//! down by then.
//!
//! Trap: without a cache in a call of the rolled-out service it does nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, WorldDisturbance};
use crate::rng::Distribution;
use crate::time::{SimDuration, SimTime};

/// The new revision finds nothing in the caches that the old one filled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCacheKeys {
    /// When it begins, counted from the deploy.
    #[serde(default = "super::at_once")]
    pub after: Distribution<SimDuration>,
}

impl Entry for NewCacheKeys {
    const NAME: &'static str = "new_cache_keys";
    const SUMMARY: &'static str = "the new revision finds nothing in the caches that the old one filled";
    const EXAMPLE: &'static str = "new_cache_keys: {}";
}

impl Fault for NewCacheKeys {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let from = r.deploy_at + r.duration("after", &self.after);
        let what = Disturbance::World(WorldDisturbance::NewCacheKeys);
        vec![Effect { from, until: SimTime::NEVER, what }]
    }

    fn needs_requests(&self) -> Option<&'static str> {
        Some("what is in a cache depends on single requests")
    }
}
