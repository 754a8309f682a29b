//! One policy in one replication, reduced to what scores are computed from.
//!
//! Each bad twin has exactly one [`Fate`]. The instants compared: *onset* (the fault begins to act), *first harm* (the
//! first request bad in the bad release and good in its healthy twin, both under `never`) and the first decision.
//!
//! Traps: a decision after the follow-up (`watch` after first harm) is a miss, but still a rollback of a bad release
//! and so not a false one. Every kind of decision counts (roll back, forward fix, stop). A harmless bad twin has no
//! right or wrong decision: it is in no rate but in every mean.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::cost::Components;
use super::meta::ScenarioMeta;
use super::times::Timed;
use crate::replication::record::{
    CheckSummary, Fidelity, Harm, MissCause, Nanos, Player, Reference, ReplicationRecord, RollbackOutcome,
    RolloutRecord, RunRecord, TwinRecord,
};

/// What became of a bad release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It harmed no request under `never`.
    Harmless,
    /// Decided before onset: a false alarm in a bad world.
    Early,
    /// Decided between onset and first harm.
    Prevented,
    /// Decided within the follow-up after first harm.
    Detected,
    /// Not decided by the end of the follow-up.
    Missed,
}

/// What came of the roll-out of a healthy release.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Promotion {
    /// It was rolled back (or otherwise decided against).
    RolledBack,
    /// It was left alone: how long until it had all traffic, and how much longer than under `never`.
    LeftAlone {
        /// Deploy to all traffic.
        delay: Timed,
        /// The same minus `never`'s on the same rollout; `None` if `never` did not get there.
        beyond: Option<Timed>,
    },
}

/// A rollback of a bad release.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rollback {
    /// Decision to the candidate's last request.
    pub drained: Timed,
    /// Decision to capacity and traffic restored: the figure.
    pub time: Timed,
    /// Decision to somebody or something having checked that it helped.
    pub verified: Timed,
    /// What came of it.
    pub outcome: RollbackOutcome,
    /// Whether no human step was needed.
    pub unattended: bool,
    /// Decision to somebody having been told of it; `None` where nothing is known about that.
    pub told: Option<Timed>,
}

/// Costs of the frame in one twin: what each reference player did there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Frame {
    /// Under `never`; nothing if it was not played.
    pub never: Option<Components>,
    /// Under `always`.
    pub always: Option<Components>,
    /// Under `oracle`.
    pub oracle: Option<Components>,
}

/// One player in one replication.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Number of the replication.
    pub replication: u32,
    /// How it was played.
    pub fidelity: Fidelity,
    /// Mean arrival rate, requests per second.
    pub mean_rate: f64,
    /// What became of the bad release.
    pub fate: Fate,
    /// Whether the harmful bad release was decided at or after onset, in time or not.
    pub true_positive: bool,
    /// First harm to decision; `None` for harmless and early ones.
    pub detection: Option<Timed>,
    /// Whether the healthy release was decided against.
    pub false_rollback: bool,
    /// What made it do so.
    pub false_cause: Option<Arc<str>>,
    /// Whether somebody else changed something meanwhile.
    pub others: bool,
    /// Whether the bad release was decided against.
    pub decided: bool,
    /// Because of whose change the bad and the healthy release were rolled back, where it was not their own.
    pub blames: [Option<Arc<str>>; 2],
    /// Harm in the bad twin.
    pub harm: Harm,
    /// Harm in the healthy twin.
    pub healthy_harm: Harm,
    /// Users with a harmed request in the bad twin.
    pub users: f64,
    /// The same as a share of the scenario's users; `None` when it does not say how many there are.
    pub users_share: Option<f64>,
    /// Rows lost or corrupted in the bad twin.
    pub rows: u64,
    /// Seconds without service in the bad twin.
    pub downtime_s: f64,
    /// Share of the 30-day error budget spent by the bad twin; `None` without an objective.
    pub error_budget: Option<f64>,
    /// The rollback of the bad release, if one was begun.
    pub rollback: Option<Rollback>,
    /// First harm to recovery; `None` for harmless ones.
    pub recovery: Option<Timed>,
    /// The roll-out of the healthy release.
    pub promotion: Promotion,
    /// Seconds the healthy release was watched.
    pub exposure_s: f64,
    /// Cost of the bad twin, and of the frame there.
    pub bad: (Components, Arc<Frame>),
    /// Cost of the healthy twin, and of the frame there.
    pub healthy: (Components, Arc<Frame>),
    /// Why it missed, if it did.
    pub miss: Option<MissCause>,
    /// What its checks found in the bad twin; kept for misses only.
    pub checks: Arc<[CheckSummary]>,
}

