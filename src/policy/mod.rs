//! Trigger policies: what watches a rollout and says whether to roll back.
//!
//! A policy sees [`Observation`]s only: the values of its queries over what monitoring had stored and made visible by
//! then, and what the cluster's API shows of the rollout. It never sees the world, the fault or the generators of
//! randomness. Each engine (Argo, Flagger, native triggers ...) is one file below this module.
//!
//! Traps: a policy is asked at the times it names itself ([`Policy::next_tick`]); it shares query values with every
//! other policy of its branch, so it must not assume that a query is evaluated for it alone. Comparisons are IEEE:
//! NaN is an answer, not an absence.

#[cfg(test)]
pub(crate) mod bench;

pub mod argo;
pub mod codedeploy;
pub mod facts;
pub mod flagger;
pub mod kayenta;
pub mod keptn;
pub mod loaded;
pub mod native;
pub mod observation;
pub mod process;
pub mod prometheus;
pub mod reference;
pub mod swarm;
pub mod verdict;

use std::sync::Arc;

use crate::strategy::StepStatus;
use crate::time::SimTime;

pub use facts::Facts;
pub use observation::{
    CheckOutcome, Notice, Observation, Queries, QueryError, RolloutStatus, Severity, Truth,
};
pub use verdict::Verdict;

/// What a policy is told when the rollout it watches begins.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// When the new revision was deployed.
    pub deploy_at: SimTime,
    /// A number in `[0, 1)` that fixes the phase of periodic evaluations; keyed by engine, namespace and name, so
    /// that variants of one file evaluate at the same instants.
    pub phase: f64,
    /// The last instant that will be simulated.
    pub end: SimTime,
    /// Whether the rollout under way is the one the policy's own file brought ([`loaded::Loaded::rollout`]). Engines
    /// that drive rollouts tick in step with them then: the first tick is the deploy, whatever the phase.
    pub own_rollout: bool,
}

/// Which run a policy watches: for messages about a policy that fails, never a ground for what it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunName {
    /// The scenario.
    pub scenario: Arc<str>,
    /// Number of the replication.
    pub replication: u32,
}

/// A trigger policy at work.
pub trait Policy: Send + Sync {
    /// Tells which run it is, before the start; see [`RunName`].
    fn placed(&mut self, _run: &RunName) {}
    /// Called once, at the deploy, before anything else.
    fn start(&mut self, start: &Start);
    /// When the policy wants to be asked next; [`SimTime::NEVER`] when it is finished.
    fn next_tick(&self) -> SimTime;
    /// Looks at the world as monitoring shows it and says what to do.
    fn observe(&mut self, observation: &mut Observation<'_>) -> Verdict;
    /// Tells an oracle what only it may know, before the first tick.
    fn inform(&mut self, _truth: &Truth) {}
    /// Tells that the rollout entered another step (engines that run an analysis per step start it here).
    fn on_step(&mut self, _step: &StepStatus, _now: SimTime) {}
    /// Tells that a rollback this policy asked for has ended (native policies may re-arm).
    fn on_rollback_end(&mut self, _now: SimTime) {}
    /// Whether [`Policy::on_rollback_end`] may give a policy that is finished another tick. Where nobody on a branch says
    /// so and all are finished, monitoring ends. Saying `true` needlessly costs time and changes nothing else.
    fn may_resume(&self) -> bool {
        true
    }
    /// The trigger of a policy that is, before its start, nothing but this one and is finished after its first decision;
    /// policies that share what they compare are accounted for together. `None` if there is no such trigger.
    fn only_trigger(&self) -> Option<Arc<native::TriggerDef>> {
        None
    }
    /// Why the answers of this policy, wherever it was played since it was loaded, cannot be used: its row is void then.
    /// Only policies that ask somebody else can have trouble.
    fn trouble(&self) -> Option<process::Trouble> {
        None
    }
    /// A copy for another branch or replication.
    fn boxed(&self) -> Box<dyn Policy>;
}

impl Clone for Box<dyn Policy> {
    fn clone(&self) -> Self {
        self.boxed()
    }
}
