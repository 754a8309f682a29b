//! `backout` plays rollouts in a discrete-event simulator and scores the rollback trigger policies that watch
//! them.

pub mod replication;
pub mod report;
pub mod score;
pub mod time;
