//! The scenario file as it is written, before any name is looked up.
//!
//! Every key that may be left out has a default here, and the doc comments are the reference page: the JSON schema
//! and the listings are made from them. Durations carry units (`90s`, `1h30m`), shares a `%`, rates a period
//! (`300/s`). A field of type *distribution* on a service is drawn per event; on a fault it is drawn once per
//! replication, keyed by its path in the document.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::database::Database;
use super::group::{Also, Skew};
use super::history::HistoryDocument;
use super::migrations::Migration;
use super::model::Model;
use super::noise::NoisePreset;
use super::protection::{
    Breaker, Budget, Cache, Ejection, Growth, Jitter, OnFailure, Order, Pool, Sessions, Shed, StopAbove,
    Throttle,
};
use super::rehearsal::RehearsalDocument;
use super::resources::{Autoscaler, Cpu, Memory, WarmUp};
use super::shapes::TrafficShape;
use crate::fault::{ConfounderSpec, FaultSpec, SurroundingSpec};
use crate::people::People;
use crate::policy::Facts;
use crate::quantity::{Rate, Ratio};
use crate::rng::{Cycle, Distribution, Quick, Spikes};
use crate::rollback::check::CheckSpec;
use crate::rollback::defect::DefectSpec;
use crate::rollback::forward_fix::ForwardFix;
use crate::rollback::target::TargetSpec;
use crate::rollback::{Fallback, OutOfReach, ProcedureSpec};
use crate::strategy::StrategySpec;
use crate::telemetry::dialect::Dialect;
use crate::time::SimDuration;

/// The version of the file format.
pub const FORMAT: u32 = 1;

/// A scenario file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "backout scenario")]
pub struct Document {
    /// Version of the format: 1.
    pub format: u32,
    /// One line on what happens.
    #[serde(default)]
    pub summary: String,
    /// Time played before the deploy, so that counters and windows are full when it comes.
    #[serde(default = "ten_minutes")]
    pub warm_up: SimDuration,
    /// Time a release is followed, from the deploy.
    #[serde(default = "one_hour")]
    pub horizon: SimDuration,
    /// Follow-up after the first harm; the horizon is extended if need be.
    #[serde(default = "half_an_hour")]
    pub watch: SimDuration,
    /// How requests are played.
    #[serde(default)]
    pub fidelity: Fidelity,
    /// Weight of this file among the files of its folder in pooled scores.
    #[serde(default = "one")]
    pub weight: f64,
    /// The services, by name.
    pub services: BTreeMap<String, Service>,
    /// The sources of requests.
    pub traffic: Vec<Traffic>,
    /// What is rolled out; exactly one entry.
    pub rollouts: Vec<Rollout>,
    /// The database of the service that is rolled out, where it matters.
    #[serde(default)]
    pub database: Option<Database>,
    /// The model with whose predictions the service that is rolled out answers, where it does.
    #[serde(default)]
    pub model: Option<Model>,
    /// What is wrong with the release.
    #[serde(default)]
    pub change: Change,
    /// What looks like a bad release and is not; it happens in both twins.
    #[serde(default)]
    pub confounders: Vec<ConfounderSpec>,
    /// What happens to instances, zones, networks, disks and databases meanwhile, whatever the release; it happens in
    /// both twins.
    #[serde(default)]
    pub surroundings: Vec<SurroundingSpec>,
    /// The revisions that ran before; one good one, a day old, if absent.
    #[serde(default)]
    pub history: Option<HistoryDocument>,
    /// What goes differently from the book when rolling back.
    #[serde(default)]
    pub rollback: Conditions,
    /// A rehearsal of the release and its rollback in staging, before production; none if absent.
    #[serde(default)]
    pub rehearsal: Option<RehearsalDocument>,
    /// How a release is repaired forwards, when a policy or a failed rollback asks for it.
    #[serde(default)]
    pub forward_fix: ForwardFix,
    /// Who is paged, how long they take and what they do wrong; if absent pages are only counted.
    #[serde(default)]
    pub people: Option<People>,
    /// Scraping and queries.
    #[serde(default)]
    pub telemetry: Telemetry,
    /// What good service means to users.
    #[serde(default)]
    pub slo: Slo,
}

