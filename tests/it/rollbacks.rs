//! Rollbacks that fail: defects of procedures against ways to verify them, targets that are wrong or gone, and what
//! follows a failure. The expected outcome of a cell comes from the rules written here.

use std::num::NonZeroUsize;

use backout::catalogue::Catalogue as _;
use backout::fault::FaultSpec;
use backout::quantity::Ratio;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{
    Player, Reference, ReplicationRecord, RollbackOutcome, RollbackRecord, RunRecord,
};
use backout::rollback::check::CheckSpec;
use backout::rollback::defect::DefectSpec;
use backout::rollback::target::{History, Past, TargetSpec};
use backout::rollback::{Fallback, RollbackConditions};
use backout::scenario::Scenario;
use backout::scenario::resolved::FidelityChoice;
use backout::study::{Progress, Replications, Study};
use backout::time::SimDuration;

use crate::studies;

/// One service, all traffic switched to a release of which every third request fails.
fn switched(strategy: &str, conditions: RollbackConditions) -> Scenario {
    let fault: FaultSpec = studies::yaml("error_burst: {share: 30%}");
    Scenario {
        name: "test/rollbacks".to_owned(),
        rollout: studies::yaml(strategy),
        faults: vec![("change.faults[0]".to_owned(), fault)],
        rollback_conditions: conditions,
        ..studies::canary(FidelityChoice::Flow, 100.0)
    }
}

/// The old pods wait for an hour beside the new ones.
const BESIDE: &str = "blue_green: {scale_down_delay: 1h}";
/// The old pods are gone when the release has arrived.
const REPLACED: &str = "rolling: {bounds: {max_surge: {percent: 100}}}";

fn play(scenario: Scenario) -> ReplicationRecord {
    let mut records = Study::new(&[studies::shared(scenario)], &[], 5, PrepareOptions::default())
        .unwrap()
        .with_replications(Replications { flow: 1, request: 1 })
        .with_jobs(NonZeroUsize::MIN)
        .play(&Progress::default())
        .unwrap();
    records.remove(0)
}

/// What somebody got who rolled back at the first harm, and somebody who never did.
fn rolled_back(scenario: Scenario) -> (RunRecord, RunRecord) {
    let runs = play(scenario).rollouts.remove(0).bad.runs;
    let run = |who| runs.iter().find(|run| run.player == Player::Reference(who)).unwrap().clone();
    (run(Reference::Oracle), run(Reference::Never))
}

/// Whether a rollback got users away from what was wrong.
fn helped(rollback: &RollbackRecord) -> bool {
    matches!(rollback.outcome, RollbackOutcome::Worked | RollbackOutcome::Slow)
}

fn person_after_two_minutes() -> RollbackConditions {
    RollbackConditions {
        on_failure: vec![Fallback::Page],
        person_after: SimDuration::from_mins(2),
        ..RollbackConditions::default()
    }
}

/// Where a defect leaves users when all steps are reported as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaves {
    /// Where they should be: the failure was loud, and somebody mended it.
    Well,
    /// On the bad revision, whose pods still run.
    OnTheBad,
    /// In front of a destination without pods.
    Nowhere,
}

fn leaves(defect: &str) -> Leaves {
    match defect {
        "none" | "command_missing" | "expired_credentials" => Leaves::Well,
        "wrong_environment" | "bookkeeping_only" | "swallowed_exit_code" => Leaves::OnTheBad,
        "traffic_never_moves" => Leaves::Nowhere,
        other => panic!("no rule for the defect {other}"),
    }
}

/// Whether a check finds fault: right or not, this is what it does.
fn finds_fault(check: &str, users: Leaves) -> bool {
    match check {
        "error_ratio" | "traffic_moved" => users != Leaves::Well,
        // The old pods wait beside the new ones whatever happens.
        "pods_ready" | "health_endpoint" => false,
        // It asks whether what was rolled back is healthy: gone when the rollback was right.
        "health_endpoint at the wrong port" => users != Leaves::OnTheBad,
        // 0.2 % of 100 requests a second is twenty times the "ratio" 0.01.
        "error_rate_as_ratio" => true,
        "unanswered_query" | "vacuous" => false,
        other => panic!("no rule for the check {other}"),
    }
}

