//! Pure numerics of estimation and detection: no simulation, no files, no chance except where a stream is
//! passed in.
//!
//! Every estimate carries its number of observations and an interval. Traps this module is built around: a
//! share of 0 out of n is not zero risk (Wilson, Clopper-Pearson); a time that was cut off is not a time
//! (Kaplan-Meier); a ratio of sums is not a mean of ratios (jackknife); ties are common in counts (rank
//! tests).

pub mod always_valid;
pub mod confidence_sequence;
pub mod count_test;
pub mod estimate;
pub mod group_sequential;
pub mod histogram;
pub mod mixture;
pub mod quantile;
pub mod rank_interval;
pub mod rank_test;
pub mod rare;
pub mod rare_search;
pub mod run_length;
pub mod running_ranks;
pub mod sizing;
pub mod sprt;
pub mod stitching;
pub mod stopping;
pub mod survival;
pub mod two_sample;

pub use estimate::Estimate;
