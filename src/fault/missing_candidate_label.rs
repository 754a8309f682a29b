//! The candidate's request metrics are not told from others.
//!
//! The label that tells the revisions apart is missing or has the old value. Either the series of the candidate are absent, and a check that looks at it has no data;
//! or its requests are counted in the stable's series, and a check that looks at stable sees the candidate's errors.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, MonitoringDisturbance};
use crate::rng::Distribution;
use crate::time::SimDuration;

/// Where the requests of the candidate are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CountedAs {
    /// In no series.
    #[default]
    Nobody,
    /// In the series of the stable revision.
    Stable,
}

/// The candidate's request metrics are absent, or counted as the stable's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MissingCandidateLabel {
    /// Where its requests are counted: `nobody` (the default) or `stable`.
    #[serde(default)]
    pub counted_as: CountedAs,
    /// When it begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Distribution<SimDuration>,
}

impl Entry for MissingCandidateLabel {
    const NAME: &'static str = "missing_candidate_label";
    const SUMMARY: &'static str = "the candidate's request metrics are absent, or counted as the stable's";
    const EXAMPLE: &'static str = "missing_candidate_label: {counted_as: stable, at: 2m, for: 10m}";
}

impl Fault for MissingCandidateLabel {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let (from, until) = r.span(&self.at, &self.lasts);
        let as_stable = self.counted_as == CountedAs::Stable;
        vec![Effect {
            from,
            until,
            what: Disturbance::Monitoring(MonitoringDisturbance::CandidateUnlabelled { as_stable }),
        }]
    }
}
