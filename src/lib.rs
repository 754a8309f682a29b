//! `backout` plays rollouts in a discrete-event simulator and scores the rollback trigger policies that watch
//! them.

pub mod catalogue;
#[allow(clippy::disallowed_methods, reason = "the one place with environment, files, clocks and processes")]
pub mod cli;
pub mod diagnostic;
pub mod document;
pub mod effect;
pub mod engine;
pub mod expr;
pub mod fault;
pub mod import;
pub mod lint;
pub mod policy;
pub mod promql;
pub mod quantity;
pub mod replication;
pub mod report;
pub mod rng;
pub mod rollback;
pub mod scenario;
pub mod score;
pub mod stats;
pub mod strategy;
pub mod study;
pub mod telemetry;
pub mod time;
pub mod world;
