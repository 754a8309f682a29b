//! Several services released at once: who may go back alone, in which order, what that does to users, and whom a policy
//! blames. Outcomes follow from the rules written here.

use std::num::NonZeroUsize;

use backout::diagnostic::Source;
use backout::policy::loaded::Loaded;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{
    Player, Reference, ReplicationRecord, RollbackOutcome, RunRecord, TwinRecord,
};
use backout::scenario::Scenario;
use backout::score::{CostWeights, Input, PolicyMeta, Row, ScenarioMeta, scorecard};
use backout::strategy::StrategySpec;
use backout::study::{Progress, Replications, Study};
use backout::telemetry::naming::Naming;
use backout::time::SimDuration;

use crate::studies;

/// Requests per second.
const RATE: u64 = 20;

/// When policies here roll back: long after both services are released.
const LATE: SimDuration = SimDuration::from_mins(6);

/// A world in which `web` calls `checkout` and `catalog`; what is released is given by the blocks.
fn text(skew: &str, rest: &str) -> String {
    format!(
        "format: 1\nwarm_up: 2m\nhorizon: 12m\nwatch: 5m\nslo: {{availability: 99%}}\n\
         services:\n\
         \x20 web:\n    replicas: 4\n    service_time: 5ms\n    startup: 5s\n    calls:\n\
         \x20     - {{to: checkout{skew}}}\n      - {{to: catalog}}\n\
         \x20 checkout: {{replicas: 4, service_time: 5ms, startup: 5s}}\n\
         \x20 catalog: {{replicas: 2, service_time: 5ms, startup: 5s}}\n\
         traffic:\n  - {{to: web, rate: {RATE}/s}}\n{rest}"
    )
}

fn read(text: &str) -> Result<Scenario, String> {
    let source = Source { name: "groups.yaml", text };
    backout::scenario::read("test/groups", source)
        .map(|resolved| resolved.scenario)
        .map_err(|findings| findings.render(false))
}

/// `checkout` is rolled out and `web`, which calls it, released three minutes later as part of the change.
fn pair(skew: &str, fault: &str, web: &str) -> Scenario {
    let rest = format!(
        "rollouts:\n  - {{service: checkout, strategy: {{rolling: {{}}}}}}\n\
         change:\n  faults: [{fault}]\n  also:\n    - {{service: web, at: 3m{web}}}\n"
    );
    read(&text(skew, &rest)).unwrap()
}

fn rolls_back(procedure: &str, after: SimDuration) -> Loaded {
    Loaded {
        rollout: Some(studies::yaml::<StrategySpec>("rolling: {}")),
        rollback: Some(studies::yaml(procedure)),
        ..studies::clockwork(procedure, after)
    }
}

fn play(scenario: &Scenario, policies: &[Loaded], jobs: usize) -> Vec<ReplicationRecord> {
    Study::new(&[studies::shared(scenario.clone())], policies, 5, PrepareOptions::default())
        .unwrap()
        .with_replications(Replications { flow: 1, request: 2 })
        .with_jobs(NonZeroUsize::new(jobs).unwrap())
        .play(&Progress::default())
        .unwrap()
}

fn run<'a>(twin: &'a TwinRecord, name: &str) -> &'a RunRecord {
    let player = match name {
        "never" => Player::Reference(Reference::Never),
        name => Player::Policy(name.into()),
    };
    twin.runs.iter().find(|run| run.player == player).unwrap()
}

fn harmed(twin: &TwinRecord, name: &str) -> i64 {
    run(twin, name).harmed.total() as i64
}

/// What a rollback does to users between services that were well together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Harm {
    None,
    /// While it is under way.
    Window,
    /// From then on.
    ForGood,
}

/// The rule: both services are new; those named go back one after the other. Users are harmed wherever a `web` of one
/// revision meets a `checkout` of the other and requests between these two fail.
fn rule(order: &[&str], new_to_old: bool, old_to_new: bool) -> Harm {
    let (mut web, mut checkout) = (true, true);
    let mut seen = Harm::None;
    for name in order {
        if *name == "web" {
            web = false
        } else {
            checkout = false
        }
        let clash = web && !checkout && new_to_old || !web && checkout && old_to_new;
        seen = match (clash, seen) {
            (true, _) => Harm::ForGood,
            (false, Harm::ForGood) => Harm::Window,
            (false, before) => before,
        };
    }
    seen
}

