//! Why: the cause of each miss, and of each false rollback; and which rollbacks blame the wrong change.
//!
//! A rollback of the healthy release is put down to the first circumstance whose removal under the same keys makes it vanish. Of
//! the bad release one is put down to a change that somebody else made if it vanishes without that change and stays
//! without the fault: the healthy twin, in which all else is equal, was rolled back too. A release that is bad and would
//! have been rolled back anyway is not blamed for nothing.

use std::sync::Arc;

use crate::promql::Value;
use crate::strategy::Signal;

use super::Options;
use super::baseline::{Baseline, Warm};
use super::branch::Rider;
use super::play::{Finished, Stage, play};
use super::prepared::{PlayerSpec, Prepared, RolloutPlan};
use super::question::Hindsight;
use super::record::{DecidedBy, DecisionKind, MissCause, Player, RollbackOutcome, RunRecord};
use super::setting::Setting;
use super::station::Station;
use super::sweep::{Sweep, SweepPlan};
use crate::world::World;

/// Notes, for every policy that missed the bad release, the first cause that holds.
pub fn misses(stage: &Stage<'_>, finished: &[Finished], runs: &mut [RunRecord]) {
    let Some(first_harm) = stage.truth.first_harm else { return };
    let watch_end = (first_harm + stage.prepared.scenario.watch).as_nanos();
    let Some(never) = finished.iter().find(|f| f.branch.riders.iter().any(|r| r.player == 0)) else { return };
    let station = never.branch.station.clone();
    let mut hindsight = Hindsight::new(stage.prepared, station, stage.watched_until, stage.onset);
    let mut stopped = vec![Stopped::default(); runs.len()];
    for rider in finished.iter().flat_map(|f| &f.branch.riders) {
        if let Some(stopped) = stopped.get_mut(rider.player) {
            *stopped = Stopped::of(rider);
        }
    }
    for ((run, player), stopped) in runs.iter_mut().zip(stage.players).zip(stopped) {
        if !matches!(run.player, Player::Policy(_)) {
            continue;
        }
        let decided = run.decision.as_ref().filter(|d| d.at <= watch_end);
        run.miss = match decided {
            Some(_) if rollback_failed(run) => Some(MissCause::RollbackFailed),
            Some(_) => None,
            None => stopped
                .after_its_word(run)
                .or_else(|| Some(cause(stage, player, run, stopped.paused, &mut hindsight))),
        };
    }
}

/// What came between a policy and a decision.
#[derive(Clone, Copy, Debug, Default)]
struct Stopped {
    paused: bool,
    /// Verdicts of it got lost.
    lost: bool,
    /// Somebody was called.
    called: bool,
    /// They are still on their way to an act.
    at_it: bool,
}

impl Stopped {
    fn of(rider: &Rider) -> Self {
        let (called, at_it) = (rider.calls > 0, rider.call.is_some());
        Stopped { paused: rider.paused, lost: rider.lost > 0, called, at_it }
    }

    /// Why nothing was decided in time although it had said what was to be said.
    fn after_its_word(self, run: &RunRecord) -> Option<MissCause> {
        let too_late = run.decision.as_ref().is_some_and(|d| d.decided_by == Some(DecidedBy::Person));
        match self {
            Stopped { lost: true, .. } => Some(MissCause::VerdictLost),
            Stopped { called: true, at_it, .. } if at_it || too_late => Some(MissCause::PersonLate),
            Stopped { called: true, .. } => Some(MissCause::PersonLeftIt),
            _ => None,
        }
    }
}

fn rollback_failed(run: &RunRecord) -> bool {
    run.rollback.as_ref().is_some_and(|r| {
        matches!(
            r.outcome,
            RollbackOutcome::NoEffect | RollbackOutcome::Impossible | RollbackOutcome::Unfinished
        )
    })
}

/// The first cause that holds, in the order of [`MissCause`].
fn cause(
    stage: &Stage<'_>,
    player: &PlayerSpec,
    run: &RunRecord,
    paused: bool,
    hindsight: &mut Hindsight<'_>,
) -> MissCause {
    let after: u32 = run.checks.iter().map(|c| c.after_onset).sum();
    let silent: u32 = run.checks.iter().map(|c| c.no_data + c.errors).sum();
    if after > 0 && silent == after && never_bound(stage, player) {
        return MissCause::NoSuchSeries;
    }
    if after > 0 && silent * 2 > after {
        return MissCause::NoData;
    }
    let crosses = candidate_crosses(player, hindsight);
    match (crosses, longest_bad(run)) {
        (None, _) if player.questions.iter().any(Option::is_some) => MissCause::BelowThreshold,
        (_, _) if paused => MissCause::Paused,
        (_, Some(check)) => MissCause::TooShort { check },
        (Some(check), None) => MissCause::Diluted { check },
        (None, None) => MissCause::BelowThreshold,
    }
}

fn longest_bad(run: &RunRecord) -> Option<usize> {
    let (check, summary) =
        run.checks.iter().enumerate().max_by_key(|(i, c)| (c.longest_bad, std::cmp::Reverse(*i)))?;
    (summary.longest_bad > 0).then_some(check)
}

/// Whether every query of the player reads something that can never be there (`--allow-missing-series`).
fn never_bound(stage: &Stage<'_>, player: &PlayerSpec) -> bool {
    let Some(policy) = player.asks_as else { return false };
    let never =
        |query: usize| stage.prepared.panel.selectors(policy, query).iter().any(|s| s.bound.never.is_some());
    player.queries > 0 && (0..player.queries).all(never)
}

