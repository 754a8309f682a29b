//! Wald's sequential probability ratio test of a failure probability; see [`crate::stats::sprt`].
//!
//! Alarm: the share of bad requests is `p1` or more. Accepted: it is `p0` or less. It looks once per evaluation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::fields;
use super::support::ratio_test::{AtTruncation, RatioTest};
use super::{BadField, Detect, Detector, DetectorSpec, Reads};
use crate::catalogue::Entry;
use crate::quantity::Ratio;
use crate::stats;

/// The sequential probability ratio test of two failure probabilities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sprt {
    /// The share of bad requests that is acceptable.
    pub p0: Ratio,
    /// The share of bad requests that must be caught, above `p0`.
    pub p1: Ratio,
    /// Chance of an alarm at `p0`. 1 % if not given.
    #[serde(default = "fields::one_percent")]
    pub alpha: Ratio,
    /// Chance of accepting at `p1`. 5 % if not given.
    #[serde(default = "fields::five_percent")]
    pub beta: Ratio,
    /// After so many requests it is decided in any case, at the first evaluation with that many. Never if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncate_after: Option<u64>,
    /// What is decided then. The likelier of both if not given.
    #[serde(default)]
    pub at_truncation: AtTruncation,
}

impl Entry for Sprt {
    const NAME: &'static str = "sprt";
    const SUMMARY: &'static str =
        "Wald's sequential test of an acceptable against an unacceptable share of bad requests";
    const EXAMPLE: &'static str =
        "sprt: {p0: 0.1%, p1: 1%, alpha: 1%, beta: 5%, truncate_after: 5000, at_truncation: likelier}";
}

impl Sprt {
    fn test(&self) -> Result<stats::sprt::Sprt, stats::sprt::SprtError> {
        stats::sprt::Sprt::bernoulli(self.p0.get(), self.p1.get(), self.alpha.get(), self.beta.get())
    }
}

impl Detect for Sprt {
    fn reads(&self) -> Reads {
        Reads::Counts
    }

    fn check(&self) -> Result<(), BadField> {
        RatioTest::check(self.test(), self.truncate_after, "p1", "sprt: {p0: 0.1%, p1: 1%}")
    }

    fn start(&self) -> Box<dyn Detector> {
        Box::new(RatioTest::new(self.test().ok(), self.truncate_after, self.at_truncation))
    }

    fn at_level(&self, alpha: Ratio) -> Option<DetectorSpec> {
        Some(DetectorSpec::Sprt(Sprt { alpha, ..self.clone() }))
    }

    fn assumes(&self) -> &'static str {
        "independent requests with one failure probability, and a known acceptable one"
    }

    fn cost(&self) -> &'static str {
        "two sums; O(1) a step"
    }

    fn pitfall(&self) -> &'static str {
        "between p0 and p1 it may run very long: truncate it; a background that changes makes p0 wrong"
    }
}
