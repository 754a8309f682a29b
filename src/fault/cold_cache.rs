//! Fresh pods are slow until their caches are warm, the healthy ones too.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, WorldDisturbance};
use crate::rng::Distribution;
use crate::time::{SimDuration, SimTime};

/// Fresh pods of any revision serve slowly until their cache is warm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColdCache {
    /// Service-time multiplier of a pod that just started.
    pub factor: Distribution<f64>,
    /// Time constant of the exponential return to normal.
    pub warm_up: Distribution<SimDuration>,
}

impl Entry for ColdCache {
    const NAME: &'static str = "cold_cache";
    const SUMMARY: &'static str = "fresh pods of any revision serve slowly until their cache is warm";
    const EXAMPLE: &'static str = "cold_cache: {factor: 4, warm_up: 3m}";
}

impl Fault for ColdCache {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let factor = r.number("factor", &self.factor).max(0.0);
        let warm_up = r.duration("warm_up", &self.warm_up);
        let what = Disturbance::World(WorldDisturbance::ColdCache { factor, warm_up });
        vec![Effect { from: SimTime::ZERO, until: SimTime::NEVER, what }]
    }
}
