//! The flag off: clients leave the new code as they next ask for it.
//!
//! No pod starts or stops. Within one polling interval everybody who asks has left; those who read the flag only when they start
//! stay until they do.
//!
//! Traps: "the flag is off" in the console is a command that is out, not users who are safe.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PlannedStep, Procedure, Services, StepKind, needs_clients_that_look};
use crate::catalogue::Entry;
use crate::effect::Routing;
use crate::quantity::{Ratio, Weight};
use crate::strategy::support::drift::{Drift, Ladder};
use crate::time::SimDuration;

/// A flag that is turned off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FlagOff {
    /// Shares of the clients that it was on for, one after the other; everybody at once if empty.
    pub values: Vec<Weight>,
    /// How often clients ask for it.
    pub poll: SimDuration,
    /// Share of the clients that read it only when they start.
    pub only_at_start: Ratio,
    /// Within which time all of these have started again.
    pub restart_within: SimDuration,
    /// Time until the flag service answers "off".
    pub command: SimDuration,
}

impl Default for FlagOff {
    fn default() -> Self {
        FlagOff {
            values: Vec::new(),
            poll: SimDuration::from_secs(60),
            only_at_start: Ratio::ZERO,
            restart_within: SimDuration::from_mins(24 * 60),
            command: SimDuration::from_secs(1),
        }
    }
}

impl FlagOff {
    /// What takes such a flag back.
    pub fn undoing(ladder: Ladder) -> Self {
        let Drift { period, late, late_period } = ladder.drift;
        let values = ladder.values.iter().filter_map(|value| Weight::percent(value * 100.0).ok());
        FlagOff {
            values: values.collect(),
            poll: period,
            only_at_start: late,
            restart_within: late_period,
            ..FlagOff::default()
        }
    }

    fn ladder(&self) -> Ladder {
        let drift = Drift { period: self.poll, late: self.only_at_start, late_period: self.restart_within };
        if self.values.is_empty() {
            return Ladder::whole(drift);
        }
        Ladder { drift, values: self.values.iter().map(|value| value.ratio().get()).collect() }
    }
}

impl Entry for FlagOff {
    const NAME: &'static str = "flag_off";
    const SUMMARY: &'static str =
        "the flag is turned off; clients leave the new code as they next ask for it";
    const EXAMPLE: &'static str = "flag_off: {poll: 30s, only_at_start: 5%, restart_within: 12h}";
}

impl Procedure for FlagOff {
    fn plan(&self, _: &Services) -> Vec<PlannedStep> {
        vec![PlannedStep::new("turn the flag off", self.command, StepKind::DriftBack(self.ladder()))]
    }

    fn why_not(&self, routing: Routing) -> Option<&'static str> {
        needs_clients_that_look(routing)
    }
}
