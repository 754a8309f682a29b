//! Point estimates with intervals.
//!
//! `confidence` is the two-sided level, such as 0.95; each tail holds half of the rest. Levels outside (0, 1)
//! give the widest interval. No function here panics or returns an interval that excludes its own value.

use serde::{Deserialize, Deserializer, Serialize};

use super::quantile;
use crate::rng::special::{beta_quantile, incomplete_beta};
use crate::rng::{Stream, gamma_quantile, normal_cdf, normal_quantile};

/// A figure with its interval and the number of observations behind it.
///
/// Without observations `value` is NaN and the interval the widest that makes sense. In records NaN and
/// infinite ends are written as `null` and read back as what they were.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// The point estimate; NaN (null) without observations.
    #[serde(deserialize_with = "null_is_nan")]
    #[schemars(with = "Option<f64>")]
    pub value: f64,
    /// Lower end of the interval; minus infinity (null) if the data do not bound it.
    #[serde(deserialize_with = "null_is_low")]
    #[schemars(with = "Option<f64>")]
    pub low: f64,
    /// Upper end of the interval; plus infinity (null) if the data do not bound it.
    #[serde(deserialize_with = "null_is_high")]
    #[schemars(with = "Option<f64>")]
    pub high: f64,
    /// How many observations.
    pub n: u64,
}

fn null_is_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

fn null_is_low<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NEG_INFINITY))
}

fn null_is_high<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::INFINITY))
}

impl Estimate {
    /// Nothing observed: no value, anything possible.
    pub const UNKNOWN: Estimate =
        Estimate { value: f64::NAN, low: f64::NEG_INFINITY, high: f64::INFINITY, n: 0 };

    /// Half the width of the interval: what a stopping rule for precision looks at.
    #[must_use]
    pub fn half_width(&self) -> f64 {
        0.5 * (self.high - self.low)
    }

    /// Whether `x` lies inside the interval, ends included.
    #[must_use]
    pub fn holds(&self, x: f64) -> bool {
        self.low <= x && x <= self.high
    }

    fn around(value: f64, reach: f64, n: u64) -> Self {
        if reach.is_nan() {
            return Estimate { value, n, ..Self::UNKNOWN };
        }
        Estimate { value, low: value - reach, high: value + reach, n }
    }
}

/// Half of what `confidence` leaves out, within [0, 1/2]; levels without meaning leave nothing out.
fn tail(confidence: f64) -> f64 {
    if confidence > 0.0 && confidence < 1.0 { 0.5 * (1.0 - confidence) } else { 0.0 }
}

/// A share with Wilson's score interval (1927).
///
/// Trap: with one, two or three successes its lower limit is so high that it misses small shares far too often; what reports
/// print is [`wilson_modified`].
#[must_use]
pub fn wilson(successes: u64, n: u64, confidence: f64) -> Estimate {
    let z = -normal_quantile(tail(confidence));
    if n == 0 || z.is_infinite() {
        return Estimate { value: share(successes, n), low: 0.0, high: 1.0, n };
    }
    let (p, trials, z2) = (share(successes, n), n as f64, z * z);
    let centre = (p + z2 / (2.0 * trials)) / (1.0 + z2 / trials);
    let reach = z / (1.0 + z2 / trials) * (p * (1.0 - p) / trials + z2 / (4.0 * trials * trials)).sqrt();
    // At the ends the formula gives 0 and 1 exactly, its rounding does not.
    let low = if successes == 0 { 0.0 } else { (centre - reach).clamp(0.0, p) };
    let high = if successes >= n { 1.0 } else { (centre + reach).clamp(p, 1.0) };
    Estimate { value: p, low, high, n }
}

