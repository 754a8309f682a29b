//! Integration tests, one binary.
#![allow(clippy::disallowed_methods, clippy::print_stderr, missing_docs, unreachable_pub)]

mod argo_conformance;
mod expr_conformance;
mod shared;
