//! The new revision is slower.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, Revision, WorldDisturbance};
use crate::rng::{Distribution, Ratio};
use crate::time::{SimDuration, SimTime};

/// Service times of the new revision are multiplied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LatencyRegression {
    /// Multiplier of the service time of the slow requests.
    pub factor: Distribution<f64>,
    /// Share of its requests that are slow.
    #[serde(default = "super::everything")]
    pub share: Distribution<Ratio>,
    /// When it begins, counted from the deploy.
    #[serde(default = "super::at_once")]
    pub after: Distribution<SimDuration>,
}

impl Entry for LatencyRegression {
    const NAME: &'static str = "latency_regression";
    const SUMMARY: &'static str = "service times of the new revision are multiplied";
    const EXAMPLE: &'static str = "latency_regression: {factor: {uniform: [1.5, 4]}, share: 50%}";
}

impl Fault for LatencyRegression {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let from = r.deploy_at + r.duration("after", &self.after);
        let factor = r.number("factor", &self.factor).max(0.0);
        let share = r.share("share", &self.share);
        let what =
            Disturbance::World(WorldDisturbance::Latency { revision: Revision::Candidate, factor, share });
        vec![Effect { from, until: SimTime::NEVER, what }]
    }
}
