//! Binomial counts: exact inversion of one uniform, and a fast sampler for streams.
//!
//! [`binomial_quantile`] is what couples branches: with the same `u`, more requests or a larger error ratio
//! never give fewer errors. The method is that of the [Poisson quantile](super::poisson_quantile): sums from
//! zero for small n p, a corrected normal expansion with an error bound elsewhere, the incomplete beta
//! function where the bound does not decide. Above p = 1/2 the complement is inverted, in the same exact
//! arithmetic.

use super::Stream;
use super::normal::normal_quantile;
use super::poisson::{
    SUMMED_MEAN, SUMMED_TAIL, clamp_level, expansion_error, is_below, round_or_ask, smallest,
};
use super::special::{Tails, incomplete_beta, ln_factorial};

/// The distribution function of the binomial distribution at `k`, both tails.
#[must_use]
pub fn binomial_cdf(n: u64, p: f64, k: u64) -> Tails {
    if k >= n {
        return Tails { lower: 1.0, upper: 0.0 };
    }
    let tails = incomplete_beta(k as f64 + 1.0, (n - k) as f64, p, 1.0 - p);
    Tails { lower: tails.upper, upper: tails.lower }
}

/// The smallest count whose distribution function exceeds `u`, for `u` in [0, 1), `n` trials and probability
/// `p`.
///
/// Monotone in `u`, in `p` and in `n`. A `p` outside 0..1 is clamped, NaN gives 0; `u` outside its range is
/// clamped. Exact for `n` up to 1e15. About 3 ns for rare events, 25 ns at large means, up to 60 ns between.
#[inline]
#[must_use]
pub fn binomial_quantile(n: u64, p: f64, u: f64) -> u64 {
    if n == 0 || p.is_nan() || p <= 0.0 || u.is_nan() {
        return 0;
    }
    if p >= 1.0 {
        return n;
    }
    if p <= 0.5 {
        return lower_half(n, p, u);
    }
    if u <= 0.0 {
        return 0;
    }
    n - lower_half(n, 1.0 - p, 1.0 - u)
}

#[inline]
fn lower_half(n: u64, p: f64, u: f64) -> u64 {
    let mean = n as f64 * p;
    // (1-p)^n >= 1 - n p: most draws of rare errors end here.
    if u < 1.0 - mean {
        return 0;
    }
    let u = clamp_level(u);
    if mean >= SUMMED_MEAN {
        return large_quantile(n, p, u);
    }
    if u > SUMMED_TAIL {
        return exact_quantile(n, p, u, mean);
    }
    summed_quantile(n, p, u)
}

fn summed_quantile(n: u64, p: f64, u: f64) -> u64 {
    let trials = n as f64;
    let odds = p / (1.0 - p);
    let mut probability = libm::exp(trials * libm::log1p(-p));
    let mut sum = probability;
    let mut k = 0u64;
    while sum <= u && k < n && k < 1000 {
        probability *= odds * (trials - k as f64) / (k + 1) as f64;
        k += 1;
        sum += probability;
    }
    k
}

fn large_quantile(n: u64, p: f64, u: f64) -> u64 {
    let w = normal_quantile(u);
    let x = expansion(n as f64, p, w);
    let error = expansion_error(w, n as f64 * p * (1.0 - p));
    let too_low = |k| is_below(binomial_cdf(n, p, k), u);
    round_or_ask(x, error, n as f64, too_low, || exact_quantile(n, p, u, x)).min(n)
}

/// The third-order Cornish-Fisher expansion with the cumulants of the lattice taken out (Sheppard: the variance
/// less 1/12, the fourth cumulant plus 1/120): the continuous inverse in whose floor the count lies. At p -> 0
/// it is Giles's expansion for the Poisson distribution.
fn expansion(n: f64, p: f64, w: f64) -> f64 {
    let q = 1.0 - p;
    let variance = n * p * q;
    let deviation = variance.sqrt();
    let skew = q - p;
    let fourth = 1.0 - 6.0 * p * q;
    let fifth = 1.0 - 12.0 * p * q;
    let w2 = w * w;
    let second = fourth * (w2 - 3.0) / 24.0 - skew * skew * (2.0 * w2 - 5.0) / 36.0 - 1.0 / 24.0;
    let third = (w2 - 1.0) / 72.0 + fifth * ((w2 - 6.0) * w2 + 3.0) / 120.0
        - fourth * ((w2 - 5.0) * w2 + 2.0) / 24.0
        + skew * skew * ((12.0 * w2 - 53.0) * w2 + 17.0) / 324.0;
    let small = (w * second + skew * third / deviation) / deviation;
    n * p + 0.5 + deviation * w + skew * (w2 - 1.0) / 6.0 + small
}

