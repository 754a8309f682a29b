//! Cumulative sums of a normal mean (Page 1954), with a head start (Lucas and Crosier 1982), or with one sum for both
//! sides (Crosier 1986).
//!
//! In standard deviations from the baseline, `S = max(0, S + x - k)`; an alarm when `S >= h`. With `k` half the shift that
//! matters it has the least worst-case delay of all rules with the same time between false alarms (Moustakides 1986).
//! Crosier's form keeps one sum `S` on both sides of zero: `C = |S + x|`, `S = (S + x) (1 - k / C)` if `C > k`, else 0.
//! After an alarm the sums start anew by [`Detector::reset`] only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::baseline::Baseline;
use super::support::recursion::{OnScores, Recursion};
use super::support::standard::{self, Standard, Whiten};
use super::support::{Side, within};
use super::{BadField, Detect, Detector, Reads, State};
use crate::catalogue::Entry;
use crate::stats::run_length;

/// Cumulative sums of how far a value is from what is normal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cusum {
    /// Reference value in standard deviations: half the shift that matters. 0.5 if not given.
    #[serde(default = "half")]
    pub k: f64,
    /// Decision interval in standard deviations. 5 if not given: a false alarm every 465 samples on both sides, 931 on one.
    #[serde(default = "five")]
    pub h: f64,
    /// Where the sums start, as a share of `h`: a change that is there from the start is found sooner. 0 if not given.
    #[serde(default)]
    pub head_start: f64,
    /// One sum for both sides instead of two (Crosier): takes no head start.
    #[serde(default)]
    pub crosier: bool,
    /// Which shifts count.
    #[serde(default)]
    pub side: Side,
    /// What is normal.
    #[serde(default)]
    pub baseline: Baseline,
    /// What is taken out of correlated values first; nothing if not given.
    #[serde(default)]
    pub whiten: Option<Whiten>,
}

fn half() -> f64 {
    0.5
}

fn five() -> f64 {
    5.0
}

impl Entry for Cusum {
    const NAME: &'static str = "cusum";
    const SUMMARY: &'static str =
        "cumulative sums of the distance from what is normal, for a persistent shift of a mean";
    const EXAMPLE: &'static str = "cusum: {k: 0.5, h: 5, head_start: 0.5, baseline: {learn: 40}}";
}

impl Cusum {
    /// Mean number of samples until the alarm where values are independent, normal and `shift` standard deviations above
    /// the baseline from the first one on; `None` for parameters that make no chart, and for Crosier's form on one side.
    #[must_use]
    pub fn mean_run_length(&self, shift: f64) -> Option<f64> {
        let start = self.head_start * self.h;
        match (self.crosier, self.side) {
            (true, Side::Both) => run_length::crosier(self.k, self.h, shift),
            (true, _) => None,
            (false, Side::Up) => run_length::cusum(self.k, self.h, shift, start),
            (false, Side::Down) => run_length::cusum(self.k, self.h, -shift, start),
            (false, Side::Both) => run_length::two_sided_cusum(self.k, self.h, shift, start),
        }
    }
}

impl Detect for Cusum {
    fn reads(&self) -> Reads {
        Reads::Value
    }

    fn check(&self) -> Result<(), BadField> {
        let example = "cusum: {k: 0.5, h: 5}";
        within("k", self.k, 0.0, f64::MAX, example)?;
        within("h", self.h, 1e-9, f64::MAX, example)?;
        if !(0.0..1.0).contains(&self.head_start) {
            let fact = format!("a head start of {} of the limit", self.head_start);
            return Err(BadField::new("head_start", fact, "write a share below 1, like 0.5"));
        }
        if self.crosier && self.head_start > 0.0 {
            let fact = "one sum for both sides has no side to start on";
            return Err(BadField::new("head_start", fact, "leave out one of `crosier` and `head_start`"));
        }
        standard::check(self.baseline, self.whiten)
    }

    fn start(&self) -> Box<dyn Detector> {
        let standard = Standard::new(self.baseline, self.whiten);
        let start = self.head_start * self.h;
        let (k, h, side) = (self.k, self.h, self.side);
        if self.crosier {
            OnScores::start(standard, Pulled { k, h, side, sum: 0.0 })
        } else {
            OnScores::start(standard, Sums { k, h, side, up: start, down: start })
        }
    }

    fn run_length(&self, shift: f64) -> Option<f64> {
        self.mean_run_length(shift)
    }

    fn assumes(&self) -> &'static str {
        "independent, roughly normal values around a known mean"
    }

    fn cost(&self) -> &'static str {
        "two sums; O(1) a step"
    }

    fn pitfall(&self) -> &'static str {
        "correlated values and an estimated baseline multiply false alarms"
    }
}

/// Page's sums, one for each side.
#[derive(Clone, Debug)]
struct Sums {
    k: f64,
    h: f64,
    side: Side,
    up: f64,
    down: f64,
}

impl Recursion for Sums {
    fn take(&mut self, score: f64) -> State {
        self.up = (self.up + score - self.k).clamp(0.0, f64::MAX);
        self.down = (self.down - score - self.k).clamp(0.0, f64::MAX);
        if self.statistic() >= self.limit() { State::Alarm } else { State::Quiet }
    }

    fn statistic(&self) -> Option<f64> {
        Some(self.side.worse(self.up, self.down))
    }

    fn limit(&self) -> Option<f64> {
        Some(self.h)
    }
}

/// Crosier's sum, pulled towards zero from both sides.
#[derive(Clone, Debug)]
struct Pulled {
    k: f64,
    h: f64,
    side: Side,
    sum: f64,
}

impl Recursion for Pulled {
    fn take(&mut self, score: f64) -> State {
        let moved = (self.sum + score).clamp(-f64::MAX, f64::MAX);
        let left = (moved.abs() - self.k).max(0.0);
        self.sum = left.copysign(moved);
        if self.statistic() >= self.limit() { State::Alarm } else { State::Quiet }
    }

    fn statistic(&self) -> Option<f64> {
        Some(self.side.worse(self.sum, -self.sum))
    }

    fn limit(&self) -> Option<f64> {
        Some(self.h)
    }
}
