//! From a finished branch to the records of its riders.

use std::borrow::Cow;
use std::sync::Arc;

use crate::rollback::StepLog;
use crate::time::{SimDuration, SimTime};
use crate::world::tally::{Counts, Minute, Tally};

use super::baseline::Baseline;
use super::branch::{Branch, Rider};
use super::play::Finished;
use super::record::{
    BranchEnd, CheckSummary, Course, DataRecord, DecidedBy, DecisionKind, DecisionRecord, MetastableRecord,
    NoticeRecord, Player, RollbackOutcome, RollbackRecord, RollbackStep, RunRecord, Told,
};
use super::useless::is_useless;
use super::way_back::Rollback;

/// A rollback that took longer than this after the decision was slow.
const SLOW_AFTER: SimDuration = SimDuration::from_secs(60);

/// The latency objective is a 99th percentile: this share of requests may be slow.
const SLOW_ALLOWED: f64 = 0.01;

/// Shape of the gamma distribution of how active users are, when users are not followed one by one.
const USER_ACTIVITY_SHAPE: f64 = 0.5;

/// What finishing needs to know of the twin.
pub struct Twin<'a> {
    /// The world without a deploy.
    pub baseline: &'a Baseline,
    /// First harm of the bad twin.
    pub first_harm: Option<SimTime>,
    /// Share of requests that must succeed.
    pub availability: f64,
    /// Users behind the target's traffic.
    pub users: f64,
    /// Those of them whose requests a cohort rule matches.
    pub matching: f64,
    /// When somebody hears of a rollback, after the decision, if anything is known about that.
    pub told_after: Option<Option<SimDuration>>,
    /// The branch on which nobody rolls back, if anybody was asked to do so.
    pub never: Option<&'a Finished>,
}

/// What a player did and found, beside the decision, that others on the same branch need not have done.
#[derive(Default)]
struct Deeds {
    pages: u32,
    notices: Vec<NoticeRecord>,
    checks: Arc<[CheckSummary]>,
}

impl From<&Rider> for Deeds {
    fn from(rider: &Rider) -> Self {
        Deeds {
            pages: rider.pages,
            notices: rider.notices.clone(),
            checks: rider.checks.iter().map(|check| check.summary).collect(),
        }
    }
}

/// What all riders of a finished branch have in common.
pub struct Fate<'a> {
    finished: &'a Finished,
    tally: Cow<'a, Tally>,
    counts: Counts,
    recovered_at: Option<SimTime>,
    users_harmed: f64,
    /// The first rollback.
    rollback: Option<Arc<RollbackRecord>>,
    /// The same for those who decided to roll back.
    own_rollback: Option<Arc<RollbackRecord>>,
    further: Arc<[RollbackRecord]>,
    data: Option<DataRecord>,
    metastable: Option<MetastableRecord>,
    told_after: Option<Option<SimDuration>>,
}

impl<'a> Fate<'a> {
    /// How a branch ended.
    pub fn of(finished: &'a Finished, twin: &Twin<'_>, metastable: Option<MetastableRecord>) -> Self {
        let branch = &finished.branch;
        let tally = branch.world.tally().map_or_else(|| Cow::Owned(Tally::default()), Cow::Borrowed);
        let counts = match finished.end {
            BranchEnd::Span => tally.counts,
            BranchEnd::Merged | BranchEnd::Settled => twin.baseline.continued(&tally.counts, branch.scrape),
        };
        let recovered_at =
            twin.first_harm.and_then(|harm| recovered(branch, &tally.minutes, harm, finished.end, twin));
        let mut rollbacks = rollbacks(finished, recovered_at.is_some(), twin).into_iter();
        let rollback = rollbacks.next().map(Arc::new);
        let under_never =
            twin.never.map(|never| never.branch.world.tally().map_or(0, |tally| tally.harm.total()));
        let own_rollback =
            rollback.as_ref().map(|rollback| weighed(rollback, tally.harm.total(), under_never));
        Fate {
            finished,
            counts,
            recovered_at,
            users_harmed: if branch.world.is_flow() {
                let harmed = tally.harm.total();
                let cohort = branch.cohort_harm.min(harmed);
                // The faults may concern only some of the users, of the matching ones as of all.
                let concerned = branch.world.concerned_users();
                let users = twin.users * concerned;
                let matching = twin.matching.min(users);
                match &branch.tiers {
                    Some(tiers) if cohort == 0 && users > 0.0 => {
                        tiers.users_harmed(users, |mean| hit(mean, 1.0))
                    }
                    _ => users_harmed([cohort, harmed - cohort].map(|n| n as f64), users, matching),
                }
            } else {
                tally.harmed_users.len() as f64
            },
            rollback,
            own_rollback,
            further: rollbacks.collect(),
            data: data(branch),
            metastable,
            tally,
            told_after: twin.told_after,
        }
    }

