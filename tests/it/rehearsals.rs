//! Rollbacks that need what is broken, and rollbacks that were rehearsed first. The expected outcome of a cell comes from
//! the rules written here.

use std::num::NonZeroUsize;

use backout::diagnostic::Source;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{Player, Reference, ReplicationRecord, RollbackOutcome, RunRecord};
use backout::scenario::{Scenario, read};
use backout::stats::estimate::paired_mean_interval;
use backout::study::{Progress, Replications, Study};
use backout::time::SimDuration;

use crate::studies;

/// One service and what the lines say beside it.
fn text(lines: &str) -> String {
    let shop = "shop: { replicas: 4, service_time: {lognormal: {p50: 25ms, p99: 150ms}}, error_ratio: 0.2%, \
                startup: 5s }";
    format!(
        "format: 1\nwarm_up: 3m\nhorizon: 30m\nwatch: 10m\nservices: {{ {shop} }}\n\
         traffic: [ {{to: shop, rate: 100/s}} ]\nslo: {{availability: 99%}}\n{lines}\n"
    )
}

fn scenario(lines: &str) -> Scenario {
    let text = text(lines);
    read("test/rehearsals", Source { name: "test.yaml", text: &text })
        .unwrap_or_else(|wrong| panic!("{wrong:?}\n{text}"))
        .scenario
}

fn play(lines: &str, after: u64, n: u32) -> Vec<ReplicationRecord> {
    let policies = [studies::clockwork("late", SimDuration::from_mins(after))];
    let scenarios = [studies::shared(scenario(lines))];
    Study::new(&scenarios, &policies, 5, PrepareOptions::default())
        .unwrap()
        .with_replications(Replications { flow: n, request: n })
        .with_jobs(NonZeroUsize::MIN)
        .play(&Progress::default())
        .unwrap()
}

fn run(record: &ReplicationRecord, who: &Player) -> RunRecord {
    record.rollouts[0].bad.runs.iter().find(|run| run.player == *who).unwrap().clone()
}

fn late() -> Player {
    Player::Policy("late".into())
}

const NEVER: Player = Player::Reference(Reference::Never);
const MINUTE: u64 = 60_000_000_000;
const BESIDE: &str = "blue_green: {scale_down_delay: 1h}";
const REPLACED: &str = "rolling: {bounds: {max_surge: {percent: 100}}}";

fn released(strategy: &str, faults: &str, rest: &str) -> String {
    format!(
        "rollouts: [ {{service: shop, strategy: {{{strategy}}}}} ]\n\
         change: {{ bad: 10%, faults: [ {faults} ] }}\n{rest}"
    )
}

/// From the decision to the restoration in minutes; `None` if it never comes.
fn took(run: &RunRecord) -> Option<f64> {
    let rollback = run.rollback.as_ref().unwrap();
    rollback.restored.map(|at| (at - rollback.began) as f64 / MINUTE as f64)
}

#[test]
fn a_command_waits_for_what_its_own_release_has_broken_until_somebody_finds_another_way() {
    let way = |share: &str, path: &str| {
        let fault = format!("{{error_burst: {{share: {share}}}}}");
        let rollback = format!("rollback: {{ person_after: 2m, on_failure: [page]{path} }}");
        run(&play(&released(BESIDE, &fault, &rollback), 4, 1)[0], &late())
    };
    let waits = ", needs: [shop], out_of_reach: {wait: {every: 15s, at_most: 5m}}";
    let [free, waited, failed] =
        ["", waits, ", needs: [shop], out_of_reach: fail"].map(|path| way("80%", path));
    // At once; two minutes until a person has come; five of waiting before that.
    for (run, least) in [(&free, 0.0), (&failed, 2.0), (&waited, 7.0)] {
        let took = took(run).expect("it ends well");
        assert!((least..least + 1.0).contains(&took), "{took} minutes, not {least}: {:?}", run.rollback);
        assert_eq!(run.rollback.as_ref().unwrap().unattended, least == 0.0);
    }
    assert!(free.harmed.total() < failed.harmed.total() && failed.harmed.total() < waited.harmed.total());
    let steps = &waited.rollback.as_ref().unwrap().steps;
    let step = steps.iter().find(|step| step.waited_for.is_some()).expect("the step says so");
    assert_eq!(step.waited_for.as_deref(), Some("shop"));
    assert!(step.failed && (5 * MINUTE..6 * MINUTE).contains(&step.waited), "{step:?}");
    assert!(free.rollback.as_ref().unwrap().steps.iter().all(|step| step.waited_for.is_none()));
    // Fewer than half of its answers are errors, so it answers.
    assert!(took(&way("30%", waits)).unwrap() < 1.0);
}

