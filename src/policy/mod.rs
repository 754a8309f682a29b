//! Policies: what decides about a rollout from observations alone.

pub mod argo;
