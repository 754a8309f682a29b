//! The written rules of the crosses in `ways_back.rs`: what each kind of rollout leaves for a way back, what each
//! procedure can do, and which faults go with the pods of the new revision.
//!
//! A cell is not looked up anywhere: its outcome is composed of these three. Each table has one line a member, or one a
//! way to write it; a member of a catalogue without a line fails `every_member_has_its_line`.

use backout::rollback::ProcedureSpec;
use backout::strategy::StrategySpec;

use crate::studies;

/// How requests find the two sides of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sides {
    /// There is one pool of pods, and each gets its part.
    Pool,
    /// A router has weights for them.
    Router,
    /// Clients look up where to go.
    Lookup,
    /// Processes look up in a registry which model to serve.
    Registry,
}

/// What a rollout has left of the old side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Old {
    /// All its pods run.
    Stays,
    /// Not all of them.
    Goes,
    /// None of them, and the stable destination has pods of the new revision.
    CopiedOver,
}

/// A kind of rollout as written, how its sides are found, and what is left of the old one in its middle and after its end.
pub type Way = (&'static str, Sides, [Old; 2]);

use Old::{CopiedOver, Goes, Stays};
use Sides::{Lookup, Pool, Registry, Router};

/// One way to write each strategy, or two where they differ. All of them are in their middle at [`MIDDLE`] and over at [`LATE`].
///
/// [`MIDDLE`]: crate::ways_back::MIDDLE
/// [`LATE`]: crate::ways_back::LATE
pub const STRATEGIES: &[Way] = &[
    ("canary: {steps: [{weight: 50%, bake: 3m}]}", Router, [Stays, Goes]),
    ("canary: {traffic_routed: false, steps: [{weight: 50%, bake: 3m}]}", Pool, [Goes, Goes]),
    (
        "rolling: {bounds: {max_surge: {pods: 1}, max_unavailable: {pods: 0}, min_ready: 30s}}",
        Pool,
        [Goes, Goes],
    ),
    // The old pods go 30 s after the switch unless something else is said.
    ("blue_green: {pause: 30s, scale_down_delay: 2m}", Router, [Stays, Goes]),
    ("flagger: {interval: 1m, weights: [50%]}", Router, [Stays, CopiedOver]),
    ("recreate: {min_ready: 80s}", Pool, [Goes, Goes]),
    ("image_swap: {pull: 20s}", Pool, [Goes, Goes]),
    ("waves: {shares: [50%, 100%], bake: 2m}", Pool, [Goes, Goes]),
    ("dns_shift: {ttl: 60s, pause: 20s}", Lookup, [Stays, Stays]),
    // Both code paths are in the same processes, so no pod goes.
    ("feature_flag: {values: [50%, 100%], bake: 2m, poll: 10s}", Lookup, [Stays, Stays]),
    ("shadow: {for: 90s, then_switch: true}", Router, [Stays, Stays]),
    ("nginx_upstream: {pause: 90s}", Router, [Stays, Stays]),
    // The processes stay and load another model.
    ("model_registry: {pause: 5s, poll: 90s, load: 5s}", Registry, [Stays, Stays]),
];

/// What a procedure needs to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Anything,
    /// Sides that are found like this.
    Found(Sides),
    /// A database: there is none in these worlds, `migrations.rs` has them.
    Database,
    /// An alias in a registry of models: stages stand for both here, `models.rs` has them.
    Alias,
}

/// What a procedure does about a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Power {
    /// Pods of the old revision that are missing are started.
    pub starts: bool,
    /// Traffic is taken back from the other side.
    pub moves: bool,
    /// All other pods are stopped.
    pub stops: bool,
}

const fn power(starts: bool, moves: bool, stops: bool) -> Power {
    Power { starts, moves, stops }
}

/// It starts the pods it needs, moves traffic, and stops the others.
const WHOLE: Power = power(true, true, true);
/// The same, and stops nobody.
const STOPS_NOBODY: Power = power(true, true, false);
/// It moves traffic to where the old pods are, if they are.
const MOVES: Power = power(false, true, false);
/// The same, and stops the others.
const MOVES_AND_STOPS: Power = power(false, true, true);
/// Nothing, and reports success.
const NOTHING: Power = power(false, false, false);
/// It stops the release with traffic still on it.
const STOPS: Power = power(true, false, true);

