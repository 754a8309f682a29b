//! Hand-made records with round numbers, for the tests of scores and reports.
//!
//! The deploy is at 10 min, the fault begins 60 s and first harm 120 s after it, the span ends 60 min after it, 100
//! requests/s. In a harmful bad twin `never` fails 10,000 requests, `oracle` 300, `always` none; `never` promotes at
//! 30 min. In the healthy twin the deploy itself fails 50 requests unless it is rolled back at once (20).

use std::sync::Arc;

use super::cost::CostWeights;
use super::meta::{CheckMeta, PolicyMeta, ScenarioMeta};
use super::scorecard::{Input, Scorecard, scorecard};
use crate::replication::record::{
    BranchEnd, CheckSummary, Counts, Course, DecisionKind, DecisionRecord, FORMAT, Fidelity, Harm, MissCause,
    Nanos, Player, Reference, ReplicationRecord, RollbackOutcome, RollbackRecord, RolloutRecord, RunRecord,
    TwinRecord,
};

pub(crate) const DEPLOY: Nanos = 600_000_000_000;

/// An instant this many seconds after the deploy.
pub(crate) fn at(seconds: f64) -> Nanos {
    DEPLOY + (seconds * 1e9) as Nanos
}

/// How a policy fares with a bad release.
#[derive(Clone, Debug)]
pub(crate) enum Bad {
    /// The release does no harm and is left alone.
    Harmless,
    /// Decided 30 s after the deploy.
    Early,
    /// Decided 90 s after the deploy.
    Prevented,
    /// Decided this many seconds after first harm.
    Detected(f64),
    /// The same, but the rollback does not help.
    Failed(f64),
    /// Not decided.
    Missed(MissCause),
}