    /// The records of everybody on the branch, at their places among the players; miss and false causes are left open.
    pub fn record(&self, who: &[Player], runs: &mut [Option<RunRecord>]) {
        let mut put = |index: usize, decision: Option<DecisionRecord>, course: &Arc<Course>| {
            let (Some(run), Some(player)) = (runs.get_mut(index), who.get(index)) else { return };
            let (player, course) = (player.clone(), Arc::clone(course));
            *run = Some(RunRecord { player, decision, miss: None, false_cause: None, blames: None, course });
        };
        for rider in &self.finished.branch.riders {
            let course = Arc::new(self.course(rider.decision.as_ref(), rider.into()));
            put(rider.player, rider.decision.clone(), &course);
        }
        for party in &self.finished.branch.parties {
            for alike in party.alike() {
                let Some(decision) = alike.clone().next().map(|(_, decision)| decision) else { continue };
                let deeds =
                    Deeds { pages: party.pages(), checks: Arc::clone(alike.checks()), ..Deeds::default() };
                let course = Arc::new(self.course(decision.as_ref(), deeds));
                alike.for_each(|(player, decision)| put(player, decision, &course));
            }
        }
    }

    /// How it went for those who decided and did this.
    fn course(&self, decision: Option<&DecisionRecord>, deeds: Deeds) -> Course {
        let branch = &self.finished.branch;
        let rollback = match decision.map(|decision| decision.kind) {
            None => &None,
            Some(DecisionKind::RollBack) => &self.own_rollback,
            Some(DecisionKind::ForwardFix | DecisionKind::Stop) => &self.rollback,
        };
        Course {
            rollback: rollback.clone(),
            further: Arc::clone(&self.further),
            promoted_at: branch.promoted_at.map(SimTime::as_nanos),
            recovered_at: self.recovered_at.map(SimTime::as_nanos),
            pages: deeds.pages,
            told: decision.and_then(|decision| told(decision, &deeds.notices, self.told_after)),
            notices: deeds.notices,
            counts: self.counts,
            harmed: self.tally.harm,
            users_harmed: self.users_harmed,
            downtime: self.tally.downtime.as_nanos(),
            metastable: self.metastable,
            rows_lost: self.data.map_or(0, |data| data.rows()),
            data: self.data,
            end: self.finished.end,
            ended_at: branch.world.now().as_nanos(),
            checks: deeds.checks,
            timeline: branch.timeline.as_ref().map(|t| t.entries.clone()).unwrap_or_default(),
            trace: branch.timeline.as_ref().map(|t| t.trace.clone()).unwrap_or_default(),
        }
    }
}

/// Mean number of users with at least one harmed request, when users are not followed one by one.
///
/// Requests per user are gamma mixed Poisson: the share of users without any of the harmed ones is a negative binomial
/// zero probability. Harm that only the matching cohort could meet (`harmed[0]`) falls on its users; all other harm
/// (`harmed[1]`) on everybody, so that a matching user may meet both.
fn users_harmed(harmed: [f64; 2], users: f64, matching: f64) -> f64 {
    if users <= 0.0 {
        return 0.0;
    }
    let [of_cohort, of_all] = harmed;
    let matching = matching.min(users);
    if of_cohort <= 0.0 || matching <= 0.0 {
        return users * hit(of_all + of_cohort, users);
    }
    // A matching user's mean is that of everybody and that of the cohort together.
    let both = of_cohort + of_all * matching / users;
    matching * hit(both, matching) + (users - matching) * hit(of_all, users)
}

