//! Health checks of the new revision fail.
//!
//! A pod loses its place behind its service after `failure_threshold` readiness failures in a row, and its container is
//! restarted when liveness has failed for as long as its probe says; the checks are those of `readiness:` and `liveness:` of
//! the service. The checks of one pod are independent of each other, so a share of 50 % fails three in a row every now and
//! then.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, Probe, Revision, WorldDisturbance};
use crate::rng::{Distribution, Ratio};
use crate::time::{SimDuration, SimTime};

/// Health checks of the new revision fail with a probability each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailingHealthCheck {
    /// Share of the checks that fail.
    pub share: Distribution<Ratio>,
    /// Which check fails: `readiness` (the default), `liveness` or `both`, which ask one endpoint then.
    #[serde(default)]
    pub probe: Probe,
    /// When it begins, counted from the deploy.
    #[serde(default = "super::at_once")]
    pub after: Distribution<SimDuration>,
}

impl Entry for FailingHealthCheck {
    const NAME: &'static str = "failing_health_check";
    const SUMMARY: &'static str = "health checks of the new revision fail with a probability each";
    const EXAMPLE: &'static str = "failing_health_check: {share: 70%, probe: both, after: 3m}";
}

impl Fault for FailingHealthCheck {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let from = r.deploy_at + r.duration("after", &self.after);
        let until = SimTime::NEVER;
        let share = r.share("share", &self.share);
        let (revision, probe) = (Revision::Candidate, self.probe);
        vec![Effect {
            from,
            until,
            what: Disturbance::World(WorldDisturbance::ProbesFail { revision, probe, share }),
        }]
    }
}
