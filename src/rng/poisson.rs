//! Poisson counts: exact inversion of one uniform, and a fast sampler for streams.
//!
//! [`poisson_quantile`] is what couples branches: with the same `u` a larger mean never gives a smaller
//! count. Small means are summed from zero. Large means take the Cornish-Fisher expansion of the *continuous*
//! inverse (M. Giles, ACM TOMS 42, 2016) and round it; only where the expansion's error bound reaches over an
//! integer, or far in the tails, is the exact distribution function asked. The result is exact to the
//! rounding of that function either way, so it is monotone across the switch.

use super::Stream;
use super::normal::normal_quantile;
use super::special::{Tails, incomplete_gamma, ln_factorial};

/// Below this mean counts are summed from zero.
pub(super) const SUMMED_MEAN: f64 = 8.0;
/// Above this `u` summing from zero loses the tail to rounding.
pub(super) const SUMMED_TAIL: f64 = 1.0 - 1e-6;
const LARGEST_U: f64 = 1.0 - f64::EPSILON / 2.0;

/// The distribution function of the Poisson distribution at `k`, both tails.
#[must_use]
pub fn poisson_cdf(mean: f64, k: u64) -> Tails {
    let tails = incomplete_gamma(k as f64 + 1.0, mean);
    Tails { lower: tails.upper, upper: tails.lower }
}

/// The smallest count whose distribution function exceeds `u`, for `u` in [0, 1).
///
/// Monotone in `u` and in `mean`. A `mean` that is not positive (or NaN) gives 0; `u` outside its range is
/// clamped. About 3 ns for rare events, 20 ns at large means, up to 50 ns at means of five to ten; for many
/// draws of one law use a [`CountTable`](super::CountTable).
#[inline]
#[must_use]
pub fn poisson_quantile(mean: f64, u: f64) -> u64 {
    // exp(-mean) >= 1 - mean, so most draws of rare events need no exponential.
    if u < 1.0 - mean || mean.is_nan() || mean <= 0.0 || u.is_nan() {
        return 0;
    }
    let u = clamp_level(u);
    if mean >= SUMMED_MEAN {
        return large_quantile(mean, u);
    }
    if u > SUMMED_TAIL {
        return exact_quantile(mean, u, mean);
    }
    let mut probability = libm::exp(-mean);
    let mut sum = probability;
    let mut k = 0u64;
    while sum <= u && k < 1000 {
        k += 1;
        probability *= mean / k as f64;
        sum += probability;
    }
    k
}

fn large_quantile(mean: f64, u: f64) -> u64 {
    let w = normal_quantile(u);
    let x = expansion(mean, w);
    let too_low = |k| is_below(poisson_cdf(mean, k), u);
    round_or_ask(x, expansion_error(w, mean), f64::INFINITY, too_low, || exact_quantile(mean, u, x))
}

/// The third-order Cornish-Fisher expansion of the continuous inverse (Giles, equation 7 and the next term).
fn expansion(mean: f64, w: f64) -> f64 {
    let w2 = w * w;
    let deviation = mean.sqrt();
    let second = w * (1.0 / 36.0 + w2 / 72.0) / deviation;
    let third = (w2 * (w2 / 270.0 + 7.0 / 810.0) - 8.0 / 405.0) / mean;
    mean + deviation * w + (1.0 / 3.0 + w2 / 6.0) - second + third
}

/// An upper bound on the error of the third-order Cornish-Fisher expansion of a Poisson or binomial quantile
/// with this variance (at least 4) at normal deviate `w`, where the quantile lies inside of the range by one at
/// least. Found with 40-digit arithmetic, where the error times variance^1.5 is 0.02 at one deviation, 0.04 at
/// two, 0.7 at three, 3.1 at four and 22 at six; the tests measure it again.
pub(super) fn expansion_error(w: f64, variance: f64) -> f64 {
    let w2 = w * w;
    // Beyond 4096 the bound shrinks more slowly than the error, which rounding would soon exceed.
    (0.02 + w2 * w2 * (0.008 + 0.0004 * w2)) / (variance * variance.sqrt().min(64.0))
}

/// The floor of `x`, which is known up to `error`, where that is beyond doubt.
///
/// If one integer lies within the error, `too_low` decides whether the count reaches it; if several may, or `x` is
/// near an end of the range of counts (which ends at `most`), `exact` searches.
#[inline]
pub(super) fn round_or_ask(
    x: f64,
    error: f64,
    most: f64,
    too_low: impl FnOnce(u64) -> bool,
    exact: impl FnOnce() -> u64,
) -> u64 {
    let floor = libm::floor(x);
    let part = x - floor;
    let inside = x >= 1.0 && x <= most - 1.0;
    // At 1e15 and more the rounding of x itself exceeds one and there is nothing to ask for.
    if (inside && part > error && part < 1.0 - error) || x > 1e15 {
        return floor as u64;
    }
    if !inside || error >= 0.25 {
        return exact();
    }
    let edge = libm::floor(x + 0.5) as u64;
    if too_low(edge - 1) { edge } else { edge - 1 }
}

fn exact_quantile(mean: f64, u: f64, guess: f64) -> u64 {
    smallest(guess as u64, u64::MAX / 4, |k| is_below(poisson_cdf(mean, k), u))
}

/// Whether a distribution function does not exceed `u`, decided in the smaller tail.
pub(super) fn is_below(tails: Tails, u: f64) -> bool {
    if u < 0.5 { tails.lower <= u } else { tails.upper >= 1.0 - u }
}

pub(super) fn clamp_level(u: f64) -> f64 {
    u.clamp(0.0, LARGEST_U)
}