#[test]
fn a_command_goes_out_by_itself_when_what_it_needs_is_back() {
    let lines = released(BESIDE, "{error_burst: {share: 30%}}", "rollback: { needs: [shop] }");
    let lines = format!("{lines}\nconfounders: [ {{neighbour_outage: {{share: 100%, at: 3m, for: 3m}}}} ]");
    let run = run(&play(&lines, 4, 1)[0], &late());
    // Decided after four minutes, the outage ends after six; it is tried every 15 s.
    let took = took(&run).expect("it goes back");
    assert!((2.0..2.75).contains(&took), "{took} minutes: {:?}", run.rollback);
    assert!(run.rollback.as_ref().unwrap().unattended);
}

#[test]
fn a_service_that_is_needed_must_exist() {
    let text = text(&released(BESIDE, "", "rollback: { needs: [shpo] }"));
    let wrong = read("test/needs", Source { name: "test.yaml", text: &text }).unwrap_err();
    let wrong = format!("{wrong:?}");
    assert!(wrong.contains("no service `shpo`") && wrong.contains("did you mean `shop`"), "{wrong}");
}

#[test]
fn a_flag_turned_off_for_hosts_that_never_ask_again_does_nothing() {
    let flag = "feature_flag: {values: [50%, 100%], bake: 1m, poll: 10s}";
    let way = |defects: &str| {
        let rollback = format!("rollback: {{ defects: [ {defects} ] }}");
        run(&play(&released(flag, "{error_burst: {share: 30%}}", &rollback), 6, 1)[0], &late())
    };
    assert!(took(&way("")).is_some_and(|minutes| minutes < 1.0));
    let ignored = way("traffic_never_moves: {}");
    assert!(
        took(&ignored).is_none() && ignored.rollback.as_ref().unwrap().outcome == RollbackOutcome::NoEffect
    );
}

/// How long the way back takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    /// As long as the commands.
    AtOnce,
    /// Until a person has come, after ten minutes.
    UntilAPersonComes,
    /// Nobody notices.
    ForEver,
}

/// The rule. A loud defect is met by the first who rolls back: in a rehearsal, or by a person who is called. A
/// silent one is found where somebody looks at users: then it is mended there, or by a person who is called.
fn rule(defect: &str, check: &str, rehearsed: bool) -> Takes {
    let is_loud = matches!(defect, "command_missing" | "expired_credentials");
    let is_seen = is_loud || check == "error_ratio";
    match (defect, is_seen, rehearsed) {
        ("none", ..) | (_, true, true) => Takes::AtOnce,
        (_, true, false) => Takes::UntilAPersonComes,
        (_, false, _) => Takes::ForEver,
    }
}

const DEFECTS: [&str; 6] = [
    "none",
    "command_missing",
    "expired_credentials",
    "wrong_environment",
    "bookkeeping_only",
    "traffic_never_moves",
];
const CHECKS: [&str; 3] = ["error_ratio", "pods_ready", "vacuous"];

fn cell(defect: &str, check: &str, rehearsal: &str) -> String {
    let defect = if defect == "none" { String::new() } else { format!("{defect}: {{}}") };
    let rollback = format!(
        "rollback: {{ person_after: 10m, on_failure: [page], defects: [ {defect} ], verify: [ {check}: {{}} ] }}\n\
         {rehearsal}"
    );
    released(BESIDE, "{error_burst: {share: 30%}}", &rollback)
}

fn takes(run: &RunRecord) -> Takes {
    match took(run) {
        Some(minutes) if minutes < 1.0 => Takes::AtOnce,
        Some(minutes) if (10.0..14.0).contains(&minutes) => Takes::UntilAPersonComes,
        Some(minutes) => panic!("{minutes} minutes are of no rule: {:?}", run.rollback),
        None => Takes::ForEver,
    }
}

const REHEARSAL: &str = "rehearsal: { traffic: 10%, roll_back_after: 4m, watch: 6m }";

#[test]
fn which_defect_is_caught_by_which_check_in_production_or_in_a_rehearsal() {
    for defect in DEFECTS {
        for check in CHECKS {
            for (rehearsal, rehearsed) in [("", false), (REHEARSAL, true)] {
                let record = &play(&cell(defect, check, rehearsal), 4, 1)[0];
                let (run, never) = (run(record, &late()), run(record, &NEVER));
                let expected = rule(defect, check, rehearsed);
                let what = format!("{defect}, {check}, rehearsed: {rehearsed}");
                assert_eq!(takes(&run), expected, "{what}: {:?}", run.rollback);
                let (here, there) = (run.harmed.total(), never.harmed.total());
                match expected {
                    Takes::AtOnce => assert!(here * 4 < there, "{what}: {here} of {there}"),
                    // Everybody is turned away for more than ten minutes, against three in ten for less than thirty.
                    Takes::UntilAPersonComes if defect == "traffic_never_moves" => {
                        assert!(here > there, "{what}: {here} of {there}");
                    }
                    Takes::UntilAPersonComes => assert!(here < there, "{what}: {here} of {there}"),
                    Takes::ForEver => assert!(here * 10 >= there * 9, "{what}: {here} of {there}"),
                }
                let found = record.rollouts[0].bad.rehearsal.as_ref().map(|r| !r.found.is_empty());
                let finds = defect != "none" && expected == Takes::AtOnce;
                assert_eq!(found, rehearsed.then_some(finds), "{what}");
            }
        }
    }
}