/// A share with Wilson's interval, corrected at its ends: the default for rates.
///
/// With one, two or three successes (two at most up to 50 trials) the plain lower limit misses small shares: of 8 trials at
/// 2 % the interval holds the truth in 85 % of cases. There the limit is the one of a Poisson count,
/// `chi2(2 k; 1 - confidence) / 2 / n`, and likewise above (Brown, Cai and DasGupta, "Interval estimation for a binomial
/// proportion", 2001, section 4.1.1, the modified Wilson interval).
#[must_use]
pub fn wilson_modified(successes: u64, n: u64, confidence: f64) -> Estimate {
    let plain = wilson(successes, n, confidence);
    let low = few(successes, n, confidence).map_or(plain.low, |few| plain.low.min(few));
    let above = few(n.saturating_sub(successes), n, confidence);
    let high = above.map_or(plain.high, |few| plain.high.max(1.0 - few));
    Estimate { low, high, ..plain }
}

/// The lower limit of a share with few successes, as of a Poisson count; `None` where there are none, or more than few.
fn few(successes: u64, n: u64, confidence: f64) -> Option<f64> {
    let most = if n <= 50 { 2 } else { 3 };
    let count = successes as f64;
    // Half of chi-square with 2 k degrees of freedom is a gamma variable of shape and mean k.
    (1..=most).contains(&successes).then(|| gamma_quantile(count, count, 1.0 - confidence) / n as f64)
}

/// A share with the exact interval of Clopper and Pearson (1934): never too narrow, for gates.
#[must_use]
pub fn clopper_pearson(successes: u64, n: u64, confidence: f64) -> Estimate {
    let alpha = tail(confidence);
    if n == 0 {
        return Estimate { value: f64::NAN, low: 0.0, high: 1.0, n };
    }
    let hits = successes.min(n);
    let (k, misses) = (hits as f64, (n - hits) as f64);
    let low = if hits == 0 { 0.0 } else { beta_quantile(alpha, k, misses + 1.0) };
    let high = if hits == n { 1.0 } else { beta_quantile(1.0 - alpha, k + 1.0, misses) };
    Estimate { value: share(hits, n), low, high, n }
}

fn share(successes: u64, n: u64) -> f64 {
    if n == 0 { f64::NAN } else { successes.min(n) as f64 / n as f64 }
}

/// The quantile of Student's t distribution with `freedom` degrees of freedom at `p` in (0, 1), by way of the
/// incomplete beta function; NaN for invalid arguments.
#[must_use]
pub fn student_t_quantile(p: f64, freedom: f64) -> f64 {
    let valid = (0.0..=1.0).contains(&p) && freedom > 0.0;
    if !valid {
        return f64::NAN;
    }
    if freedom > 1e10 {
        return normal_quantile(p);
    }
    let both_tails = 2.0 * p.min(1.0 - p);
    // x = freedom / (freedom + t^2) has the beta law (freedom/2, 1/2); its complement keeps digits near t =
    // 0.
    let square = if both_tails < 0.5 {
        let x = beta_quantile(both_tails, 0.5 * freedom, 0.5);
        freedom * (1.0 - x) / x
    } else {
        let y = beta_quantile(1.0 - both_tails, 0.5, 0.5 * freedom);
        freedom * y / (1.0 - y)
    };
    if p < 0.5 { -square.sqrt() } else { square.sqrt() }
}

/// P(T > `t`) of Student's t distribution with `freedom` degrees of freedom, with relative precision in the upper tail;
/// NaN for invalid arguments.
#[must_use]
pub fn student_t_tail(t: f64, freedom: f64) -> f64 {
    let valid = freedom > 0.0 && !t.is_nan();
    if !valid {
        return f64::NAN;
    }
    if freedom > 1e10 {
        return normal_cdf(-t);
    }
    let square = t * t;
    let whole = freedom + square;
    // freedom / (freedom + t^2) has the beta law (freedom/2, 1/2).
    let (x, y) = if whole.is_finite() { (freedom / whole, square / whole) } else { (0.0, 1.0) };
    let beyond = incomplete_beta(0.5 * freedom, 0.5, x, y);
    if t >= 0.0 { 0.5 * beyond.lower } else { 0.5 + 0.5 * beyond.upper }
}

