//! Kolmogorov-Smirnov windowing (Raab, Heusinger and Schleif 2020).
//!
//! Of the last `window` values the newest `recent` are compared with as many drawn from the older ones, by the two-sample
//! Kolmogorov-Smirnov test with its exact p-value (without ties; with ties it is conservative). The test sees any change of
//! a distribution, not of the mean only; an alarm needs one for the worse: a larger mean than the drawn ones have.
//!
//! Which values are drawn is keyed by the number of the step and the seed, so a detector gives the same answers every time.
//! Trap: the test is repeated at every value, so `alpha` is not the chance of a false alarm but about that of one per value.

use std::collections::VecDeque;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::events::Input;
use super::support::recursion::{OnEvents, Recursion};
use super::support::{Side, within};
use super::{BadField, Detect, Detector, Reads, State};
use crate::catalogue::Entry;
use crate::rng::{Key, Purpose};
use crate::stats::rank_test::kolmogorov_smirnov;

/// The newest values against a sample of those before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kswin {
    /// Level of each test, above 0, below 1. 0.0001 if not given.
    #[serde(default = "alpha")]
    pub alpha: f64,
    /// Values that are remembered, at most 10,000. 100 if not given.
    #[serde(default = "hundred")]
    pub window: u32,
    /// Newest values that are compared, at most half of the window. 30 if not given.
    #[serde(default = "thirty")]
    pub recent: u32,
    /// Which values are drawn follows from it. 0 if not given.
    #[serde(default)]
    pub seed: u64,
    /// Which changes are for the worse.
    #[serde(default)]
    pub side: Side,
}

fn alpha() -> f64 {
    1e-4
}

fn hundred() -> u32 {
    100
}

fn thirty() -> u32 {
    30
}

impl Entry for Kswin {
    const NAME: &'static str = "kswin";
    const SUMMARY: &'static str = "the newest values against earlier ones by the Kolmogorov-Smirnov test, for any change of a distribution";
    const EXAMPLE: &'static str = "kswin: {alpha: 0.0001, window: 100, recent: 30, seed: 42}";
}

impl Detect for Kswin {
    fn reads(&self) -> Reads {
        Reads::Value
    }

    fn check(&self) -> Result<(), BadField> {
        within("alpha", self.alpha, 1e-300, 0.999, "alpha: 0.0001")?;
        within("window", f64::from(self.window), 4.0, 10_000.0, "kswin: {window: 100, recent: 30}")?;
        let most = f64::from(self.window / 2);
        within("recent", f64::from(self.recent), 2.0, most, "kswin: {window: 100, recent: 30}")
    }

    fn start(&self) -> Box<dyn Detector> {
        let sound = self.check().is_ok();
        let key = Key::root(self.seed, "kswin").purpose(Purpose::Policy);
        let fresh = Window { spec: self.clone(), sound, key, step: 0, values: VecDeque::new(), last: None };
        OnEvents::start(Input::Value, fresh)
    }

    fn assumes(&self) -> &'static str {
        "independent values of any law"
    }

    fn cost(&self) -> &'static str {
        "the window; O(recent log recent) a step"
    }

    fn pitfall(&self) -> &'static str {
        "tests at every value, so false alarms add up; correlated values multiply them"
    }
}

#[derive(Clone, Debug)]
struct Window {
    spec: Kswin,
    sound: bool,
    key: Key,
    step: u64,
    values: VecDeque<f64>,
    /// The distance of the last test, taken as none where it was for the better.
    last: Option<f64>,
}

impl Window {
    /// As many of the older values as are compared, none twice: the first places of a shuffle.
    fn drawn(&self) -> Vec<f64> {
        let older = self.values.len() - self.spec.recent as usize;
        let mut places: Vec<usize> = (0..older).collect();
        let mut stream = self.key.id(self.step).stream();
        (0..self.spec.recent as usize)
            .map(|place| {
                let other = place + stream.below((older - place) as u64) as usize;
                places.swap(place, other);
                self.values[places[place]]
            })
            .collect()
    }
}

