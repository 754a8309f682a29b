//! Neighbours take processor time away from pods.
//!
//! Service times are multiplied in the pods it hits, whatever their revision; the processor time they use stays the same, so their
//! own metrics show nothing but the latency. On pods of one revision only it looks like that revision is slow.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Victims, WorldDisturbance};
use crate::rng::{Distribution, Ratio};
use crate::time::SimDuration;

/// Some pods get less processor time and serve slower.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CpuPressure {
    /// The service it hits; every service if absent.
    #[serde(default)]
    pub service: Option<String>,
    /// Share of its pods, always the same ones.
    #[serde(default = "super::everything")]
    pub pods: Distribution<Ratio>,
    /// Multiplier of their service time.
    pub factor: Distribution<f64>,
    /// When it begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Distribution<SimDuration>,
}

impl Entry for CpuPressure {
    const NAME: &'static str = "cpu_pressure";
    const SUMMARY: &'static str = "some pods get less processor time and serve slower";
    const EXAMPLE: &'static str = "cpu_pressure: {factor: 3, pods: 30%, at: 5m, for: 5m}";
}

impl Fault for CpuPressure {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        r.timed(&self.at, &self.lasts, |r| {
            let pods = Victims { share: r.share("pods", &self.pods), salt: r.salt() };
            let service = r.target(&self.service);
            let factor = r.number("factor", &self.factor).max(0.0);
            WorldDisturbance::PodsSlow { service, pods, factor }
        })
    }

    fn services(&self) -> Vec<(&'static str, &str)> {
        super::one_service(&self.service)
    }
}
