//! A small study: one service, a canary of half an hour, an error burst in the bad release, threshold policies.

use std::sync::Arc;

use backout::effect::ServiceId;
use backout::fault::FaultSpec;
use backout::policy::loaded::{CheckDef, Limits, Loaded, QueryDef};
use backout::policy::{CheckOutcome, Observation, Policy, Start, Verdict};
use backout::promql::Value;
use backout::quantity::{Bytes, Rate, Ratio};
use backout::replication::prepared::{PrepareOptions, Prepared};
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

const ERROR_RATIO: &str = "sum(rate(http_requests_total{role=\"candidate\",code=~\"5..\"}[1m])) \
     / sum(rate(http_requests_total{role=\"candidate\"}[1m]))";

/// Rolls back when the error ratio of the candidate was above `limit` at `needed` ticks in a row.
#[derive(Clone)]
struct Threshold {
    limit: f64,
    needed: u32,
    streak: u32,
    next: SimTime,
}

const TICK: SimDuration = SimDuration::from_secs(15);

impl Policy for Threshold {
    fn start(&mut self, start: &Start) {
        self.next = start.deploy_at + TICK.scale(start.phase);
    }

    fn next_tick(&self) -> SimTime {
        self.next
    }

    fn observe(&mut self, observation: &mut Observation<'_>) -> Verdict {
        self.next = observation.now + TICK;
        let value = match observation.queries.value(0) {
            Ok(Value::Vector(samples)) => samples.first().map(|sample| sample.value),
            _ => None,
        };
        let outcome = match value {
            None => CheckOutcome::NoData,
            Some(value) if value > self.limit => CheckOutcome::Bad(value),
            Some(value) => CheckOutcome::Good(value),
        };
        observation.found(0, outcome);
        self.streak = if matches!(outcome, CheckOutcome::Bad(_)) { self.streak + 1 } else { 0 };
        if self.streak < self.needed {
            return Verdict::Continue;
        }
        self.next = SimTime::NEVER;
        Verdict::RollBack { reasons: vec!["error ratio".to_owned()] }
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(self.clone())
    }
}

/// The threshold policy as if a file had been loaded.
pub(crate) fn threshold(name: &str, limit: f64, needed: u32) -> Loaded {
    Loaded {
        name: name.to_owned(),
        source: "bench".to_owned(),
        engine: Engine::Native,
        identity: "bench/threshold".to_owned(),
        summary: String::new(),
        prototype: Box::new(Threshold { limit, needed, streak: 0, next: SimTime::NEVER }),
        queries: vec![QueryDef { text: ERROR_RATIO.to_owned(), line: 1 }],
        checks: vec![CheckDef {
            name: "error ratio".to_owned(),
            query: Some(ERROR_RATIO.to_owned()),
            good: format!("<= {limit}"),
            limits: Limits { min: None, max: Some(limit), strict: false },
            line: 1,
        }],
        rollout: None,
        rollback: None,
        naming: Naming::native("shop"),
        needs_truth: false,
        unsupported: Vec::new(),
        stand_ins: Vec::new(),
        reading: Vec::new(),
    }
}

/// One policy in the middle of the sweep.
pub(crate) fn one() -> Vec<Loaded> {
    vec![threshold("middle", 0.02, 3)]
}

/// A thousand variants: 200 limits from 0.1 to 20 %, times one to five ticks in a row.
pub(crate) fn thousand() -> Vec<Loaded> {
    let limits = (1..=200).map(|step| f64::from(step) * 0.001);
    limits
        .flat_map(|limit| {
            (1..=5).map(move |needed| threshold(&format!("{limit:.3}x{needed}"), limit, needed))
        })
        .collect()
}

/// A service that answers in about 30 ms and fails `errors` of its requests.
pub(crate) fn service(name: &str, replicas: u32, errors: f64) -> ServiceSpec {
    let probe = ProbeSpec {
        initial_delay: SimDuration::from_secs(1),
        period: SimDuration::from_secs(10),
        failure_threshold: 3,
    };
    ServiceSpec {
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
        slo: SloSpec { availability: Ratio::new(0.999).expect("a ratio"), latency: None },
        slot: SimDuration::from_secs(15),
        weight_propagation: SimDuration::from_secs(1),
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
        confounders: Vec::new(),
        rollout,
        rollback: None,
        rollback_conditions: Default::default(),
        telemetry: TelemetrySpec {
            scrape: SimDuration::from_secs(15),
            jitter: SimDuration::ZERO,
            lag: SimDuration::from_secs(2),
            loss: Ratio::new(0.01).expect("a ratio"),
            query_errors: Ratio::ZERO,
            dialects: vec![Dialect::App],
        },
        fidelity: FidelityChoice::Flow,
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
    let key = Key::root(1, "bench").replication(0);
    let climate = Climate::new(&spec, key, SimTime::ZERO + SimDuration::from_mins(60));
    World::new(Arc::new(Common::new(spec, climate, key)), Arc::new([]), level)
}

/// Plays on, whatever changes on the way.
pub(crate) fn play(world: &mut World, until: SimTime) {
    while let Stop::Changed(_) = world.run_until(until) {}
}

/// The canary with these policies, with slow noise or without, ready to be replicated.
pub(crate) fn prepared(policies: &[Loaded], noise: bool) -> Prepared {
    match Prepared::new(Arc::new(canary(noise)), policies, 7, PrepareOptions::default()) {
        Ok(prepared) => prepared,
        Err(errors) => panic!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}
