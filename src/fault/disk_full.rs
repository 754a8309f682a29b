//! The disk is full.
//!
//! Requests that write fail, whatever the revision; those that only read do not notice.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::WorldDisturbance;
use crate::rng::{Distribution, Ratio};
use crate::time::SimDuration;

/// Requests that write fail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiskFull {
    /// The service it hits; every service if absent.
    #[serde(default)]
    pub service: Option<String>,
    /// Share of the requests that write.
    pub writes: Distribution<Ratio>,
    /// When it begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Distribution<SimDuration>,
}

impl Entry for DiskFull {
    const NAME: &'static str = "disk_full";
    const SUMMARY: &'static str = "requests that write fail";
    const EXAMPLE: &'static str = "disk_full: {writes: 30%, at: 5m, for: 5m}";
}

impl Fault for DiskFull {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        r.timed(&self.at, &self.lasts, |r| {
            let service = r.target(&self.service);
            let share = r.share("writes", &self.writes);
            WorldDisturbance::DependencyErrors { service, share }
        })
    }

    fn services(&self) -> Vec<(&'static str, &str)> {
        super::one_service(&self.service)
    }
}
