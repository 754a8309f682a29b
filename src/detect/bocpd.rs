//! Bayesian online change-point detection (Adams and MacKay 2007).
//!
//! Values (in standard deviations from the baseline) are normal with a mean and a variance that stay until a change, which
//! comes with the same chance `hazard` at every sample; mean and variance of each stretch have a normal-gamma prior. After
//! each sample there is a probability for every time at which the present stretch may have begun. An alarm when, together,
//! the stretches that began within the last `within` samples and lie on the worse side of what was before have probability
//! `limit` or more.
//!
//! The stretch that began with the first sample is never a change. Stretches below `prune` of the whole are given up, the
//! least likely first where there are more than [`MOST_STRETCHES`], so a step costs what is still open, not what has passed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::baseline::Baseline;
use super::support::recursion::{OnScores, Recursion};
use super::support::standard::{self, Standard, Whiten};
use super::support::{Side, within};
use super::{BadField, Detect, Detector, Reads, State};
use crate::catalogue::Entry;

/// The probability that values have changed lately.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bocpd {
    /// Chance of a change at each sample, above 0, below 1. 1/250 if not given.
    #[serde(default = "hazard")]
    pub hazard: f64,
    /// Probability of a recent change for the worse that alarms, above 0, below 1. 0.9 if not given.
    #[serde(default = "limit")]
    pub limit: f64,
    /// How many samples ago a change may be to be recent. 20 if not given.
    #[serde(default = "twenty", rename = "within")]
    pub recent: u32,
    /// How little a baseline knows of the mean after a change: the prior counts for so many samples. 0.1 if not given.
    #[serde(default = "weight")]
    pub prior_weight: f64,
    /// How sure it is that the deviation stays what it is: the prior counts for twice so many samples. 1 if not given.
    #[serde(default = "shape")]
    pub prior_shape: f64,
    /// Probability below which a stretch is given up. 0.000001 if not given.
    #[serde(default = "prune")]
    pub prune: f64,
    /// Which changes are for the worse.
    #[serde(default)]
    pub side: Side,
    /// What is normal.
    #[serde(default)]
    pub baseline: Baseline,
    /// What is taken out of correlated values first; nothing if not given.
    #[serde(default)]
    pub whiten: Option<Whiten>,
}

fn hazard() -> f64 {
    0.004
}

fn limit() -> f64 {
    0.9
}

fn twenty() -> u32 {
    20
}

fn weight() -> f64 {
    0.1
}

fn shape() -> f64 {
    1.0
}

fn prune() -> f64 {
    1e-6
}

/// The most stretches that are kept.
pub const MOST_STRETCHES: usize = 500;

impl Entry for Bocpd {
    const NAME: &'static str = "bocpd";
    const SUMMARY: &'static str =
        "the probability that a normal mean or deviation has changed lately (Bayesian change points)";
    const EXAMPLE: &'static str = "bocpd: {hazard: 0.004, limit: 0.9, within: 20, baseline: {learn: 40}}";
}

impl Detect for Bocpd {
    fn reads(&self) -> Reads {
        Reads::Value
    }

    fn check(&self) -> Result<(), BadField> {
        let example = "bocpd: {hazard: 0.004, limit: 0.9}";
        within("hazard", self.hazard, 1e-12, 0.999, example)?;
        within("limit", self.limit, 1e-6, 1.0, example)?;
        within("within", f64::from(self.recent), 1.0, f64::MAX, "within: 20")?;
        within("prior_weight", self.prior_weight, 1e-6, 1e6, "prior_weight: 0.1")?;
        within("prior_shape", self.prior_shape, 1e-3, 1e6, "prior_shape: 1")?;
        within("prune", self.prune, 0.0, 0.01, "prune: 0.000001")?;
        standard::check(self.baseline, self.whiten)
    }

    fn start(&self) -> Box<dyn Detector> {
        let all = Stretches { spec: self.clone(), samples: 0, sum: 0.0, open: Vec::new() };
        OnScores::start(Standard::new(self.baseline, self.whiten), all)
    }

