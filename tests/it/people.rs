//! People at work: when they act, what stops them, what slips from their hands, who is told; and what it costs users.
//!
//! The tables of `docs/people-and-decisions.md` are printed by the tests of the same names with
//! `BACKOUT_TABLE=200 cargo test --test it people:: -- --nocapture`; without the variable they are played small.

use std::num::NonZeroUsize;

use backout::fault::FaultSpec;
use backout::import::{ImportOptions, SourceText, load};
use backout::people::People;
use backout::policy::loaded::Loaded;
use backout::quantity::Ratio;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{
    DecidedBy, DecisionKind, MissCause, Player, ReplicationRecord, RollbackOutcome, RunRecord, Told,
};
use backout::rng::Distribution;
use backout::rollback::forward_fix::ForwardFix;
use backout::scenario::Scenario;
use backout::scenario::resolved::FidelityChoice;
use backout::stats::estimate::{Estimate, mean_interval, paired_mean_interval};
use backout::study::{Progress, Replications, Study};
use backout::time::SimDuration;

use crate::studies;

/// A native policy that looks at the candidate's error ratio.
fn native(name: &str, rest: &str) -> Loaded {
    let text = format!(
        "format: 1\ntriggers:\n  - name: errors\n    expr: {} > 0.015\n    {rest}\nbind: {{service: shop}}\n",
        studies::ERROR_RATIO
    );
    let name = format!("{name}.yaml");
    load(&[SourceText { name: &name, text: &text }], &ImportOptions::default()).unwrap().remove(0)
}

fn play(scenario: Scenario, policies: &[Loaded], n: u32) -> Vec<ReplicationRecord> {
    Study::new(&[studies::shared(scenario)], policies, 5, PrepareOptions::default())
        .unwrap()
        .with_replications(Replications { flow: n, request: n })
        .with_jobs(NonZeroUsize::MIN)
        .play(&Progress::default())
        .unwrap()
}

/// The runs of a policy in the bad twins, or in the healthy ones.
fn runs(records: &[ReplicationRecord], name: &str, bad: bool) -> Vec<RunRecord> {
    let is = |run: &&RunRecord| run.player == Player::Policy(name.into());
    let of = |record: &ReplicationRecord| {
        let twin = if bad { &record.rollouts[0].bad } else { &record.rollouts[0].healthy };
        twin.runs.iter().find(is).unwrap().clone()
    };
    records.iter().map(of).collect()
}

fn harmed(runs: &[RunRecord]) -> Vec<f64> {
    runs.iter().map(|run| run.harmed.total() as f64).collect()
}

/// A rolling update to everybody of which a share of the requests fails from some time on.
fn broken(share: &str, after: &str) -> Scenario {
    let fault: FaultSpec = studies::yaml(&format!("error_burst: {{share: {share}, after: {after}}}"));
    Scenario {
        name: "test/people".to_owned(),
        rollout: studies::yaml("rolling: {bounds: {max_surge: {percent: 100}}}"),
        faults: vec![("change.faults[0]".to_owned(), fault)],
        horizon: SimDuration::from_mins(60),
        watch: SimDuration::from_mins(60),
        ..studies::canary(FidelityChoice::Flow, 100.0)
    }
}

/// People whose every time is certain: 10 + 60 + 300 + 100 seconds.
fn clockwork() -> People {
    studies::yaml(
        "{page: {delay: 10s}, acknowledge: 60s, diagnose: 300s, decide: 100s, wrong_hypothesis: {chance: 0%}}",
    )
}

const CHAIN: u64 = 470_000_000_000;
/// Between two looks of a native policy.
const INTERVAL: u64 = 15_000_000_000;

