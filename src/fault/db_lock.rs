//! Somebody holds a lock in the service's database.
//!
//! The database is a part of the service here, not a node of the graph. A share of the requests needs the locked rows and waits for the time given,
//! the lock time-out of the database, say, whatever the revision; while it waits it keeps its place in the pod.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::WorldDisturbance;
use crate::rng::{Distribution, Ratio};
use crate::time::SimDuration;

/// A share of the requests waits for a lock in the database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DbLock {
    /// The service it hits; every service if absent.
    #[serde(default)]
    pub service: Option<String>,
    /// How long such a request waits.
    pub wait: Distribution<SimDuration>,
    /// Share of the requests that need the locked rows.
    pub share: Distribution<Ratio>,
    /// When it begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Distribution<SimDuration>,
}

impl Entry for DbLock {
    const NAME: &'static str = "db_lock";
    const SUMMARY: &'static str = "a share of the requests waits for a lock in the database";
    const EXAMPLE: &'static str = "db_lock: {wait: 2s, share: 15%, at: 5m, for: 3m}";
}

impl Fault for DbLock {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        r.timed(&self.at, &self.lasts, |r| {
            let service = r.target(&self.service);
            let (wait, share) = (r.duration("wait", &self.wait), r.share("share", &self.share));
            WorldDisturbance::Waits { service, share, wait }
        })
    }

    fn services(&self) -> Vec<(&'static str, &str)> {
        super::one_service(&self.service)
    }
}
