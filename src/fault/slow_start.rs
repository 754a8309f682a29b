//! Pods of the new revision start slowly.
//!
//! It harms nobody by itself: the rollout takes longer, and so does anything that waits for its pods.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, Revision, WorldDisturbance};
use crate::rng::Distribution;
use crate::time::{SimDuration, SimTime};

/// Pods of the new revision take longer from creation to a running process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlowStart {
    /// Multiplier of the startup time.
    pub factor: Distribution<f64>,
    /// When it begins, counted from the deploy.
    #[serde(default = "super::at_once")]
    pub after: Distribution<SimDuration>,
}

impl Entry for SlowStart {
    const NAME: &'static str = "slow_start";
    const SUMMARY: &'static str = "pods of the new revision take longer to start";
    const EXAMPLE: &'static str = "slow_start: {factor: {uniform: [3, 10]}}";
}

impl Fault for SlowStart {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let from = r.deploy_at + r.duration("after", &self.after);
        let until = SimTime::NEVER;
        let factor = r.number("factor", &self.factor).max(0.0);
        let revision = Revision::Candidate;
        vec![Effect {
            from,
            until,
            what: Disturbance::World(WorldDisturbance::SlowStart { revision, factor }),
        }]
    }
}
