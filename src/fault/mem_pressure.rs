//! Something eats up the memory of pods until they are killed.
//!
//! The memory of each pod it hits fills up over the time given and the kernel kills the container at its limit; the next process starts
//! empty, and it begins again. When it ends the memory is free at once.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Victims, WorldDisturbance};
use crate::rng::{Distribution, Ratio};
use crate::time::SimDuration;

/// Some pods are OOM-killed again and again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemPressure {
    /// The service it hits; every service if absent.
    #[serde(default)]
    pub service: Option<String>,
    /// Share of its pods, always the same ones.
    #[serde(default = "super::everything")]
    pub pods: Distribution<Ratio>,
    /// Time in which the memory of a fresh process fills up, about.
    pub oom_after: Distribution<SimDuration>,
    /// When it begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Distribution<SimDuration>,
}

impl Entry for MemPressure {
    const NAME: &'static str = "mem_pressure";
    const SUMMARY: &'static str = "memory of some pods fills up until they are OOM-killed, again and again";
    const EXAMPLE: &'static str = "mem_pressure: {oom_after: 2m, pods: 30%, at: 5m, for: 8m}";
}

impl Fault for MemPressure {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        r.timed(&self.at, &self.lasts, |r| {
            let pods = Victims { share: r.share("pods", &self.pods), salt: r.salt() };
            let service = r.target(&self.service);
            let oom_after = r.duration("oom_after", &self.oom_after);
            WorldDisturbance::MemoryPressure { service, pods, oom_after }
        })
    }

    fn services(&self) -> Vec<(&'static str, &str)> {
        super::one_service(&self.service)
    }
}
