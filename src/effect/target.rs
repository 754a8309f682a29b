//! Whom and what a disturbance hits: users, pods, edges between services.
//!
//! Victims are chosen by a keyed number of their own, with a `salt` drawn once for the disturbance: the same users and
//! the same pods in every branch, and others for the next disturbance of the same kind.

use crate::quantity::Ratio;
use crate::time::{SimDuration, SimTime};

use super::ServiceId;

/// Some pods, always the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Victims {
    /// Share of the pods.
    pub share: Ratio,
    /// Tells this choice from others.
    pub salt: u64,
}

/// Which pods go down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Which {
    /// Each pod with the same chance.
    Share(Victims),
    /// So many, whichever comes first in the order of the salt.
    Count {
        /// How many of a service.
        count: u32,
        /// Tells this choice from others.
        salt: u64,
    },
    /// Those of one zone, counted from 1.
    Zone(u32),
}

/// Which users meet a fault.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Whom {
    /// A share of the users, always the same ones.
    Users {
        /// Share of the users.
        share: Ratio,
        /// Tells this choice from others.
        salt: u64,
    },
    /// Those a header or cookie rule matches.
    Cohort,
}

/// Which of the health checks fails.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// The pod gets no requests while it fails.
    #[default]
    Readiness,
    /// The container is restarted when it has failed often enough.
    Liveness,
    /// Both ask the same endpoint.
    Both,
}

/// Who makes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Whoever it is.
    Anybody,
    /// The users.
    Users,
    /// A service.
    Service(ServiceId),
}

/// The status of an answer that somebody other than the service gives.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
pub enum Refusal {
    /// 500.
    #[default]
    #[serde(rename = "500")]
    Error,
    /// 503.
    #[serde(rename = "503")]
    Unavailable,
    /// 504.
    #[serde(rename = "504")]
    TimedOut,
}

/// What happens to calls on an edge of the call graph.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EdgeEffect {
    /// A share of the calls reach the callee later: by the latency, more or less up to the jitter.
    Delay {
        /// Mean delay.
        latency: SimDuration,
        /// Largest deviation, either way, uniform.
        jitter: SimDuration,
        /// Share of the calls.
        share: Ratio,
    },
    /// A packet of a call is lost with this chance, and sent again after TCP's time-out: 200 ms, doubled each time.
    Loss {
        /// Chance per transmission.
        share: Ratio,
    },
    /// A share of the calls arrive twice; nobody waits for the second answer.
    Duplicate {
        /// Share of the calls.
        share: Ratio,
    },
    /// No call arrives.
    Partition,
    /// Nothing gets through before this instant; calls on open connections are retransmitted and arrive after it.
    Outage {
        /// When the network is back.
        until: SimTime,
    },
    /// Calls go over a link one after the other.
    Bandwidth {
        /// Time one call needs.
        transmission: SimDuration,
    },
    /// A share of the calls are answered on the way, and never reach a pod.
    Abort {
        /// With what.
        refusal: Refusal,
        /// Share of the calls.
        share: Ratio,
    },
    /// The name of the callee is not found for a share of the calls.
    Unresolved {
        /// Share of the calls.
        share: Ratio,
    },
    /// The connection of a share of the calls breaks after the work is done and before the answer comes.
    Reset {
        /// Share of the calls.
        share: Ratio,
    },
    /// The answers to a share of the calls are damaged on the way, and nobody notices.
    Corrupt {
        /// Share of the calls.
        share: Ratio,
    },
}
