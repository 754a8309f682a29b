//! `backout` plays rollouts in a discrete-event simulator and scores the rollback trigger policies that watch
//! them.

pub mod catalogue;
pub mod diagnostic;
pub mod document;
pub mod effect;
pub mod promql;
pub mod quantity;
pub mod rng;
pub mod stats;
pub mod telemetry;
pub mod time;
pub mod world;
