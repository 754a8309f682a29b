//! A sweep: policies that look at one number at the same instants and differ in what they make of it, accounted for
//! together.
//!
//! Variants of a trigger (threshold, `for`, count) share the value they compare. Nothing has to be done for those that
//! would not fire: per instant the value is asked once, and for every rule the *level* is found, the highest threshold
//! at which the rule would fire now: with `consecutive: 3` the lowest of the last three values, with 2 of 5 the second
//! highest of the last five. Thresholds are sorted, so those who fire are the first of a list. They leave the sweep as a
//! [`Party`], with everything their checks found settled from what the sweep noted; the others do so at the end. What a
//! check found changes with the threshold at the values only, so neighbours nearly always found the same (`ranking.rs`).
//!
//! Traps: the result must be that of asking every policy at every tick, to the last byte
//! (`tests/it/sweeps.rs`), so only what is known to be a native trigger of this kind takes part (`plan.rs`); where a
//! timeline is kept everybody is asked. A query that fails or has no data must count for the sweep as it would for each.

mod account;
mod party;
mod plan;
mod ranking;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::Arc;

use crate::policy::native::OnTrouble;
use crate::policy::{Queries, QueryError, Start};
use crate::promql::Value;
use crate::rng::Purpose;
use crate::time::SimTime;

use super::play::Stage;
use super::record::CheckSummary;
use super::setting::Setting;
use super::station::{Answers, Station};

use self::account::Account;
pub use self::party::Party;
use self::plan::Rung;
pub use self::plan::{Group, SweepPlan};

/// The policies of one group that have not fired yet.
#[derive(Clone, Debug)]
struct Live {
    group: Arc<Group>,
    account: Account,
    /// How many have left each list of the group, from its front on.
    gone: Vec<usize>,
    /// Whether the last evaluation was trouble worth a page.
    has_paged: bool,
    pages: u32,
}

/// All groups on a branch. There is none on a branch where somebody has acted.
///
/// Policies of other files look at other instants, so there may be a thousand groups of which one is due.
#[derive(Clone, Debug, Default)]
pub struct Sweep {
    groups: Vec<Live>,
    /// When each group with somebody left wants to be asked, with its index: the next one on top.
    agenda: BinaryHeap<Reverse<(SimTime, usize)>>,
}

/// What is known at the instant of an evaluation.
#[derive(Clone, Copy)]
pub struct Instant {
    /// The present.
    pub now: SimTime,
    /// Whether monitoring fails to answer.
    pub queries_fail: bool,
    /// Whether the fault has begun.
    pub after_onset: bool,
}

/// What an evaluation found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Seen {
    Value(f64),
    NoData,
    Error,
}

impl Sweep {
    /// The groups of a rollout at the deploy, followed to `end`.
    pub fn start(plan: &SweepPlan, setting: &Setting, end: SimTime) -> Self {
        let live = |group: &Arc<Group>| {
            let mut policy = group.prototype.clone();
            let phase = setting.key.purpose(Purpose::PolicyPhase).entity(&group.phase_key).uniform();
            // Triggers do not ask whose rollout it is.
            policy.start(&Start { deploy_at: setting.deploy_at, phase, end, own_rollout: false });
            let next_tick = policy.next_tick();
            let live = Live {
                account: Account::default(),
                gone: vec![0; group.ladders.len()],
                has_paged: false,
                pages: 0,
                group: Arc::clone(group),
            };
            (live, next_tick)
        };
        let mut sweep = Sweep::default();
        for (index, group) in plan.groups.iter().enumerate() {
            let (live, next_tick) = live(group);
            sweep.groups.push(live);
            sweep.agenda.push(Reverse((next_tick, index)));
        }
        sweep
    }

    /// Whether nobody is left.
    pub fn is_empty(&self) -> bool {
        self.agenda.is_empty()
    }

    /// When the next group wants to be asked.
    pub fn due(&self) -> SimTime {
        self.agenda.peek().map_or(SimTime::NEVER, |Reverse((next_tick, _))| *next_tick)
    }

    /// Asks the groups that are due; those who fire now leave.
    pub fn ask(&mut self, stage: &Stage<'_>, station: &mut Station, at: Instant) -> Vec<Party> {
        let mut leaving = Vec::new();
        while self.due() <= at.now {
            let Some(Reverse((_, index))) = self.agenda.pop() else { break };
            let live = &mut self.groups[index];
            let seen = live.look(stage, station, at);
            live.note(seen, at);
            live.fire(at.now, &mut leaving);
            if !live.is_empty() {
                self.agenda.push(Reverse((at.now + live.group.every, index)));
            }
        }
        leaving
    }

