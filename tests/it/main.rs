//! The integration tests, in one binary.
#![allow(clippy::disallowed_methods)]

mod queueing;
mod queueing_theory;
