//! The resolved description of a world: what a scenario says, with every name looked up and every unit removed.
//!
//! Fields of type [`Distribution`] are drawn per event; everything else is fixed for a replication.

use crate::effect::{ServiceId, WorldDisturbance};
use crate::quantity::{Bytes, Rate, Ratio};
use crate::rng::Distribution;
use crate::time::{SimDuration, SimTime};

/// Log-normal AR(1) multiplier on a physical quantity: its correlation time and coefficient of variation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoiseSpec {
    /// Time after which the correlation has fallen to 1/e.
    pub tau: SimDuration,
    /// Standard deviation over mean of the multiplier; 0 = no noise.
    pub cv: f64,
    /// Share of the variance (of the logarithm) common to all replicas of the service; the rest is per replica.
    pub shared: Ratio,
}

impl NoiseSpec {
    /// No noise at all.
    pub fn none() -> Self {
        NoiseSpec { tau: SimDuration::from_secs(60), cv: 0.0, shared: Ratio::ONE }
    }
}

/// A call a service makes to another one for each request it serves.
#[derive(Clone, Debug, PartialEq)]
pub struct CallSpec {
    /// The service that is called.
    pub to: ServiceId,
    /// How long the caller waits for one attempt; `None` = for ever.
    pub timeout: Option<SimDuration>,
    /// Attempts in all, at least 1.
    pub attempts: u32,
    /// Pause before the second attempt; doubled for each further one, with full jitter.
    pub backoff: SimDuration,
}

/// Readiness and liveness probing, as Kubernetes does it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProbeSpec {
    /// Pause before the first probe.
    pub initial_delay: SimDuration,
    /// Pause between probes.
    pub period: SimDuration,
    /// Failures in a row before the pod counts as failed.
    pub failure_threshold: u32,
}

/// One service.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceSpec {
    /// Its name in the scenario and in metrics.
    pub name: String,
    /// Pods it is meant to have.
    pub replicas: u32,
    /// Zones its pods are spread over; the pod of ordinal n is in zone n modulo this.
    pub zones: u32,
    /// Requests one pod serves at a time.
    pub concurrency: u32,
    /// Requests that may wait at one pod; more are rejected.
    pub queue: u32,
    /// Time a request takes in a pod, without waiting and without the calls it makes, in seconds.
    pub service_time: Distribution<SimDuration>,
    /// Share of requests that fail even when nothing is wrong.
    pub error_ratio: Ratio,
    /// Noise on the service time.
    pub noise: NoiseSpec,
    /// Noise on the error ratio.
    pub error_noise: NoiseSpec,
    /// Calls made one after the other, after the service time.
    pub calls: Vec<CallSpec>,
    /// Time from pod creation to a running process, image pull included.
    pub startup: Distribution<SimDuration>,
    /// Readiness probe.
    pub readiness: ProbeSpec,
    /// Liveness probe.
    pub liveness: ProbeSpec,
    /// Longest time a stopping pod may finish its requests.
    pub termination_grace: SimDuration,
    /// CPU time of one request, in seconds.
    pub cpu_per_request: f64,
    /// CPU limit of a pod, in cores.
    pub cpu_limit: f64,
    /// Memory of a fresh pod.
    pub memory_base: Bytes,
    /// Memory at which the kernel kills the container.
    pub memory_limit: Bytes,
}

/// An open-loop source of requests.
#[derive(Clone, Debug, PartialEq)]
pub struct TrafficSpec {
    /// Name, for keyed draws.
    pub name: String,
    /// Where its requests enter.
    pub to: ServiceId,
    /// Mean arrival rate.
    pub rate: Rate,
    /// Noise on the arrival rate.
    pub noise: NoiseSpec,
    /// Number of users behind it.
    pub users: u64,
    /// Whether a user stays on the destination of the first request.
    pub sticky: bool,
    /// Share of the users whose requests a header or cookie rule of a rollout matches.
    pub cohort: Ratio,
    /// How long a user waits; `None` = for ever.
    pub timeout: Option<SimDuration>,
}

/// What good service means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SloSpec {
    /// Share of requests that must succeed.
    pub availability: Ratio,
    /// A request that takes longer than this is slow.
    pub latency: Option<SimDuration>,
}

/// A disturbance with its span, as resolved for one replication.
#[derive(Clone, Debug, PartialEq)]
pub struct Timed<D> {
    /// When it begins; for faults of the change, not before the candidate serves.
    pub from: SimTime,
    /// When it ends.
    pub until: SimTime,
    /// What happens.
    pub what: D,
}

/// A fault or confounder of the world with its span.
pub type TimedDisturbance = Timed<WorldDisturbance>;

/// The world before anything happens to it.
#[derive(Clone, Debug, PartialEq)]
pub struct WorldSpec {
    /// Its services, by [`ServiceId`].
    pub services: Vec<ServiceSpec>,
    /// Its sources of requests.
    pub traffic: Vec<TrafficSpec>,
    /// The service that is rolled out.
    pub target: ServiceId,
    /// What good service means to users.
    pub slo: SloSpec,
    /// Time between scrapes: the slot of the noise processes and of flow-level draws.
    pub slot: SimDuration,
    /// Time until a new weight is in force at the routers.
    pub weight_propagation: SimDuration,
}

impl WorldSpec {
    /// Share of all requests that a cohort rule matches.
    pub fn matching_share(&self) -> f64 {
        let all: f64 = self.traffic.iter().map(|t| t.rate.get()).sum();
        let matched: f64 = self.traffic.iter().map(|t| t.rate.get() * t.cohort.get()).sum();
        if all > 0.0 { matched / all } else { 0.0 }
    }
}
