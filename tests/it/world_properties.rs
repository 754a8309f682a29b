//! Laws every world keeps, whatever happens to it.

use std::sync::Arc;

use backout::effect::{Action, Revision, Routing, ServiceId, SetName, WorldDisturbance};
use backout::quantity::{Bytes, Ratio};
use backout::replication::ledger::Ledger;
use backout::rng::{Distribution, Key};
use backout::rollback::{Execution, ProcedureSpec, RollbackConditions};
use backout::strategy::{Signal, StrategySpec};
use backout::time::{SimDuration, SimTime};
use backout::world::climate::Climate;
use backout::world::spec::{CallSpec, Timed, TimedDisturbance, WorldSpec};
use backout::world::{Common, Level, Stop, World};
use proptest::prelude::*;

use crate::{studies, world_calls, worlds};

fn at(seconds: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs(seconds)
}

fn graph(depth: usize, queue: u32, attempts: u32, timeout_ms: u64) -> WorldSpec {
    let mut services: Vec<_> = (0..=depth)
        .map(|i| {
            let mut s = worlds::service(&format!("s{i}"), Distribution::lognormal(0.02, 0.4).unwrap());
            s.replicas = 3;
            s.concurrency = 2;
            s.queue = queue;
            s.error_ratio = Ratio::new(0.02).unwrap();
            s
        })
        .collect();
    for (i, service) in services.iter_mut().enumerate().take(depth) {
        service.calls.push(CallSpec {
            to: ServiceId(i as u16 + 1),
            timeout: Some(SimDuration::from_millis(timeout_ms)),
            attempts,
            backoff: SimDuration::from_millis(20),
            options: None,
        });
    }
    let mut spec = worlds::spec(services, 60.0);
    spec.target = ServiceId(depth as u16);
    spec.traffic[0].timeout = Some(SimDuration::from_secs(2));
    spec.slo.latency = Some(SimDuration::from_millis(300));
    spec
}

fn faults() -> impl Strategy<Value = Vec<WorldDisturbance>> {
    let fault = prop_oneof![
        (0.0..1.0f64).prop_map(|s| WorldDisturbance::Errors {
            revision: Revision::Candidate,
            share: Ratio::new(s).unwrap()
        }),
        (0.5..8.0f64).prop_map(|factor| WorldDisturbance::Latency {
            revision: Revision::Candidate,
            factor,
            share: Ratio::ONE
        }),
        (5u64..90).prop_map(|s| WorldDisturbance::CrashLoop {
            revision: Revision::Candidate,
            mean_uptime: SimDuration::from_secs(s)
        }),
        (1u64..8).prop_map(|mib| WorldDisturbance::MemoryLeak {
            revision: Revision::Candidate,
            per_second: Bytes::new(mib << 20)
        }),
        (0.1..4.0f64).prop_map(|factor| WorldDisturbance::TrafficSpike { factor }),
        (0.0..1.0f64).prop_map(|s| WorldDisturbance::DependencyErrors {
            service: None,
            share: Ratio::new(s).unwrap()
        }),
        (1.0..6.0f64)
            .prop_map(|factor| WorldDisturbance::ColdCache { factor, warm_up: SimDuration::from_secs(40) }),
    ];
    proptest::collection::vec(fault, 0..4)
}

fn timed(faults: &[WorldDisturbance]) -> Arc<[TimedDisturbance]> {
    let span = |(i, what): (usize, &WorldDisturbance)| Timed {
        from: at(60 + 10 * i as u64),
        until: at(400),
        what: what.clone(),
    };
    faults.iter().enumerate().map(span).collect()
}