#[test]
fn which_check_finds_which_defect() {
    let checks: Vec<(String, CheckSpec)> = CheckSpec::CARDS
        .iter()
        .map(|card| (card.name.to_owned(), studies::yaml(&format!("{}: {{}}", card.name))))
        .chain([(
            "health_endpoint at the wrong port".to_owned(),
            studies::yaml("health_endpoint: {asks: rolled_back}"),
        )])
        .collect();
    let defects = DefectSpec::CARDS.iter().map(|card| Some(studies::yaml::<DefectSpec>(card.example)));
    for defect in std::iter::once(None).chain(defects) {
        let name = defect.as_ref().map_or("none", |d| d.name());
        let fails = if name == "swallowed_exit_code" { Ratio::ONE } else { Ratio::ZERO };
        for (check_name, check) in &checks {
            let conditions = RollbackConditions {
                defects: defect.iter().cloned().collect(),
                verify: vec![check.clone()],
                step_fails: fails,
                ..person_after_two_minutes()
            };
            let (run, _) = rolled_back(switched(BESIDE, conditions));
            let rollback = run.rollback.clone().expect("the oracle rolls back");
            let look = rollback.steps.iter().find(|step| step.right.is_some());
            let look = look.unwrap_or_else(|| panic!("{name}, {check_name}: nobody looked: {rollback:?}"));
            let users = leaves(name);
            // Whoever had to be called looks at users, whatever the script looks at.
            let finds = if leaves_alone(name) { finds_fault(check_name, users) } else { false };
            assert_eq!(look.failed, finds, "{name}, {check_name}: {rollback:?}");
            assert_eq!(look.right, Some(look.failed == (users != Leaves::Well)), "{name}, {check_name}");
            // What was found, or needed no finding, ends well; what was not found stays.
            let mended = users == Leaves::Well || (look.failed && name != "swallowed_exit_code");
            assert_eq!(rollback.restored.is_some(), mended, "{name}, {check_name}: {rollback:?}");
            assert_eq!(rollback.unattended, !look.failed && leaves_alone(name), "{name}, {check_name}");
        }
    }
}

/// Whether nothing about the defect itself calls a person.
fn leaves_alone(defect: &str) -> bool {
    !matches!(defect, "command_missing" | "expired_credentials")
}

fn v(name: &str, days: u64, rest: &str) -> Past {
    studies::yaml(&format!("{{name: {name}, deployed_ago: {}h{rest}}}", 24 * days))
}

/// v3 failed as the new release does and was rolled back to v2, which runs.
fn history() -> History {
    let broken = ", reputation: failed, faults: [error_burst: {share: 30%}]";
    History {
        past: vec![v("v3", 2, broken), v("v2", 9, ""), v("v1", 20, "")],
        running: 1,
        ..History::default()
    }
}

fn going_to(targets: &[&str]) -> RollbackConditions {
    RollbackConditions {
        history: history(),
        targets: targets.iter().map(|text| studies::yaml::<TargetSpec>(text)).collect(),
        ..person_after_two_minutes()
    }
}

#[test]
fn each_rule_leads_where_it_points() {
    for (rule, name, saved) in [
        ("previous: {}", "v2", true),
        ("last_known_good: {}", "v2", true),
        ("named: {name: v1}", "v1", true),
        ("second_newest_deploy: {}", "v3", false),
        ("named: {name: new}", "new", false),
    ] {
        let (run, never) = rolled_back(switched(BESIDE, going_to(&[rule])));
        let rollback = run.rollback.clone().unwrap();
        assert_eq!((rollback.target.as_deref(), helped(&rollback)), (Some(name), saved), "{rule}");
        let (here, there) = (run.harmed.total(), never.harmed.total());
        // An also broken revision harms as the new one does.
        assert!(if saved { here * 3 < there } else { here * 10 > there * 9 }, "{rule}: {here} of {there}");
    }
}

