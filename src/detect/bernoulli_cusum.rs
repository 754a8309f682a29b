//! Cumulative sums of single successes and failures (Reynolds and Stoumbos 1999).
//!
//! To tell a share `p0` of failures from `p1`, the log-likelihood ratio adds about `m - 1` per failure and takes 1 per success,
//! in steps of one success; `m` is made whole: `m = round(ln(p1 (1 - p0) / (p0 (1 - p1))) / -ln((1 - p1) / (1 - p0)))`. The sum never
//! falls below zero and alarms at `h m`. It looks after every event, so nothing waits for a window to fill.
//!
//! A sample holds many events in unknown order. The failures are taken to be spread evenly among the successes: equal
//! numbers of them (fractions too) before the first failure, between two, and after the last. The sum after each failure is
//! then known in closed form, and the alarm is at the highest of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::sample::Counts;
use super::support::within;
use super::{BadField, Detect, Detector, Reads, Sample, State};
use crate::catalogue::Entry;
use crate::stats::run_length;

/// Cumulative sums of failures against successes, event by event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BernoulliCusum {
    /// Share of failures as it may be, between 0 and 1.
    pub acceptable: f64,
    /// Share of failures that is to be found, above `acceptable`, below 1.
    pub unacceptable: f64,
    /// Decision interval in units of `m`, roughly in failures. 3 if not given: for 0.1 % against 1 %, a false alarm every
    /// 336,000 events and 489 to find 1 %.
    #[serde(default = "three")]
    pub h: f64,
    /// Where the sum starts, as a share of the limit. 0 if not given.
    #[serde(default)]
    pub head_start: f64,
}

fn three() -> f64 {
    3.0
}

impl Entry for BernoulliCusum {
    const NAME: &'static str = "bernoulli_cusum";
    const SUMMARY: &'static str =
        "cumulative sums of failures against successes, event by event, for a higher share of failures";
    const EXAMPLE: &'static str = "bernoulli_cusum: {acceptable: 0.001, unacceptable: 0.01, h: 3}";
}

impl BernoulliCusum {
    /// `m`: how many successes one failure weighs up, itself included; not finite for shares that are none.
    #[must_use]
    pub fn successes_per_failure(&self) -> f64 {
        let (p0, p1) = (self.acceptable, self.unacceptable);
        let success = libm::log1p(-p0) - libm::log1p(-p1);
        let failure = libm::log(p1 / p0) + success;
        (failure / success).round()
    }

    /// Mean number of events until the alarm where events fail independently with probability `p`; `None` for shares that
    /// are none, and where `m` times the limit is beyond eight million.
    #[must_use]
    pub fn mean_run_length(&self, p: f64) -> Option<f64> {
        let gain = self.successes_per_failure();
        let limit = (self.h * gain).ceil();
        let fits = self.check().is_ok() && limit < 1e9;
        fits.then(|| {
            run_length::bernoulli_cusum(gain as u32, limit as u32, p, (self.head_start * limit) as u32)
        })
        .flatten()
    }
}

impl Detect for BernoulliCusum {
    fn reads(&self) -> Reads {
        Reads::Counts
    }

    fn check(&self) -> Result<(), BadField> {
        let example = "bernoulli_cusum: {acceptable: 0.001, unacceptable: 0.01}";
        within("acceptable", self.acceptable, 1e-12, 0.999, example)?;
        within("unacceptable", self.unacceptable, 1e-12, 0.999, example)?;
        let gain = self.successes_per_failure();
        if self.acceptable >= self.unacceptable || !(2.0..1e12).contains(&gain) {
            let fact = format!(
                "{} against {}: one failure would not weigh up one success",
                self.acceptable, self.unacceptable
            );
            return Err(BadField::new("unacceptable", fact, format!("write `{example}`")));
        }
        within("h", self.h, 1e-6, 1e9, example)?;
        within("head_start", self.head_start, 0.0, 0.999, "head_start: 0.5")
    }

    fn start(&self) -> Box<dyn Detector> {
        let gain = self.successes_per_failure();
        let limit = self.h * gain;
        let start = self.head_start * limit;
        Box::new(Sum { gain: gain - 1.0, limit, start, sum: start, highest: start })
    }

