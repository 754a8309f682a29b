//! Rollbacks as procedures: step by step, able to be slow, to fail and to have nothing to go back to.
//!
//! Which revision it goes to is a [rule](target) of its own; what its commands really do can be [spoiled](defect);
//! whether it helped is [checked](check), or not. What follows a failure is a list of [`Fallback`]s.
//!
//! A procedure speaks [actions](crate::effect::Action) to the cluster, as a strategy does, and is asked again whenever pods or weights
//! change. Each step has a name, a moment at which its command goes out, and a condition that ends it.
//!
//! Traps: a weight flip is instantaneous only while the old pods still run; after the promotion every procedure must
//! start them again first. `restored` (traffic and capacity as before) is a fact of the world and stamped by the
//! replication, not here; `verified` exists only where somebody looks.

pub mod argo_abort;
pub mod check;
pub mod codedeploy;
pub mod compose_rollback;
pub mod database_rollback;
pub mod defect;
pub mod dns_back;
pub mod emergency_restore;
pub mod flag_off;
pub mod flagger;
pub mod forward_fix;
pub mod group_rollback;
pub mod image_swap_back;
pub mod kubectl_undo;
pub mod load_balancer_switch;
pub mod partial_rollback;
pub mod recreate_back;
pub mod schema_down;
pub mod shadow_off;
pub mod support;
pub mod switch_back;
pub mod target;
pub mod terraform_reapply;
pub mod waves_back;
pub mod workflow;

use crate::effect::Routing;
use crate::strategy::{StrategySpec, Undo};

pub use support::conditions::{Fallback, RollbackConditions};
pub use support::execution::{Ending, Execution, Order, StepLog};
pub use support::hands::Hands;
pub use support::services::Services;
pub use support::step::{Command, PlannedStep, StepKind};

/// A way to roll back, with its parameters.
pub trait Procedure: Send + Sync {
    /// Its steps, in order; `services` are those of the world.
    fn plan(&self, services: &Services) -> Vec<PlannedStep>;
    /// The services it names, with their field; `None` if it acts on the target, whichever that is.
    fn services(&self) -> Option<(&'static str, &[String])> {
        None
    }
    /// Whether it has to name every service of the change.
    fn takes_all(&self) -> bool {
        false
    }
    /// Why it cannot undo a rollout whose requests find their pods like this; `None` if it can.
    fn why_not(&self, _routing: Routing) -> Option<&'static str> {
        None
    }
}

/// For procedures that do nothing but move traffic between destinations.
fn needs_a_router(routing: Routing) -> Option<&'static str> {
    (routing == Routing::Endpoints).then_some("no router tells the old pods from the new ones")
}

crate::catalogue! {
    /// A rollback procedure as a scenario names it or an engine implies it.
    pub enum ProcedureSpec: Procedure {
        flagger => flagger::Flagger,
        argo_abort => argo_abort::ArgoAbort,
        kubectl_undo => kubectl_undo::KubectlUndo,
        switch_back => switch_back::SwitchBack,
        codedeploy => codedeploy::Codedeploy,
        compose_rollback => compose_rollback::ComposeRollback,
        workflow => workflow::Workflow,
        load_balancer_switch => load_balancer_switch::LoadBalancerSwitch,
        terraform_reapply => terraform_reapply::TerraformReapply,
        forward_fix => forward_fix::ForwardFix,
        schema_down => schema_down::SchemaDown,
        database_rollback => database_rollback::DatabaseRollback,
        emergency_restore => emergency_restore::EmergencyRestore,
        recreate_back => recreate_back::RecreateBack,
        image_swap_back => image_swap_back::ImageSwapBack,
        waves_back => waves_back::WavesBack,
        dns_back => dns_back::DnsBack,
        flag_off => flag_off::FlagOff,
        shadow_off => shadow_off::ShadowOff,
        group_rollback => group_rollback::GroupRollback,
        partial_rollback => partial_rollback::PartialRollback,
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
            Undo::Recreate => ProcedureSpec::RecreateBack(recreate_back::RecreateBack::default()),
            Undo::ImageSwap => ProcedureSpec::ImageSwapBack(image_swap_back::ImageSwapBack::default()),
            Undo::Waves(bounds) => {
                ProcedureSpec::WavesBack(waves_back::WavesBack { bounds, ..Default::default() })
            }
            Undo::Dns(drift) => ProcedureSpec::DnsBack(dns_back::DnsBack::undoing(drift)),
            Undo::Flag(ladder) => ProcedureSpec::FlagOff(flag_off::FlagOff::undoing(ladder)),
            Undo::Shadow => ProcedureSpec::ShadowOff(shadow_off::ShadowOff::default()),
        }
    }
}
