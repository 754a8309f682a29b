//! Monitoring sees nothing for a while.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, MonitoringDisturbance};
use crate::rng::Distribution;
use crate::time::SimDuration;

/// No scrape succeeds while it lasts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricGap {
    /// When it begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Distribution<SimDuration>,
}

impl Entry for MetricGap {
    const NAME: &'static str = "metric_gap";
    const SUMMARY: &'static str = "no scrape succeeds while it lasts";
    const EXAMPLE: &'static str = "metric_gap: {at: 4m, for: 2m}";
}

impl Fault for MetricGap {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let (from, until) = r.span(&self.at, &self.lasts);
        vec![Effect { from, until, what: Disturbance::Monitoring(MonitoringDisturbance::ScrapeGap) }]
    }
}