fn exact_quantile(n: u64, p: f64, u: f64, guess: f64) -> u64 {
    smallest(guess as u64, n, |k| is_below(binomial_cdf(n, p, k), u))
}

/// A binomial variate: inversion while n min(p, 1-p) < 10, else transformed rejection (W. Hoermann, BTRS,
/// 1993).
///
/// Takes a varying number of draws; use [`binomial_quantile`] where branches must stay coupled.
pub fn binomial_sample(n: u64, p: f64, stream: &mut Stream) -> u64 {
    let small = p.min(1.0 - p);
    // Written so that NaN inverts too.
    let rejection = n as f64 * small >= 10.0;
    if !rejection {
        return binomial_quantile(n, p, stream.uniform());
    }
    let k = rejection_sample(n as f64, small, stream);
    if p > 0.5 { n - k } else { k }
}

fn rejection_sample(n: f64, p: f64, stream: &mut Stream) -> u64 {
    let q = 1.0 - p;
    let deviation = (n * p * q).sqrt();
    let b = 1.15 + 2.53 * deviation;
    let a = -0.0873 + 0.0248 * b + 0.01 * p;
    let centre = n * p + 0.5;
    let squeeze = 0.92 - 4.2 / b;
    loop {
        let u = stream.uniform() - 0.5;
        let v = stream.uniform_open();
        let us = 0.5 - u.abs();
        if us <= 0.0 {
            continue;
        }
        let k = libm::floor((2.0 * a / us + b) * u + centre);
        if k < 0.0 || k > n {
            continue;
        }
        if us >= 0.07 && v <= squeeze {
            return k as u64;
        }
        let alpha = (2.83 + 5.1 / b) * deviation;
        let mode = libm::floor((n + 1.0) * p);
        let left = libm::log(v * alpha / (a / (us * us) + b));
        let right = ln_factorial(mode) + ln_factorial(n - mode) - ln_factorial(k) - ln_factorial(n - k)
            + (k - mode) * libm::log(p / q);
        if left <= right {
            return k as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Key, normal_cdf, poisson_quantile};

    #[test]
    fn every_method_gives_the_inverse_of_the_distribution_function() {
        let key = Key::root(1, "binomial");
        let cases = [
            (10, 0.3),
            (10, 0.97),
            (1000, 0.0079),
            (1000, 0.0081),
            (16, 0.5),
            (20, 0.41),
            (1000, 0.029),
            (1000, 0.031),
            (25, 0.5),
            (90, 0.5),
            (4500, 0.2),
            (4500, 0.85),
        ];
        for (n, p) in cases {
            for i in 0..1500 {
                let u = key.id(i).uniform();
                let k = binomial_quantile(n, p, u);
                assert!(!is_below(binomial_cdf(n, p, k), u), "n {n} p {p} u {u}: {k} is too low");
                assert!(
                    k == 0 || is_below(binomial_cdf(n, p, k - 1), u),
                    "n {n} p {p} u {u}: {k} is too high"
                );
            }
        }
    }

    #[test]
    fn the_error_bound_of_the_expansion_holds() {
        for (n, p) in [
            (16u64, 0.5),
            (20, 0.4),
            (28, 0.3),
            (55, 0.15),
            (81, 0.1),
            (801, 0.01),
            (24, 0.5),
            (41, 0.3),
            (31, 0.4),
            (121, 0.1),
            (1201, 0.01),
            (60, 0.5),
            (100, 0.3),
            (75, 0.4),
            (300, 0.1),
            (3001, 0.01),
            (100_000, 0.37),
        ] {
            let trials = n as f64;
            for i in -82..=82 {
                let w = f64::from(i) / 10.0;
                let x = expansion(trials, p, w);
                let bound = expansion_error(w, trials * p * (1.0 - p));
                if x < 1.0 || x > trials - 1.0 || bound > 0.5 {
                    continue;
                }
                // F at real k is the upper tail of the incomplete beta function with a = k + 1, b = n - k.
                let at = |x: f64| incomplete_beta(x, trials - x + 1.0, p, 1.0 - p);
                let (left, right) = (at(x - bound), at(x + bound));
                if w < 0.0 {
                    let u = normal_cdf(w);
                    assert!(left.upper < u && u < right.upper, "n {n} p {p} w {w}");
                } else {
                    let v = normal_cdf(-w);
                    assert!(left.lower > v && v > right.lower, "n {n} p {p} w {w}");
                }
            }
        }
    }

    #[test]
    fn extreme_parameters() {
        let n = 1_000_000_000;
        assert_eq!(binomial_quantile(n, 1e-12, 0.5), 0);
        assert_eq!(binomial_quantile(n, 1e-12, 0.9995), 1);
        assert_eq!(binomial_quantile(n, 1.0 - 1e-12, 0.5), n);
        assert_eq!(binomial_quantile(n, 0.5, 0.5).abs_diff(n / 2), 0);
        // Normal limit at three deviations: 15811.388 * 3, skewness zero.
        assert_eq!(binomial_quantile(n, 0.5, normal_cdf(3.0)).abs_diff(n / 2 + 47_434), 0);
        assert_eq!(binomial_quantile(0, 0.5, 0.5), 0);
        assert_eq!(binomial_quantile(5, f64::NAN, 0.5), 0);
        assert_eq!(binomial_quantile(5, 2.0, 0.5), 5);
        assert_eq!(binomial_quantile(5, -1.0, 0.5), 0);
        for u in [0.0, 1e-300, 0.999_999_9, 1.0, 2.0, f64::NAN] {
            assert!(binomial_quantile(50, 0.7, u) <= 50);
        }
        // Rare in many trials is the Poisson law; at n p^2 = 4e-9 the two differ in no draw tried here.
        for i in 0..500 {
            let u = f64::from(i) / 500.0;
            assert_eq!(binomial_quantile(n, 2e-9, u), poisson_quantile(2.0, u));
        }
    }

    #[test]
    fn sampler_has_the_mean_and_variance_of_its_parameters() {
        for (n, p) in [(7, 0.4), (1500, 0.01), (1500, 0.2), (400, 0.9), (1_000_000, 0.3)] {
            let mut stream = Key::root(9, "binomial").id(n).stream();
            let draws = 60_000;
            let (mean, variance) = (n as f64 * p, n as f64 * p * (1.0 - p));
            let (mut sum, mut squares) = (0.0, 0.0);
            for _ in 0..draws {
                let d = binomial_sample(n, p, &mut stream) as f64 - mean;
                sum += d;
                squares += d * d;
            }
            let draws = f64::from(draws);
            assert!((sum / draws).abs() < 4.0 * (variance / draws).sqrt(), "mean of {n} {p}");
            assert!(
                (squares / draws / variance - 1.0).abs() < 4.0 * (2.2 / draws).sqrt(),
                "variance of {n} {p}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn monotone_in_probability_trials_and_level(
            n in 0u64..3_000_000, more in 0u64..1000, power in -9.0f64..0.0, grow in 0.0f64..0.5,
            u in 0.0f64..1.0, above in 0.0f64..1.0,
        ) {
            let p = libm::pow(10.0, power);
            let larger = p + (1.0 - p) * grow * grow * grow;
            let k = binomial_quantile(n, p, u);
            proptest::prop_assert!(binomial_quantile(n, larger, u) >= k);
            proptest::prop_assert!(binomial_quantile(n + more, p, u) >= k);
            proptest::prop_assert!(binomial_quantile(n, p, u + (1.0 - u) * above) >= k);
            proptest::prop_assert!(k <= n);
            let mean = n as f64 * p;
            let mean_more = mean * (1.0 + grow);
            proptest::prop_assert!(poisson_quantile(mean_more, u) >= poisson_quantile(mean, u));
            proptest::prop_assert!(
                poisson_quantile(mean, u + (1.0 - u) * above) >= poisson_quantile(mean, u)
            );
        }
    }
}
