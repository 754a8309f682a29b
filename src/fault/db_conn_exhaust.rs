//! Connections to the service's database run out.
//!
//! The database is a part of the service here, not a node of the graph, and every request holds a connection for as long as it is served. With fewer
//! connections a pod serves fewer requests at a time; the others wait in its queue and are rejected when that is full.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::WorldDisturbance;
use crate::rng::Distribution;
use crate::time::SimDuration;

/// Pods have fewer database connections, and serve fewer requests at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DbConnExhaust {
    /// The service it hits; every service if absent.
    #[serde(default)]
    pub service: Option<String>,
    /// Connections that are left to a pod, at least 1.
    pub per_pod: u32,
    /// When it begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Distribution<SimDuration>,
}

impl Entry for DbConnExhaust {
    const NAME: &'static str = "db_conn_exhaust";
    const SUMMARY: &'static str = "pods have fewer database connections, and serve fewer requests at a time";
    const EXAMPLE: &'static str = "db_conn_exhaust: {per_pod: 2, at: 5m, for: 4m}";
}

impl Fault for DbConnExhaust {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        r.timed(&self.at, &self.lasts, |r| {
            let service = r.target(&self.service);
            let most = self.per_pod.max(1);
            WorldDisturbance::Concurrency { service, most }
        })
    }

    fn services(&self) -> Vec<(&'static str, &str)> {
        super::one_service(&self.service)
    }

    fn needs_requests(&self) -> Option<&'static str> {
        Some("requests wait for database connections")
    }
}
