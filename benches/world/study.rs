//! A small study: one service, a canary of half an hour, an error burst in the bad release, threshold policies.

use std::sync::Arc;

use backout::effect::ServiceId;
use backout::fault::FaultSpec;
use backout::policy::loaded::{CheckDef, Limits, Loaded, QueryDef};
use backout::policy::native::{AfterDecision, Condition, Native, OnTrouble, Rule, Then, TriggerDef};
use backout::quantity::{Bytes, Rate, Ratio};
use backout::replication::prepared::{PrepareOptions, Prepared};
use backout::replication::{Options, replicate};
use backout::rng::{Distribution, Key};
use backout::scenario::Scenario;
use backout::scenario::resolved::FidelityChoice;
use backout::strategy::StrategySpec;
use backout::telemetry::dialect::Dialect;
use backout::telemetry::naming::{Engine, Naming};
use backout::telemetry::sampler::TelemetrySpec;
use backout::time::{SimDuration, SimTime};
use backout::world::climate::Climate;
use backout::world::spec::{NoiseSpec, ProbeSpec, ServiceSpec, SloSpec, TrafficSpec, WorldSpec};
use backout::world::{Common, Level, Stop, World};

/// The candidate's error ratio over a window.
fn error_ratio(window: &str) -> String {
    let errors = format!("sum(rate(http_requests_total{{role=\"candidate\",code=~\"5..\"}}[{window}]))");
    format!("{errors} / sum(rate(http_requests_total{{role=\"candidate\"}}[{window}]))")
}

/// A native trigger as if a file had been loaded: rolls back when the error ratio over a window has been above `limit`
/// for so long.
fn threshold(window: &str, limit: f64, hold: SimDuration) -> Loaded {
    let value = error_ratio(window);
    let queries = [format!("{value} > {limit:?}"), value.clone()];
    let trigger = TriggerDef {
        name: "error ratio".to_owned(),
        reason: "error ratio".to_owned(),
        when: Condition::Expr { query: 0, sides: vec![1], check: 0 },
        rule: Rule::For { hold, keep: SimDuration::ZERO },
        every: SimDuration::from_secs(15),
        later: Vec::new(),
        start_after: SimDuration::ZERO,
        then: Then::RollBack,
        when_accepted: None,
        on_no_data: OnTrouble::Ignore,
        on_error: OnTrouble::Ignore,
    };
    Loaded {
        name: format!("{window}/{limit:.4}/{hold}"),
        source: "bench".to_owned(),
        engine: Engine::Native,
        identity: "bench/threshold".to_owned(),
        summary: String::new(),
        prototype: Box::new(Native::new(vec![trigger], AfterDecision::Stop)),
        queries: queries.map(|text| QueryDef { text, line: 1 }).into(),
        checks: vec![CheckDef {
            name: "error ratio".to_owned(),
            query: Some(value),
            good: format!("<= {limit}"),
            limits: Limits { min: None, max: Some(limit), strict: false },
            line: 1,
        }],
        rollout: None,
        rollback: None,
        naming: Naming::native("shop"),
        needs_truth: false,
        tells_only: false,
        unsupported: Vec::new(),
        stand_ins: Vec::new(),
        reading: Vec::new(),
    }
}

/// One policy in the middle of the sweep.
pub(crate) fn one() -> Vec<Loaded> {
    vec![threshold("1m", 0.02, SimDuration::from_secs(30))]
}

/// Variants: `limits` thresholds up to 20 %, times four windows, times five times of `for`.
pub(crate) fn variants(limits: u32) -> Vec<Loaded> {
    let limit = move |step: u32| 0.2 * f64::from(step) / f64::from(limits);
    let mut all = Vec::new();
    for window in ["1m", "2m", "3m", "5m"] {
        for hold in [0, 15, 30, 60, 120] {
            all.extend((1..=limits).map(|step| threshold(window, limit(step), SimDuration::from_secs(hold))));
        }
    }
    all
}

/// A service that answers in about 30 ms and fails `errors` of its requests.
pub(crate) fn service(name: &str, replicas: u32, errors: f64) -> ServiceSpec {
    let probe = ProbeSpec {
        initial_delay: SimDuration::from_secs(1),
        period: SimDuration::from_secs(10),
        failure_threshold: 3,
    };
    ServiceSpec {
        zones: 1,
        name: name.to_owned(),
        replicas,
        concurrency: 32,
        queue: 64,
        service_time: Distribution::lognormal(0.03, 0.25).expect("a distribution"),
        error_ratio: Ratio::new(errors).expect("a ratio"),
        noise: NoiseSpec::none(),
        error_noise: NoiseSpec::none(),
        calls: Vec::new(),
        startup: Distribution::certain(5.0),
        readiness: probe,
        liveness: probe,
        termination_grace: SimDuration::from_secs(30),
        cpu_per_request: 0.001,
        cpu_limit: 1.0,
        cpu_request: 1.0,
        throttled: false,
        memory_base: Bytes::new(100 << 20),
        memory_limit: Bytes::new(256 << 20),
        memory_per_request: Bytes::new(0),
        warming: None,
        autoscaler: None,
        server: None,
    }
}

