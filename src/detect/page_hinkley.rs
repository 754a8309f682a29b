//! The test of Page and Hinkley (Page 1954; Hinkley 1971) in the form that is usual for streams, with forgetting (Gama and
//! others 2013).
//!
//! With the mean `m` of all numbers since the start, `U = alpha U + (x - m - delta)`; an alarm when `U` is `threshold` or more above
//! its least value so far. The other side takes `delta` the other way. It is a CUSUM around a mean that is learned as it
//! goes, not in standard deviations: `delta` and `threshold` are in the unit of the numbers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::events::Input;
use super::support::recursion::{OnEvents, Recursion};
use super::support::{Side, within};
use super::{BadField, Detect, Detector, Reads, State};
use crate::catalogue::Entry;

/// A cumulative sum of how far numbers are from their mean so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageHinkley {
    /// Change of the mean that does not matter, in the unit of the numbers. 0.005 if not given.
    #[serde(default = "delta")]
    pub delta: f64,
    /// How far the sum may rise, in the unit of the numbers: 50 excess errors. 50 if not given.
    #[serde(default = "threshold")]
    pub threshold: f64,
    /// What is left of the sum a number later, above 0 up to 1. 0.9999 if not given.
    #[serde(default = "alpha")]
    pub alpha: f64,
    /// Numbers before the first answer. 30 if not given.
    #[serde(default = "thirty")]
    pub least: u32,
    /// Which changes are for the worse.
    #[serde(default)]
    pub side: Side,
    /// Events one by one, or values.
    #[serde(default)]
    pub input: Input,
}

fn delta() -> f64 {
    0.005
}

fn threshold() -> f64 {
    50.0
}

fn alpha() -> f64 {
    0.9999
}

fn thirty() -> u32 {
    30
}

impl Entry for PageHinkley {
    const NAME: &'static str = "page_hinkley";
    const SUMMARY: &'static str =
        "a cumulative sum around the mean so far, for streams whose normal value is not known";
    const EXAMPLE: &'static str = "page_hinkley: {delta: 0.005, threshold: 50, input: counts}";
}

impl Detect for PageHinkley {
    fn reads(&self) -> Reads {
        self.input.reads()
    }

    fn check(&self) -> Result<(), BadField> {
        let example = "page_hinkley: {delta: 0.005, threshold: 50}";
        within("delta", self.delta, 0.0, f64::MAX, example)?;
        within("threshold", self.threshold, 1e-12, f64::MAX, example)?;
        within("alpha", self.alpha, 1e-6, 1.0, "alpha: 0.9999")
    }

    fn start(&self) -> Box<dyn Detector> {
        let fresh =
            Sums { spec: self.clone(), count: 0.0, mean: 0.0, up: Sum::default(), down: Sum::default() };
        OnEvents::start(self.input, fresh)
    }

    fn assumes(&self) -> &'static str {
        "independent numbers whose scale is known well enough to choose the threshold"
    }

    fn cost(&self) -> &'static str {
        "a mean and two sums; O(1) a step"
    }

    fn pitfall(&self) -> &'static str {
        "with the usual threshold it needs some fifty excess errors, so rare errors are found after thousands of events"
    }
}

/// A sum and the least it has been.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    now: f64,
    least: f64,
}

impl Sum {
    fn add(&mut self, alpha: f64, excess: f64) {
        self.now = (alpha * self.now + excess).clamp(-f64::MAX, f64::MAX);
        self.least = self.least.min(self.now);
    }

    fn rise(self) -> f64 {
        (self.now - self.least).min(f64::MAX)
    }
}

#[derive(Clone, Debug)]
struct Sums {
    spec: PageHinkley,
    count: f64,
    mean: f64,
    up: Sum,
    down: Sum,
}

impl Recursion for Sums {
    fn take(&mut self, x: f64) -> State {
        self.count += 1.0;
        self.mean += (x - self.mean) / self.count;
        let excess = x - self.mean;
        self.up.add(self.spec.alpha, excess - self.spec.delta);
        self.down.add(self.spec.alpha, -excess - self.spec.delta);
        if self.count < f64::from(self.spec.least) {
            State::Learning
        } else if self.statistic() >= self.limit() {
            State::Alarm
        } else {
            State::Quiet
        }
    }

    fn statistic(&self) -> Option<f64> {
        Some(self.spec.side.worse(self.up.rise(), self.down.rise()))
    }

    fn limit(&self) -> Option<f64> {
        Some(self.spec.threshold)
    }
}
