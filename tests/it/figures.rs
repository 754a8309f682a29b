//! Published figures of detectors, beside what ours give; see [`table::Table`].
//!
//! `cargo test --test it figures -- --nocapture` prints all of them.

mod always_valid;
mod burn_rates;
mod charts;
mod peeking;
mod ratio_tests;
mod sizes;
mod table;
