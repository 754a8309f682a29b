//! The new model is less often right, everywhere or for a part of the users only.
//!
//! It answers as fast as the old one, with status 200. Labels show it, as late as they come; what users say need not: a model
//! trained towards a proxy may please more and serve worse (OpenAI's update of GPT-4o in April 2025 was taken back after three
//! days because users complained, while thumbs and A/B tests had looked good).
//!
//! Traps: in one small segment a large fall is a small one of the total; a `drop` is in points of the accuracy, not a share
//! of it, and stops at zero. It needs a `model`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, Revision, WorldDisturbance};
use crate::rng::{Distribution, Ratio};
use crate::time::{SimDuration, SimTime};

/// The new model is less often right than the old one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorseModel {
    /// What its accuracy is lower by, in points.
    pub drop: Distribution<Ratio>,
    /// The segment in which it is; every one if absent.
    #[serde(default)]
    pub segment: Option<String>,
    /// What the share of good feedback is higher by, in points.
    #[serde(default = "super::nothing")]
    pub liked_more: Distribution<Ratio>,
    /// When it begins, counted from the deploy.
    #[serde(default = "super::at_once")]
    pub after: Distribution<SimDuration>,
}

impl Entry for WorseModel {
    const NAME: &'static str = "worse_model";
    const SUMMARY: &'static str =
        "the new model is less often right, everywhere or in one segment; users may like it more";
    const EXAMPLE: &'static str = "worse_model: {drop: {uniform: [2%, 10%]}, liked_more: 3%}";
}

impl Fault for WorseModel {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let from = r.deploy_at + r.duration("after", &self.after);
        let drop = r.share("drop", &self.drop);
        let liking = r.share("liked_more", &self.liked_more);
        let (revision, segment) = (Revision::Candidate, self.segment.clone());
        let what = WorldDisturbance::WorseModel { revision, drop, segment, liking };
        vec![Effect { from, until: SimTime::NEVER, what: Disturbance::World(what) }]
    }

    fn needs_model(&self) -> bool {
        true
    }

    fn segment(&self) -> Option<&str> {
        self.segment.as_deref()
    }
}
