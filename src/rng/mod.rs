//! Keyed randomness: every draw is a function of *what it decides*, never of the order of calls.
//!
//! A [`Key`] is a 64-bit digest of a path such as (seed, scenario, replication 17, service `checkout`,
//! purpose `service_time`, request 4711). Two branches of one replication that reach the same request ask for
//! the same key and therefore see the same luck, however differently they got there: these are the common
//! random numbers that make differences between branches small. Long runs of draws that belong to one entity
//! come from a [`Stream`], a named portable generator seeded from a key.
//!
//! Traps:
//! * A stream shared by two entities, or used for two purposes, couples them: one more draw for the first
//!   shifts every later draw of the second. Derive a key per entity and purpose instead.
//! * Rejection samplers (gamma, large Poisson and binomial) take a varying number of draws. Where two
//!   branches with different parameters must stay in step use the single-uniform inversions
//!   ([`Distribution::quantile`], [`poisson_quantile`], [`binomial_quantile`]): they are monotone, so more
//!   load never means fewer errors.
//! * Everything here computes with `+ - * /`, `sqrt` and the `libm` crate only. The standard library's `ln`
//!   and `exp` differ between platforms, and other crates' samplers change bits with feature flags of the
//!   build. The exact bits are pinned by `tests/it/value_stability.rs`.

mod ar1;
mod binomial;
mod certain;
mod count_table;
mod distribution;
mod distribution_text;
mod gamma;
mod key;
mod lean;
mod noise;
mod normal;
mod poisson;
mod shape;
pub mod special;
mod stream;
mod unit;

pub use ar1::{Ar1, Ar1Steps};
pub use binomial::{binomial_cdf, binomial_quantile, binomial_sample};
pub use count_table::CountTable;
pub use distribution::{Distribution, DistributionError};
pub use gamma::{gamma_quantile, gamma_sample};
pub use key::{Key, Purpose};
pub use lean::Lean;
pub use noise::{Cycle, DurationSpread, Noise, Quick, SizeSpread, Spikes};
pub use normal::{exponential_quantile, lognormal_quantile, normal_cdf, normal_quantile, normal_sample};
pub use poisson::{poisson_cdf, poisson_quantile, poisson_sample};
pub use stream::Stream;
pub use unit::{Ratio, Unit};
