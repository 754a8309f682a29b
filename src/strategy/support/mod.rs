//! Arithmetic that several strategies share.

pub mod replicas;
