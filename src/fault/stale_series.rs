//! Exporters repeat old values.
//!
//! Scrapes succeed and everything they show is as it was when it began: counters stand still, so rates fall to zero and ratios lose their
//! value, and the pods that came or went meanwhile are not seen. `up` stays 1.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, MonitoringDisturbance};
use crate::rng::Distribution;
use crate::time::SimDuration;

/// Scrapes repeat the values of the last one before it began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StaleSeries {
    /// When it begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Distribution<SimDuration>,
}

impl Entry for StaleSeries {
    const NAME: &'static str = "stale_series";
    const SUMMARY: &'static str = "scrapes succeed and repeat old values";
    const EXAMPLE: &'static str = "stale_series: {at: 4m, for: 5m}";
}

impl Fault for StaleSeries {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let (from, until) = r.span(&self.at, &self.lasts);
        vec![Effect { from, until, what: Disturbance::Monitoring(MonitoringDisturbance::StaleSeries) }]
    }
}
