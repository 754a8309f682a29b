//! A change of a name's record: both sides run, the name is pointed at the new one, and resolvers find out.
//!
//! A resolver keeps an answer for its time to live. Answers in the caches are of every age when the record changes, so
//! the share of those who have asked again grows linearly over one time to live (RFC 1035, 3.2.1, is the rule; that ages are
//! uniform is ours). Some keep answers longer, whatever the record says: forwarders with a minimum of their own, processes
//! that look a name up once; they follow the same law over `stuck_for`.
//!
//! Traps: nothing can be taken back faster than it went, and lowering the time to live helps only if it is done one old
//! time to live ahead; monitoring of the new side sees it at a few per cent first, a canary that nobody asked for and
//! nobody can hold; if the old side is stopped before `stuck_for` is over, those who are stuck find nobody.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::drift::{Drift, Ladder};
use super::support::drifting::Plan;
use super::{Objection, Rollout, Strategy, Undo};
use crate::catalogue::Entry;
use crate::effect::Routing;
use crate::quantity::Ratio;
use crate::time::SimDuration;

/// A change of a name's record.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DnsShift {
    /// Time to live of the record.
    pub ttl: SimDuration,
    /// Share of the clients behind resolvers that ignore it.
    pub ignoring: Ratio,
    /// How long these keep an answer.
    pub stuck_for: SimDuration,
    /// Time between the new side being available and the change of the record.
    pub pause: SimDuration,
    /// Time the old side stays after one time to live.
    pub keep_old: SimDuration,
    /// How long a pod must be ready to count as available.
    pub min_ready: SimDuration,
}

impl Default for DnsShift {
    fn default() -> Self {
        DnsShift {
            ttl: SimDuration::from_mins(5),
            ignoring: Ratio::ZERO,
            stuck_for: SimDuration::from_mins(60),
            pause: SimDuration::ZERO,
            keep_old: SimDuration::from_mins(120),
            min_ready: SimDuration::ZERO,
        }
    }
}

impl Entry for DnsShift {
    const NAME: &'static str = "dns_shift";
    const SUMMARY: &'static str =
        "a name is pointed at the new side; clients move as their resolvers' caches run out";
    const EXAMPLE: &'static str = "dns_shift: {ttl: 60s, ignoring: 10%, stuck_for: 30m}";
}

impl DnsShift {
    fn drift(&self) -> Drift {
        Drift { period: self.ttl, late: self.ignoring, late_period: self.stuck_for }
    }

    fn plan(&self) -> Plan {
        Plan {
            ladder: Ladder::whole(self.drift()),
            pause: self.pause,
            bake: SimDuration::ZERO,
            keep_old: Some(self.keep_old),
            routing: Routing::Clients,
            backup: false,
        }
    }
}

impl Rollout for DnsShift {
    fn start(&self) -> Box<dyn Strategy> {
        self.plan().start()
    }

    fn min_ready(&self) -> SimDuration {
        self.min_ready
    }

    fn shortest(&self) -> SimDuration {
        self.plan().shortest()
    }

    fn routing(&self) -> Routing {
        Routing::Clients
    }

    fn undo(&self) -> Undo {
        Undo::Dns(self.drift())
    }

    fn objections(&self) -> Vec<Objection> {
        if self.stuck_for >= self.ttl || self.ignoring == Ratio::ZERO {
            return Vec::new();
        }
        vec![Objection {
            path: vec!["stuck_for".to_owned()],
            fact: format!("who ignores the time to live {} asks again after {}", self.ttl, self.stuck_for),
            help: "those who are stuck keep an answer for longer than the record says".to_owned(),
        }]
    }
}
