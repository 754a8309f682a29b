//! Containers of the new revision exit after a while, again and again, with Kubernetes' back-off between.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, Revision, WorldDisturbance};
use crate::rng::Distribution;
use crate::time::{SimDuration, SimTime};

/// Containers of the new revision exit after running for a while, again and again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CrashLoop {
    /// Mean time from container start to exit; the time itself is exponential.
    pub mean_uptime: Distribution<SimDuration>,
    /// When it begins, counted from the deploy.
    #[serde(default = "super::at_once")]
    pub after: Distribution<SimDuration>,
}

impl Entry for CrashLoop {
    const NAME: &'static str = "crash_loop";
    const SUMMARY: &'static str =
        "containers of the new revision exit after running for a while, again and again";
    const EXAMPLE: &'static str = "crash_loop: {mean_uptime: 40s}";
}

impl Fault for CrashLoop {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let from = r.deploy_at + r.duration("after", &self.after);
        let mean_uptime = r.duration("mean_uptime", &self.mean_uptime);
        let what =
            Disturbance::World(WorldDisturbance::CrashLoop { revision: Revision::Candidate, mean_uptime });
        vec![Effect { from, until: SimTime::NEVER, what }]
    }
}
