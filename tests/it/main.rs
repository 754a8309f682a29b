//! All integration tests in one binary: one link step, and helpers that are shared without ceremony.

#![allow(clippy::disallowed_methods, reason = "tests read files")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "tests report counts and what they skip")]
#![allow(unreachable_pub, reason = "the modules of a test binary are all private")]

mod argo_conformance;
mod argo_play;
mod catalogues;
mod documents;
mod expr_conformance;
mod flagger_conformance;
mod layers;
mod policy_files;
mod promql;
mod promql_conformance;
mod published_statistics;
mod queueing;
mod queueing_theory;
mod sampler_agreement;
mod shared;
mod source;
mod telemetry_binding;
mod tidy;
mod value_stability;
mod world_flow;
mod world_queueing;
mod worlds;