/// Requests harmed, all kinds together.
pub fn harmed(harm: &Harm) -> u64 {
    harm.failed + harm.timed_out + harm.rejected + harm.wrong + harm.slow
}

/// The frames of a rollout, which all of its players share.
#[derive(Clone, Debug)]
pub struct Frames {
    bad: Arc<Frame>,
    healthy: Arc<Frame>,
}

impl Frames {
    /// What the reference players did in both twins.
    pub fn of(record: &ReplicationRecord, rollout: &RolloutRecord, meta: &ScenarioMeta) -> Self {
        Frames {
            bad: Arc::new(bad_frame(record, &rollout.bad, meta)),
            healthy: Arc::new(healthy_frame(record, rollout)),
        }
    }
}

/// Reduces the two runs of one player.
pub fn case(
    record: &ReplicationRecord,
    (rollout, frames): (&RolloutRecord, &Frames),
    bad_run: &RunRecord,
    healthy_run: &RunRecord,
    meta: &ScenarioMeta,
) -> Case {
    let bad = &rollout.bad;
    let fate = fate(bad, bad_run, meta.watch, record.deploy_at);
    let decided_at = bad_run.decision.as_ref().map(|d| d.at);
    let onset = bad.onset.unwrap_or(record.deploy_at);
    let false_rollback = healthy_run.decision.is_some();
    let missed = fate == Fate::Missed;
    Case {
        replication: record.replication,
        fidelity: record.fidelity,
        mean_rate: record.mean_rate,
        fate,
        true_positive: bad.first_harm.is_some() && decided_at.is_some_and(|at| at >= onset),
        detection: detection(fate, bad.first_harm, decided_at, meta.watch, rollout.counted_until),
        false_rollback,
        false_cause: if false_rollback { healthy_run.false_cause.clone() } else { None },
        others: record.other_changes,
        decided: decided_at.is_some(),
        blames: [bad_run.blames.clone(), healthy_run.blames.clone()],
        harm: bad_run.harmed,
        healthy_harm: healthy_run.harmed,
        users: bad_run.users_harmed,
        users_share: users_share(bad_run.users_harmed, meta.users),
        rows: bad_run.rows_lost,
        downtime_s: seconds(bad_run.downtime),
        error_budget: error_budget(&bad_run.harmed, record.mean_rate, meta.availability),
        rollback: rollback(bad_run, rollout.counted_until),
        recovery: recovery(bad.first_harm, bad_run, rollout.counted_until),
        promotion: promotion(record, healthy_run, rollout),
        exposure_s: seconds(record.horizon_at.saturating_sub(record.deploy_at)),
        bad: (bad_components(record, bad, bad_run, meta), Arc::clone(&frames.bad)),
        healthy: (healthy_components(record, rollout, healthy_run), Arc::clone(&frames.healthy)),
        miss: if missed { bad_run.miss.clone() } else { None },
        checks: if missed { bad_run.checks.clone() } else { Arc::default() },
    }
}

/// What became of the bad release.
fn fate(bad: &TwinRecord, run: &RunRecord, watch: Nanos, deploy_at: Nanos) -> Fate {
    let Some(first_harm) = bad.first_harm else { return Fate::Harmless };
    let Some(at) = run.decision.as_ref().map(|d| d.at) else { return Fate::Missed };
    match at {
        at if at < bad.onset.unwrap_or(deploy_at) => Fate::Early,
        at if at < first_harm => Fate::Prevented,
        at if at <= first_harm.saturating_add(watch) => Fate::Detected,
        _ => Fate::Missed,
    }
}

fn detection(
    fate: Fate,
    first_harm: Option<Nanos>,
    decided_at: Option<Nanos>,
    watch: Nanos,
    counted_until: Nanos,
) -> Option<Timed> {
    let first_harm = first_harm?;
    match fate {
        Fate::Harmless | Fate::Early => None,
        Fate::Prevented => Some(Timed { seconds: 0.0, ended: true }),
        Fate::Detected => Some(Timed { seconds: span(first_harm, decided_at?), ended: true }),
        Fate::Missed => {
            let end = first_harm.saturating_add(watch).min(counted_until);
            Some(Timed { seconds: span(first_harm, end), ended: false })
        }
    }
}

