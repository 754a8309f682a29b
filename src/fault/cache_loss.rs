//! A cache is emptied.
//!
//! The cache server is restarted, fails over to an empty one, or is flushed by mistake: from one moment to the next the callee behind it
//! gets every request that had been answered before it was reached. Which entries are lost, where not all are, depends on the entry
//! alone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, WorldDisturbance};
use crate::rng::{Distribution, Ratio};
use crate::time::{SimDuration, SimTime};

/// The caches of the calls of a service lose what they hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CacheLoss {
    /// The service that looks into them before it calls; every service if absent.
    #[serde(default)]
    pub service: Option<String>,
    /// Share of the entries that is lost.
    #[serde(default = "super::everything")]
    pub share: Distribution<Ratio>,
    /// When, counted from the deploy.
    pub at: Distribution<SimDuration>,
}

impl Entry for CacheLoss {
    const NAME: &'static str = "cache_loss";
    const SUMMARY: &'static str = "the caches of the calls of a service lose what they hold";
    const EXAMPLE: &'static str = "cache_loss: {service: web, at: 6m}";
}

impl Fault for CacheLoss {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let from = r.deploy_at + r.duration("at", &self.at);
        let (service, share, salt) = (r.target(&self.service), r.share("share", &self.share), r.salt());
        let what = Disturbance::World(WorldDisturbance::CacheLoss { service, share, salt });
        vec![Effect { from, until: SimTime::NEVER, what }]
    }

    fn services(&self) -> Vec<(&'static str, &str)> {
        super::one_service(&self.service)
    }

    fn needs_requests(&self) -> Option<&'static str> {
        Some("what is in a cache depends on single requests")
    }
}
