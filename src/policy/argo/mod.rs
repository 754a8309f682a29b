//! Argo Rollouts' analysis as pure state machines: measurement, metric, run, and the replica arithmetic of a
//! canary.
//!
//! Nothing here knows a simulated world: a caller asks when a metric is due, measures, records the phase, and
//! reads the phase of the run. The rules are those of argo-rollouts 9f8d111d (2026-08, after v1.9.1); each file
//! names the upstream file it follows. Words of the outside are kept: a phase is Argo's phase.

pub mod engine;
pub mod measurement;
pub mod metric;
pub mod run;
