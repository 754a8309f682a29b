//! Published figures of detectors, beside what ours give; see [`table::Table`].
//!
//! `cargo test --test it figures -- --nocapture` prints all of them.

mod averages;
mod charts;
mod correlated;
mod counts;
mod drift;
mod drive;
mod python;
mod stability;
mod table;
