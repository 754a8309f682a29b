//! Two samples compared once: Welch's test of means and the test of two proportions; how many requests that takes is in
//! [`super::sizing`].
//!
//! Trap: these are tests of a fixed size. Looked at after every scrape they raise false alarms in a quarter of healthy
//! releases; see [`super::group_sequential`].

use super::estimate::student_t_tail;
use crate::rng::{normal_cdf, normal_quantile};

/// The mean and spread of values, kept up to date one by one (Welford 1962).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Takes in a value; one that is not finite changes nothing.
    pub fn take(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        self.count += 1.0;
        let from_mean = value - self.mean;
        self.mean += from_mean / self.count;
        self.squares += from_mean * (value - self.mean);
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> f64 {
        self.count
    }

    /// Their mean; 0 without values.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Their variance with n - 1 in the denominator; `None` below two values.
    #[must_use]
    pub fn variance(&self) -> Option<f64> {
        (self.count >= 2.0).then(|| self.squares / (self.count - 1.0))
    }
}

/// A comparison of two samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// The first sample's mean or share less the second's.
    pub difference: f64,
    /// The difference in its standard errors.
    pub statistic: f64,
    /// Degrees of freedom of the statistic's t distribution; infinite for a normal one.
    pub freedom: f64,
    /// One-sided p-value against "the first is larger".
    pub p_greater: f64,
    /// One-sided p-value against "the first is smaller".
    pub p_less: f64,
}

impl Comparison {
    /// Two-sided p-value.
    #[must_use]
    pub fn p_two_sided(&self) -> f64 {
        (2.0 * self.p_greater.min(self.p_less)).min(1.0)
    }
}

/// The normal statistic that has the one-sided p-value `p`; between -8 and 37, where p ends.
#[must_use]
pub fn normal_equivalent(p: f64) -> f64 {
    -normal_quantile(p.clamp(1e-300, 1.0 - 1e-15))
}

/// Welch's test of two means with unequal variances, by Welch and Satterthwaite's degrees of freedom. `None` below two
/// values in a sample, and where neither varies.
#[must_use]
pub fn welch(first: &Moments, second: &Moments) -> Option<Comparison> {
    let error = |sample: &Moments| Some(sample.variance()? / sample.count);
    let (a, b) = (error(first)?, error(second)?);
    let square = a + b;
    if !(square > 0.0 && square.is_finite()) {
        return None;
    }
    // By shares of the whole variance: its square may be beyond what a number holds.
    let (ours, theirs) = (a / square, b / square);
    let freedom = 1.0 / (ours * ours / (first.count - 1.0) + theirs * theirs / (second.count - 1.0));
    let difference = first.mean - second.mean;
    let statistic = difference / square.sqrt();
    (!statistic.is_nan()).then(|| Comparison {
        difference,
        statistic,
        freedom,
        p_greater: student_t_tail(statistic, freedom),
        p_less: student_t_tail(-statistic, freedom),
    })
}

/// The test of two proportions with the pooled variance and no continuity correction: R's
/// `prop.test(correct = FALSE)`. `None` if an arm is empty, and where all or none of both are bad.
#[must_use]
pub fn two_proportions(first: (f64, f64), second: (f64, f64)) -> Option<Comparison> {
    let [(a, n), (b, m)] = [first, second];
    let pooled = (a + b) / (n + m);
    let variance = pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m);
    let usable = n > 0.0 && m > 0.0 && variance > 0.0 && variance.is_finite();
    if !usable {
        return None;
    }
    let difference = a / n - b / m;
    let statistic = difference / variance.sqrt();
    Some(Comparison {
        difference,
        statistic,
        freedom: f64::INFINITY,
        p_greater: normal_cdf(-statistic),
        p_less: normal_cdf(statistic),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(values: &[f64]) -> Moments {
        let mut moments = Moments::default();
        values.iter().for_each(|value| moments.take(*value));
        moments
    }

    #[test]
    fn welch_agrees_with_r() {
        // R's documentation of t.test: t.test(extra ~ group, data = sleep): t = -1.8608, df = 17.776, p = 0.07939.
        let first = moments(&[0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]);
        let second = moments(&[1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]);
        let found = welch(&first, &second).unwrap();
        assert!((found.statistic + 1.8608).abs() < 5e-5, "{found:?}");
        assert!((found.freedom - 17.776).abs() < 5e-4, "{found:?}");
        assert!((found.p_two_sided() - 0.07939).abs() < 5e-6, "{found:?}");
        assert!((found.difference + 1.58).abs() < 1e-12);
        assert!((found.p_greater + found.p_less - 1.0).abs() < 1e-12);
        assert_eq!(welch(&moments(&[1.0]), &second), None);
        assert_eq!(welch(&moments(&[1.0; 4]), &moments(&[2.0; 4])), None);
    }

    #[test]
    fn very_large_values_have_a_test_or_none() {
        let (large, small) = (moments(&[1e150, 3e150]), moments(&[1.0, 2.0]));
        let found = welch(&large, &small).unwrap();
        assert!((found.freedom - 1.0).abs() < 1e-12 && (found.statistic - 2.0).abs() < 1e-12, "{found:?}");
        assert_eq!(welch(&moments(&[1e308, -1e308, 1e308]), &small), None);
    }

    #[test]
    fn two_proportions_are_a_chi_square_test() {
        // 15 of 50 against 25 of 50: chi-square 4.1667 with one degree of freedom, p = 0.04123.
        let found = two_proportions((15.0, 50.0), (25.0, 50.0)).unwrap();
        assert!((found.statistic * found.statistic - 25.0 / 6.0).abs() < 1e-12);
        assert!((found.p_two_sided() - 0.04123).abs() < 5e-6, "{found:?}");
        assert_eq!(two_proportions((0.0, 10.0), (0.0, 20.0)), None);
        assert_eq!(two_proportions((0.0, 0.0), (1.0, 20.0)), None);
        assert_eq!(two_proportions((f64::NAN, 5.0), (1.0, 20.0)), None);
    }

    #[test]
    fn every_p_value_has_a_finite_statistic() {
        assert!((normal_equivalent(0.05) - 1.6449).abs() < 1e-4);
        assert!(normal_equivalent(0.0) > 37.0 && normal_equivalent(0.0).is_finite());
        assert!(normal_equivalent(1.0) < -7.9 && normal_equivalent(1.0).is_finite());
    }
}
