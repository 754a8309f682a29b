//! Data kills every process that reads it, whatever its revision: the bug was deployed long ago.
//!
//! A policy row, a customer's configuration, a poisonous message: somebody writes it, and code that has been there for weeks
//! falls over it (Google's Service Control in June 2025, where a row met a path that nothing had ever taken; Fastly's
//! edge in June 2021). Containers exit a while after they have started and are restarted with Kubernetes' back-off, again
//! and again, until the data is removed; a rollback of the last deploy brings back code with the same bug.
//!
//! Traps: data that makes requests *fail* in processes that live is what `neighbour_outage` plays. When the data is gone the
//! containers come back by their back-off, at most five minutes later, and meet whoever has waited. No revision is to
//! blame, so it is no fault of the change.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, WorldDisturbance};
use crate::rng::Distribution;
use crate::time::SimDuration;

/// Containers of every revision crash while some data is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LatentTrigger {
    /// The service whose processes read it; every service if absent.
    #[serde(default)]
    pub service: Option<String>,
    /// Mean time from the start of a process to its end (exponential).
    pub mean_uptime: Distribution<SimDuration>,
    /// When the data is written, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long until it is removed.
    pub removed_after: Distribution<SimDuration>,
}

impl Entry for LatentTrigger {
    const NAME: &'static str = "latent_trigger";
    const SUMMARY: &'static str =
        "data kills processes of every revision until it is removed: an old bug, no new one";
    const EXAMPLE: &'static str = "latent_trigger: {mean_uptime: 20s, at: 5m, removed_after: 10m}";
}

impl Fault for LatentTrigger {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let from = r.deploy_at + r.duration("at", &self.at);
        let until = from + r.duration("removed_after", &self.removed_after);
        let mean_uptime = r.duration("mean_uptime", &self.mean_uptime);
        let what = WorldDisturbance::Crashes { service: r.target(&self.service), mean_uptime };
        vec![Effect { from, until, what: Disturbance::World(what) }]
    }

    fn services(&self) -> Vec<(&'static str, &str)> {
        super::one_service(&self.service)
    }

    fn is_other_change(&self) -> bool {
        true
    }
}
