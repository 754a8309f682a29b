//! Worlds that are textbook queues: a single server, and a tree of ten services.

use backout::effect::ServiceId;
use backout::rng::Distribution;
use backout::time::SimDuration;
use backout::world::spec::{CallSpec, ServiceSpec};
use backout::world::{Level, World};

use crate::baseline::CHILDREN;
use crate::study;

/// Arrivals per second, and the mean service time that makes the single server busy four fifths of the time.
pub(crate) const RATE: f64 = 100.0;
pub(crate) const SERVICE: f64 = 0.008;
/// Requests a pod of the tree serves at a time.
pub(crate) const POD: u32 = 64;

fn exponential(name: &str, concurrency: u32) -> ServiceSpec {
    let service_time = Distribution::exponential(SERVICE).expect("a distribution");
    ServiceSpec { service_time, concurrency, queue: 1_000_000, ..study::service(name, 1, 0.0) }
}

fn counting(services: Vec<ServiceSpec>) -> World {
    let mut world = study::start(study::world(services, RATE), Level::Request);
    world.begin_counting(None, false);
    world
}

/// Poisson arrivals, one server, exponential service.
pub(crate) fn single_server() -> World {
    counting(vec![exponential("server", 1)])
}

/// Ten services in a tree, called one after the other, each call with this time-out.
pub(crate) fn call_graph(timeout: Option<SimDuration>) -> World {
    let call = |to: &usize| CallSpec { timeout, ..CallSpec::plain(ServiceId(*to as u16)) };
    let services = CHILDREN.iter().enumerate().map(|(index, children)| ServiceSpec {
        calls: children.iter().map(call).collect(),
        ..exponential(&format!("service-{index}"), POD)
    });
    counting(services.collect())
}
