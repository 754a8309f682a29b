//! What a command is going to do, with everything looked up.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::args::{RolloutFrom, Twin};
use crate::diagnostic::Diagnostics;
use crate::policy::loaded::Loaded;
use crate::scenario::Scenario;

/// A scenario with the word that names it in replay commands.
#[derive(Clone, Debug)]
pub struct PlannedScenario {
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// What to write on the command line to get it.
    pub source: String,
}

/// What `score` plays.
pub struct StudyPlan {
    /// The scenarios, in order.
    pub scenarios: Vec<PlannedScenario>,
    /// The policies, in order.
    pub policies: Vec<Loaded>,
    /// What the rules about policy files found in them.
    pub findings: Diagnostics,
    /// Seed of all randomness.
    pub seed: u64,
    /// Replications of each scenario; the default depends on its fidelity.
    pub replications: Option<u32>,
    /// Threads.
    pub jobs: NonZeroUsize,
    /// Whose rollout is played.
    pub rollout: RolloutFrom,
    /// Whether a query that can never find a series is played anyway.
    pub allow_missing: bool,
}

/// What `run` plays.
pub struct RunPlan {
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// The policies, in order.
    pub policies: Vec<Loaded>,
    /// Seed of all randomness.
    pub seed: u64,
    /// Number of the replication.
    pub replication: u32,
    /// Which release is shown.
    pub twin: Twin,
    /// Whose rollout is played.
    pub rollout: RolloutFrom,
    /// Whether a query that can never find a series is played anyway.
    pub allow_missing: bool,
}
