//! Timelines of really played runs: what they look like, and what must hold for every one of them.

use std::num::NonZeroUsize;

use backout::policy::loaded::Loaded;
use backout::quantity::Ratio;
use backout::replication::Options;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{ReplicationRecord, RunRecord};
use backout::report::Screen;
use backout::report::timeline::{Glyphs, TimelineInput, Twin, render};
use backout::scenario::Scenario;
use backout::scenario::resolved::FidelityChoice;
use backout::score::meta::{CheckMeta, PolicyMeta, ScenarioMeta};
use backout::study::{Progress, Replications, Study};

use crate::studies;

const SEED: u64 = 7;

/// Replications of a scenario under one policy alone, with their timelines.
fn play(scenario: Scenario, policy: &Loaded, n: u32) -> Vec<ReplicationRecord> {
    Study::new(&[studies::shared(scenario)], std::slice::from_ref(policy), SEED, PrepareOptions::default())
        .unwrap()
        .with_replications(Replications { flow: n, request: n })
        .with_jobs(NonZeroUsize::MIN)
        .with_options(Options { timeline: true, ..Options::default() })
        .play(&Progress::default())
        .unwrap()
}

fn flow(policy: &Loaded, n: u32) -> Vec<ReplicationRecord> {
    play(studies::canary(FidelityChoice::Flow, 100.0), policy, n)
}

fn meta(policy: &Loaded) -> PolicyMeta {
    let check = |check: &backout::policy::loaded::CheckDef| CheckMeta {
        name: check.name.clone(),
        good: check.good.clone(),
        query: check.query.clone(),
    };
    PolicyMeta {
        name: policy.name.clone(),
        source: policy.source.clone(),
        engine: "native".to_owned(),
        rollout: "scenario".to_owned(),
        checks: policy.checks.iter().map(check).collect(),
        unsupported: 0,
        stand_ins: 0,
    }
}

fn scenario() -> ScenarioMeta {
    ScenarioMeta { watch: 600_000_000_000, ..ScenarioMeta::named("test/canary") }
}

fn text(record: &ReplicationRecord, policy: &Loaded, twin: Twin, screen: Screen, glyphs: Glyphs) -> String {
    let (scenario, policy) = (scenario(), meta(policy));
    render(&TimelineInput { record, scenario: &scenario, policy: &policy, seed: SEED, twin, screen, glyphs })
}

fn plain(record: &ReplicationRecord, policy: &Loaded, twin: Twin) -> String {
    text(record, policy, twin, Screen::default(), Glyphs::Blocks)
}

#[test]
fn a_bad_release_detected() {
    let tight = studies::threshold("tight", 0.01, 2);
    insta::assert_snapshot!(plain(&flow(&tight, 1)[0], &tight, Twin::Bad));
}

#[test]
fn a_bad_release_missed() {
    let blind = studies::threshold("blind", 0.5, 1);
    insta::assert_snapshot!(plain(&flow(&blind, 1)[0], &blind, Twin::Bad));
}

#[test]
fn a_good_release_left_alone() {
    let tight = studies::threshold("tight", 0.01, 2);
    let records = flow(&tight, 20);
    let run =
        |r: &&ReplicationRecord| r.rollouts[0].healthy.runs.last().is_some_and(|x| x.decision.is_none());
    let left = records.iter().find(run).expect("a healthy release that is left alone");
    insta::assert_snapshot!(plain(left, &tight, Twin::Healthy));
}

#[test]
fn a_good_release_rolled_back_in_ascii_with_more_room() {
    let nervous = studies::threshold("nervous", 0.004, 1);
    let records = flow(&nervous, 20);
    let run =
        |r: &&ReplicationRecord| r.rollouts[0].healthy.runs.last().is_some_and(|x| x.decision.is_some());
    let alarm = records.iter().find(run).expect("a healthy release that is rolled back");
    let screen = Screen { width: 120, colour: false };
    insta::assert_snapshot!(text(alarm, &nervous, Twin::Healthy, screen, Glyphs::Ascii));
}

#[test]
fn a_run_of_single_requests() {
    let tight = studies::threshold("tight", 0.01, 2);
    let records = play(studies::canary(FidelityChoice::Request, 20.0), &tight, 1);
    insta::assert_snapshot!(plain(&records[0], &tight, Twin::Bad));
}

/// Without escape sequences.
fn bare(text: &str) -> String {
    let mut bare = String::new();
    let mut escape = false;
    for c in text.chars() {
        match c {
            '\u{1b}' => escape = true,
            'm' if escape => escape = false,
            c if !escape => bare.push(c),
            _ => {}
        }
    }
    bare
}

fn own(record: &ReplicationRecord, twin: Twin) -> &RunRecord {
    let rollout = &record.rollouts[0];
    let twin = if twin == Twin::Bad { &rollout.bad } else { &rollout.healthy };
    twin.runs.last().unwrap()
}

/// Runs of all kinds: steps and a rolling update, good and bad monitoring, decided and not.
fn many() -> Vec<(Loaded, Vec<ReplicationRecord>)> {
    let mut deaf = studies::canary(FidelityChoice::Flow, 100.0);
    deaf.telemetry.query_errors = Ratio::new(0.3).unwrap();
    let mut rolling = studies::canary(FidelityChoice::Flow, 100.0);
    rolling.rollout = studies::yaml("rolling: {}");
    rolling.world.services[0].replicas = 30;
    let mut played = Vec::new();
    for (name, limit, needed) in [("quick", 0.005, 1), ("slow", 0.02, 8), ("blind", 2.0, 1)] {
        let policy = studies::threshold(name, limit, needed);
        let mut records = flow(&policy, 12);
        records.extend(play(deaf.clone(), &policy, 6));
        records.extend(play(rolling.clone(), &policy, 6));
        records.extend(play(studies::canary(FidelityChoice::Request, 10.0), &policy, 1));
        played.push((policy, records));
    }
    played
}

