//! What can be wrong: faults of a change, and confounders that look like one.
//!
//! A member turns its parameters (drawn once per replication) into disturbances with a span. Faults of the change act
//! on the candidate revision only and begin `after` the deploy; confounders act on everybody at a given time.
//!
//! Traps: `after` is counted from the deploy, not from the first request the candidate serves; a fault that begins
//! before the candidate gets traffic harms nobody until it does.

pub mod cold_cache;
pub mod crash_loop;
pub mod error_burst;
pub mod latency_regression;
pub mod memory_leak;
pub mod metric_gap;
pub mod neighbour_outage;
pub mod traffic_spike;

use crate::effect::{Disturbance, ServiceId};
use crate::rng::{Distribution, Key, Purpose, Unit};
use crate::time::{SimDuration, SimTime};

/// What a member is given to resolve itself for one replication.
pub struct Resolution<'a> {
    /// Key of the replication's scenario draws.
    pub key: Key,
    /// Path of the entry in the scenario, e.g. `change.faults[0]`.
    pub path: &'a str,
    /// When the new revision is deployed.
    pub deploy_at: SimTime,
    /// Looks up a service by name.
    pub service: &'a dyn Fn(&str) -> Option<ServiceId>,
    /// Every number drawn, by document path, for the record.
    pub drawn: &'a mut Vec<(String, f64)>,
}

impl Resolution<'_> {
    /// The value of a number field for this replication: one draw keyed by the document path.
    pub fn number<U: Unit>(&mut self, field: &str, distribution: &Distribution<U>) -> f64 {
        let path = format!("{}.{field}", self.path);
        let u = self.key.purpose(Purpose::ScenarioDraw).entity(&path).uniform_open();
        let value = distribution.quantile(u);
        self.drawn.push((path, value));
        value
    }

    /// Like [`Resolution::number`], for durations.
    pub fn duration(&mut self, field: &str, distribution: &Distribution<SimDuration>) -> SimDuration {
        SimDuration::from_secs_f64(self.number(field, distribution))
    }

    /// The span from `at` after the deploy for the time `lasts`.
    pub fn span(
        &mut self,
        at: &Distribution<SimDuration>,
        lasts: &Distribution<SimDuration>,
    ) -> (SimTime, SimTime) {
        let from = self.deploy_at + self.duration("at", at);
        (from, from + self.duration("for", lasts))
    }

    /// Like [`Resolution::number`], for shares; values outside 0 to 1 are cut.
    pub fn share(
        &mut self,
        field: &str,
        distribution: &Distribution<crate::rng::Ratio>,
    ) -> crate::quantity::Ratio {
        let value = self.number(field, distribution).clamp(0.0, 1.0);
        crate::quantity::Ratio::new(value).unwrap_or(crate::quantity::Ratio::ZERO)
    }
}

/// Zero, the default of `after`.
fn at_once() -> Distribution<SimDuration> {
    Distribution::certain(0.0)
}

/// One, the default of shares.
fn everything() -> Distribution<crate::rng::Ratio> {
    Distribution::certain(1.0)
}

/// A disturbance with its span.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// When it begins.
    pub from: SimTime,
    /// When it ends.
    pub until: SimTime,
    /// What happens.
    pub what: Disturbance,
}

/// Something that can go wrong.
pub trait Fault: Send + Sync {
    /// What it does in one replication.
    fn resolve(&self, resolution: &mut Resolution<'_>) -> Vec<Effect>;
}

crate::catalogue! {
    /// A fault of the change.
    pub enum FaultSpec: Fault {
        error_burst => error_burst::ErrorBurst,
        latency_regression => latency_regression::LatencyRegression,
        crash_loop => crash_loop::CrashLoop,
        memory_leak => memory_leak::MemoryLeak,
    }
}

crate::catalogue! {
    /// Something that looks like a bad release and is not.
    pub enum ConfounderSpec: Fault {
        traffic_spike => traffic_spike::TrafficSpike,
        neighbour_outage => neighbour_outage::NeighbourOutage,
        metric_gap => metric_gap::MetricGap,
        cold_cache => cold_cache::ColdCache,
    }
}
