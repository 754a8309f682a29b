//! A sweep: policies that look at one number at the same instants and differ in what they make of it, accounted for
//! together.
//!
//! Variants of a trigger (threshold, `for`, count) share the value they compare. Nothing has to be done for those that
//! would not fire: per instant the value is asked once, and for every rule the *level* is found, the highest threshold
//! at which the rule would fire now: with `consecutive: 3` the lowest of the last three values, with 2 of 5 the second
//! highest of the last five. Thresholds are sorted, so those who fire are the first of a list. They leave the sweep as
//! ordinary riders, with everything their checks found settled from what the sweep noted; the others do so at the end.
//!
//! Traps: the result must be that of asking every policy at every tick, to the last byte
//! (`tests/it/sweeps.rs`), so only what is known to be a native trigger of this kind takes part (`plan.rs`); where a
//! timeline is kept everybody is asked. A query that fails or has no data must count for the sweep as it would for each.

mod account;
mod plan;

use std::sync::Arc;

use crate::policy::native::OnTrouble;
use crate::policy::{Observation, Policy, Queries, QueryError, Start, Verdict};
use crate::promql::Value;
use crate::rng::Purpose;
use crate::time::SimTime;

use super::branch::Rider;
use super::play::Stage;
use super::setting::Setting;
use super::station::{Answers, Station};

use self::account::Account;
pub use self::plan::{Group, SweepPlan};

/// The policies of one group that have not fired yet.
#[derive(Clone, Debug)]
struct Live {
    group: Arc<Group>,
    next_tick: SimTime,
    account: Account,
    /// How many have left each list of the group, from its front on.
    gone: Vec<usize>,
    /// Whether the last evaluation was trouble worth a page.
    has_paged: bool,
    pages: u32,
}

/// All groups on a branch. There is none on a branch where somebody has acted.
#[derive(Clone, Debug, Default)]
pub struct Sweep(Vec<Live>);

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

/// A policy that has said everything.
#[derive(Clone, Copy)]
struct Through;

impl Policy for Through {
    fn start(&mut self, _start: &Start) {}

    fn next_tick(&self) -> SimTime {
        SimTime::NEVER
    }

    fn observe(&mut self, _observation: &mut Observation<'_>) -> Verdict {
        Verdict::Continue
    }

    fn may_resume(&self) -> bool {
        false
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(*self)
    }
}

impl Sweep {
    /// The groups of a rollout at the deploy, followed to `end`.
    pub fn start(plan: &SweepPlan, setting: &Setting, end: SimTime) -> Self {
        let live = |group: &Arc<Group>| {
            let mut policy = group.prototype.clone();
            let phase = setting.key.purpose(Purpose::PolicyPhase).entity(&group.phase_key).uniform();
            // Triggers do not ask whose rollout it is.
            policy.start(&Start { deploy_at: setting.deploy_at, phase, end, own_rollout: false });
            Live {
                next_tick: policy.next_tick(),
                account: Account::default(),
                gone: vec![0; group.ladders.len()],
                has_paged: false,
                pages: 0,
                group: Arc::clone(group),
            }
        };
        Sweep(plan.groups.iter().map(live).collect())
    }

    /// Whether nobody is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// When the next group wants to be asked.
    pub fn due(&self) -> SimTime {
        self.0.iter().map(|live| live.next_tick).min().unwrap_or(SimTime::NEVER)
    }

    /// Asks the groups that are due; those who fire now become riders that have something to say at once.
    pub fn ask(&mut self, stage: &Stage<'_>, station: &mut Station, at: Instant, riders: &mut Vec<Rider>) {
        for live in &mut self.0 {
            if live.next_tick <= at.now {
                let seen = live.look(stage, station, at);
                live.next_tick = at.now + live.group.every;
                live.note(seen, at);
                live.fire(stage, at.now, riders);
            }
        }
        self.0.retain(|live| !live.is_empty());
    }

    /// Everybody who has not fired, at the end of their branch.
    pub fn settle(&mut self, stage: &Stage<'_>, riders: &mut Vec<Rider>) {
        for live in &mut self.0 {
            for ladder in 0..live.gone.len() {
                let rest = live.group.ladders[ladder].rungs.len();
                live.leave(stage, ladder, rest, None, riders);
            }
        }
        self.0.clear();
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
    fn fire(&mut self, stage: &Stage<'_>, now: SimTime, riders: &mut Vec<Rider>) {
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
            self.leave(stage, number, until, Some(now), riders);
        }
    }

    /// Those of a list up to the place `until` become riders, with a verdict if they fire.
    fn leave(
        &mut self,
        stage: &Stage<'_>,
        ladder: usize,
        until: usize,
        fires_at: Option<SimTime>,
        riders: &mut Vec<Rider>,
    ) {
        let rungs = &self.group.ladders[ladder].rungs;
        let mut known = None;
        for rung in rungs.get(self.gone[ladder]..until).unwrap_or_default() {
            let found = match known {
                Some((limit, found)) if limit == rung.limit => found,
                _ => self.account.settle(|value| self.group.is_above(value, rung.limit)),
            };
            known = Some((rung.limit, found));
            riders.push(Rider {
                player: rung.player,
                policy: Box::new(Through),
                holding: false,
                paused: false,
                pending: fires_at.map(|at| (at, rung.def.verdict())).into_iter().collect(),
                decision: None,
                pages: self.pages,
                lost: 0,
                notices: Vec::new(),
                checks: vec![found],
                call: None,
                calls: 0,
                silenced: false,
                tick: SimTime::NEVER,
                due: fires_at.unwrap_or(SimTime::NEVER),
                chance: stage.setting.key,
            });
        }
        self.gone[ladder] = self.gone[ladder].max(until);
    }
}
