//! What each fault and confounder does to one replication, and what each procedure does step by step.

use backout::catalogue::Catalogue;
use backout::document::parse_typed;
use backout::effect::{
    Action, Disturbance, Revision, RolloutView, Routing, ServiceId, SetView, Split, WorldDisturbance,
};
use backout::fault::{ConfounderSpec, Effect, Fault, FaultSpec, Resolution, SurroundingSpec};
use backout::quantity::Ratio;
use backout::replication::ledger::Ledger;
use backout::rng::Key;
use backout::rollback::{Execution, ProcedureSpec, RollbackConditions};
use backout::strategy::StrategySpec;
use backout::time::{SimDuration, SimTime};

use crate::studies;

fn resolve(member: &dyn Fault, replication: u32, path: &str) -> (Vec<Effect>, Vec<(String, f64)>) {
    let mut drawn = Vec::new();
    let effects = member.resolve(&mut Resolution {
        key: Key::root(1, "faults").replication(replication),
        path,
        deploy_at: SimTime::ZERO + SimDuration::from_mins(10),
        service: &|name| {
            Some(ServiceId(["shop", "catalog"].iter().position(|known| *known == name)? as u16 + 3))
        },
        drawn: &mut drawn,
    });
    (effects, drawn)
}

#[test]
fn every_example_resolves_to_something_that_begins_and_is_recorded() {
    for card in FaultSpec::CARDS {
        let spec: FaultSpec = parse_typed("example", card.example).unwrap();
        let (effects, drawn) = resolve(spec.as_dyn(), 0, "change.faults[0]");
        assert!(!effects.is_empty() && !drawn.is_empty(), "{}", card.name);
        let deploy = SimTime::ZERO + SimDuration::from_mins(10);
        assert!(effects.iter().all(|e| e.from >= deploy && e.until > e.from), "{}", card.name);
    }
    for card in ConfounderSpec::CARDS {
        let spec: ConfounderSpec = parse_typed("example", card.example).unwrap();
        let (effects, _) = resolve(spec.as_dyn(), 0, "confounders[0]");
        assert!(!effects.is_empty(), "{}", card.name);
    }
    for card in SurroundingSpec::CARDS {
        let spec: SurroundingSpec = parse_typed("example", card.example).unwrap();
        let (effects, drawn) = resolve(spec.as_dyn(), 0, "surroundings[0]");
        assert!(!effects.is_empty() && !drawn.is_empty(), "{}", card.name);
        assert!(effects.iter().all(|e| e.until > e.from), "{}", card.name);
    }
}

#[test]
fn numbers_are_drawn_once_per_replication_and_keyed_by_their_path() {
    let spec: FaultSpec =
        studies::yaml("error_burst: {share: {uniform: [1%, 8%]}, after: {uniform: [0s, 10m]}}");
    let draw = |replication, path| resolve(spec.as_dyn(), replication, path).1;
    assert_eq!(draw(0, "change.faults[0]"), draw(0, "change.faults[0]"));
    assert_ne!(draw(0, "change.faults[0]")[0].1, draw(1, "change.faults[0]")[0].1);
    assert_ne!(draw(0, "change.faults[0]")[0].1, draw(0, "change.faults[1]")[0].1);
    for replication in 0..200 {
        for (path, value) in draw(replication, "change.faults[0]") {
            let range = if path.ends_with("share") { 0.01..=0.08 } else { 0.0..=600.0 };
            assert!(range.contains(&value), "{path} = {value}");
        }
    }
}

#[test]
fn an_error_burst_breaks_the_candidate_only() {
    let spec: FaultSpec = studies::yaml("error_burst: {share: 5%}");
    let (effects, _) = resolve(spec.as_dyn(), 0, "f");
    let Disturbance::World(WorldDisturbance::Errors { revision, share }) = &effects[0].what else {
        panic!("{effects:?}")
    };
    assert_eq!((*revision, share.get()), (Revision::Candidate, 0.05));
}

#[test]
fn a_neighbour_s_outage_finds_its_service_by_name() {
    let spec: ConfounderSpec =
        studies::yaml("neighbour_outage: {service: shop, share: 20%, at: 6m, for: 3m}");
    let (effects, _) = resolve(spec.as_dyn(), 0, "c");
    let Disturbance::World(WorldDisturbance::DependencyErrors { service, .. }) = &effects[0].what else {
        panic!("{effects:?}")
    };
    assert_eq!(*service, Some(ServiceId(3)));
    assert_eq!(effects[0].until.since(effects[0].from), SimDuration::from_mins(3));
}