#[test]
fn a_rule_that_finds_nothing_makes_a_rollback_impossible() {
    let (run, _) = rolled_back(switched(BESIDE, going_to(&["tagged: {tag: stable}"])));
    assert_eq!(run.rollback.clone().unwrap().outcome, RollbackOutcome::Impossible);
}

#[test]
fn after_a_failed_look_the_next_target_is_tried() {
    for strategy in [BESIDE, REPLACED] {
        let conditions = RollbackConditions {
            verify: vec![studies::yaml("error_ratio: {}")],
            on_failure: vec![Fallback::NextTarget, Fallback::Page],
            ..going_to(&["second_newest_deploy: {}", "named: {name: v1}"])
        };
        let (run, _) = rolled_back(switched(strategy, conditions));
        let rollback = run.rollback.clone().unwrap();
        assert_eq!(rollback.target.as_deref(), Some("v1"), "{strategy}: {rollback:?}");
        assert!(rollback.verified.is_some() && rollback.unattended, "{strategy}: {rollback:?}");
        let stopped = rollback.steps.iter().any(|step| step.name == "stop the failed target");
        assert!(stopped, "v3 and v1 run in the same place: {rollback:?}");
        let restored = rollback.restored.expect("the second target helps");
        let failed = rollback.steps.iter().find(|step| step.failed).and_then(|step| step.ended).unwrap();
        assert!(restored > failed, "restored means the target in the end: {rollback:?}");
        let looks: Vec<bool> =
            rollback.steps.iter().filter(|s| s.right.is_some()).map(|s| s.failed).collect();
        assert_eq!(looks, [true, false], "{strategy}");
    }
}

#[test]
fn who_releases_less_often_than_images_are_kept_cannot_go_back() {
    let mut conditions = person_after_two_minutes();
    conditions.on_failure.clear();
    conditions.history.past = vec![v("v1", 10, "")];
    conditions.history.retention = studies::yaml("{image_age: 168h}");
    // As long as its pods run nobody needs the image.
    let (beside, _) = rolled_back(switched(BESIDE, conditions.clone()));
    assert_eq!(beside.rollback.clone().unwrap().outcome, RollbackOutcome::Worked);
    let mut late = switched(REPLACED, conditions.clone());
    late.faults =
        vec![("change.faults[0]".to_owned(), studies::yaml("error_burst: {share: 30%, after: 5m}"))];
    let (gone, never) = rolled_back(late.clone());
    assert_eq!(gone.rollback.clone().unwrap().outcome, RollbackOutcome::Impossible);
    assert_eq!(gone.harmed, never.harmed);
    // What is left is a fix forwards.
    late.rollback_conditions.on_failure = vec![Fallback::ForwardFix];
    late.rollback_conditions.fix = studies::yaml("{takes: 3m, bad: 0%}");
    let (fixed, never) = rolled_back(late);
    assert!(fixed.harmed.total() * 2 < never.harmed.total(), "{:?} of {:?}", fixed.harmed, never.harmed);
    let fix = fixed.further.first().expect("the fix follows the rollback");
    assert_eq!((fix.procedure.as_str(), fix.target.as_deref()), ("forward_fix", Some("fix")));
}

#[test]
fn a_tag_that_moved_brings_the_new_revision_again() {
    let mut conditions = person_after_two_minutes();
    conditions.history.past = vec![v("v1", 1, ", artefact: overwritten")];
    let (run, never) = rolled_back(switched(REPLACED, conditions));
    let rollback = run.rollback.clone().unwrap();
    assert!(!helped(&rollback), "{rollback:?}");
    assert!(run.harmed.total() * 10 > never.harmed.total() * 8);
}

#[test]
fn a_sync_that_knows_nothing_puts_the_new_revision_back() {
    let minutes = |after| RollbackConditions { reverted_after: after, ..person_after_two_minutes() };
    let (kept, _) = rolled_back(switched(BESIDE, minutes(None)));
    let (reverted, _) = rolled_back(switched(BESIDE, minutes(Some(SimDuration::from_mins(3)))));
    let sync = reverted.further.first().expect("the sync follows the rollback");
    assert!(sync.procedure == "sync" && !helped(sync), "{sync:?}");
    assert!(kept.harmed.total() * 5 < reverted.harmed.total(), "{:?}, {:?}", kept.harmed, reverted.harmed);
}

