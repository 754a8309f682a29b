//! Rollouts as state machines: each looks at what a controller would see and says what to ask of the cluster next.
//!
//! A strategy advances by itself when its bake is over and nobody holds it; a policy can hold it, end a bake early,
//! or have it rolled back by a [procedure](crate::rollback). The strategy left to itself is the reference `never`.
//!
//! Traps: `next` is called on every change of the pods, not only when a timer is due, so every state must cope with
//! being asked twice; a hold that stands when the bake ends delays the advance until it is lifted, it does not
//! restart the bake (Flagger's does wait for the next tick, see [`flagger`]).

pub mod blue_green;
pub mod canary;
pub mod dns_shift;
pub mod feature_flag;
pub mod flagger;
pub mod image_swap;
pub mod model_registry;
pub mod nginx_upstream;
pub mod recreate;
pub mod rolling;
pub mod shadow;
pub mod support;
pub mod waves;

use crate::effect::{Action, RolloutView, Routing};
use crate::rng::Key;
use crate::time::{SimDuration, SimTime};
use support::drift::{Drift, Ladder};
use support::replicas::Bounds;

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
    /// Another revision was deployed in mid-rollout: at its next tick the rollout begins again.
    Superseded,
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

/// How the old revision comes back when nobody says otherwise.
#[derive(Clone, Debug, PartialEq)]
pub enum Undo {
    /// As Flagger does it.
    Flagger,
    /// As Argo Rollouts' abort: by the router, or else by a rolling update back within the bounds.
    ArgoAbort {
        /// Whether a router splits the traffic.
        traffic_routed: bool,
        /// Bounds of the rolling update back.
        bounds: Bounds,
        /// Whether the stable set gave up pods as it gave up traffic: they must start before they carry it again.
        dynamic_stable_scale: bool,
    },
    /// As Argo's abort of a blue-green rollout: the active service back to the old pods.
    SwitchBack,
    /// As `kubectl rollout undo`: a rolling update back within the bounds.
    RollingUpdate(Bounds),
    /// As the undo of a Deployment that is recreated: all pods stop, then the old revision's start.
    Recreate,
    /// As a script that runs containers by hand: the previous image beside the running one, then the switch.
    ImageSwap,
    /// As another update of the hosts, all at once within the bounds.
    Waves(Bounds),
    /// By the record of a name: clients come back as their caches run out.
    Dns(Drift),
    /// By the configuration of an nginx: clients come back as old workers end.
    Upstream(Drift),
    /// By a flag: clients come back as they ask for it.
    Flag(Ladder),
    /// By the registry naming the old version again.
    Registry(model_registry::ModelRegistry),
    /// By ending the copies; users never went anywhere, or go back by the router.
    Shadow,
}

/// Something in a rollout's parameters that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    /// Where, from the strategy's own parameters on: `["steps", "2", "weight"]`.
    pub path: Vec<String>,
    /// What is wrong.
    pub fact: String,
    /// What to write instead.
    pub help: String,
}

/// A kind of rollout with its parameters.
pub trait Rollout: Send + Sync {
    /// The strategy, about to start.
    fn start(&self) -> Box<dyn Strategy>;
    /// The same where chance decides how long something takes; `key` is the replication's, so that both twins and all
    /// branches have the same luck.
    fn start_keyed(&self, _key: Key) -> Box<dyn Strategy> {
        self.start()
    }
    /// How long a pod must be ready to count as available.
    fn min_ready(&self) -> SimDuration {
        SimDuration::ZERO
    }
    /// Whether the candidate's pods are a workload of their own, so that an autoscaler of the service has a copy for
    /// each side; else one number of replicas covers both.
    fn has_own_workload(&self) -> bool {
        false
    }
    /// How requests find pods while it lasts.
    fn routing(&self) -> Routing {
        Routing::Weighted
    }
    /// How long it takes at least when nothing goes wrong and pods start at once.
    fn shortest(&self) -> SimDuration {
        SimDuration::ZERO
    }
    /// How the old revision comes back.
    fn undo(&self) -> Undo {
        Undo::ArgoAbort { traffic_routed: true, bounds: Bounds::default(), dynamic_stable_scale: false }
    }
    /// What cannot be meant in its parameters.
    fn objections(&self) -> Vec<Objection> {
        Vec::new()
    }
}

crate::catalogue! {
    /// A rollout as it is written in a scenario, or as an importer makes it from a user's file.
    pub enum StrategySpec: Rollout {
        canary => canary::Canary,
        rolling => rolling::Rolling,
        blue_green => blue_green::BlueGreen,
        flagger => flagger::Flagger,
        recreate => recreate::Recreate,
        image_swap => image_swap::ImageSwap,
        waves => waves::Waves,
        dns_shift => dns_shift::DnsShift,
        feature_flag => feature_flag::FeatureFlag,
        shadow => shadow::Shadow,
        model_registry => model_registry::ModelRegistry,
        nginx_upstream => nginx_upstream::NginxUpstream,
    }
}
