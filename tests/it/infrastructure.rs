//! What a release changes around its code: it acts on pods of every revision, and goes when the configuration does.

use std::sync::Arc;

use backout::effect::{Action, Revision, Routing, ServiceId, SetName, WorldDisturbance};
use backout::quantity::Ratio;
use backout::rng::Distribution;
use backout::time::{SimDuration, SimTime};
use backout::world::autoscaler::AutoscalerSpec;
use backout::world::spec::{Timed, TimedDisturbance};
use backout::world::{Level, World};

use crate::worlds;

const FLOW: Level = Level::Flow { histograms: false };

fn at(seconds: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs(seconds)
}

fn configured(what: WorldDisturbance) -> Arc<[TimedDisturbance]> {
    let what = WorldDisturbance::Configuration(Box::new(what));
    Arc::new([Timed { from: at(300), until: SimTime::NEVER, what }])
}

/// Six pods at 60 % of their processors, which is what an autoscaler of theirs would want; deployed at 300 s.
fn world(level: Level, faults: Arc<[TimedDisturbance]>, scales: bool) -> World {
    let mut service = worlds::service("shop", Distribution::certain(0.02));
    service.replicas = 6;
    service.concurrency = 8;
    service.cpu_per_request = 0.02;
    service.cpu_request = 0.2;
    let autoscaler = AutoscalerSpec {
        min: 2,
        max: 12,
        target: Ratio::new(0.6).unwrap(),
        sync: SimDuration::from_secs(15),
        tolerance: Ratio::new(0.1).unwrap(),
        stabilize_up: SimDuration::ZERO,
        stabilize_down: SimDuration::from_secs(60),
    };
    service.autoscaler = scales.then_some(autoscaler);
    let mut world = worlds::start(worlds::spec(vec![service], 36.0), level, 7, at(3000));
    play(&mut world, 0, 300);
    world.begin_counting(None, false);
    world.deploy(faults, SimDuration::ZERO);
    world
}

/// Plays from one instant to another, both multiples of 15 s.
fn play(world: &mut World, from: u64, until: u64) {
    for slot in from / 15..until / 15 {
        worlds::play(world, at(15 * (slot + 1)));
        world.end_slot(slot as usize);
    }
}

fn ready(world: &World) -> u32 {
    world.view(at(300), false).set(SetName::Old).ready
}

#[test]
fn an_autoscaler_s_limits_hold_until_they_are_put_back() {
    for level in [FLOW, Level::Request] {
        let limits = |max, target| {
            let target = Option::map(target, |share| Ratio::new(share).unwrap());
            configured(WorldDisturbance::AutoscalerLimits { service: None, max, target })
        };
        for (faults, fewer) in [(limits(Some(2), None), 2), (limits(None, Some(1.0)), 4)] {
            // Single requests come by chance: now and then one pod more is wanted.
            let near = |pods: u32, wanted: u32| {
                assert!((wanted..=wanted + u32::from(level != FLOW)).contains(&pods), "{level:?}: {pods}");
            };
            let mut world = world(level, faults, true);
            near(ready(&world), 6);
            play(&mut world, 300, 600);
            near(ready(&world), fewer);
            assert!(!world.is_restored(), "{level:?}: though nothing was rolled out");
            world.perform(&Action::Configure);
            play(&mut world, 600, 900);
            near(ready(&world), 6);
            assert!(world.is_configured_as_before() && (level != FLOW || world.is_restored()));
        }
    }
}

#[test]
fn a_wrong_health_check_takes_sound_pods_out_and_new_ones_too() {
    let fails = |revision| {
        let (probe, share) = (backout::effect::Probe::Readiness, Ratio::ONE);
        let what = WorldDisturbance::ProbesFail { revision, probe, share };
        configured(what)[0].clone()
    };
    let faults: Arc<[TimedDisturbance]> = Revision::ALL.into_iter().map(fails).collect();
    for level in [FLOW, Level::Request] {
        let mut world = world(level, Arc::clone(&faults), false);
        play(&mut world, 300, 360);
        assert_eq!(ready(&world), 0, "{level:?}: three checks, ten seconds apart");
        // A rollback of the code starts pods that pass no better.
        world.perform(&Action::Route(Routing::Endpoints));
        world.perform(&Action::Scale(SetName::Old, 9));
        play(&mut world, 360, 420);
        assert_eq!(ready(&world), 0, "{level:?}");
        world.perform(&Action::Configure);
        play(&mut world, 420, 450);
        assert!(ready(&world) >= 6, "{level:?}: {}", ready(&world));
        assert!(world.tally().unwrap().counts.rejected > 1500, "{level:?}");
    }
}

#[test]
fn a_smaller_pool_is_everybody_s() {
    let slow = |faults| {
        let mut world = world(Level::Request, faults, false);
        let at_deploy = waited(&world);
        play(&mut world, 300, 600);
        let pods = waited(&world) - at_deploy;
        world.perform(&Action::Configure);
        play(&mut world, 600, 660);
        let before = waited(&world);
        play(&mut world, 660, 900);
        (pods, waited(&world) - before)
    };
    let nothing: Arc<[TimedDisturbance]> = Arc::new([]);
    let pool = configured(WorldDisturbance::Concurrency { service: Some(ServiceId(0)), most: 1 });
    let ((with, after), (without, quiet)) = (slow(pool), slow(nothing));
    // M/D/1 at 12 % waits 7 % of a service time on average.
    assert!(with > 1.04 * without, "{with} {without}");
    assert!((after / quiet - 1.0).abs() < 0.01, "{after} {quiet}");
}

/// Seconds that callers of the service have waited so far.
fn waited(world: &World) -> f64 {
    let mut instruments = Vec::new();
    world.instruments(&mut instruments);
    instruments[0].pods.iter().map(|pod| pod.client.seconds).sum()
}
