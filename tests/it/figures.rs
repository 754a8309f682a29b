//! Published figures of detectors, beside what ours give; see [`table::Table`].
//!
//! `cargo test --test it figures -- --nocapture` prints all of them.

mod always_valid;
mod averages;
mod burn_rates;
mod charts;
mod correlated;
mod counts;
mod drift;
mod drive;
mod peeking;
mod python;
mod ratio_tests;
mod sizes;
mod stability;
mod table;
