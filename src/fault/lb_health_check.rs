//! The release brings a wrong health check of the load balancer: a change of infrastructure, not of code.
//!
//! A path that does not exist, a time-out that is too short: checks of sound pods fail, each with the same chance, and a
//! pod is taken out of rotation when its readiness has failed as often in a row as the service says. It asks every pod, of
//! whatever revision, so with a share of 100 % the whole service is out as soon as it has asked often enough.
//!
//! Traps: pods that are out of rotation answer nothing, so they show no errors: only whoever stands in front of them does.
//! A rollback of the code starts pods that are taken out too, and waits for them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Probe, Revision, WorldDisturbance};
use crate::rng::{Distribution, Ratio};
use crate::time::SimDuration;

/// Health checks fail whatever the pod.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LbHealthCheck {
    /// Share of the checks that fail.
    #[serde(default = "super::everything")]
    pub share: Distribution<Ratio>,
    /// When it is applied, counted from the deploy.
    #[serde(default = "super::at_once")]
    pub after: Distribution<SimDuration>,
}

impl Entry for LbHealthCheck {
    const NAME: &'static str = "lb_health_check";
    const SUMMARY: &'static str =
        "the release's configuration takes sound pods of every revision out of rotation";
    const EXAMPLE: &'static str = "lb_health_check: {share: 100%, after: 30s}";
}

impl Fault for LbHealthCheck {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let share = r.share("share", &self.share);
        let probe = Probe::Readiness;
        r.configured(
            &self.after,
            Revision::ALL.map(|revision| WorldDisturbance::ProbesFail { revision, probe, share }),
        )
    }
}
