//! Samples come late.
//!
//! A sample keeps the stamp of its scrape and can be seen only later: the newest values are missing from every window, and `rate()` over a short
//! one finds too few samples.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, MonitoringDisturbance};
use crate::rng::Distribution;
use crate::time::SimDuration;

/// Samples can be seen later than usual.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricLag {
    /// How much later.
    pub lag: Distribution<SimDuration>,
    /// When it begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Distribution<SimDuration>,
}

impl Entry for MetricLag {
    const NAME: &'static str = "metric_lag";
    const SUMMARY: &'static str = "samples can be seen later than usual";
    const EXAMPLE: &'static str = "metric_lag: {lag: 90s, at: 4m, for: 8m}";
}

impl Fault for MetricLag {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let (from, until) = r.span(&self.at, &self.lasts);
        let lag = r.duration("lag", &self.lag);
        vec![Effect { from, until, what: Disturbance::Monitoring(MonitoringDisturbance::ExtraLag(lag)) }]
    }
}