/// These services, with traffic to the first.
pub(crate) fn world(services: Vec<ServiceSpec>, rate: f64) -> WorldSpec {
    WorldSpec {
        services,
        traffic: vec![TrafficSpec {
            name: "users".to_owned(),
            to: ServiceId(0),
            rate: Rate::per_second(rate).expect("a rate"),
            shape: backout::world::shape::Shape::constant(),
            noise: NoiseSpec::none(),
            users: 10_000,
            sticky: false,
            cohort: Ratio::ZERO,
            timeout: None,
            people: None,
        }],
        target: ServiceId(0),
        // Below what a healthy service fails here: a world outside of its objective is not deployed to.
        slo: SloSpec { availability: Ratio::new(0.98).expect("a ratio"), latency: None },
        slot: SimDuration::from_secs(15),
        weight_propagation: SimDuration::from_secs(1),
        database: None,
        model: None,
    }
}

fn part<T: serde::de::DeserializeOwned>(text: &str) -> T {
    backout::document::parse_typed("bench", text).expect("a part of a scenario")
}

/// The canary: 5, 25 and 50 % for nine minutes each, so that the whole takes about half an hour.
fn canary(noise: bool) -> Scenario {
    let rollout: StrategySpec =
        part("canary: {steps: [{weight: 5%, bake: 9m}, {weight: 25%, bake: 9m}, {weight: 50%, bake: 9m}]}");
    let fault: FaultSpec = part("error_burst: {share: {uniform: [2%, 10%]}, after: {uniform: [0s, 2m]}}");
    let quiet = world(vec![service("shop", 4, 0.008)], 100.0);
    Scenario {
        name: "bench/canary".to_owned(),
        folder: "bench".to_owned(),
        summary: String::new(),
        weight: 1.0,
        world: if noise { noisy(quiet) } else { quiet },
        warm_up: SimDuration::from_mins(3),
        horizon: SimDuration::from_mins(30),
        watch: SimDuration::from_mins(30),
        base_rate: Ratio::new(0.1).expect("a ratio"),
        faults: vec![("change.faults[0]".to_owned(), fault)],
        companions: Vec::new(),
        confounders: Vec::new(),
        surroundings: Vec::new(),
        rollout,
        rollback: None,
        rollback_conditions: Default::default(),
        rehearsal: None,
        telemetry: TelemetrySpec {
            scrape: SimDuration::from_secs(15),
            jitter: SimDuration::ZERO,
            lag: SimDuration::from_secs(2),
            loss: Ratio::new(0.01).expect("a ratio"),
            query_errors: Ratio::ZERO,
            needs: None,
            dialects: vec![Dialect::App],
        },
        fidelity: FidelityChoice::Flow,
        people: None,
        facts: Default::default(),
    }
}

/// Slow noise on arrivals, service times (half of it each replica's own) and errors.
pub(crate) fn noisy(mut spec: WorldSpec) -> WorldSpec {
    let noise = |shared| NoiseSpec { cv: 0.2, shared, tau: SimDuration::from_mins(5), ..NoiseSpec::none() };
    for traffic in &mut spec.traffic {
        traffic.noise = noise(Ratio::ONE);
    }
    for service in &mut spec.services {
        service.noise = noise(Ratio::new(0.5).expect("a ratio"));
        service.error_noise = noise(Ratio::ONE);
    }
    spec
}

/// A world about to start, which can be played for an hour.
pub(crate) fn start(spec: WorldSpec, level: Level) -> World {
    start_as(0, spec, level)
}

/// The same with the luck of this replication.
pub(crate) fn start_as(replication: u32, spec: WorldSpec, level: Level) -> World {
    let key = Key::root(1, "bench").replication(replication);
    let climate = Climate::new(&spec, key, SimTime::ZERO + SimDuration::from_mins(60));
    World::new(Arc::new(Common::new(spec, climate, key)), Arc::new([]), level)
}

/// Plays on, whatever changes on the way.
pub(crate) fn play(world: &mut World, until: SimTime) {
    while let Stop::Changed(_) = world.run_until(until) {}
}

/// The canary with these policies, with slow noise or without, ready to be replicated.
pub(crate) fn prepared(policies: &[Loaded], noise: bool) -> Prepared {
    let prepared = match Prepared::new(Arc::new(canary(noise)), policies, 7, PrepareOptions::default()) {
        Ok(prepared) => prepared,
        Err(errors) => panic!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    };
    // A replication that cannot start costs next to nothing, and nobody would notice.
    let first = replicate(&prepared, 0, Options::default());
    assert_eq!(first.could_not_start, None, "the release is not played");
    prepared
}
