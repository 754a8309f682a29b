//! The share of bad requests over a window: the check that answers the question.
//!
//! Sound if it waits until the window holds nothing from before the rollback; with a shorter delay it still sees the
//! bad minutes and calls a rollback that worked a failure.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Check, Evidence};
use crate::catalogue::Entry;
use crate::effect::{RolloutView, SetName};
use crate::quantity::Ratio;
use crate::time::SimDuration;

/// The share of bad requests over a window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ErrorRatio {
    /// Time after the last step until it looks.
    pub after: SimDuration,
    /// How far back it looks.
    pub window: SimDuration,
    /// The largest good share.
    pub below: Ratio,
}

impl Default for ErrorRatio {
    fn default() -> Self {
        let minute = SimDuration::from_mins(1);
        ErrorRatio { after: SimDuration::from_secs(75), window: minute, below: Ratio::ONE_PERCENT }
    }
}

impl Entry for ErrorRatio {
    const NAME: &'static str = "error_ratio";
    const SUMMARY: &'static str = "share of bad requests over a window that begins after the rollback";
    const EXAMPLE: &'static str = "error_ratio: {after: 75s, window: 1m, below: 1%}";
}

impl Check for ErrorRatio {
    fn delay(&self) -> SimDuration {
        self.after
    }

    fn passes(&self, _target: SetName, _view: &RolloutView, evidence: &dyn Evidence) -> bool {
        // No requests at all are no proof that anything works.
        let seen = evidence.seen(self.window).filter(|seen| seen.answered > 0);
        seen.is_some_and(|seen| seen.bad as f64 <= self.below.get() * seen.answered as f64)
    }
}
