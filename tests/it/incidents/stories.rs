//! Whether the printed timeline of an incident tells what went wrong to somebody who was not there.

use backout::import::{ImportOptions, SourceText, load};
use backout::policy::loaded::Loaded;
use backout::report::Screen;
use backout::report::timeline::{Glyphs, TimelineInput, Twin, render};
use backout::score::meta::{CheckMeta, PolicyMeta, ScenarioMeta};
use backout::study::Replications;
use backout::time::SimDuration;

use super::{PEOPLE, play, scenario, shipped};
use crate::studies;

/// The timeline of one replication, in one line so that no sentence is cut.
fn story(name: &str, policy: Loaded) -> String {
    let check = |check: &backout::policy::loaded::CheckDef| CheckMeta {
        name: check.name.clone(),
        good: check.good.clone(),
        query: check.query.clone(),
    };
    let policy_meta = PolicyMeta {
        name: policy.name.clone(),
        rollout: "scenario".to_owned(),
        checks: policy.checks.iter().map(check).collect(),
        ..PolicyMeta::default()
    };
    let records = play(scenario(name), &[policy], Replications { flow: 1, request: 1 }, true);
    let text = render(&TimelineInput {
        record: &records[0],
        scenario: &ScenarioMeta { watch: 3_600_000_000_000, ..ScenarioMeta::named(name) },
        policy: &policy_meta,
        seed: 11,
        twin: Twin::Bad,
        screen: Screen::default(),
        glyphs: Glyphs::Blocks,
    });
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn people_at(minutes: u64) -> Loaded {
    studies::clockwork(PEOPLE, SimDuration::from_mins(minutes))
}

fn tells(story: &str, sentences: &[&str]) {
    for sentence in sentences {
        assert!(story.contains(sentence), "`{sentence}` is not in: {story}");
    }
}

#[test]
fn a_flag_that_does_nothing_and_the_way_forwards_are_told() {
    let story = story("incident/honeycomb-2023", people_at(30));
    tells(
        &story,
        &[
            "step 1/2: turn the flag off: took 1s, reported as done and did nothing",
            "step 2/2: verify: error_ratio: failed",
            "the rollback is given up for a fix forwards",
            "step 1/3 of forward_fix: write, review and build the fix: took 1h26m",
            "no effect: the candidate went on serving",
            "then forward_fix to fix from +31:1",
            "; traffic and capacity there at +1:57:",
        ],
    );
}

#[test]
fn files_that_come_and_go_and_people_with_a_wrong_idea_are_told() {
    let text = "format: 1\ntriggers:\n  - name: five_xx\n    expr: >-\n      sum(rate(http_requests_total{code=~\"5..\"}[1m])) \
                / sum(rate(http_requests_total[1m])) > 0.1\n    then: page\nbind: {service: proxy}\n";
    let pages =
        load(&[SourceText { name: "pages.yaml", text }], &ImportOptions::default()).unwrap().remove(0);
    let story = story("incident/cloudflare-bot-file-2025", pages);
    tells(
        &story,
        &[
            "a person is paged: looks after 0s, is after something else for 1h33m, suspects the release after 2h5m, acts \
             after 2h52m",
            "truth requests are harmed again",
            "; harmed again from +30:",
            "verdict: roll back: a person, 2h52m after the page: five_xx",
        ],
    );
}

#[test]
fn the_next_target_of_a_rollback_is_told() {
    let story = story("rollback/also-broken-verified", people_at(5));
    tells(&story, &["that did not help: on to the next target, v40"]);
}

#[test]
fn harm_that_goes_on_after_the_rollback_is_told() {
    let slack = story("incident/slack-2022", people_at(4));
    tells(&slack, &["not by the end of the follow-up, 10m", "after the rollback was complete"]);
    let lock = story("incident/github-migration-2021", people_at(25));
    tells(&lock, &["after the first harmed request, 2h3", "after the rollback was complete"]);
}

/// Hosts that get no requests have no error ratio, and a comparison with nothing is not true.
#[test]
fn nothing_divided_by_nothing_is_told() {
    let story = story("incident/github-db-config-2024", shipped("five-xx-10pct-2m"));
    tells(&story, &["of them NaN"]);
}
