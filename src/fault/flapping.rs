//! The new revision is bad for a while, good for a while, and bad again.
//!
//! A `for:` longer than the bad spells never fires, and a canary step that falls into a good spell passes. Spells have fixed
//! lengths, drawn once; after 256 of them (or a day) it stays good.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, Revision, WorldDisturbance};
use crate::rng::{Distribution, Ratio};
use crate::time::SimDuration;

/// The new revision fails requests in spells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flapping {
    /// Share of requests that fail beyond the background in a bad spell.
    pub share: Distribution<Ratio>,
    /// Length of a bad spell.
    pub bad_for: Distribution<SimDuration>,
    /// Length of a good spell.
    pub good_for: Distribution<SimDuration>,
    /// When it begins, counted from the deploy.
    #[serde(default = "super::at_once")]
    pub after: Distribution<SimDuration>,
}

impl Entry for Flapping {
    const NAME: &'static str = "flapping";
    const SUMMARY: &'static str =
        "the new revision fails requests in spells: bad for a while, good for a while";
    const EXAMPLE: &'static str = "flapping: {share: 25%, bad_for: 90s, good_for: 3m}";
}

impl Fault for Flapping {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        const MOST: usize = 256;
        let begin = r.deploy_at + r.duration("after", &self.after);
        let share = r.share("share", &self.share);
        let bad = r.duration("bad_for", &self.bad_for).max(SimDuration::from_secs(1));
        let cycle = bad + r.duration("good_for", &self.good_for);
        let what = Disturbance::World(WorldDisturbance::Errors { revision: Revision::Candidate, share });
        let begins = (0..MOST as u64).map(|spell| begin + cycle * spell);
        let today = begins.take_while(|from| from.since(begin) <= SimDuration::from_mins(24 * 60));
        today.map(|from| Effect { from, until: from + bad, what: what.clone() }).collect()
    }
}