#[test]
fn order_and_compatibility_decide_what_a_rollback_does_to_users() {
    let orders: [(&str, &[&str]); 4] = [
        ("group_rollback: {order: [web, checkout]}", &["web", "checkout"]),
        ("group_rollback: {order: [checkout, web]}", &["checkout", "web"]),
        ("partial_rollback: {services: [checkout]}", &["checkout"]),
        ("partial_rollback: {services: [web]}", &["web"]),
    ];
    let policies: Vec<Loaded> = orders.iter().map(|(procedure, _)| rolls_back(procedure, LATE)).collect();
    let skews = [
        ("", false, false),
        (", skew: {new_to_old: 100%}", true, false),
        (", skew: {old_to_new: 100%}", false, true),
    ];
    let mut classes = Vec::new();
    for (skew, new_to_old, old_to_new) in skews {
        let scenario = pair(skew, "error_burst: {share: 1%, after: 11m}", "");
        for record in play(&scenario, &policies, 2) {
            let healthy = &record.rollouts[0].healthy;
            for (procedure, order) in orders {
                // What the release itself did before is in both.
                let extra = harmed(healthy, procedure) - harmed(healthy, "never");
                let expected = rule(order, new_to_old, old_to_new);
                let holds = match expected {
                    Harm::None => extra == 0,
                    Harm::Window => extra > 0 && extra < (RATE * 120) as i64,
                    Harm::ForGood => extra > (RATE * 300) as i64,
                };
                assert!(holds, "{procedure} with `{skew}`: expected {expected:?}, {extra} more were harmed");
                let rollback = run(healthy, procedure).rollback.as_ref().unwrap();
                let worse = rollback.outcome == RollbackOutcome::MadeWorse;
                assert_eq!(worse, expected != Harm::None, "{procedure} with `{skew}`: {rollback:?}");
                assert!(rollback.restored.is_some(), "{procedure} with `{skew}`: {rollback:?}");
                classes.push(expected);
            }
        }
    }
    for class in [Harm::None, Harm::Window, Harm::ForGood] {
        assert!(classes.contains(&class), "{class:?} is never expected");
    }
}

#[test]
fn a_partial_rollback_into_skew_is_worse_than_the_bad_release() {
    let procedures = [
        "partial_rollback: {services: [checkout]}",
        "kubectl_undo: {}",
        "group_rollback: {order: [web, checkout]}",
    ];
    let policies = procedures.map(|procedure| rolls_back(procedure, LATE));
    let scenario = pair(", skew: {new_to_old: 100%}", "error_burst: {share: 40%}", "");
    for record in play(&scenario, &policies, 2) {
        let bad = &record.rollouts[0].bad;
        // Every other way back takes the target only, so it is partial too.
        assert_eq!(harmed(bad, procedures[0]), harmed(bad, procedures[1]));
        assert!(harmed(bad, procedures[0]) > harmed(bad, "never"));
        assert!(harmed(bad, procedures[2]) < harmed(bad, "never"));
    }
}

#[test]
fn a_dependency_that_is_broken_needs_a_rollback_too() {
    let procedures = ["kubectl_undo: {}", "group_rollback: {order: [web, checkout], wait: none}"];
    let policies = procedures.map(|procedure| rolls_back(procedure, LATE));
    let scenario = pair("", "", ", faults: [error_burst: {share: 40%}]");
    for record in play(&scenario, &policies, 2) {
        let bad = &record.rollouts[0].bad;
        let onset = bad.onset.unwrap() - record.deploy_at;
        assert_eq!(onset, SimDuration::from_mins(3).as_nanos(), "the fault comes with its own service");
        assert!(bad.first_harm.unwrap() >= bad.onset.unwrap() && bad.touched > 0);
        let [target_only, group] = procedures.map(|procedure| harmed(bad, procedure));
        assert_eq!(target_only, harmed(bad, "never"), "the target was never the trouble");
        assert!(2 * group < target_only, "{group} of {target_only}");
        assert_eq!(harmed(&record.rollouts[0].healthy, "never"), 0);
    }
}

#[test]
fn without_waiting_the_order_hardly_matters() {
    let procedures =
        ["group_rollback: {order: [web, checkout], wait: none}", "group_rollback: {order: [web, checkout]}"];
    let policies = procedures.map(|procedure| rolls_back(procedure, LATE));
    let scenario = pair(", skew: {new_to_old: 100%}", "error_burst: {share: 1%, after: 11m}", "");
    for record in play(&scenario, &policies, 2) {
        let healthy = &record.rollouts[0].healthy;
        let [at_once, ordered] = procedures.map(|procedure| harmed(healthy, procedure));
        assert!(at_once > 0 && ordered == 0, "{at_once} and {ordered}");
        let took = procedures.map(|procedure| {
            let rollback = run(healthy, procedure).rollback.as_ref().unwrap();
            rollback.restored.unwrap() - rollback.began
        });
        assert!(took[0] < took[1], "what is safe is slower: {took:?}");
    }
}

