//! All integration tests in one binary: one link step, and helpers that are shared without ceremony.

#![allow(clippy::disallowed_methods, clippy::print_stderr, unreachable_pub)]

mod argo_conformance;
mod catalogues;
mod documents;
mod expr_conformance;
mod invariants;
mod layers;
mod promql;
mod promql_conformance;
mod published_statistics;
mod queueing;
mod queueing_theory;
mod sampler_agreement;
mod shared;
mod source;
mod studies;
mod telemetry_binding;
mod tidy;
mod timelines;
mod value_stability;
mod world_flow;
mod world_queueing;
mod worlds;
