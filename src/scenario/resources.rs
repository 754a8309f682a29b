//! What pods have and how many there are: processor, memory, warm-up, autoscaler.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::Service;
use super::limits::MAX_REPLICAS;
use super::resolve::Checker;
use crate::quantity::{Bytes, Cores, Ratio};
use crate::time::SimDuration;
use crate::world::autoscaler::AutoscalerSpec;
use crate::world::warming::Warming;

/// Processor time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cpu {
    /// Processor time of one request.
    pub per_request: SimDuration,
    /// Limit of a pod.
    pub limit: Cores,
    /// What a pod requests: utilisation is relative to it for an autoscaler. The limit if absent, as in Kubernetes.
    pub request: Option<Cores>,
    /// Whether a pod at its limit serves more slowly: its requests share the limit. Off if absent, because then the
    /// figures above are only what the metrics show.
    pub throttle: bool,
}

/// Memory.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Memory {
    /// Memory of a fresh pod.
    pub base: Bytes,
    /// Memory at which the kernel kills the container.
    pub limit: Bytes,
    /// Memory of each request in a pod, from its arrival there to its answer.
    pub per_request: Bytes,
}

/// An exponential return of the service time to normal, for every fresh pod.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WarmUp {
    /// Service-time multiplier of a pod that just started, 0.01 to 100.
    pub factor: f64,
    /// Time constant: after this long the excess has fallen to 1/e.
    pub tau: SimDuration,
}

/// A horizontal pod autoscaler as Kubernetes has it (`autoscaling/v2`) on processor utilisation.
///
/// Upwards at most to the double or by 4 pods per 15 s, whichever is more; downwards freely after the stabilisation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Autoscaler {
    /// Fewest pods, at least 1.
    #[serde(default = "one")]
    pub min: u32,
    /// Most pods.
    pub max: u32,
    /// Target: mean use of processors relative to the request (`cpu.request`).
    #[serde(default = "eighty_percent")]
    pub cpu: Ratio,
    /// Time between looks.
    #[serde(default = "fifteen_seconds")]
    pub sync: SimDuration,
    /// Deviation from the target, relative to it, that changes nothing.
    #[serde(default = "ten_percent")]
    pub tolerance: Ratio,
    /// How long an increase must have been called for.
    #[serde(default = "no_time")]
    pub scale_up_stabilization: SimDuration,
    /// How long a decrease must have been called for.
    #[serde(default = "five_minutes")]
    pub scale_down_stabilization: SimDuration,
}

impl Default for Cpu {
    fn default() -> Self {
        Cpu {
            per_request: SimDuration::from_millis(5),
            limit: Cores::new(1.0).unwrap_or_default(),
            request: None,
            throttle: false,
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Memory { base: Bytes::new(128 << 20), limit: Bytes::new(512 << 20), per_request: Bytes::new(0) }
    }
}

fn one() -> u32 {
    1
}
fn eighty_percent() -> Ratio {
    Ratio::new(0.8).unwrap_or(Ratio::ONE)
}
fn ten_percent() -> Ratio {
    Ratio::new(0.1).unwrap_or(Ratio::ZERO)
}
fn no_time() -> SimDuration {
    SimDuration::ZERO
}
fn fifteen_seconds() -> SimDuration {
    SimDuration::from_secs(15)
}
fn five_minutes() -> SimDuration {
    SimDuration::from_mins(5)
}

/// Pods a service may have before any rollout.
pub(super) fn most_replicas(service: &Service) -> u32 {
    service.autoscaler.map_or(service.replicas, |autoscaler| autoscaler.max.max(service.replicas))
}

/// Notes what is wrong with processor and memory.
pub(super) fn check(checker: &mut Checker<'_>, name: &str, service: &Service) {
    let path = |field| ["services", name, field];
    if service.memory.base >= service.memory.limit {
        let fact = format!(
            "a fresh pod of `{name}` needs {}, its limit is {}",
            service.memory.base, service.memory.limit
        );
        checker.error(&path("memory"), fact, "raise the limit above the base");
    }
    let limit = service.cpu.limit.get();
    if limit <= 0.0 {
        checker.error(&path("cpu"), "the processor limit is 0", "write `limit: 1`");
    }
    let Some(request) = service.cpu.request.map(Cores::get) else { return };
    let path = ["services", name, "cpu", "request"];
    if request <= 0.0 {
        checker.error(&path, "the processor request is 0", "leave it out if it is the limit");
    } else if request > limit {
        let fact = format!("a pod of `{name}` requests {request} cores, more than its limit {limit}");
        checker.error(&path, fact, "raise the limit or lower the request");
    }
}

/// The warm-up, checked.
pub(super) fn warming(checker: &mut Checker<'_>, name: &str, warm_up: Option<WarmUp>) -> Option<Warming> {
    let WarmUp { factor, tau } = warm_up?;
    if !(0.01..=100.0).contains(&factor) {
        let fact = format!("a multiplier of {factor} is not between 0.01 and 100");
        checker.error(&["services", name, "warm_up", "factor"], fact, "3 means three times as slow at first");
    }
    if tau.is_zero() {
        let help = "write how long pods take to get warm, like `2m`";
        checker.error(&["services", name, "warm_up", "tau"], "a time constant of 0s", help);
    }
    Some(Warming { factor, tau })
}

/// The autoscaler, checked.
pub(super) fn autoscaler(checker: &mut Checker<'_>, name: &str, service: &Service) -> Option<AutoscalerSpec> {
    let autoscaler = service.autoscaler?;
    let path = |field| ["services", name, "autoscaler", field];
    checker.count(&path("min"), autoscaler.min, 1, MAX_REPLICAS, "pods");
    checker.count(&path("max"), autoscaler.max, 1, MAX_REPLICAS, "pods");
    if !(autoscaler.min..=autoscaler.max).contains(&service.replicas) {
        let fact = format!(
            "`{name}` starts with {} pods, its autoscaler keeps between {} and {}",
            service.replicas, autoscaler.min, autoscaler.max
        );
        checker.error(&["services", name, "autoscaler"], fact, "start inside of the bounds");
    }
    if autoscaler.cpu.get() <= 0.0 {
        checker.error(&path("cpu"), "a target of 0%", "write the use of processors to aim at, like `70%`");
    }
    if service.cpu.per_request.is_zero() {
        let help = "give `per_request:` a time, or leave the autoscaler out";
        let fact = format!("requests of `{name}` use no processor, so its autoscaler sees nothing");
        checker.error(&["services", name, "cpu", "per_request"], fact, help);
    }
    let (second, hour) = (SimDuration::from_secs(1), SimDuration::from_mins(60));
    checker.span(&path("sync"), autoscaler.sync, second, SimDuration::from_mins(10));
    let none = SimDuration::ZERO;
    checker.span(&path("scale_up_stabilization"), autoscaler.scale_up_stabilization, none, hour);
    checker.span(&path("scale_down_stabilization"), autoscaler.scale_down_stabilization, none, hour);
    Some(AutoscalerSpec {
        min: autoscaler.min,
        max: autoscaler.max,
        target: autoscaler.cpu,
        sync: autoscaler.sync,
        tolerance: autoscaler.tolerance,
        stabilize_up: autoscaler.scale_up_stabilization,
        stabilize_down: autoscaler.scale_down_stabilization,
    })
}