/// A mean with Student's t interval. One observation has a value and no bounds.
#[must_use]
pub fn mean_interval(values: &[f64], confidence: f64) -> Estimate {
    let n = values.len() as u64;
    if values.is_empty() {
        return Estimate::UNKNOWN;
    }
    let count = n as f64;
    let mean = values.iter().sum::<f64>() / count;
    if n == 1 {
        return Estimate { value: mean, n, ..Estimate::UNKNOWN };
    }
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    let error = (squares / (count - 1.0) / count).sqrt();
    Estimate::around(mean, t_reach(confidence, count - 1.0, error), n)
}

/// The reach of a t interval; without any spread it is zero whatever the level.
fn t_reach(confidence: f64, freedom: f64, error: f64) -> f64 {
    if error == 0.0 { 0.0 } else { student_t_quantile(1.0 - tail(confidence), freedom) * error }
}

/// The mean of the differences `first - second` of pairs, with Student's t interval. Pairs come from
/// replications under common random numbers; what one list has more than the other is ignored.
#[must_use]
pub fn paired_mean_interval(first: &[f64], second: &[f64], confidence: f64) -> Estimate {
    let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| a - b).collect();
    mean_interval(&differences, confidence)
}

/// The ratio of sums `sum(numerator) / sum(denominator)` over units (replications), with the t interval of
/// the delete-one jackknife (Quenouille, Tukey). The value is the plain ratio.
///
/// A denominator that sums to zero, with or without one unit, leaves the interval unbounded.
#[must_use]
pub fn ratio_jackknife(numerator: &[f64], denominator: &[f64], confidence: f64) -> Estimate {
    let pairs: Vec<(f64, f64)> = numerator.iter().copied().zip(denominator.iter().copied()).collect();
    let n = pairs.len() as u64;
    let top: f64 = pairs.iter().map(|p| p.0).sum();
    let bottom: f64 = pairs.iter().map(|p| p.1).sum();
    if pairs.is_empty() || bottom == 0.0 {
        return Estimate { n, ..Estimate::UNKNOWN };
    }
    let value = top / bottom;
    if n == 1 {
        return Estimate { value, n, ..Estimate::UNKNOWN };
    }
    let count = n as f64;
    let without: Vec<f64> = pairs.iter().map(|(a, b)| (top - a) / (bottom - b)).collect();
    let mean = without.iter().sum::<f64>() / count;
    let squares: f64 = without.iter().map(|r| (r - mean) * (r - mean)).sum();
    let error = ((count - 1.0) / count * squares).sqrt();
    if !error.is_finite() {
        return Estimate { value, n, ..Estimate::UNKNOWN };
    }
    Estimate::around(value, t_reach(confidence, count - 1.0, error), n)
}