#[test]
fn whoever_rolls_back_stops_what_has_not_been_released() {
    let early = SimDuration::from_mins(1);
    let policies = [rolls_back("kubectl_undo: {}", early)];
    // Were `web` released after all, all its requests would fail.
    let scenario = pair(", skew: {new_to_old: 100%}", "error_burst: {share: 1%, after: 11m}", "");
    for record in play(&scenario, &policies, 2) {
        assert_eq!(harmed(&record.rollouts[0].healthy, "kubectl_undo: {}"), 0);
    }
}

#[test]
fn a_recreated_companion_has_its_downtime_in_both_twins() {
    let scenario = pair("", "error_burst: {share: 1%, after: 11m}", ", strategy: recreate");
    for record in play(&scenario, &[], 2) {
        let harm = harmed(&record.rollouts[0].healthy, "never");
        // Nobody serves from the stop of the old pods to the start of the new: five seconds, and a probe.
        assert!(harm >= 4 * RATE as i64 && harm <= 30 * RATE as i64, "{harm}");
    }
}

/// `web` is rolled out; another team releases `catalog`, which it calls.
fn two_teams(fault: &str, other: &str) -> Scenario {
    let rest = format!(
        "rollouts:\n  - {{service: web, strategy: {{rolling: {{}}}}}}\n\
         change:\n  faults: [{fault}]\nconfounders:\n  - other_deploy: {{service: catalog, at: 3m{other}}}\n"
    );
    read(&text("", &rest)).unwrap()
}

const ERRORS: &str = "sum(rate(http_requests_total{code=~\"5..\"}[1m])) / sum(rate(http_requests_total[1m]))";

fn error_watch() -> Loaded {
    Loaded { naming: Naming::native("web"), ..studies::threshold_on(ERRORS, "errors", 0.05, 2) }
}

fn row(records: &[ReplicationRecord]) -> Row {
    let policies = [PolicyMeta { name: "errors".to_owned(), ..PolicyMeta::default() }];
    let scenarios = [ScenarioMeta::named("test/groups")];
    let weights = CostWeights::default();
    let input = Input { records, scenarios: &scenarios, policies: &policies, weights: &weights };
    scorecard(&input).unwrap().rows.into_iter().find(|row| row.name() == "errors").unwrap()
}

#[test]
fn what_another_team_breaks_is_no_harm_of_ours_and_no_rollback_mends_it() {
    let broken = two_teams("error_burst: {share: 1%, after: 11m}", ", faults: [error_burst: {share: 50%}]");
    for record in play(&broken, &[error_watch()], 2) {
        assert!(record.other_changes);
        let rollout = &record.rollouts[0];
        assert_eq!(harmed(&rollout.healthy, "never"), 0, "it fails without our deploy too");
        let run = run(&rollout.healthy, "errors");
        assert!(run.decision.is_some(), "it looks like ours");
        assert!(run.counts.failed > RATE * 200, "and goes on after the rollback: {:?}", run.counts);
    }
    let taken_back = two_teams(
        "error_burst: {share: 1%, after: 11m}",
        ", faults: [error_burst: {share: 50%}], rolled_back_after: 2m",
    );
    let failed = |scenario| play(scenario, &[], 1)[0].rollouts[0].no_deploy.failed;
    assert!(2 * failed(&taken_back) < failed(&broken), "its own team mends it");
}

#[test]
fn blame_is_exact_where_it_is_known_who_did_it() {
    let quiet = "error_burst: {share: 1%, after: 11m}";
    let loud = "error_burst: {share: 50%}";
    let blames = |scenario: &Scenario| {
        let records = play(scenario, &[error_watch()], 2);
        let first = &records[0].rollouts[0];
        let of = |twin: &TwinRecord| run(twin, "errors").blames.clone();
        ([of(&first.bad), of(&first.healthy)], row(&records))
    };
    let other = || Some(std::sync::Arc::<str>::from("other_deploy (confounders[0])"));
    // Only the other one is broken: both twins are rolled back for it.
    let ([bad, healthy], scored) = blames(&two_teams(quiet, ", faults: [error_burst: {share: 50%}]"));
    assert_eq!([bad, healthy], [other(), other()]);
    let blame = scored.blame.unwrap();
    assert_eq!((blame.share.value, blame.rollbacks, blame.blamed), (Some(1.0), 4, 4));
    assert!(scored.why.false_rollbacks[0].cause.starts_with("other_deploy"));
    let also = scored.reading.unwrap().also;
    assert!(also.iter().any(|sentence| sentence.contains("in 4 of 4 rollbacks")), "{also:?}");
    // Only ours is: the bad twin is rolled back, rightly.
    let ([bad, healthy], scored) = blames(&two_teams(loud, ""));
    assert_eq!([bad, healthy], [None, None]);
    let blame = scored.blame.unwrap();
    assert_eq!((blame.share.value, blame.rollbacks, blame.blamed), (Some(0.0), 2, 0));
    // Both are: the bad one had to go anyway, the healthy one had not. One release in ten is bad.
    let ([bad, healthy], scored) = blames(&two_teams(loud, ", faults: [error_burst: {share: 50%}]"));
    assert_eq!([bad, healthy], [None, other()]);
    let share = scored.blame.unwrap().share.value.unwrap();
    assert!((share - 0.9).abs() < 1e-12, "{share}");
    // Nobody else does anything: there is no such figure.
    let ([bad, healthy], scored) = blames(&pair("", loud, ""));
    assert_eq!(([bad, healthy], scored.blame), ([None, None], None));
}