#[test]
fn no_line_is_wider_than_the_screen_and_colour_changes_nothing_else() {
    let mut coloured = 0;
    for (policy, records) in many() {
        for record in &records {
            for twin in [Twin::Bad, Twin::Healthy] {
                for (width, glyphs) in [(0, Glyphs::Ascii), (80, Glyphs::Blocks), (133, Glyphs::Blocks)] {
                    let told = |colour| text(record, &policy, twin, Screen { width, colour }, glyphs);
                    let plain = told(false);
                    let widest = plain.lines().map(|line| line.chars().count()).max().unwrap();
                    assert!(widest <= width.max(80), "{widest} > {width}:\n{plain}");
                    assert!(glyphs == Glyphs::Blocks || plain.is_ascii(), "{plain}");
                    assert!(plain.lines().all(|line| line == line.trim_end()), "{plain}");
                    assert_eq!(bare(&told(true)), plain);
                    coloured += usize::from(told(true) != plain);
                }
            }
        }
    }
    assert!(coloured > 100, "only {coloured} texts have any colour");
}

#[test]
fn a_decision_is_marked_once_and_its_values_are_those_of_the_record() {
    let (mut decided, mut left) = (0, 0);
    for (policy, records) in many() {
        for record in &records {
            for twin in [Twin::Bad, Twin::Healthy] {
                let told = plain(record, &policy, twin);
                let marks: Vec<&str> = told.lines().filter(|line| line.starts_with(">>>")).collect();
                let run = own(record, twin);
                match &run.decision {
                    None => {
                        assert!(marks.is_empty(), "{told}");
                        assert!(!told.contains("verdict: roll back"), "another's decision:\n{told}");
                        left += 1;
                    }
                    Some(decision) => {
                        let second = (decision.at - record.deploy_at) / 1_000_000_000;
                        let at = format!(">>> +{:02}:{:02} ", second / 60, second % 60);
                        assert!(marks.len() == 1 && marks[0].starts_with(&at), "{at}\n{told}");
                        decided += 1;
                    }
                }
                let seen = run.timeline.iter().filter(|e| e.found.is_some_and(|(_, v)| v.is_some())).count();
                let section = told.split("WHAT THE POLICY SAW").nth(1).unwrap();
                let figures = section.split("EVENTS").next().unwrap();
                let n = |word: &str| -> usize {
                    let words: Vec<&str> = figures.split([' ', ',', ';', '\n']).collect();
                    words.windows(2).find_map(|w| w[0].parse().ok().filter(|_| w[1] == word)).unwrap_or(0)
                };
                assert_eq!(n("good") + n("bad"), seen, "{told}");
                let harmed = told.lines().find(|line| line.starts_with("  harm  ")).unwrap();
                let first = harmed.split_whitespace().nth(1).unwrap().replace(',', "");
                assert_eq!(first.parse::<u64>().unwrap(), run.harmed.total(), "{told}");
            }
        }
    }
    assert!(decided > 30 && left > 30, "{decided} decided, {left} left");
}

#[test]
fn readings_and_decisions_of_others_on_the_same_branch_are_left_out() {
    let mut hasty = studies::threshold("hasty", 0.004, 1);
    hasty.checks[0].name = "somebody else's".to_owned();
    let blind = studies::threshold("blind", 2.0, 1);
    let scenario = studies::shared(studies::canary(FidelityChoice::Flow, 100.0));
    let records = Study::new(&[scenario], &[hasty, blind.clone()], SEED, PrepareOptions::default())
        .unwrap()
        .with_replications(Replications { flow: 12, request: 1 })
        .with_options(Options { timeline: true, ..Options::default() })
        .play(&Progress::default())
        .unwrap();
    let alone = flow(&blind, 12);
    for (record, alone) in records.iter().zip(&alone) {
        for twin in [Twin::Bad, Twin::Healthy] {
            assert_eq!(plain(record, &blind, twin), plain(alone, &blind, twin));
        }
    }
    let shared =
        |r: &ReplicationRecord| own(r, Twin::Bad).timeline.iter().any(|e| e.text.contains("somebody"));
    assert!(records.iter().all(shared), "the branch was not shared, so nothing was left out");
}

#[test]
fn a_stored_record_tells_the_same() {
    let tight = studies::threshold("tight", 0.01, 2);
    for record in flow(&tight, 3) {
        let stored: ReplicationRecord =
            serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap();
        assert_eq!(plain(&record, &tight, Twin::Bad), plain(&stored, &tight, Twin::Bad));
    }
}

#[test]
fn a_rolling_update() {
    let mut rolling = studies::canary(FidelityChoice::Flow, 100.0);
    rolling.rollout = studies::yaml("rolling: {}");
    rolling.world.services[0].replicas = 30;
    let slow = studies::threshold("slow", 0.02, 4);
    insta::assert_snapshot!(plain(&play(rolling, &slow, 1)[0], &slow, Twin::Bad));
}
