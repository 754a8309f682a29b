//! Small studies for tests: one service, one canary, one fault, policies made by hand.

use std::sync::Arc;

use backout::effect::RolloutView;
use backout::fault::{ConfounderSpec, FaultSpec, SurroundingSpec};
use backout::policy::loaded::{CheckDef, Limits, Loaded, QueryDef};
use backout::policy::{CheckOutcome, Observation, Policy, Start, Verdict};
use backout::promql::Value;
use backout::quantity::Ratio;
use backout::rng::Distribution;
use backout::rng::Key;
use backout::rollback::{Execution, ProcedureSpec, RollbackConditions};
use backout::scenario::Scenario;
use backout::scenario::resolved::FidelityChoice;
use backout::strategy::StrategySpec;
use backout::telemetry::dialect::Dialect;
use backout::telemetry::naming::{Engine, Naming};
use backout::telemetry::sampler::TelemetrySpec;
use backout::time::{SimDuration, SimTime};

use crate::worlds;

/// The query of the error ratio of the candidate.
pub const ERROR_RATIO: &str = "sum(rate(http_requests_total{role=\"candidate\",code=~\"5..\"}[1m])) \
     / sum(rate(http_requests_total{role=\"candidate\"}[1m]))";

/// A policy that rolls back when the value of its query has been above a limit at `needed` ticks in a row.
#[derive(Clone)]
pub struct Threshold {
    limit: f64,
    needed: u32,
    every: SimDuration,
    streak: u32,
    next: SimTime,
}

impl Policy for Threshold {
    fn start(&mut self, start: &Start) {
        self.next = start.deploy_at + self.every.scale(start.phase);
    }

    fn next_tick(&self) -> SimTime {
        self.next
    }

    fn observe(&mut self, observation: &mut Observation<'_>) -> Verdict {
        self.next = observation.now + self.every;
        let value = match observation.queries.value(0) {
            Ok(Value::Vector(samples)) => samples.first().map(|s| s.value),
            _ => None,
        };
        let outcome = match value {
            None => CheckOutcome::NoData,
            Some(value) if value > self.limit => CheckOutcome::Bad(value),
            Some(value) => CheckOutcome::Good(value),
        };
        observation.found(0, outcome);
        self.streak = if matches!(outcome, CheckOutcome::Bad(_)) { self.streak + 1 } else { 0 };
        if self.streak >= self.needed {
            self.next = SimTime::NEVER;
            return Verdict::RollBack { reasons: vec!["error ratio".to_owned()] };
        }
        Verdict::Continue
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(self.clone())
    }
}

/// The threshold policy as if it had been loaded.
pub fn threshold(name: &str, limit: f64, needed: u32) -> Loaded {
    threshold_on(ERROR_RATIO, name, limit, needed)
}

