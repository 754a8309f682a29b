//! Disks are slow.
//!
//! A share of the requests reads or writes and waits that much longer in the pod, whatever its revision.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::WorldDisturbance;
use crate::rng::{Distribution, Ratio};
use crate::time::SimDuration;

/// A share of the requests waits for the disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IoDelay {
    /// The service it hits; every service if absent.
    #[serde(default)]
    pub service: Option<String>,
    /// How much longer such a request takes.
    pub delay: Distribution<SimDuration>,
    /// Share of the requests that need the disk.
    #[serde(default = "super::everything")]
    pub share: Distribution<Ratio>,
    /// When it begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Distribution<SimDuration>,
}

impl Entry for IoDelay {
    const NAME: &'static str = "io_delay";
    const SUMMARY: &'static str = "a share of the requests waits for the disk";
    const EXAMPLE: &'static str = "io_delay: {delay: 200ms, share: 40%, at: 5m, for: 5m}";
}

impl Fault for IoDelay {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        r.timed(&self.at, &self.lasts, |r| {
            let service = r.target(&self.service);
            let (wait, share) = (r.duration("delay", &self.delay), r.share("share", &self.share));
            WorldDisturbance::Waits { service, share, wait }
        })
    }

    fn services(&self) -> Vec<(&'static str, &str)> {
        super::one_service(&self.service)
    }
}
