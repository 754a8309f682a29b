//! Standard scores of values, or of what is new in them.
//!
//! Charts are tuned for independent values. Metrics are not: what was high a sample ago is still high. With
//! [`Whiten`] a chart sees the residuals of a first-order autoregression, `e = (z - phi z') / sqrt(1 - phi^2)`, which are
//! independent with deviation 1 if `z` is such a process, so run lengths are again those of the tables (Alwan and Roberts
//! 1988). Trap: a lasting shift of `d` deviations is one of only `d sqrt((1 - phi) / (1 + phi))` in the residuals (after its
//! first sample), so what is won in false alarms is paid in delay; and a `phi` learned from few samples is a guess.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::baseline::{Baseline, Learner};
use crate::detect::BadField;

/// What is taken out of correlated values before a chart sees them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Whiten {
    /// The share of a deviation that is still there a sample later: the lag-1 correlation, between -1 and 1.
    Ar1(f64),
    /// The same, from the samples that the baseline is learned from.
    Learn,
}

/// The most that a learned correlation may be, on either side: beyond it a chart would hardly see lasting shifts.
const MOST_LEARNED: f64 = 0.98;
/// The fewest samples of which a correlation is learned.
const FEWEST: u32 = 20;

/// Whether a baseline and a whitening go together.
///
/// # Errors
/// The field that does not.
pub fn check(baseline: Baseline, whiten: Option<Whiten>) -> Result<(), BadField> {
    baseline.check()?;
    let help = "write `whiten: {ar1: 0.5}`";
    match (whiten, baseline) {
        (Some(Whiten::Ar1(phi)), _) if !(phi > -1.0 && phi < 1.0) => {
            Err(BadField::new("whiten", format!("a correlation of {phi} is not between -1 and 1"), help))
        }
        (Some(Whiten::Learn), Baseline::Known { .. }) => {
            Err(BadField::new("whiten", "a known baseline has no samples to learn a correlation from", help))
        }
        (Some(Whiten::Learn), Baseline::Learn(samples)) if samples < FEWEST => {
            let fact = format!("{samples} samples are too few to learn a correlation from");
            Err(BadField::new("whiten", fact, format!("learn from {FEWEST} or more, or {help}")))
        }
        _ => Ok(()),
    }
}

/// Turns values into standard scores, or into the scores of residuals.
#[derive(Clone, Debug, PartialEq)]
pub struct Standard {
    learner: Learner,
    whiten: Option<Whiten>,
    correlation: Correlation,
    /// The last value of the past, and the last value.
    past: Option<f64>,
    last: Option<f64>,
}

impl Standard {
    /// One that knows what is given.
    pub fn new(baseline: Baseline, whiten: Option<Whiten>) -> Self {
        let (learner, correlation) = (Learner::new(baseline), Correlation::default());
        Standard { learner, whiten, correlation, past: None, last: None }
    }

    /// Takes in a value of the past.
    pub fn learn(&mut self, value: f64) {
        if value.is_finite() {
            self.take(value);
            self.past = Some(value);
            self.last = Some(value);
        }
    }

    /// The score of the next value; `None` while the baseline is learned, for what is no number, and where all that was
    /// learned was one number.
    pub fn score(&mut self, value: f64) -> Option<f64> {
        if !value.is_finite() {
            return None;
        }
        if self.take(value) {
            self.past = Some(value);
            self.last = Some(value);
            return None;
        }
        let score = self.learner.score(value)?;
        let before = self.last.replace(value).and_then(|last| self.learner.score(last));
        let (Some(phi), Some(before)) = (self.phi(), before) else { return Some(score) };
        Some((score - phi * before) / (1.0 - phi * phi).sqrt())
    }

    /// Forgets what was not learned from.
    pub fn reset(&mut self) {
        self.last = self.past;
    }

    fn take(&mut self, value: f64) -> bool {
        let learned = self.learner.take(value);
        if learned && self.whiten == Some(Whiten::Learn) {
            self.correlation.take(value);
        }
        learned
    }