/// How a policy fares with a healthy release.
#[derive(Clone, Debug)]
pub(crate) enum Healthy {
    /// Left alone, promoted this many seconds after `never` would have.
    Good(f64),
    /// Left alone and never promoted.
    Stuck,
    /// Rolled back after 300 s for this cause.
    False(&'static str),
    /// Rolled back, and the deploy would have failed 5,000 requests.
    Helpful,
}

fn run(player: Player) -> RunRecord {
    let course = Course {
        rollback: None,
        further: Arc::default(),
        promoted_at: None,
        recovered_at: None,
        pages: 0,
        notices: Vec::new(),
        told: None,
        counts: Counts::default(),
        harmed: Harm::default(),
        users_harmed: 0.0,
        downtime: 0,
        metastable: None,
        rows_lost: 0,
        data: None,
        end: BranchEnd::Span,
        ended_at: at(3600.0),
        checks: Arc::default(),
        timeline: Vec::new(),
        trace: Vec::new(),
    };
    RunRecord {
        player,
        decision: None,
        miss: None,
        false_cause: None,
        blames: None,
        course: Arc::new(course),
    }
}

fn harming(mut run: RunRecord, failed: u64) -> RunRecord {
    run.harmed.failed = failed;
    run.users_harmed = failed as f64 / 4.0;
    run
}

fn decided(mut run: RunRecord, seconds: f64, outcome: RollbackOutcome) -> RunRecord {
    let began = at(seconds);
    run.decision = Some(DecisionRecord {
        at: began,
        kind: DecisionKind::RollBack,
        reasons: ["five_xx".into()].into(),
        decided_by: None,
    });
    let restored = matches!(outcome, RollbackOutcome::Worked).then(|| at(seconds + 40.0));
    run.rollback = Some(Arc::new(RollbackRecord {
        target: None,
        procedure: "undo".into(),
        began,
        drained: restored,
        restored,
        verified: restored,
        outcome,
        unattended: true,
        steps: Vec::new(),
    }));
    run.recovered_at = restored;
    run
}

fn promoted(mut run: RunRecord, seconds: f64) -> RunRecord {
    run.promoted_at = Some(at(seconds));
    run
}

fn reference(reference: Reference) -> RunRecord {
    run(Player::Reference(reference))
}

fn bad_references(harmless: bool) -> Vec<RunRecord> {
    let failed = |n| if harmless { 0 } else { n };
    let worked = RollbackOutcome::Worked;
    let oracle = harming(reference(Reference::Oracle), failed(300));
    vec![
        promoted(harming(reference(Reference::Never), failed(10_000)), 1800.0),
        decided(reference(Reference::Always), 15.0, worked),
        if harmless { promoted(oracle, 1800.0) } else { decided(oracle, 120.0, worked) },
    ]
}

fn healthy_references(failed: u64) -> Vec<RunRecord> {
    vec![
        promoted(harming(reference(Reference::Never), failed), 1800.0),
        decided(harming(reference(Reference::Always), 20), 15.0, RollbackOutcome::Worked),
        promoted(harming(reference(Reference::Oracle), failed), 1800.0),
    ]
}

/// Failed requests of a decision this long after first harm.
pub(crate) fn failed_by(seconds: f64) -> u64 {
    (300.0 + 5.0 * seconds).min(10_000.0) as u64
}

fn bad_run(name: &str, bad: &Bad) -> RunRecord {
    let policy = || run(Player::Policy(name.into()));
    let worked = RollbackOutcome::Worked;
    match bad {
        Bad::Harmless => promoted(policy(), 1800.0),
        Bad::Early => decided(policy(), 30.0, worked),
        Bad::Prevented => decided(policy(), 90.0, worked),
        Bad::Detected(after) => decided(harming(policy(), failed_by(*after)), 120.0 + after, worked),
        Bad::Failed(after) => decided(harming(policy(), 10_000), 120.0 + after, RollbackOutcome::NoEffect),
        Bad::Missed(cause) => {
            let mut missed = promoted(harming(policy(), 10_000), 1800.0);
            missed.miss = Some(cause.clone());
            let seen = CheckSummary { evaluations: 60, after_onset: 59, ..CheckSummary::default() };
            let seen =
                CheckSummary { bad: 2, longest_bad: 2, lowest: Some(0.001), highest: Some(0.0083), ..seen };
            missed.checks = [seen].into();
            missed
        }
    }
}

fn healthy_run(name: &str, healthy: &Healthy) -> RunRecord {
    let policy = || run(Player::Policy(name.into()));
    let back = |failed| decided(harming(policy(), failed), 300.0, RollbackOutcome::Worked);
    match healthy {
        Healthy::Good(later) => promoted(harming(policy(), 50), 1800.0 + later),
        Healthy::Stuck => harming(policy(), 50),
        Healthy::False(cause) => RunRecord { false_cause: Some((*cause).into()), ..back(30) },
        Healthy::Helpful => RunRecord { false_cause: Some("cold_cache".into()), ..back(30) },
    }
}

/// One replication of several policies that share a scenario's rollout.
pub(crate) fn record(scenario: &str, replication: u32, plays: &[(&str, Bad, Healthy)]) -> ReplicationRecord {
    let harmless = plays.iter().any(|(_, bad, _)| matches!(bad, Bad::Harmless));
    let helpful = plays.iter().any(|(_, _, healthy)| matches!(healthy, Healthy::Helpful));
    let mut bad = bad_references(harmless);
    let mut healthy = healthy_references(if helpful { 5_000 } else { 50 });
    for (name, bad_play, healthy_play) in plays {
        bad.push(bad_run(name, bad_play));
        healthy.push(healthy_run(name, healthy_play));
    }
    let twin = |runs, onset, first_harm| TwinRecord {
        onset,
        first_harm,
        touched: u64::from(first_harm.is_some()),
        rehearsal: None,
        runs,
    };
    ReplicationRecord {
        could_not_start: None,
        other_changes: false,
        format: FORMAT,
        scenario: scenario.to_owned(),
        replication,
        fidelity: if replication.is_multiple_of(2) { Fidelity::Flow } else { Fidelity::Request },
        fingerprint: 0,
        deploy_at: DEPLOY,
        horizon_at: at(3600.0),
        mean_rate: 100.0,
        draws: Vec::new(),
        rollouts: vec![RolloutRecord {
            rollout: "scenario".to_owned(),
            counted_until: at(3600.0),
            no_deploy: Counts::default(),
            bad: twin(bad, Some(at(60.0)), (!harmless).then(|| at(120.0))),
            healthy: twin(healthy, None, None),
        }],
    }
}

pub(crate) fn policy(name: &str, check: &str, good: &str) -> PolicyMeta {
    PolicyMeta {
        name: name.to_owned(),
        source: format!("policies/{name}.yaml"),
        engine: "native".to_owned(),
        rollout: "scenario".to_owned(),
        checks: vec![CheckMeta {
            name: check.to_owned(),
            good: good.to_owned(),
            query: Some(format!("sum(rate({check}_total[1m]))")),
        }],
        unsupported: 0,
        stand_ins: 0,
    }
}

/// Two files, two policies, 20 replications each: every fate and every end of a healthy release occurs.
pub(crate) struct Sample {
    pub(crate) records: Vec<ReplicationRecord>,
    pub(crate) scenarios: Vec<ScenarioMeta>,
    pub(crate) policies: Vec<PolicyMeta>,
}

impl Sample {
    pub(crate) fn new() -> Self {
        let mut records = Vec::new();
        for i in 0..20u32 {
            let late = 60.0 + 10.0 * f64::from(i);
            let (quick_bad, slow_bad) = match i {
                0 => (Bad::Harmless, Bad::Harmless),
                1 => (Bad::Early, Bad::Detected(600.0)),
                2 => (Bad::Prevented, Bad::Failed(700.0)),
                _ => (Bad::Detected(late), Bad::Detected(5.0 * late)),
            };
            let (quick_good, slow_good) = match i {
                3 | 4 => (Healthy::False("traffic_spike"), Healthy::Good(600.0)),
                5 => (Healthy::False("noise"), Healthy::Stuck),
                6 => (Healthy::Helpful, Healthy::Good(0.0)),
                _ => (Healthy::Good(0.0), Healthy::Good(0.0)),
            };
            records.push(record(
                "fault/errors",
                i,
                &[("quick", quick_bad, quick_good), ("thorough", slow_bad, slow_good)],
            ));
        }
        for i in 0..20u32 {
            let quick = match i {
                0..6 => Bad::Missed(MissCause::TooShort { check: 0 }),
                _ => Bad::Detected(120.0),
            };
            let slow = match i {
                0..15 => Bad::Missed(MissCause::BelowThreshold),
                15 => Bad::Missed(MissCause::NoData),
                _ => Bad::Detected(900.0),
            };
            let mut both = record(
                "canary/latency",
                i,
                &[("quick", quick, Healthy::Good(0.0)), ("thorough", slow, Healthy::Good(0.0))],
            );
            make_slow(&mut both);
            records.push(both);
        }
        let mut scenarios = vec![ScenarioMeta::named("fault/errors"), ScenarioMeta::named("canary/latency")];
        scenarios[0].availability = Some(0.999);
        let mut thorough = policy("thorough", "five_xx", "<= 0.01");
        (thorough.unsupported, thorough.stand_ins) = (3, 1);
        let policies = vec![policy("quick", "p99_latency", "<= 0.4"), thorough];
        Sample { records, scenarios, policies }
    }

    pub(crate) fn scorecard(&self) -> Scorecard {
        scorecard(&Input {
            records: &self.records,
            scenarios: &self.scenarios,
            policies: &self.policies,
            weights: &CostWeights::default(),
        })
        .unwrap()
    }
}

/// Makes the harm of all bad twins slowness instead of failure.
fn make_slow(record: &mut ReplicationRecord) {
    for run in record.rollouts.iter_mut().flat_map(|rollout| &mut rollout.bad.runs) {
        run.harmed.slow = std::mem::take(&mut run.harmed.failed);
    }
}