/// A procedure as written, sound or flawed, what it needs, and what it does.
pub type Procedure = (&'static str, Needs, Power);

use Needs::{Anything, Database, Found};

/// Ways to write each procedure.
pub const PROCEDURES: &[Procedure] = &[
    ("flagger: {}", Found(Router), MOVES_AND_STOPS),
    ("argo_abort: {}", Found(Router), WHOLE),
    ("argo_abort: {traffic_routed: false}", Anything, WHOLE),
    ("kubectl_undo: {}", Anything, WHOLE),
    ("switch_back: {}", Found(Router), WHOLE),
    ("codedeploy: {}", Anything, WHOLE),
    ("codedeploy: {configuration: all_at_once}", Anything, WHOLE),
    ("compose_rollback: {}", Anything, WHOLE),
    ("compose_rollback: {parallelism: 0, order: start_first}", Anything, WHOLE),
    ("workflow: {approval: 30s}", Anything, WHOLE),
    ("load_balancer_switch: {}", Found(Router), STOPS_NOBODY),
    ("load_balancer_switch: {make_sure: false}", Found(Router), MOVES),
    ("terraform_reapply: {}", Anything, WHOLE),
    ("terraform_reapply: {old_configuration: false}", Anything, NOTHING),
    ("forward_fix: {takes: 30s, bad: 0%}", Anything, WHOLE),
    ("schema_down: {}", Database, WHOLE),
    ("database_rollback: {}", Database, WHOLE),
    ("emergency_restore: {}", Database, WHOLE),
    ("recreate_back: {}", Found(Pool), WHOLE),
    ("image_swap_back: {}", Found(Pool), WHOLE),
    ("image_swap_back: {stop_first: true, sleep: 20s}", Found(Pool), WHOLE),
    // Never ready, so nobody goes on.
    ("image_swap_back: {unrelated_image: true}", Found(Pool), NOTHING),
    // Called after everything was stopped, a person takes the right image.
    ("image_swap_back: {unrelated_image: true, stop_first: true, sleep: 20s}", Found(Pool), WHOLE),
    ("waves_back: {}", Anything, WHOLE),
    ("dns_back: {ttl: 30s}", Found(Lookup), WHOLE),
    ("flag_off: {poll: 10s}", Found(Lookup), MOVES),
    ("shadow_off: {}", Found(Router), WHOLE),
    ("upstream_swap: {}", Found(Router), WHOLE),
    ("upstream_swap: {make_sure: false, edit: both_lines, stops: false}", Found(Router), MOVES),
    ("upstream_swap: {test: swallowed, stops: false}", Found(Router), power(true, false, false)),
    // The port was that of the release: it stops what serves.
    ("upstream_swap: {edit: unchanged}", Found(Router), STOPS),
    // Of a change of one service both are what `kubectl_undo` is; `groups.rs` has those of several.
    ("group_rollback: {order: [shop]}", Anything, WHOLE),
    ("partial_rollback: {services: [shop]}", Anything, WHOLE),
    ("registry_stage_swap: {poll: 20s, load: 5s}", Found(Registry), MOVES),
    // Two in Production, of which the newer is served.
    (
        "registry_stage_swap: {calls: promote_first, dies: 100%, poll: 20s, load: 5s}",
        Found(Registry),
        NOTHING,
    ),
    ("registry_alias: {poll: 20s, load: 5s}", Needs::Alias, MOVES),
];

/// What becomes of a fault when no pod of the new revision serves any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is in the code, so it goes with its pods.
    WithTheCode,
    /// It is in the configuration around the code: pods of no revision are free of it.
    WithTheConfiguration,
}

/// Every fault of a change: its name, which stands for its example, or a way to write it.
pub const FAULTS: &[(&str, Fate)] = &[
    ("error_burst", Fate::WithTheCode),
    ("latency_regression", Fate::WithTheCode),
    ("crash_loop", Fate::WithTheCode),
    ("memory_leak", Fate::WithTheCode),
    ("cpu_burn", Fate::WithTheCode),
    ("failing_health_check", Fate::WithTheCode),
    // No pod is up in the middle: a start takes 100 s.
    ("slow_start: {factor: 20}", Fate::WithTheCode),
    ("overload_only", Fate::WithTheCode),
    ("users_only", Fate::WithTheCode),
    ("cohort_only", Fate::WithTheCode),
    ("flapping", Fate::WithTheCode),
    ("wrong_answers", Fate::WithTheCode),
    ("vulnerable_release", Fate::WithTheCode),
    ("new_cache_keys", Fate::WithTheCode),
    ("silent_corruption", Fate::WithTheCode),
    ("migration_trouble", Fate::WithTheCode),
    ("pool_size", Fate::WithTheConfiguration),
    ("autoscaler_limits", Fate::WithTheConfiguration),
    ("lb_health_check", Fate::WithTheConfiguration),
    ("incompatible_state", Fate::WithTheCode),
    ("missing_env", Fate::WithTheCode),
    ("client_cache", Fate::WithTheCode),
    ("worse_model", Fate::WithTheCode),
    ("prediction_shift", Fate::WithTheCode),
];

