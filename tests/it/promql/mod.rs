//! Helpers of the PromQL tests: the script language of Prometheus' own test suite, its index, and a runner.

pub mod index;
pub mod runner;
pub mod script;