#[test]
fn what_staging_does_not_have_it_does_not_show() {
    let hiding = |what: &str| REHEARSAL.replace(" }", &format!(", only_in_production: {{{what}}} }}"));
    let takes_with = |defect: &str, check: &str, hidden: &str| {
        takes(&run(&play(&cell(defect, check, &hiding(hidden)), 4, 1)[0], &late()))
    };
    // Credentials of its own, which have not expired.
    let own = takes_with("expired_credentials", "error_ratio", "defects: [expired_credentials]");
    assert_eq!(own, Takes::UntilAPersonComes);
    // A release that makes no errors in staging: a look that asks for errors finds nothing there, one that asks where
    // the traffic goes does.
    let healthy = "faults: [error_burst]";
    assert_eq!(takes_with("wrong_environment", "error_ratio", healthy), Takes::UntilAPersonComes);
    assert_eq!(takes_with("wrong_environment", "traffic_moved", healthy), Takes::AtOnce);
    let unknown = text(&cell("none", "vacuous", &hiding("defects: [wrong_enviroment]")));
    assert!(read("test/unknown", Source { name: "test.yaml", text: &unknown }).is_err());
}

#[test]
fn an_artefact_that_is_gone_is_missed_in_a_rehearsal_first() {
    let rehearsal = "rehearsal: { traffic: 10%, roll_back_after: 4m, watch: 5m";
    let outcome = |rest: &str| {
        let history = "history: { past: [ {name: v1, deployed_ago: 240h} ], retention: {image_age: 168h} }";
        let fault = "{error_burst: {share: 30%, after: 3m}}";
        let lines = released(REPLACED, fault, &format!("{history}\n{rest}"));
        run(&play(&lines, 6, 1)[0], &late()).rollback.as_ref().unwrap().outcome
    };
    assert_eq!(outcome(""), RollbackOutcome::Impossible);
    let helped = outcome(&format!("{rehearsal} }}"));
    assert!(matches!(helped, RollbackOutcome::Worked | RollbackOutcome::Slow), "{helped:?}");
    let kept_there = format!("{rehearsal}, only_in_production: {{retention: true}} }}");
    assert_eq!(outcome(&kept_there), RollbackOutcome::Impossible);
}

#[test]
fn a_configuration_that_the_old_revision_lacks_is_missed_in_a_rehearsal_first() {
    let rehearsal = "rehearsal: { traffic: 10%, roll_back_after: 4m, watch: 6m";
    let outcome = |rest: &str| {
        let faults = "{error_burst: {share: 30%, after: 3m}}, {missing_env: {lacked_by: old, share: 90%}}";
        let record = &play(&released(REPLACED, faults, rest), 6, 1)[0];
        run(record, &late()).rollback.as_ref().unwrap().outcome
    };
    assert_eq!(outcome(""), RollbackOutcome::MadeWorse);
    let helped = outcome(&format!("{rehearsal} }}"));
    assert!(matches!(helped, RollbackOutcome::Worked | RollbackOutcome::Slow), "{helped:?}");
    let set_there = format!("{rehearsal}, only_in_production: {{faults: [missing_env]}} }}");
    assert_eq!(outcome(&set_there), RollbackOutcome::MadeWorse);
}

#[test]
fn a_rehearsal_spares_harm_exactly_where_it_finds_something() {
    const N: u32 = 6;
    println!("| defect | check | harmed | harmed, rehearsed | difference |");
    for (defect, check) in [
        ("none", "error_ratio"),
        ("expired_credentials", "error_ratio"),
        ("wrong_environment", "error_ratio"),
        ("wrong_environment", "pods_ready"),
        ("traffic_never_moves", "error_ratio"),
    ] {
        let harmed = |rehearsal: &str| -> Vec<f64> {
            let records = play(&cell(defect, check, rehearsal), 4, N);
            records.iter().map(|record| run(record, &late()).harmed.total() as f64).collect()
        };
        let (without, with) = (harmed(""), harmed(REHEARSAL));
        let spared = paired_mean_interval(&without, &with, 0.95);
        let mean = |all: &[f64]| all.iter().sum::<f64>() / all.len() as f64;
        let [before, after] = [mean(&without), mean(&with)];
        println!(
            "| {defect} | {check} | {before:.0} | {after:.0} | {:.0} ({:.0} to {:.0}) |",
            spared.value, spared.low, spared.high
        );
        if rule(defect, check, true) == rule(defect, check, false) {
            assert_eq!(without, with, "{defect}, {check}: nothing is learnt, so nothing differs");
        } else {
            assert!(spared.low > 0.0, "{defect}, {check}: {spared:?}");
        }
    }
}
