//! Nobody reaches a service.
//!
//! Calls hang: they end with the time-out of the caller, or after the 127 seconds in which Linux tries to connect, with a 503 at the
//! caller. That is so for connections to be made. On open ones (`connected: true`, callers with a pool) calls have been sent as far as the
//! caller knows; TCP sends them again after 0.2 s, 0.6 s, 1.4 s and so on, and when the network is back the callee gets all of them,
//! those included that nobody waits for any more.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, EdgeEffect, WorldDisturbance};
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
    /// Whether callers have open connections: then calls made meanwhile arrive after it.
    #[serde(default)]
    pub connected: bool,
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
        let mut effects = r.on_edge((&self.from, &self.to), &self.at, &self.lasts, |_| EdgeEffect::Partition);
        for effect in effects.iter_mut().filter(|_| self.connected) {
            if let Disturbance::World(WorldDisturbance::Edge { effect: what, .. }) = &mut effect.what {
                *what = EdgeEffect::Outage { until: effect.until };
            }
        }
        effects
    }

    fn services(&self) -> Vec<(&'static str, &str)> {
        super::edge_services(&self.from, &self.to)
    }

    fn needs_requests(&self) -> Option<&'static str> {
        Some(super::SEEN_DIFFERENTLY)
    }
}