#[test]
fn a_page_is_acted_on_after_its_chain_and_without_people_only_counted() {
    let policies = [native("pages", "then: page"), native("acts", "then: roll_back")];
    let with = |people: Option<People>| play(Scenario { people, ..broken("10%", "2m") }, &policies, 3);
    let records = with(Some(clockwork()));
    let deciding = runs(&records, "acts", true);
    for (paged, automatic) in runs(&records, "pages", true).iter().zip(&deciding) {
        let decision = paged.decision.as_ref().expect("somebody acts");
        assert_eq!(decision.decided_by, Some(DecidedBy::Person));
        // Two files have two phases, so their first bad look is up to one interval apart.
        let page = decision.at - CHAIN;
        assert!(page.abs_diff(automatic.decision.as_ref().unwrap().at) < INTERVAL, "paged at {page}");
        assert_eq!(*decision.reasons, ["a person, 7m50s after the page: errors"]);
        let rollback = paged.rollback.as_ref().unwrap();
        assert!(!rollback.unattended && rollback.restored.is_some() && paged.pages == 1);
        assert_eq!(paged.told, Some(Told { at: Some(decision.at) }));
        assert_eq!((automatic.told, automatic.decision.as_ref().unwrap().decided_by), (None, None));
    }
    let without = with(None);
    assert!(runs(&without, "pages", true).iter().all(|run| run.decision.is_none() && run.pages == 1));
    assert_eq!(runs(&without, "acts", true), deciding, "what is automatic does not depend on people");
    let idle = with(Some(People { act_on_pages: false, ..clockwork() }));
    assert!(runs(&idle, "pages", true).iter().all(|run| run.decision.is_none()));
}

#[test]
fn a_miss_of_people_is_told_from_a_miss_of_the_trigger() {
    let cause = |people: Option<People>| {
        let records = play(Scenario { people, ..broken("10%", "2m") }, &[native("pages", "then: page")], 2);
        let causes: Vec<_> = runs(&records, "pages", true).into_iter().map(|run| run.miss).collect();
        assert_eq!(causes[0], causes[1]);
        causes[0].clone()
    };
    assert_eq!(cause(Some(clockwork())), None);
    let slow = People { diagnose: Distribution::certain(86_400.0), ..clockwork() };
    assert_eq!(cause(Some(slow)), Some(MissCause::PersonLate));
    assert!(!matches!(cause(None), None | Some(MissCause::PersonLate | MissCause::PersonLeftIt)));
}

#[test]
fn investigating_holds_the_rollout_and_needs_no_people_in_the_scenario() {
    let policies = [native("asks", "then: investigate"), native("pages", "then: page")];
    let scenario = Scenario {
        faults: vec![("change.faults[0]".to_owned(), studies::yaml("error_burst: {share: 8%, after: 1m}"))],
        horizon: SimDuration::from_mins(60),
        watch: SimDuration::from_mins(240),
        ..studies::canary(FidelityChoice::Flow, 100.0)
    };
    let records = play(scenario, &policies, 4);
    for (asked, paged) in runs(&records, "asks", true).iter().zip(runs(&records, "pages", true)) {
        assert!(asked.promoted_at.is_none(), "held until the person came: {asked:?}");
        assert!(paged.promoted_at.is_some() && paged.decision.is_none());
        assert!(asked.harmed.total() < paged.harmed.total());
    }
    let decided = runs(&records, "asks", true).iter().filter(|run| run.decision.is_some()).count();
    assert!(decided >= 3, "{decided} of 4 people came within the follow-up");
}

#[test]
fn whoever_finds_everything_fine_again_leaves_the_release_alone() {
    // It is bad for five minutes of every hour: long enough for the page, over when the person looks.
    let flapping = || {
        let fault: FaultSpec = studies::yaml("flapping: {share: 10%, after: 2m, bad_for: 5m, good_for: 55m}");
        Scenario { faults: vec![("change.faults[0]".to_owned(), fault)], ..broken("1%", "0s") }
    };
    let policies = [native("pages", "then: page")];
    let decided = |people: People| -> usize {
        let records = play(Scenario { people: Some(people), ..flapping() }, &policies, 4);
        let runs = runs(&records, "pages", true);
        assert!(runs.iter().all(|run| run.pages > 0), "somebody was paged");
        runs.iter().filter(|run| run.decision.is_some()).count()
    };
    assert_eq!(decided(clockwork()), 0);
    let left = play(Scenario { people: Some(clockwork()), ..flapping() }, &policies, 2);
    assert!(runs(&left, "pages", true).iter().all(|run| run.miss == Some(MissCause::PersonLeftIt)));
    assert_eq!(decided(People { rolls_back_anyway: Ratio::ONE, ..clockwork() }), 4);
    let quick =
        People { diagnose: Distribution::certain(1.0), decide: Distribution::certain(1.0), ..clockwork() };
    assert_eq!(decided(quick), 4, "it still stands two minutes after the page");
}

