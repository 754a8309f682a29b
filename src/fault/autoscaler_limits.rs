//! The release brings an autoscaler with other limits: a change of infrastructure, not of code.
//!
//! Two mistakes that are made: a `max` below what the load needs, and a target so high that the autoscaler takes pods
//! away (with a target of 95 % pods that are half busy are too many). Pods of both revisions belong to the workload, so users of both
//! wait; nothing happens at once, only at the autoscaler's next looks.
//!
//! Traps: with too few pods processors are at their limit, which looks like a release that burns them; a rollback of the code
//! leaves the limits, and its new pods come on top of too few.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::WorldDisturbance;
use crate::quantity::Ratio;
use crate::rng::Distribution;
use crate::time::SimDuration;

/// An autoscaler gets other limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AutoscalerLimits {
    /// Most replicas; as before if absent.
    #[serde(default)]
    pub max: Option<u32>,
    /// Target: mean CPU use over CPU request; as before if absent.
    #[serde(default)]
    pub target: Option<Ratio>,
    /// The service that it scales; the one that is rolled out if absent.
    #[serde(default)]
    pub service: Option<String>,
    /// When it is applied, counted from the deploy.
    #[serde(default = "super::at_once")]
    pub after: Distribution<SimDuration>,
}

impl Entry for AutoscalerLimits {
    const NAME: &'static str = "autoscaler_limits";
    const SUMMARY: &'static str = "the release's configuration lets the autoscaler have fewer pods";
    const EXAMPLE: &'static str = "autoscaler_limits: {max: 2, target: 95%}";
}

impl Fault for AutoscalerLimits {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let service = r.target(&self.service);
        let (max, target) = (self.max, self.target);
        r.configured(&self.after, [WorldDisturbance::AutoscalerLimits { service, max, target }])
    }

    fn services(&self) -> Vec<(&'static str, &str)> {
        super::one_service(&self.service)
    }
}
