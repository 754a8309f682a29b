//! Clocks are wrong.
//!
//! Tokens and certificates are judged by the clock: when it is off by more than the tolerance, requests that carry one are turned away as
//! failed. Below the tolerance nobody notices. Stamps of metrics are made by the monitoring and are not skewed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, WorldDisturbance};
use crate::rng::{Distribution, Ratio};
use crate::time::SimDuration;

/// Clocks of a service are off; requests with a dated token fail beyond the tolerance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockSkew {
    /// The service it hits; every service if absent.
    #[serde(default)]
    pub service: Option<String>,
    /// How far the clocks are off, either way.
    pub offset: Distribution<SimDuration>,
    /// How far they may be off: 5 minutes is what Kerberos and many token libraries allow.
    #[serde(default = "super::five_minutes")]
    pub tolerance: SimDuration,
    /// Share of the requests that carry something with a date.
    #[serde(default = "super::everything")]
    pub share: Distribution<Ratio>,
    /// When it begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Distribution<SimDuration>,
}

impl Entry for ClockSkew {
    const NAME: &'static str = "clock_skew";
    const SUMMARY: &'static str =
        "clocks of a service are off; requests with a dated token fail beyond the tolerance";
    const EXAMPLE: &'static str = "clock_skew: {offset: 10m, share: 60%, at: 5m, for: 5m}";
}

impl Fault for ClockSkew {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let (from, until) = r.span(&self.at, &self.lasts);
        let service = r.target(&self.service);
        let (offset, share) = (r.duration("offset", &self.offset), r.share("share", &self.share));
        if offset <= self.tolerance {
            return Vec::new();
        }
        vec![Effect {
            from,
            until,
            what: Disturbance::World(WorldDisturbance::DependencyErrors { service, share }),
        }]
    }

    fn services(&self) -> Vec<(&'static str, &str)> {
        super::one_service(&self.service)
    }
}
