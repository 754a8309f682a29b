//! The shipped scenarios and policies together: nobody's row depends on the company, frames are where they belong.

use std::num::NonZeroUsize;
use std::sync::Arc;

use backout::diagnostic::Source;
use backout::import::{ImportOptions, SourceText, load};
use backout::policy::loaded::Loaded;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{Player, Reference, ReplicationRecord, RunRecord, TwinRecord};
use backout::scenario::Scenario;
use backout::scenario::embedded::{POLICIES, scenario};
use backout::score::{CostWeights, Input, PolicyMeta, ScenarioMeta, scorecard};
use backout::study::{Progress, Replications, Study};

fn shipped(name: &str) -> Arc<Scenario> {
    let file = scenario(name).unwrap();
    let resolved = backout::scenario::read(file.name(), Source::new(file.path, file.text)).unwrap();
    Arc::new(resolved.scenario)
}

fn policies() -> Vec<Loaded> {
    POLICIES
        .iter()
        .flat_map(|file| {
            let source = SourceText { name: file.path, text: file.text };
            load(&[source], &ImportOptions::default()).unwrap()
        })
        .collect()
}

fn play(scenario: &Arc<Scenario>, policies: &[Loaded], n: u32) -> Vec<ReplicationRecord> {
    Study::new(&[Arc::clone(scenario)], policies, 5, PrepareOptions::default())
        .unwrap()
        .with_replications(Replications { flow: n, request: n })
        .with_jobs(NonZeroUsize::new(2).unwrap())
        .play(&Progress::default())
        .unwrap()
}

fn runs<'a>(record: &'a ReplicationRecord, name: &str) -> [&'a RunRecord; 2] {
    let is = |r: &&RunRecord| r.player == Player::Policy(name.into());
    let find = |bad: bool| {
        record
            .rollouts
            .iter()
            .find_map(|rollout| (if bad { &rollout.bad } else { &rollout.healthy }).runs.iter().find(is))
            .unwrap()
    };
    [find(true), find(false)]
}

#[test]
fn a_shipped_policy_s_runs_are_the_same_alone_and_among_all_others() {
    let policies = policies();
    for (name, n) in
        [("confounder/neighbour-outage", 3), ("fault/crash-loop", 3), ("fault/checkout-error-regression", 1)]
    {
        let scenario = shipped(name);
        let together = play(&scenario, &policies, n);
        for policy in &policies {
            let alone = play(&scenario, std::slice::from_ref(policy), n);
            for (a, b) in together.iter().zip(&alone) {
                assert_eq!(runs(a, &policy.name), runs(b, &policy.name), "{} in {name}", policy.name);
            }
        }
    }
}

#[test]
fn a_healthy_release_without_cold_caches_harms_nobody_by_itself() {
    for name in ["canary/error-regression", "canary/latency-regression", "fault/late-onset"] {
        let scenario = shipped(name);
        for record in play(&scenario, &[], 20) {
            let never = &record.rollouts[0].healthy.runs[0];
            assert_eq!(never.player, Player::Reference(Reference::Never));
            let harmed = never.harmed.total() as f64 / never.counts.issued as f64;
            // New pods have noise of their own: a few requests are slow on them that were not on the old ones.
            assert!(harmed < 0.005, "{name} {}: {harmed}", record.replication);
            assert_eq!(never.harmed.failed + never.harmed.rejected, 0, "{name} {}", record.replication);
        }
    }
}

/// What a run costs, in failed requests, by the definition of the scores and not by their code.
fn cost(run: &RunRecord, false_alarm: bool, rate: f64) -> f64 {
    let h = &run.harmed;
    let harm = (h.failed + h.timed_out + h.rejected) as f64 + 3.0 * h.wrong as f64 + 0.2 * h.slow as f64;
    harm + 10.0 * run.rows_lost as f64 + if false_alarm { 30.0 * rate } else { 0.0 }
}

/// The run of the cheapest reference player of a twin, under another name.
fn cheapest(twin: &TwinRecord, rate: f64) -> RunRecord {
    let alarm = |run: &RunRecord| match (&run.decision, twin.onset) {
        (Some(decision), Some(onset)) => decision.at < onset,
        (Some(_), None) => true,
        (None, _) => false,
    };
    let known = [Reference::Never, Reference::Always, Reference::Oracle].map(Player::Reference);
    let runs = twin.runs.iter().filter(|run| known.contains(&run.player));
    let best = runs.min_by(|a, b| cost(a, alarm(a), rate).total_cmp(&cost(b, alarm(b), rate))).unwrap();
    RunRecord { player: Player::Policy("hindsight".into()), ..best.clone() }
}

#[test]
fn the_cheapest_branch_in_hindsight_scores_100_never_0_and_always_less_on_mild_faults() {
    let scenario = shipped("fault/mild-errors");
    let mut records = play(&scenario, &[], 60);
    for record in &mut records {
        let rate = record.mean_rate;
        let rollout = &mut record.rollouts[0];
        for twin in [&mut rollout.bad, &mut rollout.healthy] {
            let run = cheapest(twin, rate);
            twin.runs.push(run);
        }
    }
    let meta = ScenarioMeta {
        base_rate: scenario.base_rate.get(),
        watch: scenario.watch.as_nanos(),
        ..ScenarioMeta::named(&scenario.name)
    };
    let policy = PolicyMeta {
        name: "hindsight".to_owned(),
        source: String::new(),
        engine: "native".to_owned(),
        rollout: "scenario".to_owned(),
        checks: Vec::new(),
        unsupported: 0,
        stand_ins: 0,
    };
    let (scenarios, policies, weights) = ([meta], [policy], CostWeights::default());
    let input = Input { records: &records, scenarios: &scenarios, policies: &policies, weights: &weights };
    let card = scorecard(&input).unwrap();
    let efficacy =
        |name: &str| card.rows.iter().find(|row| row.name() == name).unwrap().efficacy.value.unwrap();
    assert!((efficacy("hindsight") - 100.0).abs() < 1e-9, "{}", efficacy("hindsight"));
    assert_eq!(efficacy("never"), 0.0);
    assert!(efficacy("always") < 0.0, "{}", efficacy("always"));
}

/// The same release, rollout and policy: without a limit on retries the collapse outlives a rollback that worked, with
/// a retry budget it ends with it.
#[test]
fn a_retry_storm_outlives_its_rollback_unless_retries_have_a_budget() {
    let policies: Vec<Loaded> =
        policies().into_iter().filter(|policy| policy.name == "five-xx-10pct-2m").collect();
    let recovered = |name: &str| -> Vec<bool> {
        let records = play(&shipped(name), &policies, 4);
        let bad = |record| runs(record, "five-xx-10pct-2m")[0];
        let all: Vec<&RunRecord> = records.iter().map(bad).collect();
        assert!(all.iter().all(|run| run.rollback.as_ref().is_some_and(|r| r.restored.is_some())), "{name}");
        assert!(all.iter().all(|run| run.counts.is_conserved()), "{name}");
        all.iter().map(|run| run.recovered_at.is_some()).collect()
    };
    let storm = recovered("overload/retry-storm");
    assert!(storm.iter().filter(|&&recovered| !recovered).count() >= 2, "{storm:?}");
    assert_eq!(recovered("overload/retry-budget"), [true; 4]);
}
