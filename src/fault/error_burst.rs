//! The new revision fails a share of its requests.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, Revision, WorldDisturbance};
use crate::rng::{Distribution, Ratio};
use crate::time::{SimDuration, SimTime};

/// Requests served by the new revision fail with this extra probability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorBurst {
    /// Share of its requests that fail beyond the background.
    pub share: Distribution<Ratio>,
    /// When it begins, counted from the deploy.
    #[serde(default = "super::at_once")]
    pub after: Distribution<SimDuration>,
}

impl Entry for ErrorBurst {
    const NAME: &'static str = "error_burst";
    const SUMMARY: &'static str = "requests served by the new revision fail with this extra probability";
    const EXAMPLE: &'static str = "error_burst: {share: {uniform: [1%, 8%]}, after: 2m}";
}

impl Fault for ErrorBurst {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let from = r.deploy_at + r.duration("after", &self.after);
        let share = r.share("share", &self.share);
        let what = Disturbance::World(WorldDisturbance::Errors { revision: Revision::Candidate, share });
        vec![Effect { from, until: SimTime::NEVER, what }]
    }
}
