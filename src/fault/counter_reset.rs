//! Counters start again from zero though no process restarted.
//!
//! Proxies and exporters are restarted or lose their state. `rate()` and `increase()` notice that a counter went down and cope; what subtracts plain values does not.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, MonitoringDisturbance};
use crate::rng::Distribution;
use crate::time::{SimDuration, SimTime};

/// Request counters start again from zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CounterReset {
    /// When, counted from the deploy.
    pub at: Distribution<SimDuration>,
}

impl Entry for CounterReset {
    const NAME: &'static str = "counter_reset";
    const SUMMARY: &'static str = "request counters start again from zero, though no process restarted";
    const EXAMPLE: &'static str = "counter_reset: {at: 6m}";
}

impl Fault for CounterReset {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let from = r.deploy_at + r.duration("at", &self.at);
        let until = SimTime::NEVER;
        vec![Effect { from, until, what: Disturbance::Monitoring(MonitoringDisturbance::CounterReset) }]
    }
}
