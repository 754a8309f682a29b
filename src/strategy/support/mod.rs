//! Arithmetic that several strategies share, and the state machine of the longest of them.

pub mod argo_replicas;
pub mod drift;
pub mod drifting;
pub mod flagger_ticks;
pub mod migrating;
pub mod polling;
pub mod replicas;
pub mod rising;
#[cfg(test)]
pub mod testing;