    fn assumes(&self) -> &'static str {
        "independent normal values between changes that come at a constant chance"
    }

    fn cost(&self) -> &'static str {
        "up to 500 open stretches; a step costs one density for each"
    }

    fn pitfall(&self) -> &'static str {
        "far-off single values look like changes for a sample or two; the prior decides how fast it believes"
    }
}

/// A stretch of samples without a change, with what they say of its mean and variance: the normal-gamma law after `length`
/// samples.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stretch {
    length: u32,
    /// Probability, of all.
    share: f64,
    /// Sum of its samples.
    sum: f64,
    mean: f64,
    weight: f64,
    shape: f64,
    rate: f64,
}

impl Stretch {
    /// The natural logarithm of the density of the next value: Student's t.
    fn log_density(&self, x: f64) -> f64 {
        let scale = self.rate * (self.weight + 1.0) / (self.shape * self.weight);
        let freedom = 2.0 * self.shape;
        let distance = x - self.mean;
        libm::lgamma(self.shape + 0.5)
            - libm::lgamma(self.shape)
            - 0.5 * libm::log(std::f64::consts::PI * freedom * scale)
            - (self.shape + 0.5) * libm::log1p(distance * distance / (freedom * scale))
    }

    fn with(self, x: f64) -> Self {
        let distance = x - self.mean;
        Stretch {
            length: self.length + 1,
            sum: self.sum + x,
            mean: (self.weight * self.mean + x) / (self.weight + 1.0),
            weight: self.weight + 1.0,
            shape: self.shape + 0.5,
            rate: self.rate + 0.5 * self.weight * distance * distance / (self.weight + 1.0),
            ..self
        }
    }
}

#[derive(Clone, Debug)]
struct Stretches {
    spec: Bocpd,
    samples: u32,
    sum: f64,
    /// Longest first.
    open: Vec<Stretch>,
}

impl Stretches {
    fn none(&self, share: f64) -> Stretch {
        let (weight, shape) = (self.spec.prior_weight, self.spec.prior_shape);
        // A prior rate equal to the shape: a variance of 1, that of standard scores.
        Stretch { length: 0, share, sum: 0.0, mean: 0.0, weight, shape, rate: shape }
    }

    /// The recursion: before each sample every open stretch ends with chance `hazard`, and the sample then is the first of a
    /// new one. (Adams and MacKay put the change after the sample; a new stretch here has its first sample at once.)
    fn add(&mut self, x: f64) {
        let hazard = self.spec.hazard;
        if self.open.is_empty() {
            self.open.push(self.none(1.0));
        } else {
            self.open.iter_mut().for_each(|stretch| stretch.share *= 1.0 - hazard);
            self.open.push(self.none(hazard));
        }
        let logs: Vec<f64> = self.open.iter().map(|stretch| stretch.log_density(x)).collect();
        let highest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if !highest.is_finite() {
            self.open.pop();
            return;
        }
        for (stretch, log) in self.open.iter_mut().zip(logs) {
            *stretch = Stretch { share: stretch.share * libm::exp(log - highest), ..stretch.with(x) };
        }
        self.samples = self.samples.saturating_add(1);
        self.sum += x;
        self.prune();
    }

    fn prune(&mut self) {
        let total: f64 = self.open.iter().map(|stretch| stretch.share).sum();
        self.open.iter_mut().for_each(|stretch| stretch.share /= total);
        let mut least = self.spec.prune;
        if self.open.len() > MOST_STRETCHES {
            let mut shares: Vec<f64> = self.open.iter().map(|stretch| stretch.share).collect();
            shares.sort_by(|a, b| b.total_cmp(a));
            least = least.max(shares[MOST_STRETCHES - 1]);
        }
        self.open.retain(|stretch| stretch.share >= least);
        let total: f64 = self.open.iter().map(|stretch| stretch.share).sum();
        self.open.iter_mut().for_each(|stretch| stretch.share /= total);
    }

