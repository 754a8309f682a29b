//! The invariants of a study, end to end: same inputs, same bytes; nobody's presence changes anybody's row; every
//! request accounted for.

use std::num::NonZeroUsize;

use backout::policy::loaded::Loaded;
use backout::replication::Options;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{Lane, Player, Reference, ReplicationRecord, RunRecord};
use backout::scenario::resolved::FidelityChoice;
use backout::study::{Progress, Replications, Study};

use crate::studies;

fn play(
    fidelity: FidelityChoice,
    rate: f64,
    policies: &[Loaded],
    n: u32,
    jobs: usize,
    options: Options,
) -> Vec<ReplicationRecord> {
    let scenario = studies::shared(studies::canary(fidelity, rate));
    Study::new(&[scenario], policies, 7, PrepareOptions::default())
        .unwrap()
        .with_replications(Replications { flow: n, request: n })
        .with_jobs(NonZeroUsize::new(jobs).unwrap())
        .with_options(options)
        .play(&Progress::default())
        .unwrap()
}

fn json(records: &[ReplicationRecord]) -> String {
    serde_json::to_string(records).unwrap()
}

fn runs(record: &ReplicationRecord) -> impl Iterator<Item = &RunRecord> {
    record.rollouts.iter().flat_map(|r| r.bad.runs.iter().chain(&r.healthy.runs))
}

fn run<'a>(record: &'a ReplicationRecord, name: &str) -> (&'a RunRecord, &'a RunRecord) {
    let is = |r: &&RunRecord| r.player == Player::Policy(name.into());
    let rollout = &record.rollouts[0];
    (rollout.bad.runs.iter().find(is).unwrap(), rollout.healthy.runs.iter().find(is).unwrap())
}

fn two() -> Vec<Loaded> {
    vec![studies::threshold("tight", 0.01, 1), studies::threshold("loose", 0.05, 3)]
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let one = play(FidelityChoice::Flow, 100.0, &two(), 12, 1, Options::default());
    let two_threads = play(FidelityChoice::Flow, 100.0, &two(), 12, 2, Options::default());
    assert_eq!(json(&one), json(&two_threads));
    let one = play(FidelityChoice::Request, 20.0, &two(), 2, 1, Options::default());
    let two_threads = play(FidelityChoice::Request, 20.0, &two(), 2, 2, Options::default());
    assert_eq!(json(&one), json(&two_threads));
}

#[test]
fn a_policy_s_row_is_the_same_alone_and_in_any_company_and_order() {
    for (fidelity, rate, n) in [(FidelityChoice::Flow, 100.0, 10), (FidelityChoice::Request, 20.0, 2)] {
        let together = play(fidelity, rate, &two(), n, 2, Options::default());
        let turned: Vec<Loaded> = two().into_iter().rev().collect();
        let turned = play(fidelity, rate, &turned, n, 2, Options::default());
        for name in ["tight", "loose"] {
            let alone: Vec<Loaded> = two().into_iter().filter(|p| p.name == name).collect();
            let alone = play(fidelity, rate, &alone, n, 2, Options::default());
            for ((a, b), c) in together.iter().zip(&turned).zip(&alone) {
                assert_eq!(run(a, name), run(b, name), "order changes {name}");
                assert_eq!(run(a, name), run(c, name), "company changes {name}");
            }
        }
    }
}

#[test]
fn every_request_is_accounted_for_in_every_branch() {
    for (fidelity, rate, n) in [(FidelityChoice::Flow, 100.0, 20), (FidelityChoice::Request, 20.0, 3)] {
        for record in play(fidelity, rate, &two(), n, 2, Options::default()) {
            let without = record.rollouts[0].no_deploy;
            assert!(without.is_conserved(), "{without:?}");
            for run in runs(&record) {
                assert!(run.counts.is_conserved(), "{:?}: {:?}", run.player, run.counts);
                assert_eq!(run.counts.issued, without.issued, "exogenous intents differ: {:?}", run.player);
            }
        }
    }
}