/// Procedures that put the old configuration back.
const CONFIGURE: &[&str] = &["terraform_reapply: {}", "forward_fix: {takes: 30s, bad: 0%}"];

/// Whether a procedure rids users of a fault of this kind, if it gets them to the old revision or a fix.
pub fn mends(fate: Fate, procedure: &Procedure) -> bool {
    fate == Fate::WithTheCode || CONFIGURE.contains(&procedure.0)
}

/// Part of the reason why a procedure cannot undo a rollout; `None` if it can.
pub fn undefined(way: &Way, procedure: &Procedure) -> Option<&'static str> {
    match procedure.1 {
        Needs::Anything | Needs::Found(Sides::Router | Sides::Pool | Sides::Lookup)
            if way.1 == Sides::Registry && name(procedure.0) != "forward_fix" =>
        {
            Some("the registry says")
        }
        Needs::Anything => None,
        Needs::Found(sides) if sides == way.1 => None,
        Needs::Found(Sides::Router) if way.1 == Sides::Pool => Some("no router tells"),
        Needs::Found(Sides::Router) => Some("no router sends clients"),
        Needs::Found(Sides::Lookup) => Some("no client looks up"),
        Needs::Found(Sides::Pool) => Some("shares of the traffic"),
        Needs::Found(Sides::Registry) => Some("no process looks up in a registry"),
        Needs::Database | Needs::Alias => Some("there is none"),
    }
}

/// Whether users are on pods of the old revision in the end, all of them there, and no others in their way.
///
/// Pods that are missing must be started. Traffic of a side that has a share must be taken back, by whatever gave it; in one
/// pool a share goes with the pods, so the others must be stopped; where the old side stands by, stopping the release is
/// enough, whatever a configuration says. Where the stable destination has pods of the
/// new revision, these must be stopped too. Flagger's own undoes a promoted primary like any Deployment.
pub fn helps(way: &Way, procedure: &Procedure, late: bool) -> bool {
    helps_from(way, procedure, late, is_untouched(way, late))
}

/// The same in the middle of a rollout with this fault: with pods that are not up yet, no split has begun.
pub fn helps_with(way: &Way, fault: &str, procedure: &Procedure) -> bool {
    let waits = name(fault) == "slow_start" && way.1 != Sides::Pool;
    helps_from(way, procedure, false, waits || is_untouched(way, false))
}

fn helps_from(way: &Way, procedure: &Procedure, late: bool, untouched: bool) -> bool {
    let &(_, sides, old) = way;
    let old = old[usize::from(late)];
    let &(text, _, power) = procedure;
    if old == Old::CopiedOver && text.starts_with("flagger") {
        return true;
    }
    let all_there = old == Old::Stays || power.starts;
    let led_there = match sides {
        Sides::Pool => power.stops,
        Sides::Router if has_backup(way) => power.moves || power.stops || untouched,
        Sides::Router | Sides::Lookup | Sides::Registry => power.moves || untouched,
    };
    let alone = old != Old::CopiedOver || power.stops;
    all_there && led_there && alone
}

/// Whether nobody has to be taken back from the candidate destination: no user was sent there so far, or Flagger has copied
/// the revision over and sent everybody to the stable destination.
fn is_untouched(way: &Way, late: bool) -> bool {
    let waits = ["shadow", "nginx_upstream"].iter().any(|name| way.0.starts_with(name));
    (waits && !late) || way.2[usize::from(late)] == Old::CopiedOver
}

/// Whether the old side gets what the new one does not take.
fn has_backup(way: &Way) -> bool {
    way.0.starts_with("nginx_upstream")
}

/// Whether a procedure has nothing to do in the worlds of the crosses.
pub fn is_played_elsewhere(procedure: &Procedure) -> bool {
    matches!(procedure.1, Needs::Database | Needs::Alias)
}

/// The name of the member that a text writes.
pub fn name(text: &str) -> &str {
    text.split(':').next().unwrap_or(text)
}

/// A strategy as written.
pub fn strategy(way: &Way) -> StrategySpec {
    studies::yaml(way.0)
}

/// A procedure as written.
pub fn procedure(procedure: &Procedure) -> ProcedureSpec {
    studies::yaml(procedure.0)
}