    /// Whether a stretch began after the first sample, lately, and lies on the worse side of the mean of all before it.
    fn is_change_for_the_worse(&self, stretch: &Stretch) -> bool {
        if stretch.length >= self.samples || stretch.length > self.spec.recent {
            return false;
        }
        let before = (self.sum - stretch.sum) / f64::from(self.samples - stretch.length);
        let rise = stretch.sum / f64::from(stretch.length) - before;
        self.spec.side.worse(rise, -rise) > 0.0
    }
}

impl Recursion for Stretches {
    fn take(&mut self, score: f64) -> State {
        // Beyond this squares are no numbers any more; what is so far off is no less of a change.
        self.add(score.clamp(-1e100, 1e100));
        if self.statistic() >= self.limit() { State::Alarm } else { State::Quiet }
    }

    fn statistic(&self) -> Option<f64> {
        let worse = self.open.iter().filter(|stretch| self.is_change_for_the_worse(stretch));
        Some(worse.map(|stretch| stretch.share).sum())
    }

    fn limit(&self) -> Option<f64> {
        Some(self.spec.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretches(prune: f64) -> Stretches {
        let spec = Bocpd {
            hazard: 0.05,
            limit: 0.9,
            recent: 3,
            prior_weight: 0.5,
            prior_shape: 1.5,
            prune,
            side: Side::Up,
            baseline: Baseline::Known { mean: 0.0, sd: 1.0 },
            whiten: None,
        };
        Stretches { spec, samples: 0, sum: 0.0, open: Vec::new() }
    }

    /// The probability of each length of the last stretch by adding up all ways to divide the samples.
    fn by_enumeration(values: &[f64]) -> Vec<f64> {
        let n = values.len();
        let fresh = stretches(0.0);
        let mut shares = vec![0.0; n];
        for changes in 0..1u32 << (n - 1) {
            let (mut log, mut stretch) = (0.0, fresh.none(1.0));
            for (index, x) in values.iter().enumerate() {
                if index > 0 {
                    let here = changes >> (index - 1) & 1 == 1;
                    log += libm::log(if here { 0.05 } else { 0.95 });
                    if here {
                        stretch = fresh.none(1.0);
                    }
                }
                log += stretch.log_density(*x);
                stretch = stretch.with(*x);
            }
            shares[stretch.length as usize - 1] += libm::exp(log);
        }
        let total: f64 = shares.iter().sum();
        shares.iter().map(|share| share / total).collect()
    }

    #[test]
    fn the_recursion_is_the_sum_over_all_divisions() {
        let values = [0.3, -1.1, 0.4, 0.2, 2.9, 3.3, 2.2, 3.8];
        let mut online = stretches(0.0);
        for n in 1..=values.len() {
            online.add(values[n - 1]);
            for (index, exact) in by_enumeration(&values[..n]).into_iter().enumerate() {
                let ours =
                    online.open.iter().find(|stretch| stretch.length as usize == index + 1).unwrap().share;
                assert!((ours - exact).abs() < 1e-12, "{n} {index}: {ours} {exact}");
            }
        }
    }

    #[test]
    fn the_density_is_one_and_student_s() {
        let stretch = stretches(0.0).none(1.0).with(0.7).with(-0.4);
        let step = 0.01;
        let total: f64 =
            (-20_000..20_000).map(|i| step * libm::exp(stretch.log_density(f64::from(i) * step))).sum();
        assert!((total - 1.0).abs() < 1e-3, "{total}");
    }

    #[test]
    fn a_jump_is_found_at_once_and_only_for_the_worse() {
        let mut chart = stretches(1e-6);
        for i in 0..60 {
            assert_eq!(chart.take(if i % 2 == 0 { 0.8 } else { -0.8 }), State::Quiet);
        }
        let mut falling = chart.clone();
        assert!((0..4).any(|_| chart.take(6.0) == State::Alarm));
        assert!((0..4).all(|_| falling.take(-6.0) == State::Quiet));
        assert!(chart.open.len() < 70);
        // A mean that stays is normal again: the change is no longer recent.
        (0..20).for_each(|_| {
            chart.take(6.0);
        });
        assert!(chart.statistic().unwrap() < 0.5);
    }
}
