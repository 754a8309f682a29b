//! `backout` plays rollouts in a discrete-event simulator and scores the rollback trigger policies that watch them:
//! how fast they detect a bad release, how often they roll back a good one, what users suffer meanwhile.
//!
//! The program of the same name does that with files. This library is what it is made of, for tests that need what
//! no file can say: a fault, a rollout or a policy of your own.
//!
//! | you have | it becomes | how |
//! |---|---|---|
//! | a scenario text | a [`scenario::Scenario`] | [`scenario::read`] |
//! | policy files | [`policy::loaded::Loaded`] | [`import::load`] |
//! | a fault of your own, a [`fault::Fault`] | an entry of [`scenario::Scenario::faults`] | `FaultSpec::custom` |
//! | a rollout of your own, a [`strategy::Rollout`] | [`scenario::Scenario::rollout`] | `StrategySpec::custom` |
//! | a way back of your own, a [`rollback::Procedure`] | [`scenario::Scenario::rollback`] | `ProcedureSpec::custom` |
//! | a policy of your own, a [`policy::Policy`] | [`policy::loaded::Loaded`] | [`policy::loaded::Loaded::custom`] |
//! | all of these | a [`study::Study`], then a [`score::Scorecard`] | [`study::Study::new`], [`study::Study::score`] |
//!
//! Everything is a pure function of scenario, policies, seed and replication number: a test that passes passes always.
//!
//! # A fault, a rollout and a policy of your own
//!
//! ```
//! use std::sync::Arc;
//!
//! use backout::diagnostic::Source;
//! use backout::effect::{Action, Disturbance, Revision, RolloutView, Routing, SetName, WorldDisturbance};
//! use backout::fault::{Effect, Fault, FaultSpec, Resolution};
//! use backout::policy::loaded::{Limits, Loaded};
//! use backout::policy::{CheckOutcome, Observation, Policy, Start, Verdict};
//! use backout::promql::Value;
//! use backout::quantity::Ratio;
//! use backout::replication::prepared::PrepareOptions;
//! use backout::score::CostWeights;
//! use backout::strategy::{Progress, Rollout, Signal, Step, StepKind, StepStatus, Strategy, StrategySpec};
//! use backout::study::{Replications, Study};
//! use backout::time::{SimDuration, SimTime};
//!
//! /// The new revision fails one request in five while it reloads its configuration, two minutes in every ten.
//! struct Reloads;
//!
//! impl Fault for Reloads {
//!     fn resolve(&self, resolution: &mut Resolution<'_>) -> Vec<Effect> {
//!         let share = Ratio::new(0.2).unwrap();
//!         (0..6u64)
//!             .map(|n| {
//!                 let from = resolution.deploy_at + SimDuration::from_mins(10 * n);
//!                 let what = WorldDisturbance::Errors { revision: Revision::Candidate, share };
//!                 let until = from + SimDuration::from_mins(2);
//!                 Effect { from, until, what: Disturbance::World(what) }
//!             })
//!             .collect()
//!     }
//! }
//!
//! /// All new pods beside the old ones, then all traffic at once.
//! struct AllAtOnce;
//!
//! impl Rollout for AllAtOnce {
//!     fn start(&self) -> Box<dyn Strategy> {
//!         Box::new(Switching { switched: None })
//!     }
//! }
//!
//! #[derive(Clone)]
//! struct Switching {
//!     switched: Option<SimTime>,
//! }
//!
//! impl Strategy for Switching {
//!     // Asked at the start and whenever pods, weights or holds change.
//!     fn next(&mut self, signal: Signal, view: &RolloutView) -> Step {
//!         let mut actions = Vec::new();
//!         if signal == Signal::Start {
//!             actions.push(Action::Route(Routing::Weighted));
//!             actions.push(Action::Scale(SetName::New, view.replicas));
//!         }
//!         if self.wants_to_advance(view) && !view.hold {
//!             self.switched = Some(view.now);
//!             actions.push(Action::Weight(1.0));
//!         }
//!         let progress = if self.switched.is_some() { Progress::Promoted } else { Progress::Running };
//!         Step { actions, wake: None, progress }
//!     }
//!
//!     fn wants_to_advance(&self, view: &RolloutView) -> bool {
//!         self.switched.is_none() && view.set(SetName::New).ready >= view.replicas
//!     }
//!
//!     fn status(&self) -> StepStatus {
//!         let kind = if self.switched.is_some() { StepKind::Done } else { StepKind::Progressing };
//!         StepStatus { index: 0, kind, since: self.switched.unwrap_or(SimTime::ZERO) }
//!     }
//!
//!     fn boxed(&self) -> Box<dyn Strategy> {
//!         Box::new(self.clone())
//!     }
//! }
//!
//! /// Rolls back when the error ratio has been above 5 % at two looks in a row, 30 s apart.
//! #[derive(Clone)]
//! struct TwiceBad {
//!     next: SimTime,
//!     bad: u32,
//! }
//!
//! impl Policy for TwiceBad {
//!     fn start(&mut self, start: &Start) {
//!         self.next = start.deploy_at + SimDuration::from_secs(30).scale(start.phase);
//!     }
//!
//!     fn next_tick(&self) -> SimTime {
//!         self.next
//!     }
//!
//!     fn observe(&mut self, observation: &mut Observation<'_>) -> Verdict {
//!         self.next = observation.now + SimDuration::from_secs(30);
//!         let found = match observation.queries.value(0) {
//!             Err(_) => CheckOutcome::Error,
//!             Ok(Value::Vector(samples)) if samples.is_empty() => CheckOutcome::NoData,
//!             Ok(Value::Vector(samples)) if samples[0].value > 0.05 => CheckOutcome::Bad(samples[0].value),
//!             Ok(Value::Vector(samples)) => CheckOutcome::Good(samples[0].value),
//!             Ok(_) => CheckOutcome::Error,
//!         };
//!         observation.found(0, found);
//!         self.bad = if matches!(found, CheckOutcome::Bad(_)) { self.bad + 1 } else { 0 };
//!         if self.bad < 2 {
//!             return Verdict::Continue;
//!         }
//!         self.next = SimTime::NEVER;
//!         Verdict::RollBack { reasons: vec!["error ratio above 5 % twice".to_owned()] }
//!     }
//!
//!     fn boxed(&self) -> Box<dyn Policy> {
//!         Box::new(self.clone())
//!     }
//! }
//!
//! // Rollout and fault are replaced below; a scenario without them cannot be read.
//! let text = "
//! format: 1
//! services:
//!   shop: { replicas: 4, service_time: {lognormal: {p50: 30ms, p99: 250ms}}, error_ratio: 0.1% }
//! traffic: [ {to: shop, rate: 200/s, users: 10000} ]
//! rollouts: [ {service: shop, strategy: {rolling: {}}} ]
//! change: {bad: 10%, faults: [ {error_burst: {share: 5%}} ]}
//! ";
//! let mut scenario = backout::scenario::read("test/reloads", Source { name: "inline", text }).unwrap().scenario;
//! scenario.faults = vec![("change.faults[0]".to_owned(), FaultSpec::custom("reloads", Reloads))];
//! scenario.rollout = StrategySpec::custom("all_at_once", AllAtOnce);
//!
//! let query = r#"sum(rate(http_requests_total{role="candidate",code=~"5.."}[1m]))
//!     / sum(rate(http_requests_total{role="candidate"}[1m]))"#;
//! let policy = Loaded::custom("twice-bad", "shop", TwiceBad { next: SimTime::NEVER, bad: 0 })
//!     .with_check("error ratio", query, Limits { min: None, max: Some(0.05), strict: false });
//!
//! let study = Study::new(&[Arc::new(scenario)], &[policy], 7, PrepareOptions::default())
//!     .unwrap()
//!     .with_replications(Replications { flow: 20, request: 2 });
//! let card = study.score(&CostWeights::default()).unwrap();
//! let row = card.rows.iter().find(|row| row.name() == "twice-bad").unwrap();
//! let detection = &row.detection;
//! assert_eq!(detection.missed_rate.value, Some(0.0), "a fifth of all requests is hard to miss");
//! assert_eq!(detection.false_rollback_rate.value, Some(0.0), "and 0.1 % is far below 5 %");
//! assert!(row.efficacy.value.unwrap() > 50.0);
//! ```
//!
//! A fault speaks [`effect::Disturbance`]s, a rollout and a procedure speak [`effect::Action`]s, a policy sees
//! [`policy::Observation`]s and speaks [`policy::Verdict`]s. What a part is not given it cannot look at: a policy never
//! sees the world or the fault, a fault never sees the policy.

pub mod catalogue;
#[allow(clippy::disallowed_methods, reason = "the one place with environment, files, clocks and processes")]
pub mod cli;
pub mod detect;
pub mod diagnostic;
pub mod document;
pub mod effect;
pub mod engine;
pub mod expr;
pub mod fault;
pub mod import;
pub mod lint;
pub mod people;
pub mod policy;
pub mod promql;
pub mod quantity;
pub mod replication;
pub mod report;
pub mod rng;
pub mod rollback;
pub mod rules;
pub mod scenario;
pub mod score;
pub mod stats;
pub mod strategy;
pub mod study;
pub mod telemetry;
pub mod time;
pub mod world;
