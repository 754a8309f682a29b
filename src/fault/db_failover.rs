//! The service's database fails over.
//!
//! The database is a part of the service here, not a node of the graph. While the standby takes over there is no primary: requests that need
//! it fail at once, whatever the revision. `for` is the time until the standby is promoted and connections are made again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::WorldDisturbance;
use crate::rng::{Distribution, Ratio};
use crate::time::SimDuration;

/// Requests that need the database fail until the standby has taken over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DbFailover {
    /// The service it hits; every service if absent.
    #[serde(default)]
    pub service: Option<String>,
    /// Share of the requests that need the primary.
    #[serde(default = "super::everything")]
    pub uses: Distribution<Ratio>,
    /// When it begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Distribution<SimDuration>,
}

impl Entry for DbFailover {
    const NAME: &'static str = "db_failover";
    const SUMMARY: &'static str = "requests that need the database fail until the standby has taken over";
    const EXAMPLE: &'static str = "db_failover: {uses: 80%, at: 6m, for: 45s}";
}

impl Fault for DbFailover {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        r.timed(&self.at, &self.lasts, |r| {
            let service = r.target(&self.service);
            let share = r.share("uses", &self.uses);
            WorldDisturbance::DependencyErrors { service, share }
        })
    }

    fn services(&self) -> Vec<(&'static str, &str)> {
        super::one_service(&self.service)
    }
}
