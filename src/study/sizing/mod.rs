//! How big a canary must be: what its traffic can show, and from which severity on a policy catches a bad release.
//!
//! The first is a question to the traffic alone ([`exposure`]): how many requests does the candidate serve, and what can be
//! told from so many? The second is played ([`severity`]): the same releases, the same luck, one severity after another.
//!
//! Traps: the traffic's bound knows the normal error ratio and looks once; a policy that looks every minute cannot reach it
//! at the same rate of false rollbacks. A policy's curve depends on the noise of the scenario, the bound does not.

pub mod exposure;
pub mod severity;
