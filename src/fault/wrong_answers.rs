//! The new revision answers wrongly, with status 200.
//!
//! Nothing that counts codes or times sees it; only something that looks at the answers could. A wrong answer costs three
//! failed requests in the default price list.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, Revision, WorldDisturbance};
use crate::rng::{Distribution, Ratio};
use crate::time::{SimDuration, SimTime};

/// A share of the good answers of the new revision is wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WrongAnswers {
    /// Share of its good answers that are wrong.
    pub share: Distribution<Ratio>,
    /// When it begins, counted from the deploy.
    #[serde(default = "super::at_once")]
    pub after: Distribution<SimDuration>,
}

impl Entry for WrongAnswers {
    const NAME: &'static str = "wrong_answers";
    const SUMMARY: &'static str = "a share of the good answers of the new revision is wrong, with status 200";
    const EXAMPLE: &'static str = "wrong_answers: {share: {uniform: [0.5%, 5%]}}";
}

impl Fault for WrongAnswers {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let from = r.deploy_at + r.duration("after", &self.after);
        let until = SimTime::NEVER;
        let share = r.share("share", &self.share);
        let revision = Revision::Candidate;
        vec![Effect { from, until, what: Disturbance::World(WorldDisturbance::Wrong { revision, share }) }]
    }
}
