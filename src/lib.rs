//! `backout` plays rollouts in a discrete-event simulator and scores the rollback trigger policies that watch
//! them.

pub mod expr;
pub mod policy;
pub mod time;
