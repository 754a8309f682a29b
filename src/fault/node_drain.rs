//! Nodes are drained: their pods are evicted and made anew elsewhere.
//!
//! Each pod stops taking requests, finishes those it has, and is replaced after the time a pod needs to start. Pods are not
//! placed on nodes one by one here: a share of all pods stands for those that were on the drained nodes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, Victims, Which, WorldDisturbance};
use crate::rng::{Distribution, Ratio};
use crate::time::{SimDuration, SimTime};

/// A share of the pods is evicted gracefully and made anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeDrain {
    /// The service it hits; every service if absent.
    #[serde(default)]
    pub service: Option<String>,
    /// Share of the pods that were on the drained nodes.
    pub share: Distribution<Ratio>,
    /// Time from the end of an evicted pod to the running process of its replacement.
    #[serde(default = "super::ten_seconds")]
    pub replaced_after: Distribution<SimDuration>,
    /// When, counted from the deploy.
    pub at: Distribution<SimDuration>,
}

impl Entry for NodeDrain {
    const NAME: &'static str = "node_drain";
    const SUMMARY: &'static str = "a share of the pods is evicted gracefully and made anew elsewhere";
    const EXAMPLE: &'static str = "node_drain: {share: 30%, at: 5m}";
}

impl Fault for NodeDrain {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let from = r.deploy_at + r.duration("at", &self.at);
        let until = SimTime::NEVER;
        let victims = Victims { share: r.share("share", &self.share), salt: r.salt() };
        let (service, which) = (r.target(&self.service), Which::Share(victims));
        let back_after = r.duration("replaced_after", &self.replaced_after);
        let (graceful, restarts) = (true, false);
        vec![Effect {
            from,
            until,
            what: Disturbance::World(WorldDisturbance::PodsDown {
                service,
                which,
                graceful,
                restarts,
                back_after,
            }),
        }]
    }

    fn services(&self) -> Vec<(&'static str, &str)> {
        super::one_service(&self.service)
    }
}