#[test]
fn a_fix_that_mends_nothing_harms_on() {
    let unwell = |bad: &str| {
        let mut conditions = person_after_two_minutes();
        conditions.fix = studies::yaml(&format!("{{takes: 2m, bad: {bad}}}"));
        let mut scenario = switched(REPLACED, conditions);
        scenario.rollback = Some(studies::yaml(&format!("forward_fix: {{takes: 2m, bad: {bad}}}")));
        rolled_back(scenario)
    };
    let (good, never) = unwell("0%");
    let (bad, _) = unwell("100%");
    assert!(good.harmed.total() * 3 < never.harmed.total(), "{:?} of {:?}", good.harmed, never.harmed);
    assert!(bad.harmed.total() * 10 > never.harmed.total() * 9, "{:?} of {:?}", bad.harmed, never.harmed);
    assert!(!good.rollback.clone().unwrap().unattended, "somebody writes a fix");
}

/// Hosts that run one container each, all of them changed at once.
const HOSTS: &str = "image_swap: {at_once: null}";

fn image_swapped_back(procedure: &str, conditions: RollbackConditions) -> Scenario {
    let rollback = Some(studies::yaml(&format!("image_swap_back: {procedure}")));
    Scenario { rollback, ..switched(HOSTS, conditions) }
}

#[test]
fn the_previous_image_in_the_new_environment_is_no_rollback() {
    let (sound, never) = rolled_back(image_swapped_back("{}", person_after_two_minutes()));
    let (stale, _) = rolled_back(image_swapped_back("{new_environment: true}", person_after_two_minutes()));
    assert!(helped(sound.rollback.as_ref().unwrap()), "{:?}", sound.rollback);
    let rollback = stale.rollback.clone().unwrap();
    assert!(rollback.restored.is_some() && !helped(&rollback), "reported as done: {rollback:?}");
    assert!(sound.harmed.total() * 3 < never.harmed.total());
    assert!(stale.harmed.total() * 10 > never.harmed.total() * 9, "{:?} of {:?}", stale.harmed, never.harmed);
}

#[test]
fn another_image_is_left_alone_beside_and_a_downtime_instead() {
    let with = |procedure| rolled_back(image_swapped_back(procedure, person_after_two_minutes()));
    let (beside, never) = with("{unrelated_image: true}");
    assert!(!helped(beside.rollback.as_ref().unwrap()), "{:?}", beside.rollback);
    assert!(beside.harmed.total() * 10 > never.harmed.total() * 9, "users stay on the release");
    assert_eq!(beside.downtime, never.downtime, "nothing was stopped");
    let (instead, _) = with("{unrelated_image: true, stop_first: true, sleep: 10s}");
    let rollback = instead.rollback.clone().unwrap();
    // Nothing serves from the stop until the person has come and the right image is up.
    assert!(instead.downtime > never.downtime + 120_000_000_000, "{} {}", instead.downtime, never.downtime);
    assert!(!rollback.unattended && rollback.restored.is_some(), "{rollback:?}");
}

#[test]
fn a_fix_takes_longer_when_the_containers_are_gone() {
    let writing = |removes: bool| {
        let conditions = RollbackConditions {
            verify: vec![studies::yaml("error_ratio: {}")],
            on_failure: vec![Fallback::ForwardFix],
            fix: studies::yaml("{takes: 3m, bad: 0%}"),
            ..person_after_two_minutes()
        };
        let procedure = format!("{{new_environment: true, removes: {removes}}}");
        let (run, _) = rolled_back(image_swapped_back(&procedure, conditions));
        let fix = run.further.first().unwrap_or_else(|| panic!("a fix follows: {:?}", run.rollback)).clone();
        assert_eq!(fix.procedure, "forward_fix");
        fix.steps[0].ended.unwrap() - fix.steps[0].began
    };
    assert_eq!((writing(false), writing(true)), (180_000_000_000, 360_000_000_000));
}
