//! Traffic shapes, autoscalers, CPU limits, warm-up and requests lost with their pod: both levels on small worlds, mean
//! against mean within Monte-Carlo error.

use std::sync::Arc;

use backout::effect::{Action, Revision, Routing, SetName, WorldDisturbance};
use backout::quantity::{Bytes, Ratio};
use backout::rng::Distribution;
use backout::time::{SimDuration, SimTime};
use backout::world::autoscaler::AutoscalerSpec;
use backout::world::instruments::ServiceInstruments;
use backout::world::shape::{Form, Shape, Steps};
use backout::world::spec::{Timed, TimedDisturbance, WorldSpec};
use backout::world::warming::Warming;
use backout::world::{Level, World};

use crate::worlds;

const FLOW: Level = Level::Flow { histograms: false };
const SLOT: u64 = 15;

fn at(seconds: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs(seconds)
}

/// A service of four pods that answers in 50 ms.
fn shop(rate: f64) -> WorldSpec {
    let mut service = worlds::service("shop", Distribution::lognormal(0.04, 0.16).unwrap());
    service.replicas = 4;
    service.concurrency = 64;
    worlds::spec(vec![service], rate)
}

fn shaped(mut spec: WorldSpec, form: Form) -> WorldSpec {
    spec.traffic[0].shape = Shape { origin: at(60), form };
    spec
}

fn autoscaler(min: u32, max: u32) -> AutoscalerSpec {
    AutoscalerSpec {
        min,
        max,
        target: Ratio::new(0.5).unwrap(),
        sync: SimDuration::from_secs(15),
        tolerance: Ratio::new(0.1).unwrap(),
        stabilize_up: SimDuration::ZERO,
        stabilize_down: SimDuration::from_secs(60),
    }
}

/// Plays slots up to `seconds`, `each` at the end of every slot.
fn play(world: &mut World, seconds: u64, mut each: impl FnMut(&mut World, usize)) {
    let first = world.now().as_secs_f64() as u64 / SLOT;
    for slot in first..seconds / SLOT {
        worlds::play(world, at((slot + 1) * SLOT));
        world.end_slot(slot as usize);
        each(world, slot as usize);
    }
}

fn read(world: &World) -> ServiceInstruments {
    let mut out = Vec::new();
    world.instruments(&mut out);
    out.swap_remove(0)
}

/// Mean latency of everything answered so far, as callers see it.
fn latency(world: &World) -> f64 {
    let pods = read(world).pods;
    let total: u64 = pods.iter().map(|p| p.client.total()).sum();
    pods.iter().map(|p| p.client.seconds).sum::<f64>() / total as f64
}

/// The mean of a figure over seeds at both levels must agree within 3.5 standard errors and `bias`, a share.
fn agree(what: &str, (n, m): (u64, u64), bias: f64, figure: impl Fn(Level, u64) -> f64) {
    let law = |level: Level, seeds: std::ops::Range<u64>| {
        let values: Vec<f64> = seeds.map(|seed| figure(level, seed)).collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0);
        (mean, variance / n)
    };
    let (flow, request) = (law(FLOW, 0..n), law(Level::Request, 1000..1000 + m));
    let error = (flow.1 + request.1).sqrt();
    let allowed = 3.5 * error + bias * request.0.abs();
    assert!((flow.0 - request.0).abs() < allowed, "{what}: flow {flow:?}, request {request:?}");
    assert!(error < 0.1 * request.0.abs(), "{what}: too noisy to tell anything: {flow:?} {request:?}");
}

#[test]
fn shapes_bring_the_same_requests_at_both_levels() {
    let forms = [
        Form::Ramp { from: 0.5, to: 2.5, at: 30.0, lasts: 200.0 },
        Form::Diurnal { amplitude: 0.9, period: 300.0, peak_at: 40.0 },
        Form::Steps(Steps::new(&[(0.0, 2.0), (40.0, 0.0), (70.0, 1.0)], Some(100.0))),
    ];
    for form in forms {
        let spec = shaped(shop(20.0), form);
        let expected = 20.0 * spec.traffic[0].shape.integral(at(0), at(300));
        agree("arrivals", (60, 30), 0.0, |level, seed| {
            let mut world = worlds::start(spec.clone(), level, seed, at(400));
            world.begin_counting(None, false);
            play(&mut world, 300, |_, _| {});
            world.tally().unwrap().counts.issued as f64
        });
        let counted: f64 = (0..60)
            .map(|seed| {
                let mut world = worlds::start(spec.clone(), FLOW, seed, at(400));
                world.begin_counting(None, false);
                play(&mut world, 300, |_, _| {});
                world.tally().unwrap().counts.issued as f64 / 60.0
            })
            .sum();
        assert!((counted - expected).abs() < 4.0 * (expected / 60.0).sqrt(), "{counted} {expected}");
    }
}

