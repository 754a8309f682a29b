//! The new revision is bad only for the users that a header or cookie rule can match.
//!
//! The cohort is that of `traffic.cohort`: beta testers, one country, one client version. Where the rollout sends just them to
//! the candidate, it looks worse than it is for everybody; where it splits by weight, it is diluted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, Revision, Whom, WorldDisturbance};
use crate::rng::{Distribution, Ratio};
use crate::time::{SimDuration, SimTime};

/// The new revision fails requests of the matching cohort only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CohortOnly {
    /// Share of the cohort's requests that fail beyond the background.
    pub share: Distribution<Ratio>,
    /// When it begins, counted from the deploy.
    #[serde(default = "super::at_once")]
    pub after: Distribution<SimDuration>,
}

impl Entry for CohortOnly {
    const NAME: &'static str = "cohort_only";
    const SUMMARY: &'static str = "the new revision fails requests of the matching cohort only";
    const EXAMPLE: &'static str = "cohort_only: {share: 60%}";
}

impl Fault for CohortOnly {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let from = r.deploy_at + r.duration("after", &self.after);
        let until = SimTime::NEVER;
        let share = r.share("share", &self.share);
        let (revision, whom) = (Revision::Candidate, Whom::Cohort);
        vec![Effect {
            from,
            until,
            what: Disturbance::World(WorldDisturbance::ErrorsFor { revision, share, whom }),
        }]
    }
}
