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

/// One of a party.
#[derive(Clone, Debug)]
pub struct Member {
    /// Index among the players of the rollout.
    pub player: usize,
    /// Its decision.
    pub decision: Option<DecisionRecord>,
    /// Pages it sent.
    pub pages: u32,
    /// What its check found.
    pub checks: Arc<[CheckSummary]>,
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

    /// All of them, each with what it did and found.
    pub fn members(&self) -> impl Iterator<Item = Member> {
        let kind = self.ladder().kind;
        let mut found = self.found.iter();
        let mut present = found.next();
        self.rungs.clone().zip(self.rungs()).map(move |(place, rung)| {
            while present.is_some_and(|(until, _)| *until <= place) {
                present = found.next();
            }
            let decided = |at: SimTime| DecisionRecord {
                at: at.as_nanos(),
                kind,
                reasons: Arc::clone(&rung.reasons),
                decided_by: None,
            };
            Member {
                player: rung.player,
                decision: self.fired_at.map(decided),
                pages: self.pages,
                checks: present.map_or_else(Arc::default, |(_, checks)| Arc::clone(checks)),
            }
        })
    }
}
