//! The scenarios and policies that ship: complete, commented, valid, and playable with each other.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use backout::diagnostic::Source;
use backout::import::{ImportOptions, SourceText, load};
use backout::policy::loaded::Loaded;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{Player, Reference};
use backout::scenario::embedded::{self, File};
use backout::scenario::{self, Scenario};
use backout::score::{CostWeights, Input, ScenarioMeta, scorecard};
use backout::study::{Progress, Replications, Study};

use crate::source::root;

fn shipped() -> Vec<Arc<Scenario>> {
    let read = |file: &File| {
        let resolved = scenario::read(file.name(), Source::new(file.path, file.text));
        let resolved = resolved.unwrap_or_else(|wrong| panic!("{}", wrong.render(false)));
        assert!(resolved.warnings.is_empty(), "{}", resolved.warnings.render(false));
        Arc::new(resolved.scenario)
    };
    embedded::SCENARIOS.iter().map(read).collect()
}

fn policies() -> Vec<Loaded> {
    let read = |file: &File| {
        let source = SourceText { name: file.path, text: file.text };
        load(&[source], &ImportOptions::default()).unwrap_or_else(|wrong| panic!("{wrong:?}"))
    };
    embedded::POLICIES.iter().flat_map(read).collect()
}

/// Every file below `folder`, by its path from there.
fn files_below(folder: &Path, prefix: &str, found: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_string_lossy());
        if path.is_dir() {
            files_below(&path, &format!("{name}/"), found);
        } else {
            found.insert(name, std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn the_binary_holds_exactly_the_files_of_the_folder() {
    let mut files = BTreeMap::new();
    files_below(&root().join("scenarios"), "", &mut files);
    let all = || embedded::SCENARIOS.iter().chain(embedded::all_policies()).chain(embedded::GATES);
    let embedded: BTreeMap<String, String> =
        all().map(|file| (file.path.to_owned(), file.text.to_owned())).collect();
    assert_eq!(embedded.len(), all().count(), "a file is listed twice");
    assert_eq!(embedded.keys().collect::<Vec<_>>(), files.keys().collect::<Vec<_>>());
    assert_eq!(embedded, files);
    assert!(embedded::POLICIES.iter().all(|file| file.path.starts_with("policies/")));
    assert!(embedded::SCENARIOS.iter().all(|file| !file.path.starts_with("policies/")));
}

#[test]
fn scenarios_open_with_situation_good_policy_and_source() {
    for file in embedded::SCENARIOS {
        let comments: Vec<&str> = file.text.lines().take_while(|line| line.starts_with('#')).collect();
        let starts: Vec<&str> = comments
            .iter()
            .filter(|line| !line.starts_with("#   "))
            .map(|line| line.split(':').next().unwrap_or_default())
            .collect();
        assert_eq!(starts, ["# Situation", "# Good policy", "# Source"], "{}", file.path);
        assert!(comments.iter().all(|line| line.len() <= 125), "{}: a long comment", file.path);
    }
}

#[test]
fn scenarios_resolve_without_a_doubt_and_cover_the_folders() {
    let mut folders: BTreeMap<String, usize> = BTreeMap::new();
    for scenario in shipped() {
        *folders.entry(scenario.folder.clone()).or_default() += 1;
        assert!(!scenario.summary.is_empty() && scenario.is_faulty(), "{}", scenario.name);
        // One at request level must stay small: it is played some ten times with every policy.
        let requests = scenario.mean_rate() * (scenario.horizon + scenario.watch).as_secs_f64();
        assert!(scenario.is_flow() || requests < 60_000.0, "{}: {requests} requests", scenario.name);
    }
    for folder in ["canary", "confounder", "fault"] {
        assert!(folders.get(folder).is_some_and(|count| *count >= 4), "{folders:?}");
    }
    assert!(folders.contains_key("surroundings"), "{folders:?}");
}

#[test]
fn every_shipped_policy_says_what_it_is_and_fits_every_scenario() {
    let policies = policies();
    assert!(policies.len() >= 10);
    for policy in &policies {
        assert!(!policy.summary.is_empty() && !policy.reading.is_empty(), "{}", policy.name);
    }
    assert!(embedded::POLICIES.iter().all(|file| file.text.starts_with("# ")));
    if let Err(error) = Study::new(&shipped(), &policies, 1, PrepareOptions::default()) {
        panic!("{error}: {error:?}");
    }
}

#[test]
fn every_scenario_plays_and_its_fault_reaches_somebody() {
    let replications = Replications { flow: 4, request: 1 };
    let study = Study::new(&shipped(), &policies(), 7, PrepareOptions::default()).unwrap();
    let records = study
        .with_replications(replications)
        .with_jobs(std::num::NonZeroUsize::new(2).unwrap())
        .play(&Progress::default())
        .unwrap();
    let mut harmed: BTreeMap<String, usize> = BTreeMap::new();
    for record in &records {
        let harms = record.rollouts.iter().any(|rollout| rollout.bad.first_harm.is_some());
        *harmed.entry(record.scenario.clone()).or_default() += usize::from(harms);
    }
    for (name, harms) in harmed {
        assert!(harms > 0, "{name}: no bad release did harm");
    }
}

#[test]
fn rolling_everything_back_costs_more_than_it_saves_where_the_file_says_so() {
    let name = "fault/mild-errors";
    let scenario = shipped().into_iter().find(|scenario| scenario.name == name).unwrap();
    let meta = ScenarioMeta { base_rate: scenario.base_rate.get(), ..ScenarioMeta::named(name) };
    let study = Study::new(&[scenario], &[], 7, PrepareOptions::default()).unwrap();
    let records =
        study.with_replications(Replications { flow: 30, request: 1 }).play(&Progress::default()).unwrap();
    let weights = CostWeights::default();
    let input = Input { records: &records, scenarios: &[meta], policies: &[], weights: &weights };
    let card = scorecard(&input).unwrap();
    let always = Player::Reference(Reference::Always);
    let row = card.rows.iter().find(|row| row.player == always).expect("a row of `always`");
    let efficacy = row.efficacy.value.expect("a figure");
    assert!(efficacy < 0.0, "{efficacy}");
}
