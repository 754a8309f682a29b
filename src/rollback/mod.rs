//! Rollbacks as procedures: step by step, able to be slow, to fail and to have nothing to go back to.
//!
//! A procedure speaks [actions](crate::effect::Action) to the cluster, as a strategy does, and is asked again whenever pods or weights
//! change. Each step has a name, a moment at which its command goes out, and a condition that ends it.
//!
//! Traps: a weight flip is instantaneous only while the old pods still run; after the promotion every procedure must
//! start them again first. `restored` (traffic and capacity as before) is a fact of the world and stamped by the
//! replication, not here; `verified` exists only where somebody looks.

pub mod argo_abort;

pub mod flagger;
pub mod kubectl_undo;
pub mod support;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quantity::Ratio;
use crate::strategy::StrategySpec;
use crate::time::SimDuration;

pub use support::execution::{Execution, StepLog};

/// A rollback procedure as a scenario names it or an engine implies it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ProcedureSpec {
    /// Flagger: weight to zero in one go, canary scaled to zero.
    Flagger(flagger::FlaggerRollback),
    /// Argo Rollouts: abort.
    ArgoAbort(argo_abort::ArgoAbort),
    /// `kubectl rollout undo`: a rolling update back to the previous revision.
    KubectlUndo(kubectl_undo::KubectlUndo),
}

impl ProcedureSpec {
    /// What rolls a strategy back when nobody says otherwise.
    pub fn default_for(strategy: &StrategySpec) -> Self {
        match strategy {
            StrategySpec::Flagger(_) => ProcedureSpec::Flagger(flagger::FlaggerRollback::default()),
            StrategySpec::Canary(canary) => ProcedureSpec::ArgoAbort(argo_abort::ArgoAbort {
                traffic_routed: canary.traffic_routed,
                bounds: canary.bounds,
                ..argo_abort::ArgoAbort::default()
            }),
            StrategySpec::Rolling(rolling) => ProcedureSpec::KubectlUndo(kubectl_undo::KubectlUndo {
                bounds: rolling.bounds,
                ..Default::default()
            }),
        }
    }

    /// Its name in files and records.
    pub fn name(&self) -> &'static str {
        match self {
            ProcedureSpec::Flagger(_) => "flagger",
            ProcedureSpec::ArgoAbort(_) => "argo_abort",
            ProcedureSpec::KubectlUndo(_) => "kubectl_undo",
        }
    }

    fn plan(&self) -> Vec<PlannedStep> {
        match self {
            ProcedureSpec::Flagger(spec) => spec.plan(),
            ProcedureSpec::ArgoAbort(spec) => spec.plan(),
            ProcedureSpec::KubectlUndo(spec) => spec.plan(),
        }
    }
}

/// What makes rollbacks of a scenario go differently from the book.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RollbackConditions {
    /// Chance that the command of a step fails.
    pub step_fails: Ratio,
    /// Multiplier of the time commands take.
    pub slower: f64,
    /// There is no previous revision to go back to.
    pub no_target: bool,
    /// How long until a person repeats a failed command that no controller repeats.
    pub person_after: SimDuration,
}

impl Default for RollbackConditions {
    fn default() -> Self {
        RollbackConditions {
            step_fails: Ratio::ZERO,
            slower: 1.0,
            no_target: false,
            person_after: SimDuration::from_mins(10),
        }
    }
}

/// One step of a procedure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlannedStep {
    /// What it is called in reports.
    pub name: &'static str,
    /// Time from the end of the previous step until its command goes out.
    pub command: SimDuration,
    /// What it does and when it is over.
    pub what: StepKind,
    /// After a failure the controller tries again by itself after this long; `None` = a person must.
    pub retry: Option<SimDuration>,
}

/// What a step does and when it is over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StepKind {
    /// Start the old pods that are missing; over when all of them are ready.
    RestoreCapacity,
    /// All traffic to the stable destination; over when the command is out.
    FlipWeight,
    /// Replace the new pods by old ones within the bounds; over when that is done.
    RollBack(crate::strategy::support::replicas::Bounds),
    /// Stop the pods of the new revision; over when they are gone.
    ScaleDown,
    /// Look whether it helped; over when the old pods are ready and no traffic reaches the new revision.
    Verify,
}