#[test]
fn a_rollback_of_something_else_is_noticed_and_done_again() {
    let policies = [native("pages", "then: page"), native("acts", "then: roll_back")];
    let with = |people| play(Scenario { people: Some(people), ..broken("10%", "2m") }, &policies, 3);
    let careful = with(unpractised_of("skip: 0%"));
    for text in ["wrong_target: 100%", "skip: 100%"] {
        let records = with(unpractised_of(text));
        for (slipped, right) in runs(&records, "pages", true).iter().zip(runs(&careful, "pages", true)) {
            let rollback = slipped.rollback.as_ref().unwrap();
            let looks: Vec<bool> = rollback
                .steps
                .iter()
                .filter(|step| step.name == "look whether it helped")
                .map(|step| step.failed)
                .collect();
            assert_eq!(looks, [true, false], "{text}: {rollback:?}");
            assert!(
                rollback.steps[0].silent && rollback.restored > right.rollback.as_ref().unwrap().restored
            );
            assert!(slipped.harmed.total() > right.harmed.total());
        }
        // Controllers have no hands.
        assert_eq!(runs(&records, "acts", true), runs(&careful, "acts", true));
    }
}

/// People who practised nothing and whose slips are these.
fn unpractised_of(slip: &str) -> People {
    let all = ["skip", "reorder", "wrong_target"];
    let others: Vec<String> =
        all.iter().filter(|name| !slip.starts_with(*name)).map(|name| format!("{name}: 0%")).collect();
    People {
        practised: false,
        unpractised: studies::yaml(&format!("{{slower: 1, {slip}, {}}}", others.join(", "))),
        looks_again: SimDuration::from_mins(3),
        ..clockwork()
    }
}

#[test]
fn silent_rollbacks_are_those_nobody_is_told_of() {
    let policies = [native("acts", "then: roll_back")];
    let told = |notify: &str| -> Vec<Option<Told>> {
        let people = People { notify: Some(studies::yaml(notify)), ..clockwork() };
        let records = play(Scenario { people: Some(people), ..broken("10%", "2m") }, &policies, 40);
        runs(&records, "acts", true).iter().map(|run| run.told).collect()
    };
    let decided_at = {
        let records = play(broken("10%", "2m"), &policies, 40);
        runs(&records, "acts", true).iter().map(|run| run.decision.clone().unwrap().at).collect::<Vec<_>>()
    };
    let in_a_minute = decided_at.iter().map(|at| Some(Told { at: Some(at + 60_000_000_000) }));
    assert_eq!(told("{delay: 60s}"), in_a_minute.collect::<Vec<_>>());
    assert!(told("{lost: 100%}").iter().all(|told| *told == Some(Told { at: None })));
    let silent = told("{lost: 40%}").iter().filter(|told| told.unwrap().at.is_none()).count();
    assert!((6..=26).contains(&silent), "{silent} of 40, expected 16 give or take three deviations");
}

