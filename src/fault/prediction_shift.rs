//! The new model says "positive" too often, or not often enough.
//!
//! A fraud model that raises more alarms blocks honest customers; one that misses more lets fraud through. The share of
//! positive predictions shows it at once, long before any label says who was right. A wrong answer harms only where the old
//! model was right.
//!
//! Traps: the share moves with the inputs too (`input_drift`), for every version alike; where positives are rare, a small share
//! of false alarms multiplies the alarms. It needs a `model`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, Revision, WorldDisturbance};
use crate::rng::{Distribution, Ratio};
use crate::time::{SimDuration, SimTime};

/// The new model predicts one of the classes too often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PredictionShift {
    /// Share of what would be predicted negative that is predicted positive.
    #[serde(default = "super::nothing")]
    pub false_alarms: Distribution<Ratio>,
    /// Share of what would be predicted positive that is predicted negative.
    #[serde(default = "super::nothing")]
    pub missed: Distribution<Ratio>,
    /// When it begins, counted from the deploy.
    #[serde(default = "super::at_once")]
    pub after: Distribution<SimDuration>,
}

impl Entry for PredictionShift {
    const NAME: &'static str = "prediction_shift";
    const SUMMARY: &'static str = "the new model raises more false alarms, or misses more";
    const EXAMPLE: &'static str = "prediction_shift: {false_alarms: {uniform: [1%, 5%]}}";
}

impl Fault for PredictionShift {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let from = r.deploy_at + r.duration("after", &self.after);
        let false_alarms = r.share("false_alarms", &self.false_alarms);
        let missed = r.share("missed", &self.missed);
        let revision = Revision::Candidate;
        let what = WorldDisturbance::PredictionShift { revision, false_alarms, missed };
        vec![Effect { from, until: SimTime::NEVER, what: Disturbance::World(what) }]
    }

    fn needs_model(&self) -> bool {
        true
    }
}
