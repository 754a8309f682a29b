//! All integration tests in one binary: one link step, and helpers that are shared without ceremony.

#![allow(clippy::disallowed_methods, clippy::print_stderr, unreachable_pub)]

mod catalogues;
mod documents;
mod layers;
mod queueing;
mod queueing_theory;
mod shared;
mod source;
mod tidy;
mod world_flow;
mod world_queueing;
mod worlds;
