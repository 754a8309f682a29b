//! The migration goes worse than it was tried: statements take longer, and may fail in the middle.
//!
//! Staging has a hundredth of the rows and nobody who holds a lock; production has both. It needs a `database` and a
//! `migration`. The healthy twin has the same migration as planned.
//!
//! Trap: it acts on steps that begin while it lasts, also on those of a rollback.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, WorldDisturbance};
use crate::rng::{Distribution, Ratio};
use crate::time::{SimDuration, SimTime};

/// Steps of the migration take longer than planned, or fail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MigrationTrouble {
    /// Multiplier of the duration of each step.
    #[serde(default = "as_planned")]
    pub slower: Distribution<f64>,
    /// Chance that a step fails in the middle.
    #[serde(default = "never")]
    pub fails: Distribution<Ratio>,
    /// When it begins, counted from the deploy.
    #[serde(default = "super::at_once")]
    pub after: Distribution<SimDuration>,
}

fn as_planned() -> Distribution<f64> {
    Distribution::certain(1.0)
}

fn never() -> Distribution<Ratio> {
    Distribution::certain(0.0)
}

impl Entry for MigrationTrouble {
    const NAME: &'static str = "migration_trouble";
    const SUMMARY: &'static str = "steps of the migration take longer than planned, or fail in the middle";
    const EXAMPLE: &'static str = "migration_trouble: {slower: {uniform: [10, 30]}, fails: 5%}";
}

impl Fault for MigrationTrouble {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let from = r.deploy_at + r.duration("after", &self.after);
        let slower = r.number("slower", &self.slower).max(0.0);
        let what = WorldDisturbance::Migration { slower, fails: r.share("fails", &self.fails) };
        vec![Effect { from, until: SimTime::NEVER, what: Disturbance::World(what) }]
    }

    fn needs_database(&self) -> bool {
        true
    }
}
