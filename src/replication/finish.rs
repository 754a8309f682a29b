//! From a finished branch to the records of its riders.

use std::borrow::Cow;

use crate::rollback::StepLog;
use crate::time::{SimDuration, SimTime};
use crate::world::tally::{Counts, Minute, Tally};

use super::baseline::Baseline;
use super::branch::{Branch, Rider};
use super::play::Finished;
use super::record::{
    BranchEnd, DataRecord, DecidedBy, Player, RollbackOutcome, RollbackRecord, RollbackStep, RunRecord, Told,
};
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
}

/// What all riders of a finished branch have in common.
pub struct Fate<'a> {
    finished: &'a Finished,
    tally: Cow<'a, Tally>,
    counts: Counts,
    recovered_at: Option<SimTime>,
    users_harmed: f64,
    rollbacks: Vec<RollbackRecord>,
    data: Option<DataRecord>,
    told_after: Option<Option<SimDuration>>,
}

impl<'a> Fate<'a> {
    /// How a branch ended.
    pub fn of(finished: &'a Finished, twin: &Twin<'_>) -> Self {
        let branch = &finished.branch;
        let tally = branch.world.tally().map_or_else(|| Cow::Owned(Tally::default()), Cow::Borrowed);
        let counts = match finished.end {
            BranchEnd::Span => tally.counts,
            BranchEnd::Merged | BranchEnd::Settled => twin.baseline.continued(&tally.counts, branch.scrape),
        };
        Fate {
            finished,
            counts,
            recovered_at: twin
                .first_harm
                .and_then(|harm| recovered(branch, &tally.minutes, harm, finished.end, twin)),
            users_harmed: if branch.world.is_flow() {
                let harmed = tally.harm.total();
                let cohort = branch.cohort_harm.min(harmed);
                // The faults may concern only some of the users, of the matching ones as of all.
                let concerned = branch.world.concerned_users();
                let users = twin.users * concerned;
                users_harmed([cohort, harmed - cohort].map(|n| n as f64), users, twin.matching.min(users))
            } else {
                tally.harmed_users.len() as f64
            },
            rollbacks: branch.earlier_rollbacks.iter().chain(&branch.rollback).map(rollback).collect(),
            data: data(branch),
            tally,
            told_after: twin.told_after,
        }
    }

    /// The record of one rider, miss and false causes left open.
    pub fn record(&self, rider: &Rider, player: &Player) -> RunRecord {
        let branch = &self.finished.branch;
        let mut run = RunRecord {
            player: player.clone(),
            rollback: self.rollbacks.first().cloned().filter(|_| rider.decision.is_some()),
            further: self.rollbacks.iter().skip(1).cloned().collect(),
            decision: rider.decision.clone(),
            promoted_at: branch.promoted_at.map(SimTime::as_nanos),
            recovered_at: self.recovered_at.map(SimTime::as_nanos),
            pages: rider.pages,
            notices: rider.notices.clone(),
            told: None,
            counts: self.counts,
            harmed: self.tally.harm,
            users_harmed: self.users_harmed,
            downtime: self.tally.downtime.as_nanos(),
            metastable: None,
            rows_lost: self.data.map_or(0, |data| data.rows()),
            data: self.data,
            end: self.finished.end,
            ended_at: branch.world.now().as_nanos(),
            checks: rider.checks.iter().map(|c| c.summary).collect(),
            miss: None,
            false_cause: None,
            blames: None,
            timeline: branch.timeline.as_ref().map(|t| t.entries.clone()).unwrap_or_default(),
            trace: branch.timeline.as_ref().map(|t| t.trace.clone()).unwrap_or_default(),
        };
        run.told = told(&run, self.told_after);
        run
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
    let shape = USER_ACTIVITY_SHAPE;
    let hit = |harmed: f64, users: f64| 1.0 - libm::pow(1.0 + harmed / (users * shape), -shape);
    let [of_cohort, of_all] = harmed;
    let matching = matching.min(users);
    if of_cohort <= 0.0 || matching <= 0.0 {
        return users * hit(of_all + of_cohort, users);
    }
    // A matching user's mean is that of everybody and that of the cohort together.
    let both = of_cohort + of_all * matching / users;
    matching * hit(both, matching) + (users - matching) * hit(of_all, users)
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
fn told(run: &RunRecord, told_after: Option<Option<SimDuration>>) -> Option<Told> {
    let decision = run.decision.as_ref()?;
    if decision.decided_by == Some(DecidedBy::Person) {
        return Some(Told { at: Some(decision.at) });
    }
    let heard = told_after.map(|after| after.map(|after| decision.at + after.as_nanos()));
    let alerted = (!run.notices.is_empty()).then(|| run.notified_at());
    let ways = [heard, alerted];
    let first = ways.iter().flatten().flatten().min().copied();
    ways.iter().any(Option::is_some).then_some(Told { at: first })
}

fn rollback(rollback: &Rollback) -> RollbackRecord {
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

fn step(log: &StepLog) -> RollbackStep {
    RollbackStep {
        name: log.name.clone().into_owned(),
        began: log.began.as_nanos(),
        ended: log.ended.map(SimTime::as_nanos),
        failed: log.failed,
        silent: log.silent,
        right: log.right,
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
