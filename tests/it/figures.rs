//! Published figures of detectors, beside what ours give; see [`table::Table`].
//!
//! `cargo test --test it figures -- --nocapture` prints all of them.

mod charts;
mod table;