#[test]
fn a_policy_that_never_rolls_back_blames_nobody() {
    let silent = Loaded { naming: Naming::native("web"), ..studies::threshold_on(ERRORS, "errors", 2.0, 2) };
    let records =
        play(&two_teams("error_burst: {share: 50%}", ", faults: [error_burst: {share: 50%}]"), &[silent], 2);
    let blame = row(&records).blame.unwrap();
    assert_eq!((blame.share.value, blame.rollbacks), (None, 0));
    assert_eq!(blame.share.note, Some(backout::score::Note::NeverFires));
}

#[test]
fn nothing_hangs_on_threads_and_no_request_is_lost() {
    let policies = [rolls_back("group_rollback: {order: [checkout, web]}", LATE), error_watch()];
    let scenario = pair(
        ", skew: {new_to_old: 50%}",
        "error_burst: {share: 30%}",
        ", faults: [latency_regression: {factor: 3}]",
    );
    let one = play(&scenario, &policies, 1);
    assert_eq!(one, play(&scenario, &policies, 2));
    for record in &one {
        let rollout = &record.rollouts[0];
        for run in rollout.bad.runs.iter().chain(&rollout.healthy.runs) {
            assert!(run.counts.is_conserved(), "{:?}: {:?}", run.player, run.counts);
        }
    }
}

#[test]
fn mistakes_in_groups_are_placed() {
    let checkout = "rollouts:\n  - {service: checkout, strategy: {rolling: {}}";
    let mistakes = [
        (format!("{checkout}}}\nchange: {{also: [{{service: wep}}]}}\n"), "there is no service `wep`"),
        (
            format!("{checkout}}}\nchange: {{also: [{{service: checkout}}]}}\n"),
            "`checkout` is released already",
        ),
        (
            format!(
                "{checkout}}}\nchange: {{also: [{{service: web}}]}}\nconfounders: [other_deploy: {{service: web, at: 1m}}]\n"
            ),
            "`web` is released already",
        ),
        (
            format!(
                "{checkout}, rollback: {{group_rollback: {{order: [checkout]}}}}}}\nchange: {{also: [{{service: web}}]}}\n"
            ),
            "`web` is part of the change and would stay new",
        ),
        (
            format!("{checkout}, rollback: {{partial_rollback: {{services: [web]}}}}}}\n"),
            "`web` is not part of the change",
        ),
        (format!("{checkout}, rollback: {{partial_rollback: {{services: []}}}}}}\n"), "no service goes back"),
        (
            format!(
                "{checkout}}}\nchange: {{also: [{{service: web, faults: [silent_corruption: {{share: 1%}}]}}]}}\n"
            ),
            "`silent_corruption` needs a database",
        ),
    ];
    for (rest, fact) in mistakes {
        let error = read(&text("", &rest)).unwrap_err();
        assert!(error.contains(fact), "{error}");
        assert!(error.contains("groups.yaml:"), "{error}");
    }
}

#[test]
fn services_released_together_need_single_requests() {
    let together = pair("", "error_burst: {share: 10%}", "");
    assert!(together.why_never_flow().is_some() && !together.is_flow());
    let alone = "format: 1\nservices: {a: {service_time: 5ms}, b: {service_time: 5ms}}\n\
                 traffic: [{to: a, rate: 10/s}]\nrollouts: [{service: a, strategy: {rolling: {}}}]\n";
    let released = format!("{alone}change: {{also: [{{service: b}}]}}\n");
    assert!(read(alone).unwrap().why_not_flow().is_none());
    assert!(read(&released).unwrap().why_not_flow().unwrap().contains("`b` is released too"));
}
