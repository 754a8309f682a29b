//! The link to a service is narrow.
//!
//! Calls go through one after the other, each for the time its bytes need; when more come than fit, they wait for each other.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::EdgeEffect;
use crate::rng::Distribution;
use crate::time::SimDuration;

/// Calls share a link of limited bandwidth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EdgeBandwidth {
    /// Who calls: a service, or `users`; everybody if absent.
    #[serde(default)]
    pub from: Option<String>,
    /// The service that is called; every service if absent.
    #[serde(default)]
    pub to: Option<String>,
    /// Bandwidth, in millions of bits per second.
    pub mbit_per_second: Distribution<f64>,
    /// Bytes of a call there and back, in KiB.
    pub kib_per_call: Distribution<f64>,
    /// When it begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Distribution<SimDuration>,
}

impl Entry for EdgeBandwidth {
    const NAME: &'static str = "edge_bandwidth";
    const SUMMARY: &'static str = "calls share a link of limited bandwidth";
    const EXAMPLE: &'static str =
        "edge_bandwidth: {to: shop, mbit_per_second: 8, kib_per_call: 64, at: 5m, for: 5m}";
}

impl Fault for EdgeBandwidth {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        r.on_edge((&self.from, &self.to), &self.at, &self.lasts, |r| {
            let bits = r.number("kib_per_call", &self.kib_per_call).max(0.0) * 8192.0;
            let speed = r.number("mbit_per_second", &self.mbit_per_second).max(1e-6) * 1e6;
            let transmission = SimDuration::from_secs_f64(bits / speed);
            EdgeEffect::Bandwidth { transmission }
        })
    }

    fn services(&self) -> Vec<(&'static str, &str)> {
        super::edge_services(&self.from, &self.to)
    }

    fn needs_requests(&self) -> Option<&'static str> {
        Some("calls wait for each other on the link")
    }
}