/// Plays a canary that is rolled back in the middle; requests must be accounted for at every scrape.
fn canary_and_back(spec: WorldSpec, level: Level, faults: &[WorldDisturbance], seed: u64) {
    let key = Key::root(seed, "properties").replication(0);
    let climate = Climate::new(&spec, key, at(600));
    let mut world = World::new(Arc::new(Common::new(spec, climate, key)), Arc::new([]), level);
    worlds::play(&mut world, at(30));
    world.end_part(2, 1);
    world.begin_counting(None, true);
    world.deploy(timed(faults), SimDuration::ZERO);
    world.perform(&Action::Route(Routing::Weighted));
    world.perform(&Action::Scale(SetName::New, 2));
    for slot in 2..20usize {
        worlds::play(&mut world, at(15 * (slot as u64 + 1)));
        match slot {
            5 => world.perform(&Action::Weight(0.4)),
            12 => world.perform(&Action::Weight(0.0)),
            14 => world.perform(&Action::Scale(SetName::New, 0)),
            _ => {}
        }
        world.end_slot(slot);
        let tally = world.tally().unwrap();
        assert!(tally.counts.is_conserved(), "slot {slot}: {:?}", tally.counts);
        assert!(tally.harm.total() <= tally.counts.issued);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn requests_are_conserved_at_request_level(
        depth in 0usize..3, queue in 0u32..6, attempts in 1u32..4, timeout in 20u64..500, faults in faults(), seed: u64,
    ) {
        canary_and_back(graph(depth, queue, attempts, timeout), Level::Request, &faults, seed);
    }

    #[test]
    fn requests_are_conserved_with_every_feature_of_calls(faults in faults(), seed: u64) {
        canary_and_back(world_calls::everything(seed), Level::Request, &faults, seed);
    }

    #[test]
    fn requests_are_conserved_at_flow_level(faults in faults(), seed: u64, histograms: bool) {
        let mut spec = graph(0, 4, 1, 100);
        spec.traffic[0].timeout = None;
        canary_and_back(spec, Level::Flow { histograms }, &faults, seed);
    }

    /// No step of a rollout or of its rollback takes ready capacity below its promise when pods are healthy.
    #[test]
    fn capacity_keeps_its_promise(replicas in 2u32..9, back_at in 20u64..400, which in 0..WAYS.len(), seed: u64) {
        let strategy: StrategySpec = studies::yaml(WAYS[which]);
        rollout_and_back(&strategy, replicas, at(back_at), seed);
    }
}

/// Ways to roll out, each with its own way back.
const WAYS: [&str; 11] = [
    "rolling: {}",
    "canary: {steps: [{weight: 25%, bake: 1m}, {weight: 60%, bake: 1m}]}",
    "canary: {traffic_routed: false, steps: [{weight: 25%, bake: 1m}, {weight: 60%, bake: 1m}]}",
    "flagger: {interval: 20s, weights: [10%, 30%, 50%]}",
    "blue_green: {pause: 1m}",
    "recreate: {}",
    "image_swap: {pull: 10s}",
    "waves: {shares: [20%, 60%, 100%], bake: 1m}",
    "dns_shift: {ttl: 60s, ignoring: 10%, stuck_for: 5m}",
    "feature_flag: {values: [20%, 100%], bake: 1m, poll: 30s, only_at_start: 10%, restart_within: 5m}",
    "shadow: {for: 1m}",
];

/// Pods that a sound rollout and its rollback keep ready. By their nature some promise less than the rest: a recreation
/// nothing at all, a swap of images one host less.
fn promise(strategy: &StrategySpec, replicas: u32) -> u32 {
    match strategy {
        StrategySpec::Recreate(_) => 0,
        StrategySpec::ImageSwap(_) => replicas - 1,
        _ => replicas - replicas / 4,
    }
}

fn rollout_and_back(strategy: &StrategySpec, replicas: u32, back_at: SimTime, seed: u64) {
    let mut service = worlds::service("shop", Distribution::certain(0.01));
    service.replicas = replicas;
    let spec = worlds::spec(vec![service], 20.0);
    let key = Key::root(seed, "capacity").replication(0);
    let climate = Climate::new(&spec, key, at(900));
    let level = Level::Flow { histograms: false };
    let mut world = World::new(Arc::new(Common::new(spec, climate, key)), Arc::new([]), level);
    world.deploy(Arc::new([]), SimDuration::ZERO);
    let mut running = strategy.as_dyn().start();
    let mut back: Option<Execution> = None;
    let mut wake = Some(SimTime::ZERO);
    let mut signal = Signal::Start;
    let promise = promise(strategy, replicas);
    while world.now() < at(880) {
        let view = world.view(SimTime::ZERO, false);
        let ready: u32 = view.sets.iter().map(|s| s.ready).sum();
        assert!(ready >= promise, "{strategy:?}: {ready} of {replicas} ready at {}: {view:?}", world.now());
        if world.now() >= back_at && back.is_none() {
            let procedure = ProcedureSpec::default_for(strategy);
            back = Some(studies::rollback(&procedure, RollbackConditions::default(), key, &view));
        }
        let step = match &mut back {
            Some(execution) => execution.next(&view, &Ledger::default()),
            None => running.next(signal, &view),
        };
        signal = Signal::Changed;
        wake = step.wake;
        step.actions.iter().for_each(|action| world.perform(action));
        let mut until = wake.unwrap_or(at(900)).max(world.now() + SimDuration::from_nanos(1)).min(at(900));
        if back.is_none() {
            until = until.min(back_at.max(world.now() + SimDuration::from_nanos(1)));
        }
        let _: Stop = world.run_until(until);
    }
    let _ = wake;
    let execution = back.unwrap();
    if !execution.is_impossible() {
        assert!(
            world.is_restored(),
            "{strategy:?} rolled back at {back_at}: {:?}",
            world.view(SimTime::ZERO, false)
        );
        assert!(!execution.is_pending(), "{:?}", execution.log);
    }
}
