//! What is normal: given, or learned from the first samples.
//!
//! Charts measure in standard deviations from what is normal. Trap: a mean and a deviation estimated from few samples
//! are wrong by chance, and a chart around them raises false alarms far more often than its tables say.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::detect::BadField;
use crate::stats::two_sample::Moments;

/// What is normal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Baseline {
    /// Known beforehand.
    Known {
        /// The mean.
        mean: f64,
        /// The standard deviation, above 0.
        sd: f64,
    },
    /// The mean and standard deviation of so many samples, the past before the deploy first, if it is shown.
    Learn(u32),
}

impl Default for Baseline {
    /// Forty samples: ten minutes at 15 s.
    fn default() -> Self {
        Baseline::Learn(40)
    }
}

impl Baseline {
    /// Whether it can be one.
    ///
    /// # Errors
    /// A deviation that is not above 0, numbers that are none, fewer than two samples.
    pub fn check(&self) -> Result<(), BadField> {
        match *self {
            Baseline::Known { mean, sd } if !(mean.is_finite() && sd.is_finite() && sd > 0.0) => {
                Err(BadField::new(
                    "baseline",
                    format!("a mean of {mean} with a deviation of {sd} is no baseline"),
                    "write `{known: {mean: 0.2, sd: 0.05}}` with a deviation above 0",
                ))
            }
            Baseline::Learn(samples) if samples < 2 => Err(BadField::new(
                "baseline",
                format!("{samples} samples have no deviation"),
                "write `{learn: 40}`",
            )),
            _ => Ok(()),
        }
    }
}

/// A baseline that is known, or being learned.
#[derive(Clone, Debug, PartialEq)]
pub enum Learner {
    /// The mean and the standard deviation.
    Known(f64, f64),
    /// How many values are wanted, and what the ones so far are like.
    Learning(u32, Moments),
}

impl Learner {
    /// One that knows what is given.
    pub fn new(baseline: Baseline) -> Self {
        match baseline {
            Baseline::Known { mean, sd } => Learner::Known(mean, sd),
            Baseline::Learn(samples) => Learner::Learning(samples, Moments::default()),
        }
    }

    /// Takes in a value while more are wanted; whether it did.
    pub fn take(&mut self, value: f64) -> bool {
        match self {
            Learner::Learning(wanted, seen) if seen.count() < f64::from(*wanted) && value.is_finite() => {
                seen.take(value);
                true
            }
            _ => false,
        }
    }

    /// The value in standard deviations from the mean; `None` while it is being learned, and where all that was learned
    /// was one number.
    pub fn score(&self, value: f64) -> Option<f64> {
        let (mean, sd) = match self {
            Learner::Known(mean, sd) => (*mean, *sd),
            Learner::Learning(wanted, seen) if seen.count() < f64::from(*wanted) => return None,
            Learner::Learning(_, seen) => (seen.mean(), seen.variance()?.sqrt()),
        };
        let score = (value - mean) / sd;
        score.is_finite().then_some(score)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learns_mean_and_deviation_and_stops() {
        let mut learner = Learner::new(Baseline::Learn(4));
        for value in [2.0, 4.0, 6.0, 8.0] {
            assert_eq!(learner.score(5.0), None);
            assert!(learner.take(value));
        }
        assert!(!learner.take(1000.0));
        assert_eq!(learner.score(5.0), Some(0.0));
        let sd = (20.0_f64 / 3.0).sqrt();
        assert!((learner.score(5.0 + sd).unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn what_never_moves_gives_no_score() {
        let mut learner = Learner::new(Baseline::Learn(2));
        assert!(learner.take(3.0) && learner.take(3.0));
        assert_eq!(learner.score(3.0), None);
        assert_eq!(Learner::new(Baseline::Known { mean: 1.0, sd: 2.0 }).score(5.0), Some(2.0));
    }
}