/// How requests are played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fidelity {
    /// Flow level where no queue couples the requests, request level elsewhere.
    #[default]
    Auto,
    /// Every request is an event.
    Request,
    /// Counts per scrape window; only for services without calls.
    Flow,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Pods, 1 to 512.
    #[serde(default = "three")]
    pub replicas: u32,
    /// Zones its pods are spread over in turn, for what takes a zone away.
    #[serde(default = "one_zone")]
    pub zones: u32,
    /// Requests one pod serves at a time.
    #[serde(default = "sixty_four")]
    pub concurrency: u32,
    /// Requests that may wait at one pod; more are rejected.
    #[serde(default = "queue")]
    pub queue: u32,
    /// Time a request takes in a pod, without waiting and without the calls it makes.
    pub service_time: Distribution<SimDuration>,
    /// Share of requests that fail even when nothing is wrong.
    #[serde(default = "no_share")]
    pub error_ratio: Ratio,
    /// Noise on the service time.
    #[serde(default)]
    pub noise: Option<Noise>,
    /// Noise on the error ratio.
    #[serde(default)]
    pub error_noise: Option<Noise>,
    /// Calls made for each request, one after the other but where `parallel` says otherwise.
    #[serde(default)]
    pub calls: Vec<Call>,
    /// Time from the creation of a pod to a running process, image pull included.
    #[serde(default = "startup")]
    pub startup: Distribution<SimDuration>,
    /// Readiness probe: when a pod gets traffic and when it loses it.
    #[serde(default = "readiness")]
    pub readiness: Probe,
    /// Liveness probe: when a container is restarted.
    #[serde(default = "liveness")]
    pub liveness: Probe,
    /// Longest time a stopping pod may finish its requests.
    #[serde(default = "thirty_seconds")]
    pub termination_grace: SimDuration,
    /// Processor time, for the container metrics, autoscaling and throttling.
    #[serde(default)]
    pub cpu: Cpu,
    /// Memory, for the container metrics and leaks.
    #[serde(default)]
    pub memory: Memory,
    /// How fresh pods of any revision become fast (just-in-time compilation, caches); at once if absent.
    #[serde(default)]
    pub warm_up: Option<WarmUp>,
    /// A horizontal pod autoscaler; the number of pods is `replicas` throughout if absent.
    #[serde(default)]
    pub autoscaler: Option<Autoscaler>,
    /// Added to the service time for each request in flight in the pod (locks, caches, collection of garbage).
    #[serde(default = "no_time")]
    pub contention: SimDuration,
    /// When a pod rejects new requests before its queue is full.
    #[serde(default)]
    pub shed: Option<Shed>,
    /// Who is served next.
    #[serde(default)]
    pub queue_order: Order,
    /// A request that has waited longer than this when its turn comes is rejected.
    #[serde(default)]
    pub queue_target: Option<SimDuration>,
    /// When the router in front of its pods takes one out of the rotation because of its answers; never if absent.
    #[serde(default)]
    pub ejection: Option<Ejection>,
}

/// Noise: a multiplier with mean 1, log-normal and correlated in time, with rare spikes if wanted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Noise {
    /// Parameters fitted to recorded series (`backout list noise`); the other keys override them.
    #[serde(default)]
    pub preset: Option<NoisePreset>,
    /// Time after which the correlation has fallen to 1/e; 5m if absent.
    #[serde(default)]
    pub tau: Option<SimDuration>,
    /// Coefficient of variation without spikes: standard deviation over mean. Needed without a preset.
    #[serde(default)]
    pub cv: Option<f64>,
    /// Share of the variance and of the spikes common to all replicas, the rest is per replica; 50% if absent.
    #[serde(default)]
    pub shared: Option<Ratio>,
    /// The part of the variance that is forgotten quickly; none if absent.
    #[serde(default)]
    pub quick: Option<Quick>,
    /// The part of the variance that swings by the clock; none if absent.
    #[serde(default)]
    pub cycle: Option<Cycle>,
    /// Rare spikes on top; none if absent.
    #[serde(default)]
    pub spikes: Option<Spikes>,
}

/// A call to another service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The service that is called.
    pub to: String,
    /// How long the caller waits for one attempt; for ever if absent.
    #[serde(default)]
    pub timeout: Option<SimDuration>,
    /// Repetitions after a failed attempt.
    #[serde(default)]
    pub retry: Retry,
    /// Share of requests that make the call.
    #[serde(default = "all")]
    pub probability: Ratio,
    /// How often each of those makes it.
    #[serde(default = "once")]
    pub count: u32,
    /// Name of a group of neighbouring calls that are made at once; the request fails when one of them has failed.
    #[serde(default)]
    pub parallel: Option<String>,
    /// Whether the call gets no more time than its caller has left (deadline propagation).
    #[serde(default)]
    pub pass_deadline: bool,
    /// What the request does when the call has finally failed.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// Circuit breaker of each caller pod.
    #[serde(default)]
    pub breaker: Option<Breaker>,
    /// Adaptive throttling by each caller pod.
    #[serde(default)]
    pub throttle: Option<Throttle>,
    /// Connection pool of each caller pod.
    #[serde(default)]
    pub pool: Option<Pool>,
    /// A cache that is looked into before the call is made; none if absent.
    #[serde(default)]
    pub cache: Option<Cache>,
    /// Requests that fail while caller and callee run revisions that do not understand each other; none if absent.
    #[serde(default)]
    pub skew: Option<Skew>,
}

