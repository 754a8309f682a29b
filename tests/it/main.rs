//! Integration tests, one binary.
#![allow(clippy::disallowed_methods, reason = "tests read files")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "tests report counts and what they skip")]
#![allow(unreachable_pub, reason = "the modules of a test binary are all private")]

mod promql;
mod promql_conformance;
mod shared;
