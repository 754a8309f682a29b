//! A third party throttles the service.
//!
//! The dependency is outside of the call graph: calls to it beyond the quota are refused, and the requests that needed them fail, whatever the
//! revision.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::WorldDisturbance;
use crate::rng::{Distribution, Ratio};
use crate::time::SimDuration;

/// A dependency outside of the graph refuses a share of the requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DepThrottle {
    /// The service it hits; every service if absent.
    #[serde(default)]
    pub service: Option<String>,
    /// Share of the requests that are refused.
    pub share: Distribution<Ratio>,
    /// When it begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Distribution<SimDuration>,
}

impl Entry for DepThrottle {
    const NAME: &'static str = "dep_throttle";
    const SUMMARY: &'static str = "a dependency outside of the graph refuses a share of the requests";
    const EXAMPLE: &'static str = "dep_throttle: {share: 25%, at: 5m, for: 5m}";
}

impl Fault for DepThrottle {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        r.timed(&self.at, &self.lasts, |r| {
            let service = r.target(&self.service);
            let share = r.share("share", &self.share);
            WorldDisturbance::DependencyErrors { service, share }
        })
    }

    fn services(&self) -> Vec<(&'static str, &str)> {
        super::one_service(&self.service)
    }
}
