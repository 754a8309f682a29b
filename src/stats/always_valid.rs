//! Intervals and p-values that hold at all looks at once: of a share, and of a quantile in two arms.
//!
//! Both are inversions of the beta-binomial mixture ([`super::mixture::BetaBinomial`]), as in Howard and Ramdas,
//! "Sequential estimation of quantiles", 2022.
//!
//! Trap: independent observations are assumed; latencies of neighbouring requests are not.

use super::Estimate;
use super::mixture::{BetaBinomial, Mixture as _};

/// A share with the interval that holds at all times at once with probability 1 - `alpha`, tightest after `n_best`
/// observations.
///
/// Without observations, or with an `alpha` outside of (0, 1), the interval is [0, 1].
#[must_use]
pub fn share_interval(successes: f64, n: f64, alpha: f64, n_best: f64) -> Estimate {
    let widest = Estimate { value: successes / n, low: 0.0, high: 1.0, n: n as u64 };
    let valid = n > 0.0 && (0.0..=n).contains(&successes) && alpha > 0.0 && alpha < 1.0;
    if !valid {
        return widest;
    }
    let wanted = -libm::log(alpha);
    let excluded = |p: f64| {
        let variance = p * (1.0 - p);
        BetaBinomial::new(n_best * variance, TUNED_FOR, p, 1.0 - p, true)
            .is_some_and(|mixture| mixture.log_evidence(successes - n * p, n * variance) >= wanted)
    };
    let share = successes / n;
    let low = if share > 0.0 { end(0.0, share, &excluded) } else { 0.0 };
    let high = if share < 1.0 { end(1.0, share, &excluded) } else { 1.0 };
    Estimate { low, high, ..widest }
}

/// The error probability that mixtures are tuned for; the bound holds for any.
const TUNED_FOR: f64 = 0.05;

/// Where exclusion ends between `outside` and `inside`.
fn end(outside: f64, inside: f64, excluded: &impl Fn(f64) -> bool) -> f64 {
    let (mut out, mut within) = (outside, inside);
    for _ in 0..60 {
        let middle = 0.5 * (out + within);
        if excluded(middle) {
            out = middle;
        } else {
            within = middle;
        }
    }
    // Not even the nearest neighbour of the end was excluded.
    if (within - outside).abs() < 1e-12 { outside } else { within }
}

/// The p-value, valid at all looks, against both samples having the same quantile `q`; the mixture is tightest after
/// `n_best` observations in each. Both samples ascending.
///
/// `None` if a sample is empty or holds a NaN, or `q` is not in (0, 1), or `n_best` is not finite and positive.
#[must_use]
pub fn quantile_p(first: &[f64], second: &[f64], q: f64, n_best: f64) -> Option<f64> {
    let usable = |sample: &[f64]| !sample.is_empty() && !sample.iter().any(|value| value.is_nan());
    if !(usable(first) && usable(second) && q > 0.0 && q < 1.0) {
        return None;
    }
    let mixture = BetaBinomial::new(n_best * q * (1.0 - q), TUNED_FOR, q, 1.0 - q, true)?;
    let arms = [Arm::new(first, q, &mixture), Arm::new(second, q, &mixture)];
    let against = |x: f64| arms.iter().map(|arm| arm.least_evidence_against(x)).sum::<f64>();
    let least = first.iter().chain(second).map(|x| against(*x)).fold(f64::INFINITY, f64::min);
    Some(libm::exp(-least).min(1.0))
}

struct Arm<'a> {
    ascending: &'a [f64],
    q: f64,
    mixture: &'a BetaBinomial,
    /// The share of values below at which the evidence is least.
    easiest: f64,
}

impl<'a> Arm<'a> {
    fn new(ascending: &'a [f64], q: f64, mixture: &'a BetaBinomial) -> Self {
        let mut arm = Arm { ascending, q, mixture, easiest: q };
        // The evidence is convex in the share.
        let (mut low, mut high) = (0.0f64, 1.0f64);
        for _ in 0..120 {
            let third = (high - low) / 3.0;
            if arm.evidence(low + third) < arm.evidence(high - third) {
                high -= third;
            } else {
                low += third;
            }
        }
        arm.easiest = 0.5 * (low + high);
        arm
    }

    /// The evidence against the quantile lying where the share `below` of values is below it.
    fn evidence(&self, below: f64) -> f64 {
        let n = self.ascending.len() as f64;
        self.mixture.log_evidence((below - self.q) * n, self.q * (1.0 - self.q) * n)
    }

    /// The least evidence against the quantile being `x`: ties with `x` may count to either side.
    fn least_evidence_against(&self, x: f64) -> f64 {
        let n = self.ascending.len() as f64;
        let less = self.ascending.partition_point(|value| *value < x) as f64 / n;
        let up_to = self.ascending.partition_point(|value| *value <= x) as f64 / n;
        self.evidence(self.easiest.clamp(less, up_to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_observed_is_anything() {
        let unknown = share_interval(0.0, 0.0, 0.05, 50.0);
        assert_eq!((unknown.low, unknown.high), (0.0, 1.0));
        let odd = share_interval(5.0, 3.0, 0.05, 50.0);
        assert_eq!((odd.low, odd.high), (0.0, 1.0));
        assert_eq!(quantile_p(&[], &[1.0], 0.5, 100.0), None);
        assert_eq!(quantile_p(&[1.0], &[f64::NAN], 0.5, 100.0), None);
        assert_eq!(quantile_p(&[1.0], &[1.0], 1.0, 100.0), None);
        assert_eq!(quantile_p(&[1.0], &[1.0], 0.5, f64::NAN), None);
    }

    #[test]
    fn equal_samples_give_no_evidence_and_far_ones_much() {
        let values: Vec<f64> = (0..500).map(f64::from).collect();
        let far: Vec<f64> = (1000..1500).map(f64::from).collect();
        assert_eq!(quantile_p(&values, &values, 0.9, 100.0), Some(1.0));
        assert!(quantile_p(&values, &far, 0.9, 100.0).unwrap() < 1e-6);
    }

    #[test]
    fn more_observations_narrow_the_interval() {
        let (few, many) = (share_interval(15.0, 50.0, 0.05, 50.0), share_interval(300.0, 1000.0, 0.05, 50.0));
        assert!(few.low < many.low && many.high < few.high && many.holds(0.3));
    }
}
