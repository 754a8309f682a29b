//! Exit codes, and what a command fails with.
//!
//! The codes are part of the stable interface.

use crate::diagnostic::{Diagnostic, Diagnostics};

/// Everything went well.
pub const OK: u8 = 0;
/// Something that should not happen; also unit tests of rules that fail, where 1 is promtool's code.
pub const UNEXPECTED: u8 = 1;
/// The command line is wrong.
pub const USAGE: u8 = 2;
/// A scenario or policy is missing or cannot be used.
pub const INVALID_INPUT: u8 = 10;
/// The process of a policy failed: its row is void, the others stand.
pub const POLICY_VOID: u8 = 11;
/// Replications or shards are missing: whoever plays them and asks again gets the result.
pub const UNFINISHED: u8 = 12;
/// A run store is in use by another process: try again when that has ended.
pub const BUSY: u8 = 13;
/// A gate failed.
pub const GATE_FAILED: u8 = 20;
/// A gate could not be decided: an interval holds the limit.
pub const GATE_INCONCLUSIVE: u8 = 21;
/// Output could not be written.
pub const OUTPUT_FAILED: u8 = 30;
/// Somebody ended the run (128 + the number of SIGINT, as shells have it); what was finished is kept in its store.
pub const INTERRUPTED: u8 = 130;

/// Every code with its meaning, for the help text and the reference.
pub const CODES: &[(u8, &str)] = &[
    (OK, "ok"),
    (UNEXPECTED, "unexpected error, or a unit test of rules failed"),
    (USAGE, "wrong command line"),
    (INVALID_INPUT, "a scenario or policy is missing or invalid"),
    (POLICY_VOID, "the process of a policy failed: its row is void, the others stand"),
    (UNFINISHED, "replications or shards are missing"),
    (BUSY, "a run store is in use by another process"),
    (GATE_FAILED, "a gate failed"),
    (GATE_INCONCLUSIVE, "a gate is inconclusive: more replications are needed"),
    (OUTPUT_FAILED, "output could not be written"),
    (INTERRUPTED, "interrupted; what was finished is in the run store"),
];

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// The command line asks for what does not fit together.
    Usage(Box<Diagnostic>),
    /// Files cannot be used.
    Input(Diagnostics),
    /// Rows are void, which the result has said.
    Void,
    /// Unit tests failed, which the result has said.
    Tests,
    /// A gate failed, which the result has said.
    Gate,
    /// A gate could not be decided, which the result has said.
    GateOpen,
    /// Something is missing that can be had by playing it.
    Unfinished(Box<Diagnostic>),
    /// Somebody else is writing.
    Busy(Box<Diagnostic>),
    /// Somebody ended it.
    Interrupted(Box<Diagnostic>),
    /// Output could not be written.
    Output(String),
    /// Whoever reads the output has gone; nothing is said.
    BrokenPipe,
    /// What should not happen.
    Unexpected(String),
}

impl Failure {
    /// A usage error with advice.
    pub fn usage(fact: impl Into<String>, help: impl Into<String>) -> Self {
        Failure::Usage(Box::new(Diagnostic::error(fact).with_help(help)))
    }

    /// One unusable input.
    pub fn input(diagnostic: Diagnostic) -> Self {
        Failure::Input([diagnostic].into_iter().fold(Diagnostics::new(), |mut all, one| {
            all.push(one);
            all
        }))
    }

    /// The code the process exits with. A reader that left early took what it wanted.
    pub fn exit_code(&self) -> u8 {
        match self {
            Failure::Usage(_) => USAGE,
            Failure::Input(_) => INVALID_INPUT,
            Failure::Void => POLICY_VOID,
            Failure::Gate => GATE_FAILED,
            Failure::GateOpen => GATE_INCONCLUSIVE,
            Failure::Unfinished(_) => UNFINISHED,
            Failure::Busy(_) => BUSY,
            Failure::Interrupted(_) => INTERRUPTED,
            Failure::Output(_) => OUTPUT_FAILED,
            Failure::BrokenPipe => OK,
            Failure::Tests | Failure::Unexpected(_) => UNEXPECTED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_documented_in_order() {
        let codes: Vec<u8> = CODES.iter().map(|(code, _)| *code).collect();
        assert_eq!(codes, [0, 1, 2, 10, 11, 12, 13, 20, 21, 30, 130]);
    }

    #[test]
    fn failures_have_their_codes() {
        assert_eq!(Failure::usage("a", "b").exit_code(), 2);
        assert_eq!(Failure::input(Diagnostic::error("a")).exit_code(), 10);
        assert_eq!(Failure::Output(String::new()).exit_code(), 30);
        assert_eq!(Failure::Unexpected(String::new()).exit_code(), 1);
        assert_eq!(Failure::BrokenPipe.exit_code(), 0);
        assert_eq!(Failure::Void.exit_code(), 11);
        assert_eq!((Failure::Gate.exit_code(), Failure::GateOpen.exit_code()), (20, 21));
    }
}
