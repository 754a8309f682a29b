//! Arithmetic that several strategies share.

pub mod argo_replicas;
pub mod replicas;
