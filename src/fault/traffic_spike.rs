//! More users come for a while; no revision is to blame.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, WorldDisturbance};
use crate::rng::Distribution;
use crate::time::SimDuration;

/// Arrivals are multiplied while it lasts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrafficSpike {
    /// Multiplier of the arrival rate.
    pub factor: Distribution<f64>,
    /// When it begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Distribution<SimDuration>,
}

impl Entry for TrafficSpike {
    const NAME: &'static str = "traffic_spike";
    const SUMMARY: &'static str = "arrivals are multiplied while it lasts";
    const EXAMPLE: &'static str = "traffic_spike: {factor: 3, at: 5m, for: 4m}";
}

impl Fault for TrafficSpike {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let (from, until) = r.span(&self.at, &self.lasts);
        let factor = r.number("factor", &self.factor).max(0.0);
        vec![Effect { from, until, what: Disturbance::World(WorldDisturbance::TrafficSpike { factor }) }]
    }
}
