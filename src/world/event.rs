//! Everything that can happen in a world, as small copyable values.

use crate::engine::Class;

/// An event of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The process of a pod begins to run.
    PodStarted(Process),
    /// A pod passes its readiness probe.
    PodReady(Process),
    /// A pod has been ready for the minimum ready time.
    PodAvailable(Process),
    /// A health probe of a pod is due (request level).
    Probe(Process),
    /// The container of a pod exits.
    PodExit(Process, ExitReason),
    /// A terminating pod has drained, or its grace is over.
    PodGone(Process),
    /// A weight comes into force; the number tells it from later ones.
    WeightInForce(u32),
    /// A disturbance begins or ends.
    Boundary,
    /// Something happens to the database.
    Database,
    /// The autoscaler of this service looks.
    Autoscale(u16),
    /// A request of a traffic source arrives.
    Arrival(u16),
    /// Something happens to a call (request level).
    Call(CallEvent, u32),
}

/// One process of a pod; an event about an earlier process of the same pod is stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Index of the pod.
    pub pod: u32,
    /// Number of the process.
    pub incarnation: u32,
}

/// Why a container exits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// It crashed.
    Crash,
    /// It reached its memory limit.
    OutOfMemory,
    /// Its liveness probe failed.
    Liveness,
    /// Somebody killed its process.
    Killed,
    /// It was deleted, to be made anew elsewhere.
    Evicted,
    /// Something it read killed it, if that is still there.
    Poisoned,
}

/// What happens to a call; the number beside it is the call's slot and generation packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallEvent {
    /// Its own service time is over.
    Served,
    /// Its caller gives up.
    TimedOut,
    /// The pause before its next attempt (or the next request of a session) is over.
    Retry,
    /// It has waited too long for a connection.
    NoConnection,
    /// It reaches the callee, after what happened to it on the way.
    Arrived,
    /// It is given up by the network: nobody at the other end answers.
    Unreachable,
}

/// Events of traffic and cluster at one instant happen in this order.
pub mod class {
    use super::Class;
    /// Pods, weights and disturbances.
    pub const CLUSTER: Class = Class::new(0);
    /// Requests.
    pub const TRAFFIC: Class = Class::new(1);
}