/// The smallest k in 0..=max that is not too low, searched outward from `guess`.
pub(super) fn smallest(guess: u64, max: u64, too_low: impl Fn(u64) -> bool) -> u64 {
    let start = guess.min(max);
    let mut stride = 1;
    let (mut low, mut high);
    if too_low(start) {
        low = start;
        loop {
            high = low.saturating_add(stride).min(max);
            if high == max || !too_low(high) {
                break;
            }
            low = high;
            stride *= 2;
        }
    } else {
        high = start;
        loop {
            if high == 0 {
                return 0;
            }
            low = high.saturating_sub(stride);
            if too_low(low) {
                break;
            }
            high = low;
            stride *= 2;
        }
    }
    // `low` is too low, `high` is not (or is the end of the range).
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if too_low(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// A Poisson variate: inversion below mean 10, else transformed rejection (W. Hoermann, PTRS, 1993).
///
/// Takes a varying number of draws; use [`poisson_quantile`] where branches must stay coupled.
pub fn poisson_sample(mean: f64, stream: &mut Stream) -> u64 {
    if mean.is_nan() || mean < 10.0 {
        return poisson_quantile(mean, stream.uniform());
    }
    if mean > 1e15 {
        return poisson_quantile(mean, stream.uniform_open());
    }
    let b = 0.931 + 2.53 * mean.sqrt();
    let a = -0.059 + 0.024_83 * b;
    let squeeze = 0.9277 - 3.6224 / (b - 2.0);
    loop {
        let u = stream.uniform() - 0.5;
        let v = stream.uniform_open();
        let us = 0.5 - u.abs();
        if us <= 0.0 {
            continue;
        }
        let k = libm::floor((2.0 * a / us + b) * u + mean + 0.43);
        if us >= 0.07 && v <= squeeze {
            return k as u64;
        }
        if k < 0.0 || (us < 0.013 && v > us) {
            continue;
        }
        let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
        let left = libm::log(v * inverse_alpha / (a / (us * us) + b));
        if left <= k * libm::log(mean) - mean - ln_factorial(k) {
            return k as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Key;

    /// The sum of probabilities from zero, for any mean where exp(-mean) does not underflow.
    fn summed(mean: f64, u: f64) -> u64 {
        let (mut k, mut p) = (0u64, libm::exp(-mean));
        let mut sum = p;
        while sum <= u {
            k += 1;
            p *= mean / k as f64;
            sum += p;
        }
        k
    }

    #[test]
    fn the_expansion_and_the_sum_agree() {
        let key = Key::root(1, "poisson");
        for mean in [0.01, 0.7, 5.0, 7.9, 8.0, 8.1, 9.7, 11.9, 12.0, 17.0, 30.1, 47.3, 120.0, 333.3, 600.0] {
            for i in 0..4000 {
                let u = key.id(i).uniform() * 0.999_999;
                assert_eq!(poisson_quantile(mean, u), summed(mean, u), "mean {mean} u {u}");
            }
        }
    }

    #[test]
    fn the_error_bound_of_the_expansion_holds() {
        for mean in [8.0, 9.3, 12.0, 13.7, 20.0, 30.0, 41.5, 100.0, 1e3, 3e4, 1e5] {
            for i in -82..=82 {
                let w = f64::from(i) / 10.0;
                let x = expansion(mean, w);
                let bound = expansion_error(w, mean);
                if x < 1.0 || bound > 0.5 {
                    continue;
                }
                // The continuous inverse lies within the bound: Q(x - bound) < u < Q(x + bound).
                let u = crate::rng::normal_cdf(w);
                let v = crate::rng::normal_cdf(-w);
                let (left, right) = (incomplete_gamma(x - bound, mean), incomplete_gamma(x + bound, mean));
                if w < 0.0 {
                    assert!(left.upper < u && u < right.upper, "mean {mean} w {w}");
                } else {
                    assert!(left.lower > v && v > right.lower, "mean {mean} w {w}");
                }
            }
        }
    }

    #[test]
    fn extreme_levels_and_means() {
        assert_eq!(poisson_quantile(0.0, 0.9), 0);
        assert_eq!(poisson_quantile(f64::NAN, 0.9), 0);
        assert_eq!(poisson_quantile(-3.0, 0.9), 0);
        assert_eq!(poisson_quantile(100.0, 0.0), 0);
        assert!(poisson_quantile(1e-12, 1.0) >= 1);
        assert!(poisson_quantile(1e9, 0.5).abs_diff(1_000_000_000) <= 1);
        assert!(poisson_quantile(5.0, 2.0) > 30);
        assert!(poisson_quantile(1e300, 0.5) > 1 << 60);
    }

    #[test]
    fn smallest_finds_every_boundary_from_every_guess() {
        for boundary in 0..=40u64 {
            for guess in 0..=45 {
                assert_eq!(smallest(guess, 40, |k| k < boundary), boundary);
            }
        }
    }

    #[test]
    fn sampler_has_the_mean_and_variance_of_its_parameter() {
        for mean in [0.3, 8.0, 10.0, 75.5, 1500.0] {
            let mut stream = Key::root(9, "poisson").id(mean as u64).stream();
            let n = 100_000;
            let (mut sum, mut squares) = (0.0, 0.0);
            for _ in 0..n {
                let d = poisson_sample(mean, &mut stream) as f64 - mean;
                sum += d;
                squares += d * d;
            }
            let n = f64::from(n);
            assert!((sum / n).abs() < 4.0 * (mean / n).sqrt(), "mean {mean}");
            let spread = ((2.0 + 1.0 / mean) / n).sqrt();
            assert!((squares / n / mean - 1.0).abs() < 4.0 * spread, "variance at {mean}");
        }
    }
}
