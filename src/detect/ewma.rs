//! Exponentially weighted moving averages (Roberts 1959), with limits that grow as the average's deviation does (Steiner
//! 1999).
//!
//! In standard deviations from the baseline, `Z = w x + (1 - w) Z` from `Z = 0`; an alarm at `L` deviations of `Z`. After `t`
//! samples the variance of `Z` is `w / (2 - w) (1 - (1 - w)^2t)`: limits at its final value, as most tools have them, are too wide
//! just after a start, which is where a rollout is, so they follow it unless told otherwise.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::baseline::Baseline;
use super::support::recursion::{OnScores, Recursion};
use super::support::standard::{self, Standard, Whiten};
use super::support::{Side, within};
use super::{BadField, Detect, Detector, Reads, State};
use crate::catalogue::Entry;
use crate::stats::run_length::{self, EwmaLimits};

/// A moving average of how far values are from what is normal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ewma {
    /// Weight of the newest value, above 0 up to 1: small ones find small shifts. 0.2 if not given.
    #[serde(default = "fifth")]
    pub weight: f64,
    /// Distance of the limits in standard deviations of the average. 2.962 if not given: a false alarm every 500 samples on
    /// both sides with the default weight and fixed limits.
    #[serde(default = "width")]
    pub width: f64,
    /// Whether the limits grow with the deviation of the average from the first sample on, or stand where they end.
    #[serde(default)]
    pub limits: Limits,
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

/// How the limits of a moving average behave after a start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Limits {
    /// They grow as the deviation of the average does.
    #[default]
    Adjusted,
    /// They stand where they end.
    Fixed,
}

fn fifth() -> f64 {
    0.2
}

fn width() -> f64 {
    2.962
}

impl Entry for Ewma {
    const NAME: &'static str = "ewma";
    const SUMMARY: &'static str =
        "an exponentially weighted moving average against limits, for small lasting shifts of a mean";
    const EXAMPLE: &'static str =
        "ewma: {weight: 0.2, width: 2.962, limits: adjusted, baseline: {learn: 40}}";
}

impl Ewma {
    /// Mean number of samples until the alarm where values are independent, normal and `shift` standard deviations above
    /// the baseline from the first one on; `None` for parameters that make no chart.
    #[must_use]
    pub fn mean_run_length(&self, shift: f64) -> Option<f64> {
        let limits = EwmaLimits {
            width: self.width,
            both_sides: self.side == Side::Both,
            adjusted: self.limits == Limits::Adjusted,
        };
        run_length::ewma(self.weight, limits, if self.side == Side::Down { -shift } else { shift })
    }
}

impl Detect for Ewma {
    fn reads(&self) -> Reads {
        Reads::Value
    }

    fn check(&self) -> Result<(), BadField> {
        let example = "ewma: {weight: 0.2, width: 3}";
        within("weight", self.weight, 1e-6, 1.0, example)?;
        within("width", self.width, 1e-9, f64::MAX, example)?;
        standard::check(self.baseline, self.whiten)
    }

    fn start(&self) -> Box<dyn Detector> {
        let fresh = Average { spec: self.clone(), average: 0.0, missing: 1.0 };
        OnScores::start(Standard::new(self.baseline, self.whiten), fresh)
    }

    fn run_length(&self, shift: f64) -> Option<f64> {
        self.mean_run_length(shift)
    }

    fn assumes(&self) -> &'static str {
        "independent, roughly normal values around a known mean"
    }

    fn cost(&self) -> &'static str {
        "one average; O(1) a step"
    }

    fn pitfall(&self) -> &'static str {
        "correlated values multiply false alarms; an average that was good for long must first come back"
    }
}

#[derive(Clone, Debug)]
struct Average {
    spec: Ewma,
    average: f64,
    /// (1 - weight)^(2 t): what is missing to the final variance.
    missing: f64,
}

impl Recursion for Average {
    fn take(&mut self, score: f64) -> State {
        let keep = 1.0 - self.spec.weight;
        self.average = self.spec.weight * score + keep * self.average;
        self.missing *= keep * keep;
        if self.statistic() >= self.limit() { State::Alarm } else { State::Quiet }
    }

    fn statistic(&self) -> Option<f64> {
        Some(self.spec.side.worse(self.average, -self.average))
    }

    fn limit(&self) -> Option<f64> {
        let share = match self.spec.limits {
            Limits::Adjusted => 1.0 - self.missing,
            Limits::Fixed => 1.0,
        };
        // Before the first sample there is no average yet and nothing that it could be beyond.
        let first = self.spec.weight * self.spec.weight;
        let variance = (self.spec.weight / (2.0 - self.spec.weight) * share).max(first);
        Some(self.spec.width * variance.sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Sample;

    #[test]
    fn limits_widen_to_their_final_place() {
        let spec = |limits| Ewma {
            weight: 0.2,
            width: 3.0,
            limits,
            side: Side::Both,
            baseline: Baseline::Known { mean: 0.0, sd: 1.0 },
            whiten: None,
        };
        let (mut fixed, mut adjusted) = (spec(Limits::Fixed).start(), spec(Limits::Adjusted).start());
        // After one value the average is 0.2 x, so the limit of 3 sigma is 0.6.
        assert_eq!(adjusted.step(&Sample::Value(2.9)), State::Quiet);
        assert!((adjusted.limit().unwrap() - 0.6).abs() < 1e-12);
        adjusted.reset();
        assert_eq!(adjusted.step(&Sample::Value(3.1)), State::Alarm);
        assert_eq!(fixed.step(&Sample::Value(3.1)), State::Quiet);
        assert_eq!(fixed.step(&Sample::Value(-9.0)), State::Alarm);
        for _ in 0..100 {
            adjusted.step(&Sample::Value(0.0));
        }
        assert!((adjusted.limit().unwrap() - fixed.limit().unwrap()).abs() < 1e-9);
    }
}