/// The threshold policy on another query.
pub fn threshold_on(query: &str, name: &str, limit: f64, needed: u32) -> Loaded {
    let limits = Limits { min: None, max: Some(limit), strict: false };
    Loaded {
        name: name.to_owned(),
        source: "test".to_owned(),
        engine: Engine::Native,
        identity: "test/threshold".to_owned(),
        summary: String::new(),
        prototype: Box::new(Threshold {
            limit,
            needed,
            every: SimDuration::from_secs(15),
            streak: 0,
            next: SimTime::NEVER,
        }),
        queries: vec![QueryDef { text: query.to_owned(), line: 1 }],
        checks: vec![CheckDef {
            name: "error ratio".to_owned(),
            query: Some(query.to_owned()),
            good: format!("<= {limit}"),
            limits,
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

/// A rollback that is about to begin, of a service with the usual history.
pub fn rollback(
    procedure: &ProcedureSpec,
    conditions: RollbackConditions,
    key: Key,
    view: &RolloutView,
) -> Execution {
    let log = conditions.history.log();
    Execution::begin(procedure, Arc::new(conditions), &log, key, view)
}

/// Reads a part of a scenario file.
pub fn yaml<T: serde::de::DeserializeOwned>(text: &str) -> T {
    backout::document::parse_typed("test", text).unwrap()
}

/// A canary of one service in steps 5, 25 and 50 % with an error burst.
pub fn canary(fidelity: FidelityChoice, rate: f64) -> Scenario {
    let mut service = worlds::service("shop", Distribution::lognormal(0.03, 0.25).unwrap());
    service.replicas = 4;
    service.concurrency = 32;
    service.queue = 64;
    service.error_ratio = Ratio::new(0.002).unwrap();
    let rollout: StrategySpec =
        yaml("canary: {steps: [{weight: 5%, bake: 3m}, {weight: 25%, bake: 3m}, {weight: 50%, bake: 3m}]}");
    let fault: FaultSpec = yaml("error_burst: {share: {uniform: [2%, 10%]}, after: {uniform: [0s, 2m]}}");
    Scenario {
        name: "test/canary".to_owned(),
        folder: "test".to_owned(),
        summary: String::new(),
        weight: 1.0,
        world: worlds::spec(vec![service], rate),
        warm_up: SimDuration::from_mins(3),
        horizon: SimDuration::from_mins(15),
        watch: SimDuration::from_mins(10),
        base_rate: Ratio::new(0.1).unwrap(),
        faults: vec![("change.faults[0]".to_owned(), fault)],
        companions: Vec::new(),
        confounders: Vec::new(),
        surroundings: Vec::new(),
        rollout,
        rollback: None,
        rollback_conditions: Default::default(),
        rehearsal: None,
        people: None,
        facts: Default::default(),
        telemetry: TelemetrySpec {
            scrape: SimDuration::from_secs(15),
            jitter: SimDuration::ZERO,
            lag: SimDuration::from_secs(2),
            loss: Ratio::new(0.01).unwrap(),
            query_errors: Ratio::ZERO,
            needs: None,
            dialects: vec![Dialect::App],
        },
        fidelity,
    }
}

/// The same with confounders.
pub fn confounded(scenario: Scenario, confounders: &[&str]) -> Scenario {
    let confounders = confounders
        .iter()
        .enumerate()
        .map(|(i, text)| (format!("confounders[{i}]"), yaml::<ConfounderSpec>(text)))
        .collect();
    Scenario { confounders, ..scenario }
}

/// The same with chaos of the surroundings.
pub fn disturbed(scenario: Scenario, surroundings: &[&str]) -> Scenario {
    let surroundings = surroundings
        .iter()
        .enumerate()
        .map(|(i, text)| (format!("surroundings[{i}]"), yaml::<SurroundingSpec>(text)))
        .collect();
    Scenario { surroundings, ..scenario }
}

/// A scenario to share.
pub fn shared(scenario: Scenario) -> Arc<Scenario> {
    Arc::new(scenario)
}

/// A policy that rolls back at a time after the deploy, whatever it sees.
#[derive(Clone)]
pub struct Clockwork {
    after: SimDuration,
    at: SimTime,
}

impl Policy for Clockwork {
    fn start(&mut self, start: &Start) {
        self.at = start.deploy_at + self.after;
    }

    fn next_tick(&self) -> SimTime {
        self.at
    }

    fn observe(&mut self, _observation: &mut Observation<'_>) -> Verdict {
        self.at = SimTime::NEVER;
        Verdict::RollBack { reasons: vec!["it is time".to_owned()] }
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(self.clone())
    }
}

/// The same as if it had been loaded.
pub fn clockwork(name: &str, after: SimDuration) -> Loaded {
    Loaded {
        prototype: Box::new(Clockwork { after, at: SimTime::NEVER }),
        queries: Vec::new(),
        checks: Vec::new(),
        ..threshold(name, 0.5, 1)
    }
}

/// A policy that is inconclusive at every tick.
#[derive(Clone)]
pub struct Undecided(SimTime);

impl Policy for Undecided {
    fn start(&mut self, start: &Start) {
        self.0 = start.deploy_at + SimDuration::from_secs(15);
    }

    fn next_tick(&self) -> SimTime {
        self.0
    }

    fn observe(&mut self, observation: &mut Observation<'_>) -> Verdict {
        self.0 = observation.now + SimDuration::from_secs(15);
        Verdict::Inconclusive { reasons: vec!["who knows".to_owned()] }
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(self.clone())
    }
}

/// The undecided policy as if it had been loaded.
pub fn undecided() -> Loaded {
    Loaded {
        prototype: Box::new(Undecided(SimTime::NEVER)),
        queries: Vec::new(),
        checks: Vec::new(),
        ..threshold("undecided", 0.5, 1)
    }
}
