//! The inputs are no longer like those the models were trained on: another season, another kind of customer.
//!
//! Every version is right less often, the share of positive requests moves, and the drift of the watched feature rises. All
//! of it happens in both twins and without any deploy, so it is no harm of a release, and a rollback helps nothing.
//!
//! Traps: an index above 0.1 is commonly called a moderate and above 0.25 a large change (rules of thumb from credit scoring);
//! with few predictions the index is large by chance. It needs a `model`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::WorldDisturbance;
use crate::rng::{Distribution, Ratio};
use crate::time::SimDuration;

/// The inputs drift away from those of the training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputDrift {
    /// Population stability index of the watched feature, in percent: 25% is 0.25.
    pub psi: Distribution<Ratio>,
    /// What it takes off the accuracy of every version, in points.
    #[serde(default = "super::nothing")]
    pub drop: Distribution<Ratio>,
    /// What it adds to the share of requests whose truth is positive, in points.
    #[serde(default = "super::nothing")]
    pub positives: Distribution<Ratio>,
    /// When it begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Distribution<SimDuration>,
}

impl Entry for InputDrift {
    const NAME: &'static str = "input_drift";
    const SUMMARY: &'static str =
        "the inputs of the model drift: every version is right less often, and a rollback helps nothing";
    const EXAMPLE: &'static str = "input_drift: {psi: 30%, drop: 6%, positives: 3%, at: 5m, for: 30m}";
}

impl Fault for InputDrift {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        r.timed(&self.at, &self.lasts, |r| WorldDisturbance::InputDrift {
            psi: r.share("psi", &self.psi).get(),
            drop: r.share("drop", &self.drop),
            positives: r.share("positives", &self.positives),
        })
    }

    fn needs_model(&self) -> bool {
        true
    }
}
