//! `backout` plays rollouts in a discrete-event simulator and scores the rollback trigger policies that watch
//! them.

pub mod replication;
pub mod report;
pub mod rng;
pub mod score;
pub mod stats;
pub mod time;