    fn phi(&self) -> Option<f64> {
        self.whiten.map(|whiten| match whiten {
            Whiten::Ar1(phi) => phi,
            Whiten::Learn => self.correlation.estimate(),
        })
    }
}

/// The lag-1 correlation of a series, from sums of distances to its first value.
#[derive(Clone, Debug, Default, PartialEq)]
struct Correlation {
    count: u32,
    first: f64,
    last: f64,
    sum: f64,
    squares: f64,
    products: f64,
}

impl Correlation {
    fn take(&mut self, value: f64) {
        if self.count == 0 {
            self.first = value;
        }
        let distance = value - self.first;
        self.sum += distance;
        self.squares += distance * distance;
        self.products += distance * self.last;
        self.last = distance;
        self.count += 1;
    }

    /// The estimate of least squares, with its bias of `-(1 + 4 phi) / n` taken out (Marriott and Pope 1954).
    fn estimate(&self) -> f64 {
        let n = f64::from(self.count);
        let mean = self.sum / n;
        let variance = self.squares - n * mean * mean;
        // The sum of (a - m)(a' - m) over neighbours: the first distance is zero, the last is in one of the two sums only.
        let lagged = self.products - mean * (2.0 * self.sum - self.last) + (n - 1.0) * mean * mean;
        let raw = lagged / variance;
        let corrected = (n * raw + 1.0) / (n - 4.0);
        if corrected.is_finite() { corrected.clamp(-MOST_LEARNED, MOST_LEARNED) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Key, normal_sample};

    fn ar1(phi: f64, n: usize, name: &str) -> Vec<f64> {
        let mut stream = Key::root(3, name).stream();
        let mut z = normal_sample(&mut stream);
        let step = (1.0 - phi * phi).sqrt();
        (0..n)
            .map(|_| {
                let now = z;
                z = phi * z + step * normal_sample(&mut stream);
                now
            })
            .collect()
    }

    #[test]
    fn residuals_of_an_autoregression_are_white() {
        let phi = 0.8;
        let known = Baseline::Known { mean: 10.0, sd: 3.0 };
        let mut standard = Standard::new(known, Some(Whiten::Ar1(phi)));
        let n = 40_000;
        let e: Vec<f64> =
            ar1(phi, n, "white").iter().map(|z| standard.score(10.0 + 3.0 * z).unwrap()).collect();
        let variance = e.iter().map(|e| e * e).sum::<f64>() / n as f64;
        let lagged = e.windows(2).map(|w| w[0] * w[1]).sum::<f64>() / n as f64;
        // Standard errors are 1 / sqrt(n) = 0.005 for the correlation, sqrt(2 / n) for the variance.
        assert!((variance - 1.0).abs() < 0.03 && lagged.abs() < 0.02, "{variance} {lagged}");
    }

    #[test]
    fn a_correlation_is_learned_without_its_bias() {
        let runs = 400;
        for phi in [0.0, 0.5, 0.8] {
            let mut sum = 0.0;
            for run in 0..runs {
                let mut correlation = Correlation::default();
                ar1(phi, 60, &format!("{phi} {run}")).iter().for_each(|z| correlation.take(z + 1e3));
                sum += correlation.estimate();
            }
            // One estimate has a standard error of sqrt((1 - phi^2) / 60), at most 0.13; the raw one is low by 0.05.
            let mean = sum / f64::from(runs);
            assert!((mean - phi).abs() < 0.03, "{phi}: {mean}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let known = Baseline::Known { mean: 0.0, sd: 1.0 };
        assert!(check(known, Some(Whiten::Learn)).is_err() && check(known, Some(Whiten::Ar1(1.0))).is_err());
        assert!(check(known, Some(Whiten::Ar1(f64::NAN))).is_err());
        assert!(check(Baseline::Learn(10), Some(Whiten::Learn)).is_err());
        assert!(check(Baseline::Learn(40), Some(Whiten::Learn)).is_ok() && check(known, None).is_ok());
    }
}
