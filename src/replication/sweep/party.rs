//! Policies that left a sweep side by side.
//!
//! Neighbours of a list who leave at the same time have done the same, at the same instant, with the same
//! consequences; they differ in their names and in what they make of the numbers. A party of them rides on a branch as
//! one, and costs what one rider costs; it is taken apart when records are written.

use std::ops::Range;
use std::sync::Arc;

use crate::replication::record::{CheckSummary, DecisionKind, DecisionRecord};
use crate::rollback::ProcedureSpec;
use crate::time::SimTime;

use super::plan::{Group, Ladder, Rung};

/// A part of a list of a group.
#[derive(Clone, Debug)]
pub struct Party {
    pub(super) group: Arc<Group>,
    pub(super) ladder: usize,
    pub(super) rungs: Range<usize>,
    /// When they fired, if they did.
    pub(super) fired_at: Option<SimTime>,
    /// Pages each of them sent.
    pub(super) pages: u32,
    /// What their checks found, with the place in the list up to which that holds.
    pub(super) found: Vec<(usize, Arc<[CheckSummary]>)>,
}

impl Party {
    fn ladder(&self) -> &Ladder {
        &self.group.ladders[self.ladder]
    }

    fn rungs(&self) -> &[Rung] {
        self.ladder().rungs.get(self.rungs.clone()).unwrap_or_default()
    }

    /// What they decide when they fire, and how they roll back.
    pub fn decides(&self) -> (DecisionKind, &ProcedureSpec) {
        (self.ladder().kind, &self.ladder().procedure)
    }

    /// The first of them among the players.
    pub fn first(&self) -> usize {
        self.rungs().iter().map(|rung| rung.player).min().unwrap_or(usize::MAX)
    }

    /// Whether they have decided.
    pub fn has_decided(&self) -> bool {
        self.fired_at.is_some()
    }

    /// Who they are, by index among the players.
    pub fn players(&self) -> impl Iterator<Item = usize> {
        self.rungs().iter().map(|rung| rung.player)
    }

    /// Pages each of them sent.
    pub fn pages(&self) -> u32 {
        self.pages
    }

    /// All of them, those together whose checks found the same.
    pub fn alike(&self) -> impl Iterator<Item = Alike<'_>> {
        let rungs = self.rungs();
        let mut from = self.rungs.start;
        self.found.iter().map(move |(until, checks)| {
            let part = from - self.rungs.start..*until - self.rungs.start;
            from = *until;
            Alike {
                rungs: rungs.get(part).unwrap_or_default().iter(),
                kind: self.ladder().kind,
                fired_at: self.fired_at,
                checks,
            }
        })
    }
}

/// Those of a party whose checks found the same: each by its index among the players, with its decision.
#[derive(Clone, Debug)]
pub struct Alike<'a> {
    rungs: std::slice::Iter<'a, Rung>,
    kind: DecisionKind,
    fired_at: Option<SimTime>,
    checks: &'a Arc<[CheckSummary]>,
}

impl<'a> Alike<'a> {
    /// What their checks found.
    pub fn checks(&self) -> &'a Arc<[CheckSummary]> {
        self.checks
    }
}

impl Iterator for Alike<'_> {
    type Item = (usize, Option<DecisionRecord>);

    fn next(&mut self) -> Option<Self::Item> {
        let rung = self.rungs.next()?;
        let decided = |at: SimTime| DecisionRecord {
            at: at.as_nanos(),
            kind: self.kind,
            reasons: Arc::clone(&rung.reasons),
            decided_by: None,
        };
        Some((rung.player, self.fired_at.map(decided)))
    }
}