/// Repetitions after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Attempts in all, the first included.
    #[serde(default = "one_attempt")]
    pub attempts: u32,
    /// Pause before the second attempt; 0s for none.
    #[serde(default = "fifty_milliseconds")]
    pub backoff: SimDuration,
    /// How the pause grows.
    #[serde(default)]
    pub growth: Growth,
    /// Its random part.
    #[serde(default)]
    pub jitter: Jitter,
    /// Token bucket of each caller pod.
    #[serde(default)]
    pub budget: Option<Budget>,
    /// No retries while too much fails, per caller pod.
    #[serde(default)]
    pub stop_above: Option<StopAbove>,
}

/// A probe as Kubernetes has it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Pause before the first probe.
    #[serde(default = "no_time")]
    pub initial_delay: SimDuration,
    /// Pause between probes.
    #[serde(default = "ten_seconds")]
    pub period: SimDuration,
    /// Failures in a row before the pod counts as failed.
    #[serde(default = "three")]
    pub failure_threshold: u32,
}

/// An open-loop source of requests or sessions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// Its name, for keyed draws; the name of the service it enters if absent.
    #[serde(default)]
    pub name: Option<String>,
    /// Where its requests enter.
    pub to: String,
    /// Arrival rate of requests, of sessions where `sessions` is given; where a shape is given, the rate that the shape
    /// multiplies.
    pub rate: Rate,
    /// How the rate changes with time: `constant` if absent. Noise and confounders multiply it further.
    #[serde(default)]
    pub shape: TrafficShape,
    /// Number of users behind it.
    #[serde(default = "ten_thousand")]
    pub users: u64,
    /// Whether a user stays on the destination of the first request.
    #[serde(default)]
    pub sticky: bool,
    /// Share of its users whose requests a header or cookie rule of a rollout (A/B test) matches.
    #[serde(default = "ten_percent")]
    pub cohort: Ratio,
    /// Noise on the arrival rate.
    #[serde(default)]
    pub noise: Option<Noise>,
    /// How long a user waits for an attempt; for ever if absent.
    #[serde(default)]
    pub timeout: Option<SimDuration>,
    /// Users try again after a failed attempt.
    #[serde(default)]
    pub retry: Option<Retry>,
    /// Users come for sessions of several requests.
    #[serde(default)]
    pub sessions: Option<Sessions>,
}

/// A rollout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// The service that gets a new revision.
    pub service: String,
    /// How it is rolled out, for policies that bring no rollout of their own.
    pub strategy: StrategySpec,
    /// How it is rolled back; what the strategy's engine does if absent.
    #[serde(default)]
    pub rollback: Option<ProcedureSpec>,
    /// Time until a new weight is in force at the routers.
    #[serde(default = "one_second")]
    pub weight_propagation: SimDuration,
}

/// What is wrong with the release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Change {
    /// Share of releases that are bad, a weight for mixed figures; every replication plays both twins.
    pub bad: Ratio,
    /// The faults of the bad twin; all of them act.
    pub faults: Vec<FaultSpec>,
    /// Services that are released as one change with the one that is rolled out, in both twins.
    pub also: Vec<Also>,
    /// The migration of the schema that comes with the release, in both twins; it needs a `database`.
    pub migration: Option<Migration>,
    /// What people know about the change that no metric shows; decision trees ask for it.
    pub facts: Facts,
}

/// What goes differently from the book when rolling back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Conditions {
    /// Chance that the command of a step fails.
    pub step_fails: Ratio,
    /// Multiplier of the time commands take.
    pub slower: f64,
    /// There is no previous revision to go back to.
    pub no_target: bool,
    /// How long until a person repeats a failed command that no controller repeats.
    pub person_after: SimDuration,
    /// Which revision is gone back to: by the first rule, and by the others in turn where `on_failure` says so.
    pub targets: Vec<TargetSpec>,
    /// Looks after the last step, beside those the procedure itself makes.
    pub verify: Vec<CheckSpec>,
    /// What follows when a step or a look has failed, in order; if empty, steps are repeated as their controllers do, or
    /// by a person.
    pub on_failure: Vec<Fallback>,
    /// What is wrong with the commands, as nobody knows who has not practised.
    pub defects: Vec<DefectSpec>,
    /// How long after a rollback something (a GitOps sync, a pipeline) puts the new revision back; never if absent.
    pub reverted_after: Option<SimDuration>,
    /// Services that the way from a command to the cluster needs (a registry, a pipeline, identity, the edge): while one of
    /// them does not answer, no command goes out.
    pub needs: Vec<String>,
    /// What a command does meanwhile. In the end a person finds another way.
    pub out_of_reach: OutOfReach,
}