fn view(now: u64, old: u32, new: u32, weight: f64) -> RolloutView {
    let set = |count| SetView {
        desired: count,
        created: count,
        ready: count,
        available: count,
        ..SetView::default()
    };
    RolloutView {
        now: SimTime::ZERO + SimDuration::from_secs(now),
        deploy_at: SimTime::ZERO,
        replicas: 4,
        sets: [set(old), set(new), SetView::default(), SetView::default(), SetView::default()],
        split: Split { candidate: weight, ..Split::STABLE },
        in_force: Split { candidate: weight, ..Split::STABLE },
        routing: Routing::Weighted,
        hold: false,
        database: None,
        others_back: 0,
    }
}

fn begin(procedure: &str, conditions: RollbackConditions, view: &RolloutView) -> Execution {
    let procedure: ProcedureSpec = studies::yaml(procedure);
    studies::rollback(&procedure, conditions, Key::root(1, "rollback"), view)
}

#[test]
fn a_traffic_routed_abort_flips_the_weight_within_seconds_while_the_old_pods_run() {
    let mut abort = begin("argo_abort: {}", RollbackConditions::default(), &view(100, 4, 1, 0.2));
    let waiting = abort.next(&view(100, 4, 1, 0.2), &Ledger::default());
    assert_eq!((waiting.actions.len(), waiting.wake), (0, Some(SimTime::ZERO + SimDuration::from_secs(101))));
    let flip = abort.next(&view(101, 4, 1, 0.2), &Ledger::default());
    assert!(flip.actions.contains(&Action::Unsplit), "{flip:?}");
    assert_eq!(flip.wake, Some(SimTime::ZERO + SimDuration::from_secs(131)), "the canary goes 30 s later");
}

#[test]
fn after_the_promotion_an_abort_starts_the_old_pods_first() {
    let mut abort = begin("argo_abort: {}", RollbackConditions::default(), &view(0, 0, 4, 1.0));
    let step = abort.next(&view(1, 0, 4, 1.0), &Ledger::default());
    assert_eq!(step.actions, [Action::Scale(backout::effect::SetName::Old, 4)]);
    let step = abort.next(&view(30, 4, 4, 1.0), &Ledger::default());
    assert!(step.actions.contains(&Action::Unsplit), "{step:?}");
}

#[test]
fn a_failed_command_is_repeated_by_controllers_and_by_people() {
    let conditions = RollbackConditions { step_fails: Ratio::ONE, ..RollbackConditions::default() };
    let mut flagger = begin("flagger: {}", conditions.clone(), &view(0, 4, 4, 0.3));
    flagger.next(&view(1, 4, 4, 0.3), &Ledger::default());
    assert!(flagger.is_unattended() && flagger.is_pending());
    let mut undo = begin("kubectl_undo: {}", conditions, &view(0, 2, 2, 0.0));
    undo.next(&view(2, 2, 2, 0.0), &Ledger::default());
    assert!(!undo.is_unattended(), "nothing repeats kubectl by itself");
    assert!(undo.log.iter().any(|step| step.failed));
}

#[test]
fn without_a_previous_revision_there_is_nothing_to_go_back_to() {
    let conditions = RollbackConditions { no_target: true, ..RollbackConditions::default() };
    assert!(begin("kubectl_undo: {}", conditions.clone(), &view(0, 1, 3, 0.0)).is_impossible());
    // Old pods that still run are a target by themselves.
    assert!(!begin("argo_abort: {}", conditions, &view(0, 4, 1, 0.2)).is_impossible());
}

#[test]
fn every_strategy_implies_a_procedure() {
    for (text, name) in [
        ("rolling: {}", "kubectl_undo"),
        ("canary: {steps: [{weight: 5%, bake: 1m}]}", "argo_abort"),
        ("flagger: {interval: 1m, weights: [10%]}", "flagger"),
        ("blue_green: {}", "switch_back"),
        ("recreate: {}", "recreate_back"),
        ("image_swap: {}", "image_swap_back"),
        ("waves: {}", "waves_back"),
        ("dns_shift: {}", "dns_back"),
        ("feature_flag: {}", "flag_off"),
        ("shadow: {}", "shadow_off"),
    ] {
        let strategy: StrategySpec = studies::yaml(text);
        assert_eq!(ProcedureSpec::default_for(&strategy).name(), name);
    }
}
