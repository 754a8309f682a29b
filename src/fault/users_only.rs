//! The new revision is bad for some users only, always the same ones.
//!
//! An average over everybody hides it: a fault of 100 % for one user in fifty looks like 2 % errors, but these users have
//! nothing that works. Harm concentrates on them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, Revision, Whom, WorldDisturbance};
use crate::rng::{Distribution, Ratio};
use crate::time::{SimDuration, SimTime};

/// The new revision fails requests of a share of the users, always the same ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UsersOnly {
    /// Share of the users it concerns.
    pub users: Distribution<Ratio>,
    /// Share of their requests that fail beyond the background.
    #[serde(default = "super::everything")]
    pub share: Distribution<Ratio>,
    /// When it begins, counted from the deploy.
    #[serde(default = "super::at_once")]
    pub after: Distribution<SimDuration>,
}

impl Entry for UsersOnly {
    const NAME: &'static str = "users_only";
    const SUMMARY: &'static str =
        "the new revision fails requests of a share of the users, always the same ones";
    const EXAMPLE: &'static str = "users_only: {users: {uniform: [1%, 5%]}, share: 90%}";
}

impl Fault for UsersOnly {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let from = r.deploy_at + r.duration("after", &self.after);
        let until = SimTime::NEVER;
        let (users, share) = (r.share("users", &self.users), r.share("share", &self.share));
        let (revision, whom) = (Revision::Candidate, Whom::Users { share: users, salt: r.salt() });
        vec![Effect {
            from,
            until,
            what: Disturbance::World(WorldDisturbance::ErrorsFor { revision, share, whom }),
        }]
    }
}
