//! The resolved description of a world: what a scenario says, with every name looked up and every unit removed.
//!
//! Fields of type [`Distribution`] are drawn per event; everything else is fixed for a replication.

use std::sync::Arc;

use super::autoscaler::AutoscalerSpec;
use super::database::spec::DatabaseSpec;
use super::model::spec::ModelSpec;
use super::protection::{CallOptions, PeopleSpec, ServerOptions};
use super::shape::Shape;
use super::warming::Warming;
use crate::effect::{ServiceId, WorldDisturbance};
use crate::quantity::{Bytes, Rate, Ratio};
use crate::rng::{Cycle, Distribution, Noise, Quick, Spikes};
use crate::time::{SimDuration, SimTime};

/// A multiplier of mean 1 on a physical quantity; see [`Noise`] for its parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoiseSpec {
    /// Time after which the correlation of the slow part has fallen to 1/e.
    pub tau: SimDuration,
    /// Standard deviation over mean of the multiplier without its spikes; 0 = no noise but spikes.
    pub cv: f64,
    /// Share of the variance (of the logarithm) common to all replicas of the service; the rest is per replica.
    pub shared: Ratio,
    /// The part that is forgotten quickly.
    pub quick: Option<Quick>,
    /// The part that swings by the clock.
    pub cycle: Option<Cycle>,
    /// What comes on top.
    pub spikes: Option<Spikes>,
}

impl NoiseSpec {
    /// No noise at all.
    pub fn none() -> Self {
        NoiseSpec {
            tau: SimDuration::from_secs(60),
            cv: 0.0,
            shared: Ratio::ONE,
            quick: None,
            cycle: None,
            spikes: None,
        }
    }

    /// The process, without the question who shares it.
    pub fn noise(&self) -> Noise {
        Noise { tau: self.tau, cv: self.cv, quick: self.quick, cycle: self.cycle, spikes: self.spikes }
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
    /// Pause before the second attempt; doubled for each further one, with full jitter, unless the options say
    /// otherwise.
    pub backoff: SimDuration,
    /// Everything beyond that; `None` for a plain call.
    pub options: Option<Box<CallOptions>>,
}

impl CallSpec {
    /// One attempt without a time-out, for each request.
    pub fn plain(to: ServiceId) -> Self {
        CallSpec { to, timeout: None, attempts: 1, backoff: SimDuration::ZERO, options: None }
    }

    /// Calls one request makes on average when each is made once and none is tried again.
    pub fn mean_count(&self) -> f64 {
        self.options.as_ref().map_or(1.0, |options| options.probability.get() * f64::from(options.count))
    }
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
    /// CPU request of a pod, in cores: what utilisation is relative to for an autoscaler.
    pub cpu_request: f64,
    /// Whether a pod at its CPU limit serves more slowly.
    pub throttled: bool,
    /// Memory of a fresh pod.
    pub memory_base: Bytes,
    /// Memory at which the kernel kills the container.
    pub memory_limit: Bytes,
    /// Memory of each request in a pod, waiting ones included.
    pub memory_per_request: Bytes,
    /// How fresh pods become fast; `None` = they are at once.
    pub warming: Option<Warming>,
    /// What changes the number of pods with their CPU use; `None` = nothing.
    pub autoscaler: Option<AutoscalerSpec>,
    /// Load shedding, queue discipline and contention; `None` for first come, first served.
    pub server: Option<ServerOptions>,
}

impl ServiceSpec {
    /// Requests in service that a pod's CPU limit carries at full speed; infinite without throttling.
    pub fn at_full_speed(&self) -> f64 {
        if self.throttled && self.cpu_per_request > 0.0 {
            self.cpu_limit * self.service_time.mean() / self.cpu_per_request
        } else {
            f64::INFINITY
        }
    }

    /// Most pods it has before any rollout.
    pub fn most_replicas(&self) -> u32 {
        self.autoscaler.map_or(self.replicas, |autoscaler| autoscaler.max)
    }

    /// Whether what a pod without a deploy would do depends on more than its noise: the load it gets, how many share
    /// it.
    pub fn depends_on_load(&self) -> bool {
        self.autoscaler.is_some() || self.throttled
    }
}

/// An open-loop source of requests or sessions.
#[derive(Clone, Debug, PartialEq)]
pub struct TrafficSpec {
    /// Name, for keyed draws.
    pub name: String,
    /// Where its requests enter.
    pub to: ServiceId,
    /// Mean arrival rate where its shape is 1; of sessions, where people come for sessions.
    pub rate: Rate,
    /// How the rate changes with time.
    pub shape: Shape,
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
    /// Users that try again or come for sessions; `None` for one request each.
    pub people: Option<Box<PeopleSpec>>,
}

impl TrafficSpec {
    /// Mean rate of requests per second, each sent once: [`TrafficSpec::rate`] times the requests of a session.
    pub fn request_rate(&self) -> f64 {
        let sessions = self.people.as_ref().and_then(|people| people.sessions.as_ref());
        self.rate.get() * sessions.map_or(1.0, |sessions| sessions.requests)
    }
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
    /// The database of the target; `None` where it does not matter.
    pub database: Option<Box<DatabaseSpec>>,
    /// The model with whose predictions the target answers; `None` for a service that predicts nothing.
    pub model: Option<Arc<ModelSpec>>,
}

impl WorldSpec {
    /// Share of all requests that a cohort rule matches.
    pub fn matching_share(&self) -> f64 {
        let all: f64 = self.traffic.iter().map(TrafficSpec::request_rate).sum();
        let matched: f64 = self.traffic.iter().map(|t| t.request_rate() * t.cohort.get()).sum();
        if all > 0.0 { matched / all } else { 0.0 }
    }

    /// Whether every user of the target stays on the side of the first request.
    pub fn is_sticky(&self) -> bool {
        let mut sources = self.traffic.iter().filter(|source| source.to == self.target).peekable();
        sources.peek().is_some() && sources.all(|source| source.sticky)
    }

    /// Users whose requests a cohort rule matches.
    pub fn matching_users(&self) -> f64 {
        self.traffic.iter().map(|t| t.users as f64 * t.cohort.get()).sum()
    }

    /// Requests that reach the target for each request of a source, along the calls of services, failures and retries
    /// left out; by source.
    pub fn visits(&self) -> Vec<f64> {
        // The graph has no circle; a service is at most as many calls deep as there are services.
        let mut reach = vec![0.0; self.services.len()];
        for _ in 0..=self.services.len() {
            for (index, service) in self.services.iter().enumerate() {
                let called =
                    service.calls.iter().map(|call| call.mean_count() * reach[usize::from(call.to.0)]);
                let own = f64::from(u8::from(index == usize::from(self.target.0)));
                reach[index] = own + called.sum::<f64>();
            }
        }
        self.traffic.iter().map(|source| reach[usize::from(source.to.0)]).collect()
    }
}
