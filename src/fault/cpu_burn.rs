//! The new revision burns processor time.
//!
//! A request needs its processor time times the factor: the surplus makes it longer, and when the requests of a pod together
//! need more than its limit the pod is throttled, as CFS quotas do: work waits until there is processor time for it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, Revision, WorldDisturbance};
use crate::rng::Distribution;
use crate::time::{SimDuration, SimTime};

/// Requests of the new revision need more processor time; pods are throttled at their limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CpuBurn {
    /// Multiplier of the processor time of a request (`cpu.per_request` of the service).
    pub factor: Distribution<f64>,
    /// When it begins, counted from the deploy.
    #[serde(default = "super::at_once")]
    pub after: Distribution<SimDuration>,
}

impl Entry for CpuBurn {
    const NAME: &'static str = "cpu_burn";
    const SUMMARY: &'static str =
        "requests of the new revision need more processor time; pods are throttled at their limit";
    const EXAMPLE: &'static str = "cpu_burn: {factor: {uniform: [5, 40]}}";
}

impl Fault for CpuBurn {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let from = r.deploy_at + r.duration("after", &self.after);
        let until = SimTime::NEVER;
        let factor = r.number("factor", &self.factor).max(0.0);
        let revision = Revision::Candidate;
        vec![Effect {
            from,
            until,
            what: Disturbance::World(WorldDisturbance::CpuPerRequest { revision, factor }),
        }]
    }

    fn needs_requests(&self) -> Option<&'static str> {
        Some("throttled pods make requests wait for each other")
    }
}
