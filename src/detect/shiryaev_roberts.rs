//! The procedure of Shiryaev (1963) and Roberts (1966) for a shift of a normal mean.
//!
//! In standard deviations from the baseline, `R = (1 + R) exp(theta x - theta^2 / 2)` from `R = 0`: the sum, over all times at which a
//! shift of `theta` may have begun, of how much likelier what came since is with it than without. An alarm at `R >= A`; the
//! mean time between false alarms is about `A exp(0.583 theta)`. It is better than a CUSUM for a shift that comes late, at an
//! unknown time, in a chart that was left running.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::baseline::Baseline;
use super::support::recursion::{OnScores, Recursion};
use super::support::standard::{self, Standard, Whiten};
use super::support::{Side, within};
use super::{BadField, Detect, Detector, Reads, State};
use crate::catalogue::Entry;
use crate::stats::run_length;

/// The sum of likelihood ratios over all times at which a shift may have begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShiryaevRoberts {
    /// The shift that matters, in standard deviations. 1 if not given.
    #[serde(default = "one")]
    pub theta: f64,
    /// The limit `A` of the sum. 560 if not given: with a shift of 1 that matters, a false alarm every 1000 samples per side.
    #[serde(default = "limit")]
    pub limit: f64,
    /// Which shifts count; each side has its own sum.
    #[serde(default)]
    pub side: Side,
    /// What is normal.
    #[serde(default)]
    pub baseline: Baseline,
    /// What is taken out of correlated values first; nothing if not given.
    #[serde(default)]
    pub whiten: Option<Whiten>,
}

fn one() -> f64 {
    1.0
}

fn limit() -> f64 {
    560.0
}

impl Entry for ShiryaevRoberts {
    const NAME: &'static str = "shiryaev_roberts";
    const SUMMARY: &'static str =
        "the sum of likelihood ratios over all times at which a shift of a mean may have begun";
    const EXAMPLE: &'static str = "shiryaev_roberts: {theta: 1, limit: 560, baseline: {learn: 40}}";
}

impl ShiryaevRoberts {
    /// Mean number of samples until the alarm where values are independent, normal and `shift` standard deviations above
    /// the baseline from the first one on; `None` on both sides at once, and for parameters that make no procedure.
    #[must_use]
    pub fn mean_run_length(&self, shift: f64) -> Option<f64> {
        match self.side {
            Side::Up => run_length::shiryaev_roberts(self.theta, self.limit, shift),
            Side::Down => run_length::shiryaev_roberts(self.theta, self.limit, -shift),
            Side::Both => None,
        }
    }
}

impl Detect for ShiryaevRoberts {
    fn reads(&self) -> Reads {
        Reads::Value
    }

    fn check(&self) -> Result<(), BadField> {
        let example = "shiryaev_roberts: {theta: 1, limit: 560}";
        within("theta", self.theta, 1e-6, 1e3, example)?;
        within("limit", self.limit, 1e-9, MOST, example)?;
        standard::check(self.baseline, self.whiten)
    }

    fn start(&self) -> Box<dyn Detector> {
        let (theta, limit, side) = (self.theta, self.limit, self.side);
        let fresh = Ratios { theta, limit, side, up: 0.0, down: 0.0 };
        OnScores::start(Standard::new(self.baseline, self.whiten), fresh)
    }

    fn run_length(&self, shift: f64) -> Option<f64> {
        self.mean_run_length(shift)
    }

    fn assumes(&self) -> &'static str {
        "independent normal values around a known mean with a known deviation"
    }

    fn cost(&self) -> &'static str {
        "two sums and two exponentials; O(1) a step"
    }

    fn pitfall(&self) -> &'static str {
        "one far-off value multiplies the sum by its exponential, and the sum forgets it slowly"
    }
}

/// Where a sum stops growing: far beyond any limit that makes sense, and still a number.
const MOST: f64 = 1e250;

#[derive(Clone, Debug)]
struct Ratios {
    theta: f64,
    limit: f64,
    side: Side,
    up: f64,
    down: f64,
}

impl Recursion for Ratios {
    fn take(&mut self, score: f64) -> State {
        let ratio = |towards: f64| libm::exp(self.theta * towards - 0.5 * self.theta * self.theta);
        let (up, down) = (ratio(score), ratio(-score));
        self.up = ((1.0 + self.up) * up).min(MOST);
        self.down = ((1.0 + self.down) * down).min(MOST);
        if self.statistic() >= self.limit() { State::Alarm } else { State::Quiet }
    }

    fn statistic(&self) -> Option<f64> {
        Some(self.side.worse(self.up, self.down))
    }

    fn limit(&self) -> Option<f64> {
        Some(self.limit)
    }
}
