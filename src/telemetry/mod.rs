//! Between the world and the policies: scraping, the sample store, and the names real exporters use.
//!
//! A [`sampler`] says when a scrape happens and what it misses; the [`store`] keeps what it found, as neutral series
//! ([`instrument`]) per branch. A policy file's queries are [bound](binding) to those series by a [`naming`] and the
//! scenario's [dialects](dialect); a [`projection`] puts the file's names on them and a [`view`] reads them.
//!
//! Traps: a policy sees nothing but what came through here, so whatever monitoring would not show must not show here
//! either: counters restart with their process, a lost scrape is lost, a sample is visible only after its lag.

pub mod binding;
pub mod dialect;
pub mod exposition;
pub(crate) mod infer;
pub mod instrument;
pub mod matcher;
pub mod naming;
pub mod projection;
pub mod sampler;
pub mod store;
mod suggest;
pub mod view;
