//! Blue-green rollouts and canaries with a baseline in a whole simulated world.

use std::num::NonZeroUsize;

use backout::policy::loaded::Loaded;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{Player, ReplicationRecord, RunRecord};
use backout::scenario::resolved::FidelityChoice;
use backout::study::{Progress, Replications, Study};

use crate::studies;

/// The scenario of the studies with another rollout, played with these policies.
fn play(strategy: &str, policies: &[Loaded]) -> Vec<ReplicationRecord> {
    let mut scenario = studies::canary(FidelityChoice::Flow, 200.0);
    scenario.rollout = studies::yaml(strategy);
    Study::new(&[studies::shared(scenario)], policies, 5, PrepareOptions::default())
        .unwrap_or_else(|error| panic!("{error}"))
        .with_replications(Replications { flow: 8, request: 1 })
        .with_jobs(NonZeroUsize::new(1).unwrap())
        .play(&Progress::default())
        .unwrap()
}

/// The runs of a policy in the bad twin.
fn bad_runs<'a>(records: &'a [ReplicationRecord], name: &str) -> Vec<&'a RunRecord> {
    let player = Player::Policy(name.into());
    let runs = records.iter().flat_map(|record| &record.rollouts[0].bad.runs);
    runs.filter(|run| run.player == player).collect()
}

/// Seconds from the decision until traffic and capacity were as before, of every rollback.
fn times_back(records: &[ReplicationRecord], name: &str) -> Vec<f64> {
    let seconds = |run: &&RunRecord| {
        let decided = run.decision.as_ref()?.at;
        let restored = run.rollback.as_ref()?.restored?;
        Some((restored - decided) as f64 / 1e9)
    };
    bad_runs(records, name).iter().filter_map(seconds).collect()
}

#[test]
fn the_way_back_is_short_while_the_old_pods_run_and_long_after() {
    let policy = [studies::threshold("errors", 0.015, 2)];
    let quick = play("blue_green: {pause: 3m, scale_down_delay: 20m}", &policy);
    let slow = play("blue_green: {pause: 3m, scale_down_delay: 0s}", &policy);
    let (quick, slow) = (times_back(&quick, "errors"), times_back(&slow, "errors"));
    assert!(quick.len() >= 6 && slow.len() >= 6, "{quick:?} {slow:?}");
    assert!(quick.iter().all(|seconds| *seconds < 5.0), "{quick:?}");
    assert!(slow.iter().all(|seconds| *seconds > 5.0), "pods have to start: {slow:?}");
}

#[test]
fn nobody_meets_the_new_revision_before_the_switch() {
    for record in play("blue_green: {pause: 4m}", &[studies::threshold("errors", 0.015, 2)]) {
        let harmed = record.rollouts[0].bad.first_harm.expect("a harmful release");
        // The warm-up takes three minutes, the pause four.
        assert!(harmed >= 420_000_000_000, "{harmed}");
    }
}

#[test]
fn the_baseline_gets_the_candidate_s_share_of_the_requests() {
    let rate = |role: &str| {
        let query = format!("sum(rate(http_requests_total{{role=\"{role}\"}}[1m]))");
        studies::threshold_on(&query, role, 1e9, 1)
    };
    let policies = [rate("baseline"), rate("candidate"), rate("stable")];
    let records = play(
        "canary: {baseline: true, steps: [{weight: 10%, bake: 4m}, {weight: 30%, bake: 20m}]}",
        &policies,
    );
    let highest = |role: &str| -> f64 {
        let runs = bad_runs(&records, role);
        let all = runs.iter().map(|run| run.checks[0].highest.expect("requests"));
        all.sum::<f64>() / runs.len() as f64
    };
    let (baseline, candidate) = (highest("baseline"), highest("candidate"));
    // Three tenths of 200 requests a second, and the highest of many noisy rates.
    assert!((50.0..90.0).contains(&baseline), "{baseline}");
    assert!((0.9..1.1).contains(&(baseline / candidate)), "{baseline} {candidate}");
    let lowest = |role: &str| bad_runs(&records, role)[0].checks[0].lowest.expect("requests");
    assert!(lowest("stable") < 110.0, "four tenths are left: {}", lowest("stable"));
}
