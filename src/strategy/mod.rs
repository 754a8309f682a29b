//! Rollouts as state machines: each looks at what a controller would see and says what to ask of the cluster next.
//!
//! A strategy advances by itself when its bake is over and nobody holds it; a policy can hold it, end a bake early,
//! or have it rolled back by a [procedure](crate::rollback). The strategy left to itself is the reference `never`.
//!
//! Traps: `next` is called on every change of the pods, not only when a timer is due, so every state must cope with
//! being asked twice; a hold that stands when the bake ends delays the advance until it is lifted, it does not
//! restart the bake (Flagger's does wait for the next tick, see [`flagger`]).

pub mod canary;
pub mod flagger;
pub mod rolling;
pub mod support;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::effect::{Action, RolloutView};
use crate::time::{SimDuration, SimTime};

/// Why a strategy or procedure is asked for its next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The revision was just deployed, or the procedure just begun.
    Start,
    /// The wake-up asked for has come, or pods or holds changed.
    Changed,
    /// A policy ends the present bake.
    Advance,
    /// A policy gives all traffic to the candidate now, whatever steps are left.
    Promote,
}

/// Where a rollout stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Progress {
    /// Steps are left.
    #[default]
    Running,
    /// The new revision has all traffic and is the stable one now.
    Promoted,
}

/// The answer of a strategy or a procedure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// What to do now, in order.
    pub actions: Vec<Action>,
    /// When to be asked again if nothing changes before.
    pub wake: Option<SimTime>,
    /// Where the rollout stands.
    pub progress: Progress,
}

/// What a rollout is doing, as its controller would report it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepStatus {
    /// Index of the step in the list the user wrote; engines count from 0.
    pub index: usize,
    /// What kind of step it is.
    pub kind: StepKind,
    /// When the step began.
    pub since: SimTime,
}

/// The kinds of steps policies can tell apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StepKind {
    /// Waiting for pods or weights.
    #[default]
    Progressing,
    /// Waiting for time to pass.
    Bake,
    /// Waiting for the analysis of this number (0 = first analysis step of the rollout).
    Analysis(usize),
    /// Waiting for a person.
    Pause,
    /// Copying the candidate into the primary and cleaning up.
    Promoting,
    /// Done.
    Done,
}

/// A running rollout.
pub trait Strategy: Send + Sync {
    /// What to do now. `view.hold` tells whether somebody asks not to advance.
    fn next(&mut self, signal: Signal, view: &RolloutView) -> Step;
    /// Whether, at this very moment, only a hold keeps the strategy from advancing (then branches whose policies
    /// disagree about holding must part).
    fn wants_to_advance(&self, view: &RolloutView) -> bool;
    /// What a controller would report.
    fn status(&self) -> StepStatus;
    /// A copy for another branch.
    fn boxed(&self) -> Box<dyn Strategy>;
}

impl Clone for Box<dyn Strategy> {
    fn clone(&self) -> Self {
        self.boxed()
    }
}

/// A rollout as it is written in a scenario, or as an importer makes it from a user's file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum StrategySpec {
    /// Weights in steps, by a router or by replica counts.
    Canary(canary::Canary),
    /// Pods replaced a few at a time.
    Rolling(rolling::Rolling),
    /// Flagger's canary: one step a tick, then a promotion by copying.
    Flagger(flagger::FlaggerCanary),
}

impl StrategySpec {
    /// The strategy, about to start.
    pub fn start(&self) -> Box<dyn Strategy> {
        match self {
            StrategySpec::Canary(spec) => Box::new(canary::Running::new(spec.clone())),
            StrategySpec::Rolling(spec) => Box::new(rolling::Running::new(*spec)),
            StrategySpec::Flagger(spec) => Box::new(flagger::Running::new(spec.clone())),
        }
    }

    /// How long the rollout takes at least when nothing goes wrong and pods start at once.
    pub fn shortest(&self) -> SimDuration {
        match self {
            StrategySpec::Canary(canary) => {
                canary.steps.iter().fold(SimDuration::ZERO, |sum, step| sum + step.bake)
            }
            // One tick to notice, one per weight, three to promote and clean up.
            StrategySpec::Flagger(flagger) => flagger.interval * (flagger.weights.len() as u64 + 4),
            StrategySpec::Rolling(_) => SimDuration::ZERO,
        }
    }
}
