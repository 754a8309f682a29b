//! The new revision is bad only under load.
//!
//! A canary of a few percent never gets there; the promoted release does. The load is that of a pod: at request level its
//! requests of the last ten seconds or so, at flow level what it gets on average.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, Revision, WorldDisturbance};
use crate::quantity::Rate;
use crate::rng::{Distribution, Ratio};
use crate::time::{SimDuration, SimTime};

/// The new revision fails requests only in pods that get more than so many per second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OverloadOnly {
    /// Share of requests that fail beyond the background while a pod is above.
    pub share: Distribution<Ratio>,
    /// Requests per second and pod from which on it fails.
    pub above: Rate,
    /// When it begins, counted from the deploy.
    #[serde(default = "super::at_once")]
    pub after: Distribution<SimDuration>,
}

impl Entry for OverloadOnly {
    const NAME: &'static str = "overload_only";
    const SUMMARY: &'static str =
        "the new revision fails requests only in pods that get more than so many per second";
    const EXAMPLE: &'static str = "overload_only: {share: 20%, above: 15/s}";
}

impl Fault for OverloadOnly {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let from = r.deploy_at + r.duration("after", &self.after);
        let until = SimTime::NEVER;
        let share = r.share("share", &self.share);
        let (revision, load) = (Revision::Candidate, self.above.get());
        vec![Effect {
            from,
            until,
            what: Disturbance::World(WorldDisturbance::ErrorsAbove { revision, share, load }),
        }]
    }
}
