//! Records to scores to a scorecard: pure functions, so a stored study can be scored again to the same bytes.
//!
//! A scenario file is one family of releases; a [`Row`] is one player (a policy or a reference) over one file or
//! pooled over all of them by their weights. Every figure has its n and a 95 % interval ([`estimate`]).
//!
//! Traps: the rates of bad releases leave out those that did no harm; the base rate is a weight of mixed figures only;
//! players on different rollouts have different reference players and say so in [`Row::rollout`].

pub mod blame;
pub mod case;
pub mod cost;
#[cfg(test)]
mod coverage;
pub mod detection;
pub mod efficacy;
pub mod estimate;
pub mod figure;
pub mod impact;
pub mod meta;
pub mod metastable;
pub mod reading;
pub mod recovery;
pub mod scorecard;
pub mod stratum;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub mod times;
pub mod why;
pub mod words;

pub use cost::CostWeights;
pub use estimate::{Estimate, Note};
pub use meta::{CheckMeta, PolicyMeta, ScenarioMeta};
pub use scorecard::{Input, Row, Scorecard, difference, scorecard};
pub use stratum::ScoreError;
