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
pub mod registry_alias;
pub mod registry_stage_swap;
pub mod schema_down;
pub mod shadow_off;
pub mod support;
pub mod switch_back;
pub mod target;
pub mod terraform_reapply;
pub mod upstream_swap;
pub mod waves_back;
pub mod workflow;

use crate::effect::Routing;
use crate::strategy::model_registry::Names;
use crate::strategy::{StrategySpec, Undo};

pub use support::conditions::{Fallback, RollbackConditions};
pub use support::execution::{Ending, Execution, Order, StepLog};
pub use support::hands::Hands;
pub use support::lessons::Lessons;
pub use support::path::{DeployPath, OutOfReach};
pub use support::registry::Transition;
pub use support::services::Services;
pub use support::step::{Command, PlannedStep, StepKind};
pub use target::Brings;

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
    /// Whether it gets another model served where a registry says which.
    fn asks_registry(&self) -> bool {
        false
    }
    /// Of a registry of models: whether the promotion of the new version archived the old one.
    fn promotion_archived(&self) -> bool {
        true
    }
    /// Whether it does something to a database, and nothing where there is none.
    fn needs_database(&self) -> bool {
        false
    }
    /// What it brings when it means to bring a revision.
    fn brings(&self) -> Brings {
        Brings::Itself
    }
}

/// For procedures that have nothing but a router's weights to move traffic by.
fn needs_a_router(routing: Routing) -> Option<&'static str> {
    match routing {
        Routing::Weighted => None,
        Routing::Endpoints => Some("no router tells the old pods from the new ones"),
        Routing::Clients => Some("no router sends clients to a side: they look it up by themselves"),
        Routing::Registry => Some(NO_REGISTRY),
    }
}

/// For procedures that change a value which clients look up.
fn needs_clients_that_look(routing: Routing) -> Option<&'static str> {
    (routing != Routing::Clients).then_some("no client looks up where to go, neither by a name nor by a flag")
}

/// For procedures that call a registry of models.
fn needs_a_registry(routing: Routing) -> Option<&'static str> {
    (routing != Routing::Registry).then_some("no process looks up in a registry what to serve")
}

/// Why what asks no registry does nothing about a model that one names.
const NO_REGISTRY: &str = "the registry says which model is served, and this does not ask it";

/// For procedures that replace pods in place and know of no router.
fn needs_one_pool(routing: Routing) -> Option<&'static str> {
    routing.is_split().then_some("the two sides get shares of the traffic, which nothing here takes back")
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
        registry_stage_swap => registry_stage_swap::RegistryStageSwap,
        registry_alias => registry_alias::RegistryAlias,
        upstream_swap => upstream_swap::UpstreamSwap,
        group_rollback => group_rollback::GroupRollback,
        partial_rollback => partial_rollback::PartialRollback,
    }
}

impl ProcedureSpec {
    /// Why it cannot undo a rollout whose requests find pods like this; `None` if it can.
    pub fn why_not(&self, routing: Routing) -> Option<&'static str> {
        let procedure = self.as_dyn();
        let deaf = routing == Routing::Registry && !procedure.asks_registry();
        if deaf { Some(NO_REGISTRY) } else { procedure.why_not(routing) }
    }

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
            Undo::Upstream(drift) => ProcedureSpec::UpstreamSwap(upstream_swap::UpstreamSwap::undoing(drift)),
            Undo::Flag(ladder) => ProcedureSpec::FlagOff(flag_off::FlagOff::undoing(ladder)),
            Undo::Registry(rollout) => match rollout.mode {
                Names::Stages => ProcedureSpec::RegistryStageSwap(
                    registry_stage_swap::RegistryStageSwap::undoing(&rollout),
                ),
                Names::Alias => {
                    ProcedureSpec::RegistryAlias(registry_alias::RegistryAlias::undoing(&rollout))
                }
            },
            Undo::Shadow => ProcedureSpec::ShadowOff(shadow_off::ShadowOff::default()),
        }
    }
}
