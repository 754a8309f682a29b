//! The new revision has a security hole that no metric shows.
//!
//! A request is *exposed* when the vulnerable code serves it before anybody knows: between `after` and the moment a scan or a
//! report names the hole, `found_after` after the deploy. Without the deploy the same request would not have been exposed, so it
//! is harmed; it is counted as wrong, because its answer is in time and cannot be trusted. Once the hole is known people
//! deal with it by other means than a trigger policy, and no more requests count. So taking the release back early, for whatever
//! reason, saves exactly the requests it would have served until then.
//!
//! Trap: every policy that looks at metrics only misses it; that is the truth about such policies, not a defect of the
//! scenario.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, Revision, WorldDisturbance};
use crate::rng::{Distribution, Ratio};
use crate::time::SimDuration;

/// Requests that the new revision serves are exposed until a scan or a report finds the hole; no metric shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VulnerableRelease {
    /// Share of the requests that go through the vulnerable code.
    #[serde(default = "super::everything")]
    pub exposed: Distribution<Ratio>,
    /// When a scan or a report names the hole, counted from the deploy.
    pub found_after: Distribution<SimDuration>,
    /// When it begins, counted from the deploy.
    #[serde(default = "super::at_once")]
    pub after: Distribution<SimDuration>,
}

impl Entry for VulnerableRelease {
    const NAME: &'static str = "vulnerable_release";
    const SUMMARY: &'static str =
        "requests that the new revision serves are exposed until a scan finds the hole; no metric shows it";
    const EXAMPLE: &'static str = "vulnerable_release: {exposed: 20%, found_after: {uniform: [20m, 50m]}}";
}

impl Fault for VulnerableRelease {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let from = r.deploy_at + r.duration("after", &self.after);
        let until = r.deploy_at + r.duration("found_after", &self.found_after);
        let share = r.share("exposed", &self.exposed);
        if until <= from {
            return Vec::new();
        }
        let revision = Revision::Candidate;
        vec![Effect { from, until, what: Disturbance::World(WorldDisturbance::Wrong { revision, share }) }]
    }
}