#[test]
fn a_fix_that_mends_nothing_is_followed_by_a_rollback_if_somebody_looks() {
    let policies = [native("fixes", "then: forward_fix")];
    let with = |falls_back: Option<SimDuration>| {
        let fix = ForwardFix {
            takes: Distribution::certain(300.0),
            bad: Ratio::ONE,
            falls_back,
            ..ForwardFix::default()
        };
        let mut scenario = broken("10%", "2m");
        scenario.rollback_conditions.fix = fix;
        runs(&play(scenario, &policies, 3), "fixes", true)
    };
    let (left, mended) = (with(None), with(Some(SimDuration::from_mins(4))));
    for (left, mended) in left.iter().zip(&mended) {
        assert_eq!(mended.decision.as_ref().unwrap().kind, DecisionKind::ForwardFix);
        assert_eq!(mended.rollback.as_ref().unwrap().outcome, RollbackOutcome::NoEffect);
        let back: Vec<&str> = mended.further.iter().map(|rollback| rollback.procedure.as_str()).collect();
        assert_eq!(back, ["kubectl_undo"]);
        assert!(mended.further[0].restored.is_some(), "{:?}", mended.further);
        assert!(left.further.is_empty() && mended.harmed.total() < left.harmed.total() / 2);
    }
}

/// How many replications a table is played with, and whether it is printed.
fn replications(small: u32) -> (u32, bool) {
    let asked = std::env::var("BACKOUT_TABLE").ok().and_then(|n| n.parse().ok());
    (asked.unwrap_or(small), asked.is_some())
}

fn cell(e: &Estimate) -> String {
    format!("{:.0} [{:.0}, {:.0}]", e.value, e.low, e.high)
}

#[test]
fn practised_people_spare_users_harm() {
    let (n, print) = replications(24);
    let policies = [native("pages", "then: page"), native("acts", "then: roll_back")];
    let people = |practised| People {
        practised,
        ..studies::yaml(
            "{diagnose: {lognormal: {p50: 6m, p99: 30m}}, decide: {lognormal: {p50: 3m, p99: 10m}}}",
        )
    };
    let with = |practised| {
        let scenario = Scenario { people: Some(people(practised)), ..broken("{uniform: [5%, 15%]}", "2m") };
        play(scenario, &policies, n)
    };
    let (practised, not) = (with(true), with(false));
    let [automatic, skilled, novice] = [(&practised, "acts"), (&practised, "pages"), (&not, "pages")]
        .map(|(records, name)| harmed(&runs(records, name, true)));
    let costs = paired_mean_interval(&novice, &skilled, 0.95);
    let waits = paired_mean_interval(&skilled, &automatic, 0.95);
    if print {
        println!("| who rolls back | harmed requests per bad release |\n|---|---|");
        for (who, list) in
            [("automatically", &automatic), ("practised people", &skilled), ("unpractised people", &novice)]
        {
            println!("| {who} | {} |", cell(&mean_interval(list, 0.95)));
        }
        println!("practised - automatic {}, unpractised - practised {}", cell(&waits), cell(&costs));
    }
    assert!(costs.low > 0.0, "{costs:?}");
    assert!(waits.low > 0.0, "{waits:?}");
}

#[test]
fn looking_often_at_first_helps_against_early_faults_only() {
    let (n, print) = replications(16);
    let schedules = [
        ("60s", "every: 60s"),
        ("10s for 10m, then 60s", "evaluate: [{every: 10s, for: 10m}, {every: 60s}]"),
        ("10s", "every: 10s"),
    ];
    let policies: Vec<Loaded> = schedules
        .iter()
        .enumerate()
        .map(|(i, (_, every))| native(&format!("s{i}"), &format!("{every}\n    then: roll_back")))
        .collect();
    if print {
        println!(
            "| onset | every 60s | {} - 60s | {} - 60s |\n|---|---|---|---|",
            schedules[1].0, schedules[2].0
        );
    }
    let mut gains = Vec::new();
    // Within a minute: a fixed one would be in step with the schedule's grid.
    for onset in
        ["{uniform: [1m, 2m]}", "{uniform: [5m, 6m]}", "{uniform: [20m, 21m]}", "{uniform: [40m, 41m]}"]
    {
        let mut scenario = broken("20%", onset);
        scenario.telemetry.scrape = SimDuration::from_secs(5);
        scenario.world.slot = SimDuration::from_secs(5);
        let records = play(scenario, &policies, n);
        let [slow, mixed, fast] = [0, 1, 2].map(|i| harmed(&runs(&records, &format!("s{i}"), true)));
        let (mixed, fast) =
            (paired_mean_interval(&mixed, &slow, 0.95), paired_mean_interval(&fast, &slow, 0.95));
        if print {
            println!(
                "| {onset} | {} | {} | {} |",
                cell(&mean_interval(&slow, 0.95)),
                cell(&mixed),
                cell(&fast)
            );
        }
        gains.push((mixed, fast));
    }
    let saves = |e: &Estimate| e.high < 0.0;
    assert!(gains.iter().all(|(_, fast)| saves(fast)), "{gains:?}");
    assert!(saves(&gains[0].0) && saves(&gains[1].0), "{gains:?}");
    assert!(gains[2..].iter().all(|(mixed, _)| !saves(mixed)), "after ten minutes it is as slow: {gains:?}");
}

