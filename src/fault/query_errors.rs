//! Queries fail.
//!
//! All queries of one instant fail together, as they do when the query API is overloaded.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, MonitoringDisturbance};
use crate::rng::{Distribution, Ratio};
use crate::time::SimDuration;

/// A share of the instants has no answers to queries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryErrors {
    /// Share of the instants.
    pub share: Distribution<Ratio>,
    /// When it begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Distribution<SimDuration>,
}

impl Entry for QueryErrors {
    const NAME: &'static str = "query_errors";
    const SUMMARY: &'static str = "queries fail for a share of the instants";
    const EXAMPLE: &'static str = "query_errors: {share: 50%, at: 4m, for: 8m}";
}

impl Fault for QueryErrors {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let (from, until) = r.span(&self.at, &self.lasts);
        let share = r.share("share", &self.share);
        vec![Effect { from, until, what: Disturbance::Monitoring(MonitoringDisturbance::QueryErrors(share)) }]
    }
}
