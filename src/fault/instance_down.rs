//! Instances of a service are killed and come back.
//!
//! The container is killed where it is and started again: its requests fail (or, if it goes gracefully, are finished first), its
//! counters start from zero and its restart count goes up by one. Which instances it hits depends on the pod alone, so the
//! same pods go down in every branch in which they run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, Victims, Which, WorldDisturbance};
use crate::rng::{Distribution, Ratio};
use crate::time::{SimDuration, SimTime};

/// Some pods of a service are killed, and run again after a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstanceDown {
    /// The service it hits; every service if absent.
    #[serde(default)]
    pub service: Option<String>,
    /// Share of its pods; everything if neither this nor `count` is given.
    #[serde(default)]
    pub share: Option<Distribution<Ratio>>,
    /// So many of its pods, instead of a share.
    #[serde(default)]
    pub count: Option<u32>,
    /// Whether they finish the requests they have.
    #[serde(default)]
    pub graceful: bool,
    /// Time from the kill to a running process.
    #[serde(default = "super::ten_seconds")]
    pub restart_after: Distribution<SimDuration>,
    /// When, counted from the deploy.
    pub at: Distribution<SimDuration>,
}

impl Entry for InstanceDown {
    const NAME: &'static str = "instance_down";
    const SUMMARY: &'static str = "some pods of a service are killed, and run again after a while";
    const EXAMPLE: &'static str = "instance_down: {share: 50%, at: 6m, restart_after: 45s}";
}

impl Fault for InstanceDown {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let from = r.deploy_at + r.duration("at", &self.at);
        let until = SimTime::NEVER;
        let salt = r.salt();
        let share = self.share.as_ref().map_or(crate::quantity::Ratio::ONE, |share| r.share("share", share));
        let which = match self.count {
            Some(count) => Which::Count { count, salt },
            None => Which::Share(Victims { share, salt }),
        };
        let back_after = r.duration("restart_after", &self.restart_after);
        let (service, graceful, restarts) = (r.target(&self.service), self.graceful, true);
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
