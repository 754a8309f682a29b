//! A zone is lost: its pods die at once and come back when it does.
//!
//! Pods are spread over the `zones:` of their service in turn, the first pod of a set in zone 1. A service with one zone is in
//! zone 1 as a whole. Pods that start while the zone is away are placed elsewhere.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, Which, WorldDisturbance};
use crate::rng::Distribution;
use crate::time::SimDuration;

/// Every pod of one zone dies, and runs again when the zone is back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ZoneDown {
    /// Number of the zone, from 1.
    pub zone: u32,
    /// The service it hits; every service if absent.
    #[serde(default)]
    pub service: Option<String>,
    /// When it begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Distribution<SimDuration>,
}

impl Entry for ZoneDown {
    const NAME: &'static str = "zone_down";
    const SUMMARY: &'static str = "every pod of one zone dies, and runs again when the zone is back";
    const EXAMPLE: &'static str = "zone_down: {zone: 1, at: 6m, for: 10m}";
}

impl Fault for ZoneDown {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let (from, until) = r.span(&self.at, &self.lasts);
        let (service, which) = (r.target(&self.service), Which::Zone(self.zone));
        let (graceful, restarts, back_after) = (false, false, until.since(from));
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
