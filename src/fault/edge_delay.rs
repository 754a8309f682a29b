//! The network between callers and a service is slow.
//!
//! The delay counts for the caller's time-out and latency, not for the pod's own. It acts on the way there; the way back is in it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::EdgeEffect;
use crate::rng::Distribution;
use crate::time::SimDuration;

/// Calls reach a service later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EdgeDelay {
    /// Who calls: a service, or `users`; everybody if absent.
    #[serde(default)]
    pub from: Option<String>,
    /// The service that is called; every service if absent.
    #[serde(default)]
    pub to: Option<String>,
    /// Mean delay of a call, there and back.
    pub latency: Distribution<SimDuration>,
    /// Largest deviation of one call from it, either way; uniform.
    #[serde(default = "super::at_once")]
    pub jitter: Distribution<SimDuration>,
    /// When it begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Distribution<SimDuration>,
}

impl Entry for EdgeDelay {
    const NAME: &'static str = "edge_delay";
    const SUMMARY: &'static str = "calls reach a service later";
    const EXAMPLE: &'static str = "edge_delay: {to: shop, latency: 100ms, jitter: 20ms, at: 5m, for: 5m}";
}

impl Fault for EdgeDelay {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        r.on_edge((&self.from, &self.to), &self.at, &self.lasts, |r| {
            let (latency, jitter) =
                (r.duration("latency", &self.latency), r.duration("jitter", &self.jitter));
            EdgeEffect::Delay { latency, jitter, share: crate::quantity::Ratio::ONE }
        })
    }

    fn services(&self) -> Vec<(&'static str, &str)> {
        super::edge_services(&self.from, &self.to)
    }

    fn needs_requests(&self) -> Option<&'static str> {
        Some(super::SEEN_DIFFERENTLY)
    }
}