/// What going back costs beside harm: the price of a release withdrawn, 30 s of mean traffic, as in the scores.
const PRICE: f64 = 30.0 * 100.0;

#[test]
fn where_a_fix_forwards_beats_a_rollback() {
    let (n, print) = replications(10);
    let policies = [native("back", "then: roll_back"), native("forth", "then: forward_fix")];
    let (times, shares) = ([1, 3, 10, 30], ["2%", "5%", "15%", "40%"]);
    if print {
        println!("| fix takes | {} |\n|---|{}", shares.join(" | "), "---|".repeat(shares.len()));
    }
    let mut map = Vec::new();
    for minutes in times {
        let row: Vec<Estimate> = shares
            .iter()
            .map(|share| {
                let mut scenario = broken(share, "2m");
                scenario.rollback_conditions.fix = ForwardFix {
                    takes: Distribution::certain(60.0 * f64::from(minutes)),
                    falls_back: Some(SimDuration::from_mins(5)),
                    ..ForwardFix::default()
                };
                let records = play(scenario, &policies, n);
                let back: Vec<f64> =
                    harmed(&runs(&records, "back", true)).iter().map(|h| h + PRICE).collect();
                let forth = runs(&records, "forth", true);
                let price = |run: &RunRecord| if run.further.is_empty() { 0.0 } else { PRICE };
                let forth: Vec<f64> =
                    forth.iter().map(|run| run.harmed.total() as f64 + price(run)).collect();
                paired_mean_interval(&forth, &back, 0.95)
            })
            .collect();
        if print {
            let cells: Vec<String> = row.iter().map(cell).collect();
            println!("| {minutes}m | {} |", cells.join(" | "));
        }
        map.push(row);
    }
    assert!(map[0][0].high < 0.0, "a quick fix of a small fault: {:?}", map[0][0]);
    assert!(map[3][3].low > 0.0, "a slow fix of a large fault: {:?}", map[3][3]);
    // Longer fixes and larger faults speak for going back, everywhere.
    for (i, j) in (0..4).flat_map(|i| (0..3).map(move |j| (i, j))) {
        assert!(map[i][j].value <= map[i][j + 1].value + 1.0, "row {i}: {map:?}");
        assert!(map[j][i].value <= map[j + 1][i].value + 1.0, "column {i}: {map:?}");
    }
}

#[test]
fn wrong_people_are_refused_with_their_place() {
    let text = include_str!("../../scenarios/people/asleep-and-unpractised.yaml");
    let refuse = |from: &str, to: &str| {
        let wrong = text.replace(from, to);
        assert_ne!(wrong, text);
        let source = backout::diagnostic::Source::new("people.yaml", &wrong);
        backout::scenario::read("people/x", source).unwrap_err().render(false)
    };
    let lost = refuse("  practised: false", "  page: {lost: 100%}");
    assert!(lost.contains("every page is lost") && lost.contains("people.yaml:27:"), "{lost}");
    let slower = refuse("asleep: 50%", "asleep: 50%, slower: 0");
    assert!(slower.contains("a multiplier of 0") && slower.contains("people.yaml:24:"), "{slower}");
    let unknown = refuse("  practised: false", "  practiced: false");
    assert!(unknown.contains("practiced"), "{unknown}");
}