/// Chance that a user is among those hit when so many requests of so many users are harmed: one less the zero probability of a
/// negative binomial.
fn hit(harmed: f64, users: f64) -> f64 {
    1.0 - libm::pow(1.0 + harmed / (users * USER_ACTIVITY_SHAPE), -USER_ACTIVITY_SHAPE)
}

/// Rows are counted in expectation; a record has whole ones.
fn data(branch: &Branch) -> Option<DataRecord> {
    let damage = branch.world.damage()?;
    // The cast saturates.
    let whole = |rows: f64| libm::round(rows) as u64;
    Some(DataRecord {
        lost_updates: whole(damage.lost_updates),
        null_rows: whole(damage.null_rows),
        since_backup: whole(damage.since_backup),
        corrupted: whole(damage.corrupted),
        constraints_lost: damage.constraints_lost,
    })
}

/// When somebody was told of a decision: whoever made it, by an alert of the engine, or as the people of the scenario hear
/// of such things; `None` where neither alerts nor people are known.
fn told(
    decision: &DecisionRecord,
    notices: &[NoticeRecord],
    told_after: Option<Option<SimDuration>>,
) -> Option<Told> {
    if decision.decided_by == Some(DecidedBy::Person) {
        return Some(Told { at: Some(decision.at) });
    }
    let heard = told_after.map(|after| after.map(|after| decision.at + after.as_nanos()));
    let alerted = (!notices.is_empty()).then(|| decision.notified_at(notices));
    let ways = [heard, alerted];
    let first = ways.iter().flatten().flatten().min().copied();
    ways.iter().any(Option::is_some).then_some(Told { at: first })
}

/// Every rollback of a branch; nothing follows the last one, so what it was worth can be counted.
fn rollbacks(finished: &Finished, recovered: bool, twin: &Twin<'_>) -> Vec<RollbackRecord> {
    let branch = &finished.branch;
    let mut records: Vec<RollbackRecord> =
        branch.earlier_rollbacks.iter().chain(&branch.rollback).map(record_of).collect();
    let restored = branch.rollback.as_ref().and_then(|rollback| rollback.restored);
    if let (Some(last), Some(restored), Some(never)) = (records.last_mut(), restored, twin.never)
        && !recovered
        && is_useless(finished, never, twin.baseline, restored)
    {
        last.outcome = RollbackOutcome::NoEffect;
    }
    records
}

fn record_of(rollback: &Rollback) -> RollbackRecord {
    let execution = &rollback.execution;
    let nanos = |at: Option<SimTime>| at.map(SimTime::as_nanos);
    RollbackRecord {
        procedure: execution.name().to_owned(),
        target: execution.target().map(|target| target.name.clone()),
        began: rollback.began.as_nanos(),
        drained: nanos(rollback.drained),
        restored: nanos(rollback.restored),
        verified: nanos(execution.verified_at()),
        outcome: outcome(rollback),
        unattended: execution.is_unattended() && !execution.is_impossible(),
        steps: execution.log.iter().map(step).collect(),
    }
}

/// A rollback after which more requests were harmed than without any made things worse.
fn weighed(rollback: &Arc<RollbackRecord>, harmed: u64, never: Option<u64>) -> Arc<RollbackRecord> {
    let worse = never.is_some_and(|never| harmed > never) && rollback.outcome != RollbackOutcome::Impossible;
    if !worse {
        return Arc::clone(rollback);
    }
    Arc::new(RollbackRecord { outcome: RollbackOutcome::MadeWorse, ..RollbackRecord::clone(rollback) })
}

fn step(log: &StepLog) -> RollbackStep {
    RollbackStep {
        name: log.name.clone().into_owned(),
        began: log.began.as_nanos(),
        ended: log.ended.map(SimTime::as_nanos),
        failed: log.failed,
        silent: log.silent,
        right: log.right,
        waited_for: log.waited.as_ref().map(|(service, _)| service.clone()),
        waited: log.waited.as_ref().map_or(0, |(_, time)| time.as_nanos()),
    }
}