/// Scraping and queries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// Time between scrapes.
    pub scrape: SimDuration,
    /// Longest deviation of one scrape from its schedule.
    pub jitter: SimDuration,
    /// Time from the stamp of a sample until queries see it.
    pub lag: SimDuration,
    /// Share of scrapes of one target that fail.
    pub loss: Ratio,
    /// Share of instants at which queries fail.
    pub query_errors: Ratio,
    /// A service the monitoring stack needs: while it does not answer, scrapes and queries fail. None if absent.
    pub needs: Option<String>,
    /// The exporters whose metric names exist.
    pub dialects: Vec<Dialect>,
}

/// What good service means to users.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Slo {
    /// Share of requests that must succeed.
    pub availability: Ratio,
    /// How long an answer may take.
    pub latency: Option<Latency>,
}

/// How long an answer may take.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// 99 % of requests must be answered in this time; a request that takes longer counts as slow.
    pub p99: SimDuration,
}

impl Default for Retry {
    fn default() -> Self {
        Retry {
            attempts: one_attempt(),
            backoff: fifty_milliseconds(),
            growth: Growth::Doubling,
            jitter: Jitter::Full,
            budget: None,
            stop_above: None,
        }
    }
}

impl Default for Change {
    fn default() -> Self {
        let faults = Vec::new();
        Change { bad: share(0.1), faults, also: Vec::new(), migration: None, facts: Facts::default() }
    }
}

impl Default for Conditions {
    fn default() -> Self {
        let book = crate::rollback::RollbackConditions::default();
        Conditions {
            step_fails: book.step_fails,
            slower: book.slower,
            no_target: book.no_target,
            person_after: book.person_after,
            targets: book.targets,
            verify: book.verify,
            on_failure: book.on_failure,
            defects: book.defects,
            reverted_after: book.reverted_after,
            needs: Vec::new(),
            out_of_reach: book.path.out_of_reach,
        }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Telemetry {
            scrape: SimDuration::from_secs(15),
            jitter: SimDuration::ZERO,
            lag: SimDuration::from_secs(2),
            loss: Ratio::ZERO,
            query_errors: Ratio::ZERO,
            needs: None,
            dialects: Dialect::ALL.to_vec(),
        }
    }
}

impl Default for Slo {
    fn default() -> Self {
        Slo { availability: share(0.999), latency: None }
    }
}

/// A constant share; callers pass constants inside of the range.
fn share(value: f64) -> Ratio {
    Ratio::new(value).unwrap_or(Ratio::ZERO)
}

fn no_share() -> Ratio {
    Ratio::ZERO
}
fn ten_percent() -> Ratio {
    Ratio::new(0.1).unwrap_or(Ratio::ZERO)
}
fn one() -> f64 {
    1.0
}
fn all() -> Ratio {
    Ratio::ONE
}
fn once() -> u32 {
    1
}
fn one_attempt() -> u32 {
    1
}
fn three() -> u32 {
    3
}
fn one_zone() -> u32 {
    1
}
fn sixty_four() -> u32 {
    64
}
fn queue() -> u32 {
    256
}
fn ten_thousand() -> u64 {
    10_000
}
fn no_time() -> SimDuration {
    SimDuration::ZERO
}
fn fifty_milliseconds() -> SimDuration {
    SimDuration::from_millis(50)
}
fn one_second() -> SimDuration {
    SimDuration::from_secs(1)
}
fn ten_seconds() -> SimDuration {
    SimDuration::from_secs(10)
}
fn thirty_seconds() -> SimDuration {
    SimDuration::from_secs(30)
}
fn ten_minutes() -> SimDuration {
    SimDuration::from_mins(10)
}
fn half_an_hour() -> SimDuration {
    SimDuration::from_mins(30)
}
fn one_hour() -> SimDuration {
    SimDuration::from_mins(60)
}
/// Half of all pods run after 8 s, 99 % after 25 s.
fn startup() -> Distribution<SimDuration> {
    Distribution::lognormal(8.0, 25.0).unwrap_or_else(|_| Distribution::certain(8.0))
}
fn readiness() -> Probe {
    Probe { initial_delay: SimDuration::ZERO, period: SimDuration::from_secs(5), failure_threshold: 3 }
}
fn liveness() -> Probe {
    Probe { initial_delay: ten_seconds(), period: ten_seconds(), failure_threshold: 3 }
}
