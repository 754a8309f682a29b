//! Small worlds for tests, built by hand.

use std::sync::Arc;

use backout::effect::ServiceId;
use backout::quantity::{Bytes, Rate, Ratio};
use backout::rng::{Distribution, Key};
use backout::time::{SimDuration, SimTime};
use backout::world::climate::Climate;
use backout::world::shape::Shape;
use backout::world::spec::{
    NoiseSpec, ProbeSpec, ServiceSpec, SloSpec, TimedDisturbance, TrafficSpec, WorldSpec,
};
use backout::world::{Common, Level, World};

/// A service with one replica that never fails.
pub fn service(name: &str, service_time: Distribution<SimDuration>) -> ServiceSpec {
    let probe = ProbeSpec {
        initial_delay: SimDuration::from_secs(1),
        period: SimDuration::from_secs(10),
        failure_threshold: 3,
    };
    ServiceSpec {
        name: name.to_owned(),
        replicas: 1,
        zones: 1,
        concurrency: 1,
        queue: 1_000_000,
        service_time,
        error_ratio: Ratio::ZERO,
        noise: NoiseSpec::none(),
        error_noise: NoiseSpec::none(),
        calls: Vec::new(),
        startup: Distribution::certain(5.0),
        readiness: probe,
        liveness: probe,
        termination_grace: SimDuration::from_secs(30),
        cpu_per_request: 0.001,
        cpu_limit: 1.0,
        cpu_request: 1.0,
        throttled: false,
        memory_base: Bytes::new(100 << 20),
        memory_limit: Bytes::new(256 << 20),
        memory_per_request: Bytes::new(0),
        warming: None,
        autoscaler: None,
        server: None,
    }
}

/// Open-loop traffic to the first service.
pub fn traffic(rate: f64) -> TrafficSpec {
    TrafficSpec {
        name: "users".to_owned(),
        to: ServiceId(0),
        rate: Rate::per_second(rate).unwrap(),
        shape: Shape::constant(),
        noise: NoiseSpec::none(),
        users: 10_000,
        sticky: false,
        cohort: Ratio::ZERO,
        timeout: None,
        people: None,
    }
}

/// A world of these services with traffic to the first.
pub fn spec(services: Vec<ServiceSpec>, rate: f64) -> WorldSpec {
    WorldSpec {
        services,
        traffic: vec![traffic(rate)],
        target: ServiceId(0),
        slo: SloSpec { availability: Ratio::new(0.999).unwrap(), latency: None },
        slot: SimDuration::from_secs(15),
        weight_propagation: SimDuration::from_secs(1),
        database: None,
        model: None,
    }
}

/// The world, about to start.
pub fn start(spec: WorldSpec, level: Level, seed: u64, end: SimTime) -> World {
    start_with(spec, level, seed, end, Arc::new([]))
}

/// The same where something happens to it whatever the release.
pub fn start_with(
    spec: WorldSpec,
    level: Level,
    seed: u64,
    end: SimTime,
    confounders: Arc<[TimedDisturbance]>,
) -> World {
    let key = Key::root(seed, "test").replication(0);
    let climate = Climate::new(&spec, key, end);
    World::new(Arc::new(Common::new(spec, climate, key)), confounders, level)
}

/// Plays on, whatever changes on the way.
pub fn play(world: &mut World, until: SimTime) {
    while let backout::world::Stop::Changed(_) = world.run_until(until) {}
}
