//! The new revision leaks memory until the kernel kills its containers at the limit.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, Revision, WorldDisturbance};
use crate::quantity::Bytes;
use crate::rng::Distribution;
use crate::time::{SimDuration, SimTime};

/// Memory of the new revision grows with uptime until its containers are OOM-killed at the limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryLeak {
    /// Growth of each pod, in MiB per minute of uptime.
    pub mib_per_minute: Distribution<f64>,
    /// When it begins, counted from the deploy.
    #[serde(default = "super::at_once")]
    pub after: Distribution<SimDuration>,
}

impl Entry for MemoryLeak {
    const NAME: &'static str = "memory_leak";
    const SUMMARY: &'static str =
        "memory of the new revision grows with uptime until its containers are OOM-killed at the limit";
    const EXAMPLE: &'static str = "memory_leak: {mib_per_minute: {uniform: [5, 40]}}";
}

impl Fault for MemoryLeak {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let from = r.deploy_at + r.duration("after", &self.after);
        let bytes = r.number("mib_per_minute", &self.mib_per_minute).max(0.0) * 1_048_576.0 / 60.0;
        let what = Disturbance::World(WorldDisturbance::MemoryLeak {
            revision: Revision::Candidate,
            per_second: Bytes::new(bytes.round() as u64),
        });
        vec![Effect { from, until: SimTime::NEVER, what }]
    }
}
