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
pub mod switch_back;

use crate::quantity::Ratio;
use crate::strategy::{StrategySpec, Undo};
use crate::time::SimDuration;

pub use support::execution::{Execution, StepLog};

/// A way to roll back, with its parameters.
pub trait Procedure: Send + Sync {
    /// Its steps, in order.
    fn plan(&self) -> Vec<PlannedStep>;
}

crate::catalogue! {
    /// A rollback procedure as a scenario names it or an engine implies it.
    pub enum ProcedureSpec: Procedure {
        flagger => flagger::Flagger,
        argo_abort => argo_abort::ArgoAbort,
        kubectl_undo => kubectl_undo::KubectlUndo,
        switch_back => switch_back::SwitchBack,
    }
}

impl ProcedureSpec {
    /// What rolls a strategy back when nobody says otherwise.
    pub fn default_for(strategy: &StrategySpec) -> Self {
        match strategy.as_dyn().undo() {
            Undo::Flagger => ProcedureSpec::Flagger(flagger::Flagger::default()),
            Undo::ArgoAbort { traffic_routed, bounds, dynamic_stable_scale } => {
                ProcedureSpec::ArgoAbort(argo_abort::ArgoAbort {
                    traffic_routed,
                    bounds,
                    dynamic_stable_scale,
                    ..argo_abort::ArgoAbort::default()
                })
            }
            Undo::SwitchBack => ProcedureSpec::SwitchBack(switch_back::SwitchBack::default()),
            Undo::RollingUpdate(bounds) => {
                ProcedureSpec::KubectlUndo(kubectl_undo::KubectlUndo { bounds, ..Default::default() })
            }
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
    /// Start the old pods that are missing and hand traffic back as fast as they become available; over when the
    /// stable destination has all of it.
    WalkWeightBack,
    /// Replace the new pods by old ones within the bounds; over when that is done.
    RollBack(crate::strategy::support::replicas::Bounds),
    /// Stop the pods of the new revision; over when they are gone.
    ScaleDown,
    /// Look whether it helped; over when the old pods are ready and no traffic reaches the new revision.
    Verify,
}