#[test]
fn a_deploy_changes_no_arrival_of_a_shaped_source() {
    for level in [FLOW, Level::Request] {
        let spec = shaped(shop(30.0), Form::Ramp { from: 1.0, to: 3.0, at: 0.0, lasts: 120.0 });
        let mut plain = worlds::start(spec, level, 5, at(400));
        worlds::play(&mut plain, at(60));
        plain.end_part(4, 1);
        plain.begin_counting(None, false);
        let mut deployed = plain.clone();
        deployed.deploy(Arc::new([]), SimDuration::ZERO);
        deployed.perform(&Action::Route(Routing::Weighted));
        deployed.perform(&Action::Scale(SetName::New, 2));
        deployed.perform(&Action::Weight(0.4));
        let mut issued = Vec::new();
        play(&mut plain, 300, |world, _| issued.push(world.tally().unwrap().counts.issued));
        let mut also = Vec::new();
        play(&mut deployed, 300, |world, _| also.push(world.tally().unwrap().counts.issued));
        assert_eq!(issued, also, "{level:?}");
    }
}

#[test]
fn an_autoscaler_follows_the_load_alike_at_both_levels() {
    let mut spec = shaped(shop(40.0), Form::Ramp { from: 1.0, to: 3.0, at: 60.0, lasts: 120.0 });
    // 40 x 40 ms = 1.6 cores over 4 pods of one: 40 % each, inside of the tolerance of nobody.
    spec.services[0].cpu_per_request = 0.04;
    spec.services[0].autoscaler = Some(autoscaler(2, 20));
    for (until, expected) in [(105, 4.0), (420, 10.0)] {
        let pods = |level, seed| {
            let mut world = worlds::start(spec.clone(), level, seed, at(600));
            play(&mut world, until, |_, _| {});
            f64::from(read(&world).sets[SetName::Old.index()].desired)
        };
        agree("replicas", (40, 20), 0.06, pods);
        let flow = pods(FLOW, 1);
        assert!((flow - expected).abs() <= 1.0, "at {until}: {flow}");
    }
}

#[test]
fn a_candidate_scales_with_the_whole_or_by_itself() {
    let mut spec = shop(40.0);
    spec.services[0].cpu_per_request = 0.05;
    spec.services[0].autoscaler = Some(autoscaler(1, 20));
    let deployed = |apart: bool| {
        let mut world = worlds::start(spec.clone(), FLOW, 3, at(900));
        play(&mut world, 120, |_, _| {});
        world.deploy(Arc::new([]), SimDuration::ZERO);
        if apart {
            world.part_workloads();
        }
        world.perform(&Action::Route(Routing::Weighted));
        world.perform(&Action::Scale(SetName::New, 4));
        play(&mut world, 180, |_, _| {});
        world.perform(&Action::Weight(0.5));
        play(&mut world, 840, |_, _| {});
        world
    };
    let desired = |world: &World, set: SetName| read(world).sets[set.index()].desired;
    let apart = deployed(true);
    assert_eq!(
        (desired(&apart, SetName::Old), desired(&apart, SetName::New)),
        (2, 2),
        "each has half of the load"
    );
    let shared = deployed(false);
    let view = shared.view(at(120), false);
    assert_eq!(view.replicas, desired(&shared, SetName::Old), "the stable side is at full size");
    assert!(desired(&shared, SetName::New) > 0);
    assert!(!shared.is_clean() && !apart.is_clean());
    // Scaled to zero and back: the canary begins at the minimum.
    let mut again = apart;
    again.perform(&Action::Weight(0.0));
    again.perform(&Action::Scale(SetName::New, 0));
    again.perform(&Action::Scale(SetName::New, 4));
    assert_eq!(desired(&again, SetName::New), 1);
}