impl Recursion for Window {
    fn take(&mut self, x: f64) -> State {
        if !self.sound {
            return State::Learning;
        }
        self.step += 1;
        self.values.push_back(x);
        if self.values.len() > self.spec.window as usize {
            self.values.pop_front();
        }
        if self.values.len() < self.spec.window as usize {
            return State::Learning;
        }
        let drawn = self.drawn();
        let older = self.values.len() - drawn.len();
        let recent: Vec<f64> = self.values.iter().skip(older).copied().collect();
        let Some(test) = kolmogorov_smirnov(&recent, &drawn) else { return State::Quiet };
        let rise = recent.iter().sum::<f64>() - drawn.iter().sum::<f64>();
        let worse = self.spec.side.worse(rise, -rise) > 0.0;
        self.last = Some(if worse { test.distance } else { 0.0 });
        if worse && exact_p(drawn.len(), test.distance) <= self.spec.alpha {
            State::Alarm
        } else {
            State::Quiet
        }
    }

    fn statistic(&self) -> Option<f64> {
        self.last
    }

    /// The least distance that alarms.
    fn limit(&self) -> Option<f64> {
        let n = self.spec.recent as usize;
        let all = |steps: usize| steps as f64 / n as f64;
        // p falls with the distance, so the steps that do not alarm come first.
        let (mut quiet, mut alarms) = (0, n + 1);
        while alarms - quiet > 1 {
            let middle = usize::midpoint(quiet, alarms);
            if exact_p(n, all(middle)) <= self.spec.alpha { alarms = middle } else { quiet = middle }
        }
        Some(all(alarms))
    }
}

/// The exact chance that two samples of `n` values of one continuous law are this far apart or further (Gnedenko and
/// Korolyuk 1951): `2 sum over i >= 1 of (-1)^(i+1) C(2n, n - i d) / C(2n, n)` for a distance of `d / n`.
fn exact_p(n: usize, distance: f64) -> f64 {
    let steps = (distance * n as f64).round() as usize;
    if steps == 0 {
        return 1.0;
    }
    // The ratio C(2n, n - m) / C(2n, n) is the product over j = 1..=m of (n - m + j) / (n + j).
    let ratio = |m: usize| (1..=m).map(|j| (n - m + j) as f64 / (n + j) as f64).product::<f64>();
    let terms = (1..).map(|i| i * steps).take_while(|m| *m <= n).enumerate();
    let sum: f64 = terms.map(|(index, m)| if index % 2 == 0 { ratio(m) } else { -ratio(m) }).sum();
    (2.0 * sum).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_values_are_exact() {
        // Two samples of two: the six orders are equally likely, two of them are as far apart as can be.
        assert!((exact_p(2, 1.0) - 1.0 / 3.0).abs() < 1e-15 && (exact_p(2, 0.5) - 1.0).abs() < 1e-15);
        // Of three: 2 of 20 apart by 1; 12 of 20 by 2/3 or more (paths that reach a difference of two).
        assert!((exact_p(3, 1.0) - 0.1).abs() < 1e-15 && (exact_p(3, 2.0 / 3.0) - 0.6).abs() < 1e-12);
        assert_eq!(exact_p(30, 0.0), 1.0);
    }

    #[test]
    fn the_limit_is_the_least_distance_that_alarms() {
        let spec = Kswin { alpha: 1e-4, window: 100, recent: 30, seed: 0, side: Side::Up };
        let limit = spec.start().limit().unwrap();
        assert!(exact_p(30, limit) <= 1e-4 && exact_p(30, limit - 1.0 / 30.0) > 1e-4);
    }

    #[test]
    fn values_are_drawn_without_repetition_and_the_same_every_time() {
        let spec = Kswin { alpha: 1e-4, window: 40, recent: 10, seed: 7, side: Side::Up };
        let values = (0..40).map(f64::from).collect();
        let key = Key::root(7, "kswin");
        let window = Window { spec, sound: true, key, step: 3, values, last: None };
        let mut drawn = window.drawn();
        assert_eq!(drawn, window.drawn());
        drawn.sort_by(f64::total_cmp);
        drawn.dedup();
        assert!(drawn.len() == 10 && drawn.iter().all(|value| *value < 30.0));
    }
}
