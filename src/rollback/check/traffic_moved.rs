//! Whether users really reach the target: weights in force and pods behind them, not what was asked for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Check, Evidence};
use crate::catalogue::Entry;
use crate::effect::{RolloutView, SetName, Split};
use crate::time::SimDuration;

/// Whether users really reach the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrafficMoved {
    /// Time after the last step until it looks.
    pub after: SimDuration,
}

impl Entry for TrafficMoved {
    const NAME: &'static str = "traffic_moved";
    const SUMMARY: &'static str =
        "the routers send everything to the target, and only its pods are behind them";
    const EXAMPLE: &'static str = "traffic_moved: {after: 5s}";
}

impl Check for TrafficMoved {
    fn delay(&self) -> SimDuration {
        self.after
    }

    fn passes(&self, target: SetName, view: &RolloutView, _evidence: &dyn Evidence) -> bool {
        let rival = |set: &SetName| *set != target && set.destination() == target.destination();
        let alone = SetName::ALL.iter().filter(|set| rival(set)).all(|set| view.set(*set).ready == 0);
        alone && view.set(target).ready >= view.replicas && view.in_force == Split::STABLE
    }
}