    /// Everybody who has not fired, at the end of their branch.
    pub fn settle(&mut self) -> Vec<Party> {
        let mut leaving = Vec::new();
        for live in &mut self.groups {
            for ladder in 0..live.gone.len() {
                let rest = live.group.ladders[ladder].rungs.len();
                leaving.extend(live.leave(ladder, rest, None));
            }
        }
        *self = Sweep::default();
        leaving
    }
}

impl Live {
    fn is_empty(&self) -> bool {
        self.group.ladders.iter().zip(&self.gone).all(|(ladder, gone)| *gone == ladder.rungs.len())
    }

    /// The value all of them compare.
    fn look(&self, stage: &Stage<'_>, station: &mut Station, at: Instant) -> Seen {
        let player = &stage.players[self.group.asker];
        let mut answers = Answers::new(stage.prepared, player, station, at.now, at.queries_fail);
        match answers.value(self.group.query) {
            Ok(Value::Vector(samples)) => samples.last().map_or(Seen::NoData, |s| Seen::Value(s.value)),
            Ok(_) | Err(QueryError::Unavailable | QueryError::Failed(_)) => Seen::Error,
        }
    }

    /// Counts an evaluation as each of the triggers would.
    fn note(&mut self, seen: Seen, at: Instant) {
        let had_paged = std::mem::replace(&mut self.has_paged, false);
        self.account.find(seen, self.group.up(seen), at.after_onset);
        let trouble = match seen {
            Seen::Value(_) => OnTrouble::Ignore,
            Seen::NoData => self.group.on_no_data,
            Seen::Error => self.group.on_error,
        };
        match (trouble, seen) {
            (OnTrouble::Count, _) => self.account.count(at.now, f64::INFINITY),
            (OnTrouble::Page, _) => {
                self.has_paged = true;
                self.pages += u32::from(!had_paged);
            }
            (_, Seen::Value(_)) => self.account.count(at.now, self.group.up(seen)),
            (_, Seen::NoData) => self.account.count(at.now, f64::NEG_INFINITY),
            (_, Seen::Error) => {}
        }
    }

    /// Lets those go whose trigger fires now.
    fn fire(&mut self, now: SimTime, leaving: &mut Vec<Party>) {
        let group = Arc::clone(&self.group);
        let Some(newest) = self.account.newest(now) else { return };
        for (number, ladder) in group.ladders.iter().enumerate() {
            // No trigger begins to fire at an evaluation that was good for it.
            let lowest = ladder.rungs.get(self.gone[number]);
            if !lowest.is_some_and(|rung| group.is_above(newest, rung.limit)) {
                continue;
            }
            let Some(level) = self.account.level(ladder.rule, now) else { continue };
            let until = ladder.rungs.partition_point(|rung| group.is_above(level, rung.limit));
            leaving.extend(self.leave(number, until, Some(now)));
        }
    }

    /// Those of a list up to the place `until`, who fire at an instant or have come to the end.
    fn leave(&mut self, ladder: usize, until: usize, fired_at: Option<SimTime>) -> Option<Party> {
        let gone = self.gone[ladder];
        if until <= gone {
            return None;
        }
        self.gone[ladder] = until;
        Some(Party {
            found: self.found(ladder, gone..until),
            group: Arc::clone(&self.group),
            ladder,
            rungs: gone..until,
            fired_at,
            pages: self.pages,
        })
    }

    /// What the checks of a part of a list found, each with the place up to which that holds.
    fn found(&mut self, ladder: usize, part: Range<usize>) -> Vec<(usize, Arc<[CheckSummary]>)> {
        let group = &self.group;
        let rungs = &group.ladders[ladder].rungs[..part.end];
        let mut found = Vec::new();
        let mut from = part.start;
        while let Some(rung) = rungs.get(from) {
            let (summary, standing) = self.account.settle(|value| group.is_above(value, rung.limit));
            let alike = |other: &Rung| {
                other.limit == rung.limit
                    || standing.down_to.is_none_or(|value| group.is_above(value, other.limit))
            };
            from += rungs[from..].iter().take_while(|other| alike(other)).count();
            found.push((from, Arc::from([summary])));
        }
        found
    }
}
