//! Cumulative sums of counts (Lucas 1985).
//!
//! Per sample `S = max(0, S + bad - k)`, an alarm at `S >= h`; the lower sum `S = max(0, S + k - bad)` watches for fewer. `k`
//! is in bad events per sample, or, where traffic changes, per event: then a sample of `n` events subtracts `k n`. Between an
//! acceptable mean `a` and one `b` that is not, `k = (b - a) / (ln b - ln a)` is the reference of the likelihood ratio.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::sample::Counts;
use super::support::{Side, within};
use super::{BadField, Detect, Detector, Reads, Sample, State};
use crate::catalogue::Entry;
use crate::stats::run_length;

/// Cumulative sums of how many more bad events there are than a reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoissonCusum {
    /// What is subtracted from the bad events.
    pub reference: Reference,
    /// Whether the reference is per event, so that it grows with traffic, or per sample. Per event if not given.
    #[serde(default)]
    pub per: Per,
    /// Decision interval in bad events. 5 if not given.
    #[serde(default = "five")]
    pub h: f64,
    /// Where the sums start, as a share of `h`: a change that is there from the start is found sooner. 0 if not given.
    #[serde(default)]
    pub head_start: f64,
    /// Whether more bad events are worse, fewer, or both.
    #[serde(default)]
    pub side: Side,
}

/// The bad events that are just too many.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reference {
    /// As it is.
    K(f64),
    /// The best one to tell two means apart.
    Between {
        /// Bad events as they may be, per event or per sample, above 0.
        acceptable: f64,
        /// Bad events as they may not be, other than `acceptable`.
        unacceptable: f64,
    },
}

/// What a reference counts by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// By events: the reference is a share.
    #[default]
    Event,
    /// By samples: the reference is a number of bad events.
    Sample,
}

impl Reference {
    /// The reference value; not a number where it has none.
    fn value(self) -> f64 {
        match self {
            Reference::K(k) => k,
            Reference::Between { acceptable: a, unacceptable: b } => (b - a) / (libm::log(b) - libm::log(a)),
        }
    }
}

fn five() -> f64 {
    5.0
}

impl Entry for PoissonCusum {
    const NAME: &'static str = "poisson_cusum";
    const SUMMARY: &'static str =
        "cumulative sums of bad events less what is acceptable, for a lasting change of a low rate";
    const EXAMPLE: &'static str =
        "poisson_cusum: {reference: {between: {acceptable: 0.001, unacceptable: 0.005}}, h: 6}";
}

impl PoissonCusum {
    /// Mean number of samples until the alarm where every sample has a Poisson number of bad events with this mean; `None`
    /// for references per event, on both sides at once, and off any lattice (see [`run_length::poisson_cusum`]).
    #[must_use]
    pub fn mean_run_length(&self, mean: f64) -> Option<f64> {
        let lower = self.side == Side::Down;
        let fits = self.per == Per::Sample && self.side != Side::Both;
        let start = self.head_start * self.h;
        fits.then(|| run_length::poisson_cusum(self.reference.value(), self.h, mean, start, lower)).flatten()
    }
}

impl Detect for PoissonCusum {
    fn reads(&self) -> Reads {
        Reads::Counts
    }

    fn check(&self) -> Result<(), BadField> {
        let example = "poisson_cusum: {reference: {between: {acceptable: 0.001, unacceptable: 0.005}}, h: 5}";
        within("reference", self.reference.value(), 1e-12, 1e12, example)?;
        within("h", self.h, 1e-9, f64::MAX, example)?;
        within("head_start", self.head_start, 0.0, 0.999, "head_start: 0.5")
    }

    fn start(&self) -> Box<dyn Detector> {
        let start = self.head_start * self.h;
        Box::new(Sums { spec: self.clone(), k: self.reference.value(), up: start, down: start })
    }

    fn assumes(&self) -> &'static str {
        "bad events that come independently at a known rate, per event or per evaluation"
    }

    fn cost(&self) -> &'static str {
        "two sums; O(1) a step, whatever the traffic"
    }

    fn pitfall(&self) -> &'static str {
        "errors come in bursts (retries, one broken client), which a Poisson law does not allow for"
    }
}

#[derive(Clone, Debug)]
struct Sums {
    spec: PoissonCusum,
    k: f64,
    up: f64,
    down: f64,
}

impl Sums {
    fn add(&mut self, counts: Counts) -> State {
        let expected = match self.spec.per {
            Per::Event => self.k * counts.total,
            Per::Sample => self.k,
        };
        self.up = (self.up + counts.bad - expected).clamp(0.0, f64::MAX);
        self.down = (self.down + expected - counts.bad).clamp(0.0, f64::MAX);
        if self.statistic() >= self.limit() { State::Alarm } else { State::Quiet }
    }
}

impl Detector for Sums {
    fn step(&mut self, sample: &Sample<'_>) -> State {
        match *sample {
            Sample::Counts(counts) if counts.are_counts() && self.k.is_finite() => self.add(counts),
            _ => State::Learning,
        }
    }

    fn reset(&mut self) {
        let start = self.spec.head_start * self.spec.h;
        (self.up, self.down) = (start, start);
    }

    fn statistic(&self) -> Option<f64> {
        Some(self.spec.side.worse(self.up, self.down))
    }

    fn limit(&self) -> Option<f64> {
        Some(self.spec.h)
    }

    fn boxed(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_between_two_means_is_that_of_the_likelihood_ratio() {
        let between = Reference::Between { acceptable: 1.0, unacceptable: std::f64::consts::E };
        assert!((between.value() - (std::f64::consts::E - 1.0)).abs() < 1e-15);
        let spec =
            |reference| PoissonCusum { reference, per: Per::Event, h: 5.0, head_start: 0.0, side: Side::Up };
        for (acceptable, unacceptable) in [(0.0, 0.1), (0.1, 0.1), (-1.0, 2.0), (f64::NAN, 1.0)] {
            assert!(spec(Reference::Between { acceptable, unacceptable }).check().is_err());
        }
        assert_eq!(spec(Reference::K(0.002)).check(), Ok(()));
    }

    #[test]
    fn a_reference_per_event_grows_with_traffic() {
        let mut chart = PoissonCusum {
            reference: Reference::K(0.01),
            per: Per::Event,
            h: 5.0,
            head_start: 0.0,
            side: Side::Up,
        }
        .start();
        assert_eq!(chart.step(&Sample::Counts(Counts { bad: 10.0, total: 1000.0 })), State::Quiet);
        assert_eq!(chart.step(&Sample::Counts(Counts { bad: 5.0, total: 100.0 })), State::Quiet);
        assert_eq!(chart.statistic(), Some(4.0));
        assert_eq!(chart.step(&Sample::Counts(Counts { bad: 2.0, total: 100.0 })), State::Alarm);
    }
}
