//! Something a revision needs is missing in its configuration: environment variables, a file, a secret.
//!
//! Either the *new* revision needs what nobody has set, or the change has removed what the *old* one needs, so that a
//! rollback meets a configuration it does not know. The second is invisible while the release runs: processes that
//! started before have what they had ([`crate::world::conditions::environment`]). In July 2019 Stripe rolled code back under
//! a newer configuration and had a second outage of 93 minutes from it.
//!
//! Traps: with `at_start` a process that lacks it never runs, so a rollback that waits for its pods never ends; without,
//! it passes its health checks and fails requests. A way back to pods that were kept running never meets it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, Revision, WorldDisturbance};
use crate::rng::{Distribution, Ratio};
use crate::time::{SimDuration, SimTime};

/// Which revision lacks it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LackedBy {
    /// The new one: nobody has set what it needs.
    #[default]
    New,
    /// The old one and every older one: the change has removed what they need.
    Old,
}

/// A revision lacks something that it needs from its environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MissingEnv {
    /// Which revision lacks it.
    #[serde(default)]
    pub lacked_by: LackedBy,
    /// Share of the requests that fail in a process that lacks it.
    #[serde(default = "super::everything")]
    pub share: Distribution<Ratio>,
    /// Whether a process that lacks it exits as it starts, instead of failing requests.
    #[serde(default)]
    pub at_start: bool,
    /// Whether running processes read their configuration again; if not, only those that start later lack it.
    #[serde(default)]
    pub reloads: bool,
    /// When it goes missing, counted from the deploy.
    #[serde(default = "super::at_once")]
    pub after: Distribution<SimDuration>,
}

impl Entry for MissingEnv {
    const NAME: &'static str = "missing_env";
    const SUMMARY: &'static str =
        "the new revision, or the old one once it is rolled back to, lacks a variable that it needs";
    const EXAMPLE: &'static str = "missing_env: {lacked_by: old, share: 60%}";
}

impl Fault for MissingEnv {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let from = r.deploy_at + r.duration("after", &self.after);
        let revision = match self.lacked_by {
            LackedBy::New => Revision::Candidate,
            LackedBy::Old => Revision::Stable,
        };
        let share = r.share("share", &self.share);
        let (at_start, reloads) = (self.at_start, self.reloads);
        let what = WorldDisturbance::MissingEnv { revision, share, at_start, reloads };
        vec![Effect { from, until: SimTime::NEVER, what: Disturbance::World(what) }]
    }
}
