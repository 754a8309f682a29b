//! Every kind of rollout with every procedure, in the middle of the rollout and after it, and every fault with every
//! procedure: the outcome of a cell comes from the rules written here.

use std::num::NonZeroUsize;

use backout::catalogue::{Card, Catalogue};
use backout::effect::Routing;
use backout::fault::FaultSpec;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{Player, RollbackOutcome, RunRecord};
use backout::rollback::ProcedureSpec;
use backout::scenario::Scenario;
use backout::scenario::resolved::FidelityChoice;
use backout::strategy::StrategySpec;
use backout::study::{Progress, Replications, Study};
use backout::time::SimDuration;

use crate::studies;

/// One way to write each strategy.
const STRATEGIES: &[&str] = &[
    "canary: {steps: [{weight: 50%, bake: 3m}]}",
    "canary: {traffic_routed: false, steps: [{weight: 50%, bake: 3m}]}",
    "rolling: {}",
    "blue_green: {pause: 30s}",
    "flagger: {interval: 1m, weights: [50%]}",
];

/// What a procedure can do about a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Power {
    /// It starts the pods it needs and stops the others.
    Whole,
    /// It starts the pods it needs and moves traffic, but stops nobody.
    StopsNobody,
    /// It moves traffic to where the old pods are, if they are.
    MovesTraffic,
    /// Nothing.
    None,
}

/// Ways to write each procedure, sound ones and flawed ones, and what they can do.
const PROCEDURES: &[(&str, Power)] = &[
    ("flagger: {}", Power::MovesTraffic),
    ("argo_abort: {}", Power::Whole),
    ("argo_abort: {traffic_routed: false}", Power::Whole),
    ("kubectl_undo: {}", Power::Whole),
    ("switch_back: {}", Power::Whole),
    ("codedeploy: {}", Power::Whole),
    ("codedeploy: {configuration: all_at_once}", Power::Whole),
    ("compose_rollback: {}", Power::Whole),
    ("compose_rollback: {parallelism: 0, order: start_first}", Power::Whole),
    ("workflow: {approval: 30s}", Power::Whole),
    ("load_balancer_switch: {}", Power::StopsNobody),
    ("load_balancer_switch: {make_sure: false}", Power::MovesTraffic),
    ("terraform_reapply: {}", Power::Whole),
    ("terraform_reapply: {old_configuration: false}", Power::None),
    ("forward_fix: {takes: 30s, bad: 0%}", Power::Whole),
    // Of a change of one service both are what `kubectl_undo` is; `groups.rs` has those of several.
    ("group_rollback: {order: [shop]}", Power::Whole),
    ("partial_rollback: {services: [shop]}", Power::Whole),
];

/// Kinds of rollouts with a way back of their own, which is played with them alone.
const PAIRS: &[(&str, &str)] = &[
    ("recreate: {}", "recreate_back: {}"),
    ("image_swap: {pull: 10s}", "image_swap_back: {}"),
    ("waves: {shares: [50%, 100%], bake: 2m}", "waves_back: {}"),
    ("dns_shift: {ttl: 30s}", "dns_back: {ttl: 30s}"),
    ("feature_flag: {values: [50%, 100%], bake: 2m, poll: 10s}", "flag_off: {poll: 10s}"),
    ("shadow: {for: 30s, then_switch: true}", "shadow_off: {}"),
];

/// Procedures that are undefined in the worlds of this file, and why; `migrations.rs` has theirs.
const UNDEFINED: &[(&str, &str)] = &[
    ("schema_down", "there is no schema without a database"),
    ("database_rollback", "there is no data without a database"),
    ("emergency_restore", "there is no backup without a database"),
];

/// Decided in the middle of every rollout, and long after its end.
const MIDDLE: SimDuration = SimDuration::from_secs(75);
const LATE: SimDuration = SimDuration::from_mins(8);

fn covers(written: impl Iterator<Item = &'static str>, cards: &[Card]) {
    let names: Vec<&str> = written.map(|text| text.split(':').next().unwrap()).collect();
    for card in cards {
        assert!(names.contains(&card.name), "`{}` has no row here", card.name);
    }
}

fn scenario(strategy: &str, procedure: &str, fault: &str) -> Scenario {
    Scenario {
        name: "test/ways-back".to_owned(),
        rollout: studies::yaml(strategy),
        rollback: Some(studies::yaml(procedure)),
        faults: vec![("change.faults[0]".to_owned(), studies::yaml::<FaultSpec>(fault))],
        ..studies::canary(FidelityChoice::Auto, 40.0)
    }
}