    fn assumes(&self) -> &'static str {
        "events that fail independently of each other, with a known acceptable share"
    }

    fn cost(&self) -> &'static str {
        "one sum; O(1) a step, whatever the traffic"
    }

    fn pitfall(&self) -> &'static str {
        "failures that come together (a lost batch, retries of one client) count as so many findings"
    }
}

#[derive(Clone, Debug)]
struct Sum {
    /// What a failure adds.
    gain: f64,
    limit: f64,
    start: f64,
    sum: f64,
    /// The highest sum within the last sample.
    highest: f64,
}

impl Sum {
    /// Failures evenly among successes: with a gap `g` before each, `S' = max(S - g, 0) + gain`. If a failure outweighs its gap
    /// the sum rises to the last; else it falls to `gain` from the first, so that is the highest.
    fn add(&mut self, counts: Counts) {
        let (failures, successes) = (counts.bad, counts.total - counts.bad);
        if failures <= 0.0 {
            self.sum = (self.sum - successes).max(0.0);
            self.highest = self.sum;
            return;
        }
        let gap = successes / (failures + 1.0);
        let first = (self.sum - gap).max(0.0) + self.gain * failures.min(1.0);
        let later = (failures - 1.0).max(0.0);
        let last = if self.gain >= gap {
            first + later * (self.gain - gap)
        } else {
            (first + later * (self.gain - gap)).max(self.gain.min(first))
        };
        self.highest = first.max(last).min(f64::MAX);
        self.sum = (last - gap).clamp(0.0, f64::MAX);
    }
}

impl Detector for Sum {
    fn step(&mut self, sample: &Sample<'_>) -> State {
        match *sample {
            Sample::Counts(counts) if counts.are_counts() && self.limit.is_finite() => self.add(counts),
            _ => return State::Learning,
        }
        if self.highest >= self.limit { State::Alarm } else { State::Quiet }
    }

    fn reset(&mut self) {
        (self.sum, self.highest) = (self.start, self.start);
    }

    fn statistic(&self) -> Option<f64> {
        Some(self.highest)
    }

    fn limit(&self) -> Option<f64> {
        Some(self.limit)
    }

    fn boxed(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(gain: f64, sum: f64) -> Sum {
        Sum { gain, limit: 1e9, start: 0.0, sum, highest: sum }
    }

    #[test]
    fn a_batch_in_closed_form_is_its_events_one_by_one() {
        for (gain, start, failures, gap) in [
            (9.0, 0.0, 4, 2.0),
            (9.0, 30.0, 4, 20.0),
            (9.0, 3.0, 5, 12.0),
            (1.0, 7.0, 1, 3.0),
            (9.0, 2.0, 3, 9.0),
        ] {
            let mut batch = sum(gain, start);
            let successes = gap * (f64::from(failures) + 1.0);
            batch.add(Counts { bad: f64::from(failures), total: f64::from(failures) + successes });
            let (mut one_by_one, mut highest) = (start, 0.0f64);
            for _ in 0..failures {
                one_by_one = (one_by_one - gap).max(0.0) + gain;
                highest = highest.max(one_by_one);
            }
            one_by_one = (one_by_one - gap).max(0.0);
            assert_eq!((batch.sum, batch.highest), (one_by_one, highest), "{gain} {start} {failures} {gap}");
        }
    }

    #[test]
    fn single_events_add_and_take_what_the_method_says() {
        let mut chart = sum(254.0, 0.0);
        chart.add(Counts { bad: 1.0, total: 1.0 });
        chart.add(Counts { bad: 0.0, total: 1.0 });
        assert_eq!(chart.sum, 253.0);
        chart.add(Counts { bad: 0.0, total: 1e6 });
        assert_eq!(chart.sum, 0.0);
    }

    #[test]
    fn published_designs_have_the_published_weights() {
        let spec =
            |acceptable, unacceptable| BernoulliCusum { acceptable, unacceptable, h: 3.0, head_start: 0.0 };
        assert_eq!(spec(0.001, 0.01).successes_per_failure(), 255.0);
        assert_eq!(spec(0.01, 0.05).successes_per_failure(), 40.0);
        for (acceptable, unacceptable) in
            [(0.01, 0.01), (0.05, 0.01), (0.0, 0.1), (f64::NAN, 0.1), (0.1, 1.0)]
        {
            assert!(spec(acceptable, unacceptable).check().is_err());
        }
    }
}
