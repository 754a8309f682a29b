//! The release brings a smaller connection pool: a change of infrastructure, not of code.
//!
//! Each request holds a connection for as long as it is served, so a pod serves no more requests at a time than its
//! pool has connections; the others wait in its queue and are rejected when that is full. The setting is applied
//! once, to everybody: pods of the old revision have it too.
//!
//! Traps: a canary of 5 % of the traffic is no canary of this; a rollback of the code changes nothing. What brings the old setting back
//! is [`terraform_reapply`](crate::rollback::terraform_reapply) or a fix.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::WorldDisturbance;
use crate::rng::Distribution;
use crate::time::SimDuration;

/// Pods get a smaller connection pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolSize {
    /// Connections of a pod, at least 1.
    pub per_pod: u32,
    /// The service whose pods they are; the one that is rolled out if absent.
    #[serde(default)]
    pub service: Option<String>,
    /// When it is applied, counted from the deploy.
    #[serde(default = "super::at_once")]
    pub after: Distribution<SimDuration>,
}

impl Entry for PoolSize {
    const NAME: &'static str = "pool_size";
    const SUMMARY: &'static str =
        "the release's configuration gives pods of every revision fewer connections";
    const EXAMPLE: &'static str = "pool_size: {per_pod: 4}";
}

impl Fault for PoolSize {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let service = r.target(&self.service);
        r.configured(&self.after, [WorldDisturbance::Concurrency { service, most: self.per_pod.max(1) }])
    }

    fn services(&self) -> Vec<(&'static str, &str)> {
        super::one_service(&self.service)
    }

    fn needs_requests(&self) -> Option<&'static str> {
        Some("requests wait for connections")
    }
}