/// The runs of the bad release under policies that roll back in the middle and late.
fn play(scenario: Scenario) -> [RunRecord; 2] {
    let policies = [studies::clockwork("middle", MIDDLE), studies::clockwork("late", LATE)];
    let mut records = Study::new(&[studies::shared(scenario)], &policies, 5, PrepareOptions::default())
        .unwrap()
        .with_replications(Replications { flow: 1, request: 1 })
        .with_jobs(NonZeroUsize::MIN)
        .play(&Progress::default())
        .unwrap();
    let runs = records.remove(0).rollouts.remove(0).bad.runs;
    ["middle", "late"].map(|name| {
        let is_it = |run: &&RunRecord| run.player == Player::Policy(name.to_owned());
        runs.iter().find(is_it).unwrap().clone()
    })
}

/// Whether users are served by something else than the release in the end, with nobody turned away for long.
fn helped(run: &RunRecord) -> bool {
    let rollback = run.rollback.as_ref().expect("it was begun");
    rollback.restored.is_some() && rollback.outcome != RollbackOutcome::Impossible
}

/// The rule: a procedure that starts what is missing helps at any time; one that only moves traffic helps while the
/// old pods are there. Flagger promotes by copying the new revision into the stable side, so that nobody who leaves
/// its pods running helps then; Flagger's own undoes the promoted primary like any Deployment.
fn should_help(strategy: &str, procedure: &str, power: Power, late: bool) -> bool {
    match power {
        Power::Whole => true,
        Power::StopsNobody => !(late && strategy.starts_with("flagger")),
        Power::None => false,
        Power::MovesTraffic if !late => true,
        Power::MovesTraffic => strategy.starts_with("flagger") && procedure.starts_with("flagger"),
    }
}

#[test]
fn every_procedure_on_every_kind_of_rollout() {
    let paired = PAIRS.iter().map(|(strategy, _)| *strategy);
    covers(STRATEGIES.iter().copied().chain(paired), StrategySpec::CARDS);
    let undefined = UNDEFINED.iter().map(|(name, _)| *name).chain(PAIRS.iter().map(|(_, own)| *own));
    covers(PROCEDURES.iter().map(|(text, _)| *text).chain(undefined), ProcedureSpec::CARDS);
    let mut refused = 0;
    for strategy in STRATEGIES {
        let routing = studies::yaml::<StrategySpec>(strategy).as_dyn().routing();
        for &(procedure, power) in PROCEDURES {
            let why_not = studies::yaml::<ProcedureSpec>(procedure).as_dyn().why_not(routing);
            if let Some(reason) = why_not {
                // Undefined: what only moves traffic needs somebody who moves it.
                assert!(routing == Routing::Endpoints && reason.contains("router"), "{procedure}: {reason}");
                refused += 1;
                continue;
            }
            let runs = play(scenario(strategy, procedure, "error_burst: {share: 30%}"));
            for (run, late) in runs.iter().zip([false, true]) {
                let expected = should_help(strategy, procedure, power, late);
                assert_eq!(
                    helped(run),
                    expected,
                    "{strategy}, {procedure}, late: {late}: {:?}",
                    run.rollback
                );
            }
        }
    }
    assert_eq!(
        refused,
        2 * 5,
        "five ways to write a procedure need a router, two kinds of rollout have none"
    );
}

#[test]
fn a_kind_of_rollout_is_undone_by_its_own_way_back() {
    for (strategy, procedure) in PAIRS {
        let runs = play(scenario(strategy, procedure, "error_burst: {share: 30%}"));
        for run in &runs {
            assert!(helped(run), "{strategy}, {procedure}: {:?}", run.rollback);
        }
    }
}

#[test]
fn every_fault_is_undone_by_every_sound_procedure() {
    for card in FaultSpec::CARDS {
        for &(procedure, power) in PROCEDURES {
            let strategy = STRATEGIES[0];
            let routing = studies::yaml::<StrategySpec>(strategy).as_dyn().routing();
            let spec = studies::yaml::<ProcedureSpec>(procedure);
            if spec.as_dyn().why_not(routing).is_some() {
                continue;
            }
            let [middle, _] = play(scenario(strategy, procedure, card.example));
            let expected = should_help(strategy, procedure, power, false);
            assert_eq!(helped(&middle), expected, "{}, {procedure}: {:?}", card.name, middle.rollback);
        }
    }
}
