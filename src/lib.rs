//! `backout` plays rollouts in a discrete-event simulator and scores the rollback trigger policies that watch
//! them.

pub mod effect;
pub mod quantity;
pub mod rng;
pub mod telemetry;
pub mod time;
pub mod world;