/// A statistic of `n` units with the percentile bootstrap interval (Efron). `statistic` gets the indices of
/// the drawn units, so pairs and larger groups stay together; resamples where it is NaN are left out.
///
/// The interval is stretched to hold the value where a biased statistic would fall outside.
pub fn bootstrap(
    n: usize,
    resamples: usize,
    confidence: f64,
    stream: &mut Stream,
    statistic: impl Fn(&[usize]) -> f64,
) -> Estimate {
    let mut indices: Vec<usize> = (0..n).collect();
    let value = statistic(&indices);
    let count = n as u64;
    if n == 0 {
        return Estimate { value, ..Estimate::UNKNOWN };
    }
    let mut drawn: Vec<f64> = Vec::with_capacity(resamples);
    for _ in 0..resamples {
        for index in &mut indices {
            *index = stream.below(count) as usize;
        }
        let resampled = statistic(&indices);
        if !resampled.is_nan() {
            drawn.push(resampled);
        }
    }
    if drawn.is_empty() {
        return Estimate { value, n: count, ..Estimate::UNKNOWN };
    }
    drawn.sort_by(f64::total_cmp);
    let alpha = tail(confidence);
    let end = |q| quantile::of_sorted(&drawn, q);
    Estimate { value, low: end(alpha).min(value), high: end(1.0 - alpha).max(value), n: count }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Key, Purpose, normal_sample};

    #[track_caller]
    fn close(found: f64, expected: f64, error: f64) {
        assert!((found - expected).abs() <= error, "{found} is not {expected}");
    }

    #[test]
    fn clopper_pearson_inverts_the_binomial_tails() {
        for (k, n) in [(0, 10), (1, 10), (5, 10), (10, 10), (3, 1000), (999, 1000)] {
            let e = clopper_pearson(k, n, 0.95);
            if k > 0 {
                close(crate::rng::binomial_cdf(n, e.low, k - 1).upper, 0.025, 1e-9);
            }
            if k < n {
                close(crate::rng::binomial_cdf(n, e.high, k).lower, 0.025, 1e-9);
            }
            assert!(e.low <= e.value && e.value <= e.high);
        }
        // No failure in n: the upper end is 1 - 0.025^(1/n).
        close(clopper_pearson(0, 30, 0.95).high, 1.0 - libm::pow(0.025, 1.0 / 30.0), 1e-12);
        // Rule of three's exact form, one-sided: 299 clean runs certify 1 % at 95 %.
        assert!(clopper_pearson(0, 299, 0.90).high < 0.01 && clopper_pearson(0, 298, 0.90).high > 0.01);
    }

    #[test]
    fn few_successes_have_the_limit_of_a_poisson_count() {
        // One success: half of the lower 5 % point of chi-square with 2 degrees of freedom is -ln 0.95.
        close(wilson_modified(1, 8, 0.95).low, -libm::log(0.95) / 8.0, 1e-12);
        close(wilson_modified(7, 8, 0.95).high, 1.0 + libm::log(0.95) / 8.0, 1e-12);
        // Half of the lower 5 % points of chi-square with 4 and 6 degrees of freedom, by any table: 0.711 / 2, 1.635 / 2.
        close(wilson_modified(2, 40, 0.95).low * 40.0, 0.3555, 5e-4);
        close(wilson_modified(3, 200, 0.95).low * 200.0, 0.8175, 5e-4);
        // From there on Wilson's own.
        close(wilson_modified(3, 40, 0.95).low, 0.025_836, 5e-6);
        close(wilson_modified(4, 200, 0.95).low, 0.007_805, 5e-6);
    }

    #[test]
    fn student_t_agrees_with_printed_tables() {
        // Any textbook's table of t, three decimals.
        for (p, freedom, t) in [
            (0.975, 1.0, 12.706),
            (0.975, 2.0, 4.303),
            (0.95, 5.0, 2.015),
            (0.99, 10.0, 2.764),
            (0.975, 30.0, 2.042),
            (0.995, 120.0, 2.617),
            (0.6, 3.0, 0.277),
            (0.975, 1e12, 1.960),
        ] {
            close(student_t_quantile(p, freedom), t, 6e-4);
            close(student_t_quantile(1.0 - p, freedom), -t, 6e-4);
            close(student_t_tail(student_t_quantile(p, freedom), freedom), 1.0 - p, 1e-9);
            close(student_t_tail(-student_t_quantile(p, freedom), freedom), p, 1e-9);
        }
        assert_eq!(student_t_quantile(0.5, 4.0), 0.0);
        assert_eq!((student_t_tail(0.0, 4.0), student_t_tail(f64::INFINITY, 4.0)), (0.5, 0.0));
        assert!(student_t_tail(1.0, -1.0).is_nan() && student_t_tail(f64::NAN, 5.0).is_nan());
        assert!(student_t_quantile(2.0, 4.0).is_nan() && student_t_quantile(0.5, 0.0).is_nan());
    }

    #[test]
    fn a_mean_has_the_textbook_interval() {
        // Mean 5, variance 32/7, t(0.975, 7) = 2.364624.
        let e = mean_interval(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], 0.95);
        close(e.value, 5.0, 0.0);
        close(e.half_width(), 2.364_624 * f64::sqrt(32.0 / 7.0 / 8.0), 1e-6);
        assert_eq!(e.n, 8);
        let paired = paired_mean_interval(&[3.0, 5.0, 9.0], &[2.0, 3.0, 6.0], 0.9);
        assert_eq!(paired, mean_interval(&[1.0, 2.0, 3.0], 0.9));
    }

    #[test]
    fn t_and_jackknife_intervals_cover_as_often_as_they_say() {
        let mut stream = Key::root(1, "coverage").stream();
        let (mut means, mut ratios, runs) = (0u32, 0u32, 4000u32);
        for _ in 0..runs {
            let x: Vec<f64> = (0..12).map(|_| 3.0 + normal_sample(&mut stream)).collect();
            means += u32::from(mean_interval(&x, 0.9).holds(3.0));
            let d: Vec<f64> = (0..12).map(|_| 10.0 + normal_sample(&mut stream)).collect();
            let num: Vec<f64> = d.iter().map(|d| 0.5 * d + normal_sample(&mut stream)).collect();
            ratios += u32::from(ratio_jackknife(&num, &d, 0.9).holds(0.5));
        }
        // Standard error of a 90 % share of 4000 is 0.47 %.
        close(f64::from(means) / f64::from(runs), 0.9, 0.019);
        close(f64::from(ratios) / f64::from(runs), 0.9, 0.025);
    }

    #[test]
    fn jackknife_of_a_ratio_with_constant_denominator_is_the_t_interval() {
        let x = [1.0, 4.0, 2.0, 8.0, 5.0];
        let ratio = ratio_jackknife(&x, &[2.0; 5], 0.95);
        let mean = mean_interval(&x, 0.95);
        close(ratio.value, mean.value / 2.0, 1e-15);
        close(ratio.low, mean.low / 2.0, 1e-12);
        close(ratio.high, mean.high / 2.0, 1e-12);
    }

    #[test]
    fn bootstrap_interval_of_a_mean_is_near_the_t_interval() {
        let mut stream = Key::root(2, "bootstrap").purpose(Purpose::Bootstrap).stream();
        let x: Vec<f64> = (0..200).map(|_| normal_sample(&mut stream)).collect();
        let e = bootstrap(x.len(), 2000, 0.95, &mut stream, |i| {
            i.iter().map(|&i| x[i]).sum::<f64>() / i.len() as f64
        });
        let t = mean_interval(&x, 0.95);
        close(e.value, t.value, 1e-12);
        close(e.low, t.low, 0.2 * t.half_width());
        close(e.high, t.high, 0.2 * t.half_width());
    }

    #[test]
    fn nothing_observed_is_said_and_survives_a_record() {
        let mut stream = Key::root(3, "x").stream();
        for e in [
            wilson(0, 0, 0.95),
            clopper_pearson(0, 0, 0.95),
            mean_interval(&[], 0.95),
            mean_interval(&[4.0], 0.95),
            ratio_jackknife(&[], &[], 0.95),
            ratio_jackknife(&[1.0, 2.0], &[0.0, 0.0], 0.95),
            ratio_jackknife(&[1.0, 2.0], &[0.0, 1.0], 0.95),
            bootstrap(0, 10, 0.95, &mut stream, |_| f64::NAN),
        ] {
            let text = serde_json::to_string(&e).unwrap();
            let back: Estimate = serde_json::from_str(&text).unwrap();
            assert_eq!((back.low, back.high, back.n), (e.low, e.high, e.n), "{text}");
            assert_eq!(back.value.is_nan(), e.value.is_nan());
        }
        assert_eq!(wilson(3, 10, 1.5), Estimate { value: 0.3, low: 0.0, high: 1.0, n: 10 });
        assert_eq!(mean_interval(&[2.0, 2.0], 7.0).half_width(), 0.0);
    }

    proptest::proptest! {
        #[test]
        fn share_intervals_hold_their_value_and_stay_in_range(
            n in 1u64..5000, part in 0.0f64..=1.0, c in 0.01f64..0.999,
        ) {
            let k = (n as f64 * part) as u64;
            for e in [wilson(k, n, c), clopper_pearson(k, n, c)] {
                proptest::prop_assert!(0.0 <= e.low && e.low <= e.value);
                proptest::prop_assert!(e.value <= e.high && e.high <= 1.0);
            }
        }
    }
}