/// The first check whose value for the candidate alone, over all the time since the onset, is on the bad side.
fn candidate_crosses(player: &PlayerSpec, hindsight: &mut Hindsight<'_>) -> Option<usize> {
    player.check_defs.iter().zip(&player.questions).position(|(check, question)| {
        match question.and_then(|question| hindsight.stretched(question)) {
            Some(Value::Scalar(value)) => check.limits.is_bad(*value),
            Some(Value::Vector(samples)) => samples.iter().any(|s| check.limits.is_bad(s.value)),
            _ => false,
        }
    })
}

/// Notes, for every policy that rolled the healthy release back, the first confounder whose removal under the same
/// keys makes the rollback vanish, or `noise`.
pub fn false_causes(
    prepared: &Prepared,
    (replication, options): (u32, Options),
    plan: &RolloutPlan,
    runs: &mut [RunRecord],
) {
    let mut open: Vec<usize> = runs
        .iter()
        .enumerate()
        .filter(|(_, run)| matches!(run.player, Player::Policy(_)) && rolled_back(run))
        .map(|(index, _)| index)
        .collect();
    for (without, (path, name, member)) in prepared.scenario.circumstances().into_iter().enumerate() {
        if open.is_empty() {
            return;
        }
        let still = decide_without(prepared, (replication, options), plan, &open, (without, false));
        let cause: Arc<str> = format!("{name} ({path})").into();
        for &index in open.iter().filter(|&&index| !still[index]) {
            runs[index].blames = member.is_other_change().then(|| Arc::clone(&cause));
            runs[index].false_cause = Some(Arc::clone(&cause));
        }
        open.retain(|&index| still[index]);
    }
    let noise: Arc<str> = Arc::from("noise");
    for index in open {
        runs[index].false_cause = Some(Arc::clone(&noise));
    }
}

/// Notes, for every policy that rolled back the bad release and the healthy one too, so without the fault of the change, the
/// first change of somebody else without which it leaves the bad one alone under the same keys.
pub fn wrong_changes(
    prepared: &Prepared,
    (replication, options): (u32, Options),
    plan: &RolloutPlan,
    bad: &mut [RunRecord],
    healthy: &[RunRecord],
) {
    let circumstances = prepared.scenario.circumstances();
    if !circumstances.iter().any(|(_, _, member)| member.is_other_change()) {
        return;
    }
    let both = bad.iter().zip(healthy).enumerate();
    let mut open: Vec<usize> = both
        .filter(|(_, (bad, healthy))| {
            matches!(bad.player, Player::Policy(_)) && rolled_back(bad) && rolled_back(healthy)
        })
        .map(|(index, _)| index)
        .collect();
    let all = circumstances.into_iter().enumerate();
    for (without, (path, name, _)) in all.filter(|(_, (_, _, member))| member.is_other_change()) {
        if open.is_empty() {
            return;
        }
        let still = decide_without(prepared, (replication, options), plan, &open, (without, true));
        let cause: Arc<str> = format!("{name} ({path})").into();
        for &index in open.iter().filter(|&&index| !still[index]) {
            bad[index].blames = Some(Arc::clone(&cause));
        }
        open.retain(|&index| still[index]);
    }
}

fn rolled_back(run: &RunRecord) -> bool {
    run.decision.as_ref().is_some_and(|d| d.kind == DecisionKind::RollBack)
}

/// Which of these players, by their index among all, still roll a release back, the bad or the healthy one, without one
/// confounder.
fn decide_without(
    prepared: &Prepared,
    (replication, options): (u32, Options),
    plan: &RolloutPlan,
    players: &[usize],
    (without, bad): (usize, bool),
) -> Vec<bool> {
    let setting = Setting::new(&prepared.scenario, prepared.seed, replication, Some(without));
    let world =
        World::new(Arc::clone(&setting.common), Arc::clone(&setting.draw.confounders), prepared.level);
    let warm = Warm::up(&setting, world, Station::new(&plan.reads.needs)).watched_by(prepared, plan);
    let stage = Stage {
        onset: setting.draw.onset.filter(|_| bad),
        merge: true,
        decisions_only: true,
        ..Stage::to_the_horizon(prepared, plan, &setting, bad)
    };
    let together = super::may_sweep(&stage, options);
    let sweep = if together { plan.sweep.among(players) } else { SweepPlan::default() };
    let riders = if together { sweep.alone.as_slice() } else { players }
        .iter()
        .map(|&index| super::rider(index, &plan.players[index], &setting, setting.horizon_at))
        .collect();
    let no_baseline: Option<&Baseline> = None;
    let mut branch = super::begin(&setting, &warm, plan, bad, riders, no_baseline);
    branch.sweep = Sweep::start(&sweep, &setting, setting.horizon_at);
    branch.call_roll();
    branch.control(Signal::Start);
    let mut still = vec![false; plan.players.len()];
    let mut spare = prepared.spares.take();
    let finished = play(&stage, branch, &mut spare);
    prepared.spares.leave(spare);
    for rider in finished.iter().flat_map(|f| &f.branch.riders) {
        still[rider.player] = rider.decision.as_ref().is_some_and(|d| d.kind == DecisionKind::RollBack);
    }
    for party in finished.iter().flat_map(|f| &f.branch.parties) {
        let rolls_back = party.has_decided() && party.decides().0 == DecisionKind::RollBack;
        party.players().for_each(|player| still[player] = rolls_back);
    }
    still
}