#[test]
fn a_branch_that_ends_early_has_the_counts_of_one_that_does_not() {
    let early = play(FidelityChoice::Flow, 100.0, &two(), 20, 2, Options::default());
    let whole =
        play(FidelityChoice::Flow, 100.0, &two(), 20, 2, Options { no_merge: true, ..Options::default() });
    for (a, b) in early.iter().zip(&whole) {
        for (a, b) in runs(a).zip(runs(b)) {
            assert_eq!((a.counts, a.harmed), (b.counts, b.harmed), "{:?}", a.player);
            assert_eq!(a.decision, b.decision);
        }
    }
}

#[test]
fn a_policy_with_the_oracle_s_information_has_the_oracle_s_figures() {
    let mut oracle = backout::policy::reference::Reference::Oracle.loaded();
    oracle.name = "my-oracle".to_owned();
    let records = play(FidelityChoice::Flow, 100.0, &[oracle], 20, 2, Options::default());
    let mut harmed = 0;
    for record in &records {
        let (bad, healthy) = run(record, "my-oracle");
        let reference = |runs: &[RunRecord]| {
            let found =
                runs.iter().find(|r| r.player == Player::Reference(Reference::Oracle)).unwrap().clone();
            (found.counts, found.harmed, found.decision.map(|d| d.at))
        };
        let rollout = &record.rollouts[0];
        assert_eq!(
            reference(&rollout.bad.runs),
            (bad.counts, bad.harmed, bad.decision.clone().map(|d| d.at))
        );
        assert_eq!(
            reference(&rollout.healthy.runs),
            (healthy.counts, healthy.harmed, healthy.decision.clone().map(|d| d.at))
        );
        assert_eq!(bad.decision.as_ref().map(|d| d.at), rollout.bad.first_harm);
        harmed += u32::from(rollout.bad.first_harm.is_some());
    }
    assert!(harmed > 15, "only {harmed} of 20 releases did harm");
}

#[test]
fn rolling_back_earlier_harms_no_more() {
    let records = play(FidelityChoice::Flow, 100.0, &two(), 40, 2, Options::default());
    let harm = |run: &RunRecord| run.harmed.total();
    for record in &records {
        let rollout = &record.rollouts[0];
        let by =
            |r: Reference| harm(rollout.bad.runs.iter().find(|x| x.player == Player::Reference(r)).unwrap());
        assert!(
            by(Reference::Always) <= by(Reference::Oracle),
            "always {} oracle {}",
            by(Reference::Always),
            by(Reference::Oracle)
        );
        assert!(by(Reference::Oracle) <= by(Reference::Never));
        assert_eq!(
            rollout.healthy.runs[0].harmed.total(),
            0,
            "a healthy release without side effects harms nobody"
        );
    }
}

/// What the error-ratio check of a policy found, instant by instant, before `until`.
fn seen(run: &RunRecord, until: u64) -> Vec<(u64, String)> {
    let observed = run.timeline.iter().filter(|e| e.lane == Lane::Observed && e.at < until);
    observed
        .map(|e| (e.at, e.found.and_then(|(_, value)| value).map_or("none".to_owned(), |v| format!("{v:e}"))))
        .collect()
}

#[test]
fn two_policies_see_the_same_samples_until_one_of_them_acts() {
    for (fidelity, rate, n) in [(FidelityChoice::Flow, 100.0, 20), (FidelityChoice::Request, 20.0, 3)] {
        let mut diverged = 0;
        for record in play(fidelity, rate, &two(), n, 2, Options { timeline: true, ..Options::default() }) {
            let (tight, loose) = (run(&record, "tight").0, run(&record, "loose").0);
            let at = |r: &RunRecord| r.decision.as_ref().map_or(u64::MAX, |d| d.at);
            let first = at(tight).min(at(loose));
            assert_eq!(seen(tight, first), seen(loose, first), "replication {}", record.replication);
            diverged += u32::from(at(tight) != at(loose) && !seen(tight, first).is_empty());
        }
        assert!(diverged > 0, "no replication in which the policies acted differently");
    }
}