/// A mean of users may pass their number by rounding only.
fn users_share(harmed: f64, users: Option<u64>) -> Option<f64> {
    users.filter(|users| *users > 0).map(|users| (harmed / users as f64).min(1.0))
}

/// Failed, timed out and rejected requests as a share of what the objective allows in 30 days at mean rate.
fn error_budget(harm: &Harm, mean_rate: f64, availability: Option<f64>) -> Option<f64> {
    let allowed = (1.0 - availability?) * mean_rate * 30.0 * 86_400.0;
    (allowed > 0.0).then(|| (harm.failed + harm.timed_out + harm.rejected) as f64 / allowed)
}

fn rollback(run: &RunRecord, counted_until: Nanos) -> Option<Rollback> {
    let record = run.rollback.as_ref()?;
    Some(Rollback {
        drained: until(record.began, record.drained, counted_until),
        time: until(record.began, record.restored, counted_until),
        verified: until(record.began, record.verified, counted_until),
        outcome: record.outcome,
        unattended: record.unattended,
        told: run.told.map(|told| until(record.began, told.at, counted_until)),
    })
}

/// A run in which no request was harmed had nothing to recover from: time 0.
fn recovery(first_harm: Option<Nanos>, run: &RunRecord, counted_until: Nanos) -> Option<Timed> {
    let first_harm = first_harm?;
    if run.recovered_at.is_none() && harmed(&run.harmed) == 0 {
        return Some(Timed { seconds: 0.0, ended: true });
    }
    Some(until(first_harm, run.recovered_at, counted_until))
}

fn promotion(record: &ReplicationRecord, run: &RunRecord, rollout: &RolloutRecord) -> Promotion {
    if run.decision.is_some() {
        return Promotion::RolledBack;
    }
    let delay = until(record.deploy_at, run.promoted_at, rollout.counted_until);
    let beyond = find(&rollout.healthy, Reference::Never)
        .and_then(|never| never.promoted_at)
        .map(|at| Timed { seconds: delay.seconds - span(record.deploy_at, at), ended: delay.ended });
    Promotion::LeftAlone { delay, beyond }
}

fn bad_components(
    record: &ReplicationRecord,
    bad: &TwinRecord,
    run: &RunRecord,
    meta: &ScenarioMeta,
) -> Components {
    let early = fate(bad, run, meta.watch, record.deploy_at) == Fate::Early;
    Components::new(&run.harmed, run.rows_lost, f64::from(early), 0.0, run.pages, record.mean_rate)
}

fn healthy_components(record: &ReplicationRecord, rollout: &RolloutRecord, run: &RunRecord) -> Components {
    let hours = match promotion(record, run, rollout) {
        Promotion::LeftAlone { beyond: Some(beyond), .. } => beyond.seconds.max(0.0) / 3600.0,
        Promotion::LeftAlone { beyond: None, .. } | Promotion::RolledBack => 0.0,
    };
    let false_rollback = f64::from(run.decision.is_some());
    Components::new(&run.harmed, run.rows_lost, false_rollback, hours, run.pages, record.mean_rate)
}

fn bad_frame(record: &ReplicationRecord, bad: &TwinRecord, meta: &ScenarioMeta) -> Frame {
    let of = |reference| find(bad, reference).map(|run| bad_components(record, bad, run, meta));
    Frame { never: of(Reference::Never), always: of(Reference::Always), oracle: of(Reference::Oracle) }
}

fn healthy_frame(record: &ReplicationRecord, rollout: &RolloutRecord) -> Frame {
    let of =
        |reference| find(&rollout.healthy, reference).map(|run| healthy_components(record, rollout, run));
    Frame { never: of(Reference::Never), always: of(Reference::Always), oracle: of(Reference::Oracle) }
}

/// The run of a reference player; they stand first, and policies may be thousands.
fn find(twin: &TwinRecord, reference: Reference) -> Option<&RunRecord> {
    let mut references = twin.runs.iter().take_while(|run| matches!(run.player, Player::Reference(_)));
    references.find(|run| run.player == Player::Reference(reference))
}

fn until(from: Nanos, to: Option<Nanos>, end: Nanos) -> Timed {
    Timed { seconds: span(from, to.unwrap_or(end)), ended: to.is_some() }
}

/// Seconds between two instants, 0 if they are the wrong way round.
fn span(from: Nanos, to: Nanos) -> f64 {
    seconds(to.saturating_sub(from))
}

fn seconds(nanos: Nanos) -> f64 {
    nanos as f64 / 1e9
}
