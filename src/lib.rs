//! `backout` plays rollouts in a discrete-event simulator and scores the rollback trigger policies that watch
//! them.

pub mod catalogue;
pub mod diagnostic;
pub mod document;
pub mod quantity;
pub mod time;
