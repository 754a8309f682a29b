//! Nobody reaches a service.
//!
//! Calls hang: they end with the time-out of the caller, or after the 127 seconds in which Linux tries to connect, with a 503 at the
//! caller.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::EdgeEffect;
use crate::rng::Distribution;
use crate::time::SimDuration;

/// No call reaches the service while it lasts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EdgePartition {
    /// Who calls: a service, or `users`; everybody if absent.
    #[serde(default)]
    pub from: Option<String>,
    /// The service that is called; every service if absent.
    #[serde(default)]
    pub to: Option<String>,
    /// When it begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Distribution<SimDuration>,
}

impl Entry for EdgePartition {
    const NAME: &'static str = "edge_partition";
    const SUMMARY: &'static str = "no call reaches the service while it lasts";
    const EXAMPLE: &'static str = "edge_partition: {to: shop, at: 5m, for: 2m}";
}

impl Fault for EdgePartition {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        r.on_edge((&self.from, &self.to), &self.at, &self.lasts, |_| EdgeEffect::Partition)
    }

    fn services(&self) -> Vec<(&'static str, &str)> {
        super::edge_services(&self.from, &self.to)
    }

    fn needs_requests(&self) -> Option<&'static str> {
        Some(super::SEEN_DIFFERENTLY)
    }
}
