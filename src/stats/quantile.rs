//! Sample quantiles and their distribution-free intervals.

use super::Estimate;
use crate::rng::binomial_quantile;

/// The quantile `q` of values in ascending order by linear interpolation between order statistics (Hyndman
/// and Fan's type 7, the default of R and numpy). NaN without values; `q` is clamped to [0, 1].
#[must_use]
pub fn of_sorted(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    if q.is_nan() {
        return f64::NAN;
    }
    let position = q.clamp(0.0, 1.0) * last as f64;
    let below = libm::floor(position);
    let at = |index: usize| sorted.get(index.min(last)).copied().unwrap_or(f64::NAN);
    let (low, high) = (at(below as usize), at(below as usize + 1));
    let part = position - below;
    // Without this an infinite neighbour that has no weight would give NaN.
    if part == 0.0 || low == high { low } else { low + part * (high - low) }
}

/// The quantile `q` of unsorted values; see [`of_sorted`]. NaNs sort last.
#[must_use]
pub fn of(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    of_sorted(&sorted, q)
}

/// The quantile `q` of values in ascending order with the interval between two order statistics that holds
/// the true quantile with at least `confidence`, whatever the distribution (each tail separately).
///
/// Where the sample is too small for an end (the 99th percentile of 50 values has no upper bound), that end
/// is infinite.
#[must_use]
pub fn interval_of_sorted(sorted: &[f64], q: f64, confidence: f64) -> Estimate {
    let n = sorted.len() as u64;
    let value = of_sorted(sorted, q);
    let valid = confidence > 0.0 && confidence < 1.0 && (0.0..=1.0).contains(&q);
    if n == 0 || !valid {
        return Estimate { value, n, ..Estimate::UNKNOWN };
    }
    let tail = 0.5 * (1.0 - confidence);
    let ranked = |rank: u64| usize::try_from(rank).ok().and_then(|rank| sorted.get(rank)).copied();
    // The number of values at or below the true quantile is binomial (n, q). With r the smallest count whose
    // distribution function exceeds `tail`, fewer than r has probability at most `tail`: the r-th smallest is
    // a bound.
    let lower = binomial_quantile(n, q, tail);
    let low = lower.checked_sub(1).and_then(ranked).unwrap_or(f64::NEG_INFINITY);
    // One above the (1 - tail) quantile, counted from zero.
    let high = ranked(binomial_quantile(n, q, 1.0 - tail)).unwrap_or(f64::INFINITY);
    Estimate { value, low: low.min(value), high: high.max(value), n }
}

/// As [`interval_of_sorted`] for values in any order.
#[must_use]
pub fn interval(values: &[f64], q: f64, confidence: f64) -> Estimate {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    interval_of_sorted(&sorted, q, confidence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Key, normal_sample};

    #[test]
    fn type_seven_interpolates() {
        let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0];
        // R: quantile(1:10, c(0, .25, .5, .9, .99, 1))
        for (q, expected) in [(0.0, 1.0), (0.25, 3.25), (0.5, 5.5), (0.9, 9.1), (0.99, 9.91), (1.0, 10.0)] {
            assert!((of(&x, q) - expected).abs() < 1e-12, "{q}");
        }
        assert!(of(&[], 0.5).is_nan());
        assert_eq!(of(&[3.0], 0.99), 3.0);
        assert_eq!(of(&[1.0, f64::INFINITY], 0.0), 1.0);
        assert_eq!(of(&[1.0, 2.0], 7.0), 2.0);
    }

    #[test]
    fn ranks_are_those_of_printed_tables() {
        // Order statistics for the 95 % interval of a median (Conover; also any table of the sign test):
        // n = 10: 2nd and 9th; n = 20: 6th and 15th; n = 100: 40th and 61st.
        for (n, low, high) in [(10, 2.0, 9.0), (20, 6.0, 15.0), (100, 40.0, 61.0)] {
            let x: Vec<f64> = (1..=n).map(f64::from).collect();
            let e = interval(&x, 0.5, 0.95);
            assert_eq!((e.low, e.high), (low, high), "n = {n}");
        }
    }

    #[test]
    fn a_sample_too_small_for_the_tail_says_so() {
        let x: Vec<f64> = (0..50).map(f64::from).collect();
        let e = interval(&x, 0.99, 0.95);
        assert_eq!(e.high, f64::INFINITY);
        assert!(e.low > 40.0);
        assert_eq!(interval(&[], 0.5, 0.95).n, 0);
        assert_eq!(interval(&x, 0.5, 0.0).low, f64::NEG_INFINITY);
    }

    #[test]
    fn the_interval_covers_at_least_as_often_as_it_says() {
        let mut stream = Key::root(1, "order").stream();
        let truth = crate::rng::normal_quantile(0.8);
        let runs = 4000u32;
        let mut covered = 0u32;
        for _ in 0..runs {
            let x: Vec<f64> = (0..60).map(|_| normal_sample(&mut stream)).collect();
            covered += u32::from(interval(&x, 0.8, 0.9).holds(truth));
        }
        let share = f64::from(covered) / f64::from(runs);
        assert!(share > 0.9 - 0.015 && share < 0.96, "{share}");
    }
}
