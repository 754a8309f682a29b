//! The shipped scenarios and policies together: nobody's row depends on the company, frames are where they belong.

use std::num::NonZeroUsize;
use std::sync::Arc;

use backout::diagnostic::Source;
use backout::import::{ImportOptions, SourceText, load};
use backout::policy::loaded::Loaded;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{Player, Reference, ReplicationRecord, RunRecord};
use backout::scenario::Scenario;
use backout::scenario::embedded::{POLICIES, scenario};
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
    let is = |r: &&RunRecord| r.player == Player::Policy(name.to_owned());
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