/// What came of a rollback by itself; `MadeWorse` needs the run under `never` and is set when that is known.
fn outcome(rollback: &Rollback) -> RollbackOutcome {
    if rollback.execution.is_impossible() {
        return RollbackOutcome::Impossible;
    }
    match rollback.restored {
        // Users got from one broken revision to another.
        Some(_) if rollback.also_broken => RollbackOutcome::NoEffect,
        Some(at) if at.since(rollback.began) <= SLOW_AFTER => RollbackOutcome::Worked,
        Some(_) => RollbackOutcome::Slow,
        None if rollback.execution.is_pending() => RollbackOutcome::Unfinished,
        None => RollbackOutcome::NoEffect,
    }
}

/// First instant after first harm from which five one-minute windows in a row are inside the SLO or no worse than
/// without the deploy.
fn recovered(
    branch: &Branch,
    minutes: &[Minute],
    first_harm: SimTime,
    end: BranchEnd,
    twin: &Twin<'_>,
) -> Option<SimTime> {
    const WINDOWS: usize = 5;
    let minute = SimDuration::from_mins(1);
    let from = (first_harm.since(branch.deploy_at).as_nanos() / minute.as_nanos()) as usize;
    let without = |index: usize| twin.baseline.minutes.get(index).copied().unwrap_or_default();
    let here = |index: usize| match minutes.get(index) {
        Some(seen) if index + 1 < minutes.len() || end == BranchEnd::Span => *seen,
        _ => without(index),
    };
    let last = twin.baseline.minutes.len();
    let good = |index: usize| {
        let share = |part: u32, m: Minute| f64::from(part) / f64::from(m.answered.max(1));
        let (here, without) = (here(index), without(index));
        let inside =
            share(here.bad, here) <= 1.0 - twin.availability && share(here.slow, here) <= SLOW_ALLOWED;
        inside || share(here.bad + here.slow, here) <= share(without.bad + without.slow, without)
    };
    // The minute of the first harm itself is over before anything can have recovered.
    (from + 1..last.saturating_sub(WINDOWS - 1))
        .find(|&start| (start..start + WINDOWS).all(good))
        .map(|start| branch.deploy_at + minute * start as u64)
}

#[cfg(test)]
mod tests {
    use super::users_harmed;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9 * b.abs().max(1.0), "{a} is not {b}");
    }

    #[test]
    fn harm_of_everybody_is_spread_over_all_users_by_the_gamma_law() {
        close(users_harmed([0.0, 0.0], 1000.0, 100.0), 0.0);
        close(users_harmed([0.0, 500.0], 1000.0, 100.0), 1000.0 * (1.0 - 0.5f64.sqrt()));
        close(users_harmed([3.0, 500.0], 0.0, 0.0), 0.0);
    }

    #[test]
    fn harm_of_the_cohort_falls_on_its_users_only() {
        // The same law with a tenth of the users, and never more of them than there are.
        close(users_harmed([50.0, 0.0], 1000.0, 100.0), 100.0 * (1.0 - 0.5f64.sqrt()));
        let many = users_harmed([1e9, 0.0], 1000.0, 100.0);
        assert!((99.0..=100.0).contains(&many), "{many}");
        // A cohort of everybody is no cohort, and one of nobody cannot be told apart.
        close(users_harmed([50.0, 7.0], 1000.0, 1000.0), users_harmed([0.0, 57.0], 1000.0, 100.0));
        close(users_harmed([50.0, 7.0], 1000.0, 0.0), users_harmed([0.0, 57.0], 1000.0, 100.0));
    }

    #[test]
    fn a_matching_user_who_meets_both_counts_once() {
        let (users, matching) = (1000.0, 100.0);
        let apart = users_harmed([80.0, 0.0], users, matching) + users_harmed([0.0, 300.0], users, matching);
        let both = users_harmed([80.0, 300.0], users, matching);
        assert!(both < apart && both > users_harmed([0.0, 300.0], users, matching));
    }
}
