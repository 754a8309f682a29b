//! All integration tests in one binary: one link step, and helpers that are shared without ceremony.

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr, unreachable_pub)]

mod argo_conformance;
mod argo_play;
mod catalogues;
mod cli;
mod documents;
mod expr_conformance;
mod faults;
mod fidelity;
mod flagger_conformance;
mod invariants;
mod kubernetes_conformance;
mod layers;
mod lint;
mod noise_judges;
mod noise_presets;
mod policy_files;
mod promql;
mod promql_conformance;
mod published_statistics;
mod queueing;
mod queueing_theory;
mod sampler_agreement;
mod scenarios;
mod shared;
mod shipped;
mod source;
mod studies;
mod sweeps;
mod telemetry_binding;
mod telemetry_world;
mod tidy;
mod timelines;
mod value_stability;
mod why;
mod world_flow;
mod world_properties;
mod world_queueing;
mod worlds;
