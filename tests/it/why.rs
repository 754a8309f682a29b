//! Each cause of a miss and of a false rollback, produced by a scenario made for it.

use std::num::NonZeroUsize;

use backout::policy::loaded::Loaded;
use backout::quantity::Ratio;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{MissCause, Player, ReplicationRecord, RollbackOutcome, RunRecord};
use backout::scenario::Scenario;
use backout::scenario::resolved::FidelityChoice;
use backout::study::{Progress, Replications, Study};
use backout::time::SimDuration;

use crate::studies;

const N: u32 = 12;

fn play(scenario: Scenario, policy: &Loaded) -> Vec<ReplicationRecord> {
    let options = PrepareOptions { allow_missing: true, ..PrepareOptions::default() };
    Study::new(&[studies::shared(scenario)], std::slice::from_ref(policy), 3, options)
        .unwrap()
        .with_replications(Replications { flow: N, request: N })
        .with_jobs(NonZeroUsize::MIN)
        .play(&Progress::default())
        .unwrap()
}

fn policies(records: &[ReplicationRecord], bad: bool) -> impl Iterator<Item = &RunRecord> {
    records.iter().flat_map(move |record| {
        let twin = if bad { &record.rollouts[0].bad } else { &record.rollouts[0].healthy };
        twin.runs.iter().filter(|r| matches!(r.player, Player::Policy(_)))
    })
}

/// Most harmful releases are missed, and this is the cause every time.
fn misses_because(scenario: Scenario, policy: &Loaded, cause: &MissCause) {
    let records = play(scenario, policy);
    let found: Vec<&MissCause> = policies(&records, true).filter_map(|r| r.miss.as_ref()).collect();
    assert!(found.len() as u32 >= N / 2, "only {} of {N} missed", found.len());
    assert!(found.iter().all(|f| *f == cause), "{cause:?} expected, found {found:?}");
}

fn canary() -> Scenario {
    studies::canary(FidelityChoice::Flow, 100.0)
}

#[test]
fn no_such_series_ever() {
    let policy = studies::threshold_on("sum(rate(other_requests_totall[1m])) > 0", "typo", 0.0, 1);
    misses_because(canary(), &policy, &MissCause::NoSuchSeries);
}

#[test]
fn no_data_after_onset() {
    let scenario = studies::confounded(canary(), &["metric_gap: {at: 30s, for: 2h}"]);
    misses_because(scenario, &studies::threshold("blind", 0.01, 2), &MissCause::NoData);
}

#[test]
fn effect_below_the_threshold() {
    misses_because(canary(), &studies::threshold("lax", 0.5, 1), &MissCause::BelowThreshold);
}

#[test]
fn diluted_by_the_stable_pods() {
    // The ratio over both revisions of a canary that never gets more than 5 % of the traffic.
    let mut scenario = canary();
    scenario.rollout = studies::yaml("canary: {steps: [{weight: 5%, bake: 2h}]}");
    let both = "sum(rate(http_requests_total{code=~\"5..\"}[1m])) / sum(rate(http_requests_total[1m]))";
    misses_because(
        scenario,
        &studies::threshold_on(both, "diluted", 0.018, 1),
        &MissCause::Diluted { check: 0 },
    );
}

#[test]
fn crossed_but_not_long_enough() {
    misses_because(canary(), &studies::threshold("patient", 0.01, 1000), &MissCause::TooShort { check: 0 });
}

#[test]
fn paused() {
    let mut scenario = canary();
    // A rollout that is held before it starts harms nobody; this one has its traffic before anybody looks.
    scenario.rollout = studies::yaml("canary: {steps: [{weight: 50%, bake: 2h}]}");
    misses_because(scenario, &studies::undecided(), &MissCause::Paused);
}

#[test]
fn decided_and_the_rollback_failed() {
    let mut scenario = canary();
    scenario.rollback_conditions.step_fails = Ratio::ONE;
    let records = play(scenario, &studies::threshold("prompt", 0.01, 1));
    let failed: Vec<&RunRecord> =
        policies(&records, true).filter(|r| r.miss == Some(MissCause::RollbackFailed)).collect();
    assert!(failed.len() as u32 >= N / 2, "only {}", failed.len());
    for run in failed {
        assert_eq!(run.rollback.as_ref().unwrap().outcome, RollbackOutcome::Unfinished);
    }
}

#[test]
fn nothing_to_go_back_to() {
    let mut scenario = canary();
    scenario.rollout = studies::yaml("rolling: {}");
    scenario.rollback_conditions.no_target = true;
    let records = play(scenario, &studies::threshold("prompt", 0.01, 1));
    let outcomes: Vec<RollbackOutcome> =
        policies(&records, true).filter_map(|r| r.rollback.as_ref()).map(|r| r.outcome).collect();
    assert!(outcomes.contains(&RollbackOutcome::Impossible), "{outcomes:?}");
}

#[test]
fn a_false_rollback_is_blamed_on_the_confounder_that_made_it() {
    let confounders =
        ["traffic_spike: {factor: 1.1, at: 1m, for: 1m}", "neighbour_outage: {share: 20%, at: 4m, for: 3m}"];
    let scenario = studies::confounded(canary(), &confounders);
    let records = play(scenario, &studies::threshold("tight", 0.05, 1));
    let causes: Vec<&str> = policies(&records, false).filter_map(|r| r.false_cause.as_deref()).collect();
    assert!(causes.len() as u32 >= N / 2, "only {} rolled back", causes.len());
    assert!(causes.iter().all(|c| *c == "neighbour_outage (confounders[1])"), "{causes:?}");
}

#[test]
fn without_a_confounder_it_is_noise() {
    let mut scenario = canary();
    scenario.world.traffic[0].rate = backout::quantity::Rate::per_second(20.0).unwrap();
    scenario.horizon = SimDuration::from_mins(15);
    let records = play(scenario, &studies::threshold("nervous", 0.004, 1));
    let causes: Vec<&str> = policies(&records, false).filter_map(|r| r.false_cause.as_deref()).collect();
    assert!(!causes.is_empty());
    assert!(causes.iter().all(|c| *c == "noise"), "{causes:?}");
}
