//! Something that stable and candidate share fails for a while.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::WorldDisturbance;
use crate::rng::{Distribution, Ratio};
use crate::time::SimDuration;

/// A shared dependency fails a share of the requests of every revision alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NeighbourOutage {
    /// The service whose requests fail; every service if absent.
    #[serde(default)]
    pub service: Option<String>,
    /// Share of requests that fail.
    pub share: Distribution<Ratio>,
    /// When it begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Distribution<SimDuration>,
}

impl Entry for NeighbourOutage {
    const NAME: &'static str = "neighbour_outage";
    const SUMMARY: &'static str = "a shared dependency fails a share of the requests of every revision alike";
    const EXAMPLE: &'static str = "neighbour_outage: {share: 20%, at: 6m, for: 3m}";
}

impl Fault for NeighbourOutage {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        r.timed(&self.at, &self.lasts, |r| {
            let share = r.share("share", &self.share);
            let service = r.target(&self.service);
            WorldDisturbance::DependencyErrors { service, share }
        })
    }

    fn services(&self) -> Vec<(&'static str, &str)> {
        super::one_service(&self.service)
    }
}
