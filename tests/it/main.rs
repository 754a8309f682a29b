//! Integration tests: one binary.
#![allow(clippy::disallowed_methods)]

mod published_statistics;
mod sampler_agreement;
mod value_stability;
