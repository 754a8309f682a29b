//! Errors per second, compared with a number that was meant as a ratio.
//!
//! `rate(http_requests_total{status=~"5.."}[1m]) > 0.01`: at 300 requests a second the background of one in a
//! thousand is 0.3 errors a second, so the check calls every busy service bad and a nearly idle one good.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Check, Evidence};
use crate::catalogue::Entry;
use crate::effect::{RolloutView, SetName};
use crate::time::SimDuration;

/// Errors per second, compared with a number that was meant as a ratio.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ErrorRateAsRatio {
    /// Time after the last step until it looks.
    pub after: SimDuration,
    /// How far back it looks.
    pub window: SimDuration,
    /// The largest good number of errors per second.
    pub below: f64,
}

impl Default for ErrorRateAsRatio {
    fn default() -> Self {
        ErrorRateAsRatio { after: SimDuration::from_secs(5), window: SimDuration::from_mins(1), below: 0.01 }
    }
}

impl Entry for ErrorRateAsRatio {
    const NAME: &'static str = "error_rate_as_ratio";
    const SUMMARY: &'static str = "flawed: errors per second against a number meant as a share";
    const EXAMPLE: &'static str = "error_rate_as_ratio: {window: 1m, below: 0.01}";
}

impl Check for ErrorRateAsRatio {
    fn delay(&self) -> SimDuration {
        self.after
    }

    fn passes(&self, _target: SetName, _view: &RolloutView, evidence: &dyn Evidence) -> bool {
        let rate = evidence.seen(self.window).map(|seen| seen.bad as f64 / seen.seconds);
        rate.is_some_and(|rate| rate <= self.below)
    }
}
