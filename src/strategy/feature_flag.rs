//! A feature flag: the code is there already, and a flag says for whom it runs.
//!
//! Both code paths are in the same processes. Here the new path's share of them is a set of its own, at full size, that
//! starts at the deploy as a dark release would and then stays; the old set never shrinks. No pod starts or stops when the flag
//! moves, which is the point of flags. (Decision 029.) Clients ask for the flag once a polling interval, at phases that
//! are uniform, and do what they read last; some read it only when they start.
//!
//! Traps: the flag is off in the console a moment after somebody clicks, and off for users one polling interval later; who reads
//! it only at a start keeps the new path until then, however bad it is. A crash takes the whole process in life, and only
//! the new path's pods here; load is spread over twice the pods while both sets run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::drift::{Drift, Ladder};
use super::support::drifting::Plan;
use super::{Objection, Rollout, Strategy, Undo};
use crate::catalogue::Entry;
use crate::effect::Routing;
use crate::quantity::{Ratio, Weight};
use crate::time::SimDuration;

/// A feature flag that is turned on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FeatureFlag {
    /// Shares of the clients that it is on for, one after the other.
    pub values: Vec<Weight>,
    /// Time from one value to the next.
    pub bake: SimDuration,
    /// How often clients ask for it.
    pub poll: SimDuration,
    /// Share of the clients that read it only when they start.
    pub only_at_start: Ratio,
    /// Within which time all of these have started again.
    pub restart_within: SimDuration,
    /// Time between the code being available and the first value.
    pub pause: SimDuration,
    /// How long a pod must be ready to count as available.
    pub min_ready: SimDuration,
}

impl Default for FeatureFlag {
    fn default() -> Self {
        FeatureFlag {
            values: vec![everybody()],
            bake: SimDuration::from_mins(10),
            poll: SimDuration::from_secs(60),
            only_at_start: Ratio::ZERO,
            restart_within: SimDuration::from_mins(24 * 60),
            pause: SimDuration::ZERO,
            min_ready: SimDuration::ZERO,
        }
    }
}

fn everybody() -> Weight {
    Weight::percent(100.0).unwrap_or_default()
}

impl Entry for FeatureFlag {
    const NAME: &'static str = "feature_flag";
    const SUMMARY: &'static str =
        "a flag turns the new code on for a share of the clients, as they ask for it";
    const EXAMPLE: &'static str = "feature_flag: {values: [10%, 50%, 100%], bake: 10m, poll: 30s}";
}

impl FeatureFlag {
    fn ladder(&self) -> Ladder {
        let drift = Drift { period: self.poll, late: self.only_at_start, late_period: self.restart_within };
        Ladder { drift, values: self.values.iter().map(|value| value.ratio().get()).collect() }
    }

    fn plan(&self) -> Plan {
        Plan {
            ladder: self.ladder(),
            pause: self.pause,
            bake: self.bake,
            keep_old: None,
            routing: Routing::Clients,
            backup: false,
        }
    }
}

impl Rollout for FeatureFlag {
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
        Undo::Flag(self.ladder())
    }

    fn objections(&self) -> Vec<Objection> {
        super::support::rising::objections("values", &self.values)
    }
}
