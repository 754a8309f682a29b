//! Gates: clauses about scores that a change must keep, decided with as few replications as they need.
//!
//! [`mod@file`] reads a gate, [`clause`] its clauses, [`session`] plays until every clause is decided, [`drills`] knows when a
//! rollback was last practised.
//!
//! **When a clause is decided.** With `at 95%` it passes when the whole interval of that level is on the right side of the
//! limit, fails when it is wholly on the wrong side, and is inconclusive while it holds the limit. Without a level the value
//! alone is compared, once, when everything was played.
//!
//! **Looking early.** Looks are taken when 1/2^(K-1), ..., 1/4, 1/2 and all of the planned replications are played, at most
//! [`MOST_LOOKS`] and none below [`FIRST_LOOK`] replications of a scenario. Each of the K looks uses an interval of level
//! `1 - (1 - c) / K`: by Bonferroni's inequality all K hold the truth together with probability at least `c`, whatever their
//! dependence, so that deciding at any of them is wrong with probability at most `1 - c`. A clause that was decided stays
//! decided, and scenarios that only decided clauses are about are played no further. Equal shares are less sharp than the
//! spending functions of group-sequential trials, but need no assumption about the law of the score.
//!
//! Traps: the level is that of one clause; a gate of 20 clauses at 95 % has more chances to be wrong than one. A scenario is
//! one of several stated by somebody: an interval says nothing about worlds nobody wrote down.

pub mod clause;
pub mod drills;
mod evidence;
pub mod file;
pub mod session;

use serde::Serialize;

use crate::stats::Estimate;

pub use evidence::{Evidence, ScenarioValue};
pub use file::Gate;

/// Most looks at the data.
pub const MOST_LOOKS: u32 = 6;

/// Fewest replications of a scenario at the first look.
pub const FIRST_LOOK: u32 = 25;

/// What became of a clause, or of all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// On the right side.
    Pass,
    /// Not decided.
    Inconclusive,
    /// On the wrong side.
    Fail,
}

/// A clause and what became of it for one policy.
#[derive(Clone, Debug, Serialize)]
pub struct Ruling {
    /// Its number in the file, from 0.
    pub clause: usize,
    /// Its text.
    pub text: String,
    /// The score it is about, with its summary.
    pub score: String,
    /// The policy; `None` where it is about none.
    pub policy: Option<String>,
    /// What became of it.
    pub verdict: Verdict,
    /// The value with the interval it was decided by.
    pub estimate: Estimate,
    /// The level of that interval; `None` where the value was compared.
    pub level: Option<f64>,
    /// The limit, in the unit of the score (shares from 0 to 1, times in seconds).
    pub limit: f64,
    /// Why, in words.
    pub reason: String,
    /// Scenarios it is about that were played.
    pub scenarios: usize,
    /// Replications of each that it rests on, at most.
    pub replications: u32,
    /// The scenario that is worst for it.
    pub worst: Option<ScenarioValue>,
    /// Replications to look at, the worst first.
    pub evidence: Vec<Evidence>,
}

/// What became of a gate.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The worst of its clauses: fail, inconclusive, pass.
    pub verdict: Verdict,
    /// Clause by clause, policy by policy.
    pub rulings: Vec<Ruling>,
    /// Replications played, of all scenarios; both sides of a comparison count.
    pub played: u64,
    /// Replications there would have been.
    pub planned: u64,
    /// Looks taken.
    pub looks: u32,
    /// Looks there would have been.
    pub looks_planned: u32,
}

/// Shares of the planned replications at which is looked, for so many of a scenario.
pub fn looks(planned: u32) -> Vec<f64> {
    let mut count = 1;
    while count < MOST_LOOKS && planned >> count >= FIRST_LOOK {
        count += 1;
    }
    (0..count).rev().map(|halvings| 1.0 / f64::from(1u32 << halvings)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_double_and_end_with_all() {
        assert_eq!(looks(8), [1.0]);
        assert_eq!(looks(50), [0.5, 1.0]);
        assert_eq!(looks(200), [0.125, 0.25, 0.5, 1.0]);
        assert_eq!(looks(1_000_000).len(), MOST_LOOKS as usize);
        assert_eq!(looks(0), [1.0]);
    }

    #[test]
    fn the_worst_verdict_is_the_largest() {
        assert!(Verdict::Fail > Verdict::Inconclusive && Verdict::Inconclusive > Verdict::Pass);
    }
}
