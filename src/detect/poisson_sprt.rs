//! Wald's sequential probability ratio test of an event rate; see [`crate::stats::sprt`].
//!
//! Events are counted against exposure: all requests, or whatever the total counts. Several events per request are fine,
//! which is what tells it from [`super::sprt`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::fields;
use super::support::ratio_test::{AtTruncation, RatioTest};
use super::{BadField, Detect, Detector, DetectorSpec, Reads};
use crate::catalogue::Entry;
use crate::quantity::Ratio;
use crate::stats;

/// The sequential probability ratio test of two event rates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoissonSprt {
    /// Bad events per unit of the total that are acceptable.
    pub rate0: f64,
    /// Bad events per unit of the total that must be caught, above `rate0`.
    pub rate1: f64,
    /// Chance of an alarm at `rate0`. 1 % if not given.
    #[serde(default = "fields::one_percent")]
    pub alpha: Ratio,
    /// Chance of accepting at `rate1`. 5 % if not given.
    #[serde(default = "fields::five_percent")]
    pub beta: Ratio,
    /// After so much exposure it is decided in any case, at the first evaluation with that much. Never if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncate_after: Option<u64>,
    /// What is decided then. The likelier of both if not given.
    #[serde(default)]
    pub at_truncation: AtTruncation,
}

impl Entry for PoissonSprt {
    const NAME: &'static str = "poisson_sprt";
    const SUMMARY: &'static str =
        "Wald's sequential test of an acceptable against an unacceptable rate of bad events";
    const EXAMPLE: &'static str = "poisson_sprt: {rate0: 0.001, rate1: 0.01, truncate_after: 5000}";
}

impl PoissonSprt {
    fn test(&self) -> Result<stats::sprt::Sprt, stats::sprt::SprtError> {
        stats::sprt::Sprt::poisson(self.rate0, self.rate1, self.alpha.get(), self.beta.get())
    }
}

impl Detect for PoissonSprt {
    fn reads(&self) -> Reads {
        Reads::Counts
    }

    fn check(&self) -> Result<(), BadField> {
        RatioTest::check(
            self.test(),
            self.truncate_after,
            "rate1",
            "poisson_sprt: {rate0: 0.001, rate1: 0.01}",
        )
    }

    fn start(&self) -> Box<dyn Detector> {
        Box::new(RatioTest::new(self.test().ok(), self.truncate_after, self.at_truncation))
    }

    fn at_level(&self, alpha: Ratio) -> Option<DetectorSpec> {
        Some(DetectorSpec::PoissonSprt(PoissonSprt { alpha, ..self.clone() }))
    }

    fn assumes(&self) -> &'static str {
        "events that come one by one and independently, and a known acceptable rate"
    }

    fn cost(&self) -> &'static str {
        "two sums; O(1) a step"
    }

    fn pitfall(&self) -> &'static str {
        "events in bursts (one cause, many errors) look like a higher rate; between both rates it may run very long"
    }
}
