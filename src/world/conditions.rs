//! What is wrong with the world at an instant: the disturbances in force, combined.
//!
//! Confounders act in every branch; faults of the change act only in the bad twin and only on the candidate revision
//! of the rolled-out service. Several disturbances of one kind combine as independent causes (shares) or by
//! multiplication (factors).

use std::sync::Arc;

use super::spec::TimedDisturbance;
use crate::effect::{Revision, ServiceId, WorldDisturbance};
use crate::time::{SimDuration, SimTime};

/// The disturbances of one branch.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// In force in every branch alike.
    pub confounders: Arc<[TimedDisturbance]>,
    /// Faults of the change; empty without a deploy and in the healthy twin.
    pub faults: Arc<[TimedDisturbance]>,
}

/// Slow requests of a revision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slowness {
    /// Multiplier of the service time of the slow ones.
    pub factor: f64,
    /// Share of requests that are slow.
    pub share: f64,
}

impl Slowness {
    /// Nothing is slow.
    pub const NONE: Slowness = Slowness { factor: 1.0, share: 0.0 };
}

impl Conditions {
    fn in_force(&self, now: SimTime) -> impl Iterator<Item = &WorldDisturbance> {
        self.confounders
            .iter()
            .chain(self.faults.iter())
            .filter(move |d| d.from <= now && now < d.until)
            .map(|d| &d.what)
    }

    /// Every instant after `after` at which something begins or ends.
    pub fn boundaries(&self, after: SimTime) -> impl Iterator<Item = SimTime> + '_ {
        self.confounders
            .iter()
            .chain(self.faults.iter())
            .flat_map(|d| [d.from, d.until])
            .filter(move |&t| t > after && t < SimTime::NEVER)
    }

    /// The first instant after `after` at which the arrival rate may change. Faults of the change never change it, so
    /// arrivals are the same, to the nanosecond, in every branch.
    pub fn next_arrival_change(&self, after: SimTime) -> Option<SimTime> {
        self.confounders
            .iter()
            .filter(|d| matches!(d.what, WorldDisturbance::TrafficSpike { .. }))
            .flat_map(|d| [d.from, d.until])
            .filter(|&t| t > after && t < SimTime::NEVER)
            .min()
    }

    /// Multiplier of the arrival rate.
    pub fn arrival_factor(&self, now: SimTime) -> f64 {
        self.in_force(now)
            .map(|d| if let WorldDisturbance::TrafficSpike { factor } = d { *factor } else { 1.0 })
            .product()
    }

    /// Share of requests of `service` that a shared dependency fails, whatever the revision.
    pub fn dependency_errors(&self, service: ServiceId, now: SimTime) -> f64 {
        let good: f64 = self
            .in_force(now)
            .map(|d| match d {
                WorldDisturbance::DependencyErrors { service: s, share }
                    if s.is_none_or(|s| s == service) =>
                {
                    1.0 - share.get()
                }
                _ => 1.0,
            })
            .product();
        1.0 - good
    }

    /// Share of requests of `revision` that its own code fails.
    pub fn fault_errors(&self, revision: Revision, now: SimTime) -> f64 {
        let good: f64 = self
            .in_force(now)
            .map(|d| match d {
                WorldDisturbance::Errors { revision: r, share } if *r == revision => 1.0 - share.get(),
                _ => 1.0,
            })
            .product();
        1.0 - good
    }

    /// Slow requests of `revision`; several regressions at once multiply their factors and the largest share holds.
    pub fn slowness(&self, revision: Revision, now: SimTime) -> Slowness {
        self.in_force(now).fold(Slowness::NONE, |s, d| match d {
            WorldDisturbance::Latency { revision: r, factor, share } if *r == revision => {
                Slowness { factor: s.factor * factor, share: s.share.max(share.get()) }
            }
            _ => s,
        })
    }

    /// Service-time multiplier of a pod that has run for `uptime`, because its cache is cold.
    pub fn cold_factor(&self, uptime: SimDuration, now: SimTime) -> f64 {
        self.in_force(now)
            .map(|d| match d {
                WorldDisturbance::ColdCache { factor, warm_up } => {
                    let age = uptime.as_secs_f64() / warm_up.as_secs_f64().max(1e-9);
                    1.0 + (factor - 1.0) * libm::exp(-age)
                }
                _ => 1.0,
            })
            .product()
    }

    /// Whether anything makes fresh pods slow.
    pub fn any_cold(&self, now: SimTime) -> bool {
        self.in_force(now).any(|d| matches!(d, WorldDisturbance::ColdCache { .. }))
    }

    /// Mean time from container start to exit, when the revision crashes.
    pub fn crash_uptime(&self, revision: Revision, now: SimTime) -> Option<SimDuration> {
        self.in_force(now)
            .filter_map(|d| match d {
                WorldDisturbance::CrashLoop { revision: r, mean_uptime } if *r == revision => {
                    Some(*mean_uptime)
                }
                _ => None,
            })
            .min()
    }

    /// Growth of memory in bytes per second of uptime.
    pub fn leak(&self, revision: Revision, now: SimTime) -> f64 {
        self.in_force(now)
            .map(|d| match d {
                WorldDisturbance::MemoryLeak { revision: r, per_second } if *r == revision => {
                    per_second.get() as f64
                }
                _ => 0.0,
            })
            .sum()
    }
}
