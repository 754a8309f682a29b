//! The record of a name pointed at the old side again, and resolvers that find out.
//!
//! The same law as on the way there ([`dns_shift`](crate::strategy::dns_shift)): an answer stays in a cache for its time to live,
//! so the last client that honours it comes back one time to live after the command, and those behind resolvers that
//! ignore it one `stuck_for` after. Nothing makes it faster; what helps was to be done before (a shorter time to live).
//!
//! Traps: right after the command nothing changes if the release is young, because the clients that moved first are also
//! the first to look again, a whole time to live after they moved.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PlannedStep, Procedure, Services, StepKind, needs_clients_that_look};
use crate::catalogue::Entry;
use crate::effect::Routing;
use crate::quantity::Ratio;
use crate::strategy::support::drift::{Drift, Ladder};
use crate::time::SimDuration;

/// The record of a name back.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DnsBack {
    /// Time to live of the record.
    pub ttl: SimDuration,
    /// Share of the clients behind resolvers that ignore it.
    pub ignoring: Ratio,
    /// How long these keep an answer.
    pub stuck_for: SimDuration,
    /// Time until all name servers answer with the old record.
    pub command: SimDuration,
    /// Time the new side stays after the last client has left it.
    pub keep_new: SimDuration,
}

impl Default for DnsBack {
    fn default() -> Self {
        DnsBack {
            ttl: SimDuration::from_mins(5),
            ignoring: Ratio::ZERO,
            stuck_for: SimDuration::from_mins(60),
            command: SimDuration::from_secs(5),
            keep_new: SimDuration::from_secs(30),
        }
    }
}

impl DnsBack {
    /// What takes such a change back.
    pub fn undoing(drift: Drift) -> Self {
        let Drift { period, late, late_period } = drift;
        DnsBack { ttl: period, ignoring: late, stuck_for: late_period, ..DnsBack::default() }
    }
}

impl Entry for DnsBack {
    const NAME: &'static str = "dns_back";
    const SUMMARY: &'static str = "a name pointed at the old side again; clients come back as caches run out";
    const EXAMPLE: &'static str = "dns_back: {ttl: 60s, ignoring: 10%, stuck_for: 30m}";
}

impl Procedure for DnsBack {
    fn plan(&self, _: &Services) -> Vec<PlannedStep> {
        let drift = Drift { period: self.ttl, late: self.ignoring, late_period: self.stuck_for };
        let step = PlannedStep::new;
        vec![
            step("make sure of the old side", SimDuration::ZERO, StepKind::RestoreCapacity),
            step("point the name at the old side", self.command, StepKind::DriftBack(Ladder::whole(drift))),
            step("stop the new side", self.keep_new, StepKind::ScaleDown),
        ]
    }

    fn why_not(&self, routing: Routing) -> Option<&'static str> {
        needs_clients_that_look(routing)
    }
}
