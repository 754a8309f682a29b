//! Argo's and Kubernetes' files of other people, from the file to a scorecard.

use std::num::NonZeroUsize;

use backout::import::{ImportOptions, SourceText, load};
use backout::policy::loaded::Loaded;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{Player, RunRecord};
use backout::scenario::resolved::FidelityChoice;
use backout::study::{Progress, Replications, Study};
use backout::telemetry::dialect::Dialect;

use crate::{shared, studies};

/// Files that belong together, by what their names begin with.
const SETS: [&[&str]; 12] = [
    &["argo-01"],
    &["argo-02"],
    &["argo-03", "argo-01", "argo-02"],
    &["argo-04", "argo-01"],
    &["argo-05"],
    &["argo-06"],
    &["argo-07"],
    &["argo-08"],
    &["argo-09"],
    &["argo-10", "argo-09"],
    &["k8s-01"],
    &["k8s-02"],
];

fn texts(beginnings: &[&str]) -> Option<Vec<(String, String)>> {
    let folder = shared::folder()?.join("policies");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let of = |beginning: &&str| {
        let name = names.iter().find(|name| name.starts_with(*beginning)).expect("a file");
        (name.clone(), std::fs::read_to_string(folder.join(name)).unwrap())
    };
    Some(beginnings.iter().map(of).collect())
}

fn read(texts: &[(String, String)]) -> Vec<Loaded> {
    let sources: Vec<SourceText<'_>> = texts.iter().map(|(name, text)| SourceText { name, text }).collect();
    load(&sources, &ImportOptions::default())
        .unwrap_or_else(|found| panic!("{}", found.iter().map(|d| d.render(false)).collect::<String>()))
}

/// The bad and the healthy run of each policy, one after the other.
fn play(policies: &[Loaded]) -> Vec<(String, bool, RunRecord)> {
    let mut scenario = studies::canary(FidelityChoice::Flow, 100.0);
    scenario.telemetry.dialects = Dialect::ALL.to_vec();
    let scenario = studies::shared(scenario);
    // Some of these files ask for metrics of their authors' houses.
    let options = PrepareOptions { allow_missing: true, ..PrepareOptions::default() };
    let records = Study::new(&[scenario], policies, 5, options)
        .unwrap_or_else(|error| panic!("{error}"))
        .with_replications(Replications { flow: 2, request: 1 })
        .with_jobs(NonZeroUsize::new(1).unwrap())
        .play(&Progress::default())
        .unwrap();
    let mut found = Vec::new();
    for rollout in records.iter().flat_map(|record| &record.rollouts) {
        for (bad, twin) in [(true, &rollout.bad), (false, &rollout.healthy)] {
            for run in &twin.runs {
                if let Player::Policy(name) = &run.player {
                    found.push((name.to_string(), bad, run.clone()));
                }
            }
        }
    }
    found
}

#[test]
fn every_file_is_read_explained_and_played() {
    for set in SETS {
        let Some(texts) = texts(set) else { return };
        let policies = read(&texts);
        assert!(policies.iter().all(|policy| !policy.reading.is_empty()), "{set:?}");
        let runs = play(&policies);
        assert_eq!(runs.len(), policies.len() * 4, "{set:?}: two replications of two twins");
        for (name, _, run) in runs {
            assert!(run.counts.issued > 0, "{name}");
        }
    }
}

/// `argo-06` waits for a person and then moves all traffic at once; nothing in it looks at anything.
#[test]
fn a_blue_green_file_promotes_when_its_person_comes() {
    let Some(texts) = texts(&["argo-06"]) else { return };
    for (_, _, run) in play(&read(&texts)) {
        let promoted = run.promoted_at.expect("promoted");
        // The warm-up of the scenario is three minutes.
        let deploy = 180_000_000_000;
        let waited = (promoted - deploy) / 1_000_000_000;
        assert!((600..720).contains(&waited), "{waited} s after the deploy");
        assert_eq!(run.decision, None);
    }
}