#[test]
fn a_cpu_limit_slows_requests_down_alike_at_both_levels() {
    let mut spec = shop(40.0);
    // Ten requests a second and pod, 60 ms of processor each in some 52 ms: 0.87 run at full speed, 60 % busy.
    spec.services[0].cpu_per_request = 0.06;
    spec.services[0].throttled = true;
    let slow = |level, seed| {
        let mut world = worlds::start(spec.clone(), level, seed, at(700));
        play(&mut world, 600, |_, _| {});
        latency(&world)
    };
    agree("latency under a limit", (10, 10), 0.02, slow);
    let mut free = spec.clone();
    free.services[0].throttled = false;
    let mut world = worlds::start(free, FLOW, 1, at(700));
    play(&mut world, 600, |_, _| {});
    assert!(slow(FLOW, 1) > 1.8 * latency(&world), "{} {}", slow(FLOW, 1), latency(&world));
}

#[test]
fn fresh_pods_are_slow_alike_at_both_levels() {
    let mut spec = shop(30.0);
    spec.services[0].warming = Some(Warming { factor: 4.0, tau: SimDuration::from_secs(40) });
    let plain = shop(30.0).services[0].service_time.mean();
    let fresh = |level, seed| {
        let mut world = worlds::start(spec.clone(), level, seed, at(400));
        play(&mut world, 60, |_, _| {});
        let before = latency(&world);
        assert!((before / plain - 1.0).abs() < 0.1, "the pods of the start are warm: {before} {plain}");
        world.deploy(Arc::new([]), SimDuration::ZERO);
        world.perform(&Action::Route(Routing::Weighted));
        world.perform(&Action::Weight(1.0));
        world.perform(&Action::Scale(SetName::New, 4));
        play(&mut world, 180, |_, _| {});
        let pods = read(&world).pods;
        let new = || pods.iter().filter(|p| p.key.set == SetName::New);
        new().map(|p| p.client.seconds).sum::<f64>() / new().map(|p| p.client.total()).sum::<u64>() as f64
    };
    agree("latency of fresh pods", (40, 30), 0.01, fresh);
    assert!(fresh(FLOW, 1) > 1.5 * plain);
}

#[test]
fn what_is_in_a_pod_when_it_crashes_fails_alike_at_both_levels() {
    let mut service = worlds::service("shop", Distribution::lognormal(0.8, 2.5).unwrap());
    service.replicas = 4;
    service.concurrency = 256;
    let spec = worlds::spec(vec![service], 40.0);
    let crash = WorldDisturbance::CrashLoop {
        revision: Revision::Candidate,
        mean_uptime: SimDuration::from_secs(60),
    };
    let faults: Arc<[TimedDisturbance]> =
        Arc::new([Timed { from: at(60), until: SimTime::NEVER, what: crash }]);
    let failed = |level, seed| {
        let mut world = worlds::start(spec.clone(), level, seed, at(700));
        worlds::play(&mut world, at(60));
        world.end_part(4, 1);
        world.begin_counting(None, false);
        world.deploy(Arc::clone(&faults), SimDuration::ZERO);
        world.perform(&Action::Route(Routing::Weighted));
        world.perform(&Action::Scale(SetName::New, 4));
        world.perform(&Action::Weight(0.5));
        play(&mut world, 480, |_, _| {});
        let tally = world.tally().unwrap();
        assert!(tally.counts.is_conserved());
        assert!(!world.is_flow() || tally.harm.failed == tally.counts.failed, "nothing else fails here");
        tally.counts.failed as f64
    };
    agree("requests lost with their pod", (150, 60), 0.03, failed);
    assert!(failed(FLOW, 1) > 20.0);
}

#[test]
fn requests_hold_memory_alike_at_both_levels() {
    let mut spec = shop(200.0);
    spec.services[0].memory_per_request = Bytes::new(8 << 20);
    let held = |level, seed| {
        let mut world = worlds::start(spec.clone(), level, seed, at(400));
        let mut sum = 0.0;
        play(&mut world, 300, |world, _| sum += read(world).pods.iter().map(|p| p.memory_bytes).sum::<f64>());
        sum / 20.0 / 4.0 - f64::from(100 << 20)
    };
    agree("memory of requests in flight", (20, 15), 0.02, held);
    // More than fits: the kernel kills.
    spec.services[0].memory_per_request = Bytes::new(60 << 20);
    let mut world = worlds::start(spec, Level::Request, 1, at(400));
    play(&mut world, 120, |_, _| {});
    assert!(read(&world).pods.iter().any(|p| p.oom_kills > 0));
}
