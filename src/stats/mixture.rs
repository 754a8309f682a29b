//! Mixture boundaries for sums that are not normal: exponential and Poisson tails, and two-valued variables.
//!
//! All are conjugate mixtures of Howard, Ramdas, McAuliffe and Sekhon (2021, section 3.2 and proposition 7 to 11): the
//! evidence against mean zero is the likelihood ratio averaged over a prior of means, and the boundary is the sum at
//! which it reaches 1 / alpha. `v` is the intrinsic time: the sum of the variances so far. Each is tuned to be tight at
//! the time `v_best` by the precision of a one-sided normal mixture at the same error probability.
//!
//! Traps: which one fits is a property of the largest possible step, not of the sample: errors counted upwards are
//! Poisson ([`GammaPoisson`] with `c` the size of a step), waiting times exponential ([`GammaExponential`]), and a
//! normal bound on rare errors is too narrow above.

use super::confidence_sequence::NormalMixture;
use super::count_test::{CountTest, ln_gamma};
use crate::rng::normal_cdf;
use crate::rng::special::{Tails, incomplete_gamma};

/// Evidence that grows with a sum, and the boundary made of it.
pub trait Mixture {
    /// The logarithm of the evidence (e-value) against mean zero or less when the sum is `s` at time `v`.
    fn log_evidence(&self, s: f64, v: f64) -> f64;

    /// The largest sum there can be at time `v`.
    fn most(&self, _v: f64) -> f64 {
        f64::INFINITY
    }

    /// The sum that data of mean zero or less ever exceed with probability at most `alpha`, at time `v`: where the
    /// evidence reaches 1 / alpha. It is [`Mixture::most`] where no data can.
    fn bound(&self, v: f64, alpha: f64) -> f64 {
        let wanted = -libm::log(alpha);
        let most = self.most(v);
        let mut high = most.min(v.max(1e-12));
        while high < most && self.log_evidence(high, v) < wanted {
            high = (2.0 * high).min(most);
            if high > 1e300 {
                return f64::INFINITY;
            }
        }
        if self.log_evidence(high, v) < wanted {
            high
        } else {
            root(high, |s| self.log_evidence(s, v) - wanted)
        }
    }
}

/// Where a growing function that is positive at `high` becomes so, by the rule of false position with Illinois' weights
/// (Dowell and Jarratt 1971), to about ten digits.
fn root(high: f64, excess: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, high);
    let (mut below, mut above) = (excess(low), excess(high));
    let mut last_was_low = None;
    for _ in 0..200 {
        let secant = high - above * (high - low) / (above - below);
        let middle = if secant > low && secant < high { secant } else { 0.5 * (low + high) };
        let found = excess(middle);
        if found.abs() < 1e-10 || high - low <= 1e-14 * high {
            return middle;
        }
        let is_low = found < 0.0;
        if is_low {
            (low, below) = (middle, found);
            above *= if last_was_low == Some(true) { 0.5 } else { 1.0 };
        } else {
            (high, above) = (middle, found);
            below *= if last_was_low == Some(false) { 0.5 } else { 1.0 };
        }
        last_was_low = Some(is_low);
    }
    high
}

/// The precision of a one-sided normal mixture that is tightest at `v_best`.
fn one_sided_precision(v_best: f64, alpha: f64) -> Option<f64> {
    NormalMixture::new(v_best, 2.0 * alpha).map(|mixture| mixture.rho())
}

/// The incomplete gamma functions; from a shape of 1e6 on by Wilson and Hilferty's cube root (1931), which is exact to
/// six digits there, while the work of the series grows with the root of the shape.
fn gamma_tails(shape: f64, x: f64) -> Tails {
    if shape < 1e6 {
        return incomplete_gamma(shape, x);
    }
    let z = 3.0 * shape.sqrt() * (libm::cbrt(x / shape) - 1.0 + 1.0 / (9.0 * shape));
    Tails { lower: normal_cdf(z), upper: normal_cdf(-z) }
}

/// The gamma-exponential mixture: sums with tails of an exponential distribution of scale `c`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GammaExponential {
    rho: f64,
    c: f64,
    leading: f64,
}

impl GammaExponential {
    /// The mixture for scale `c`, tightest at `v_best`.
    ///
    /// `None` unless `v_best` and `c` are finite and positive and `alpha` lies in (0, 1/2).
    #[must_use]
    pub fn new(v_best: f64, alpha: f64, c: f64) -> Option<Self> {
        let rho = one_sided_precision(v_best, alpha)?;
        let scaled = rho / (c * c);
        (c > 0.0 && scaled > 0.0 && scaled.is_finite()).then(|| GammaExponential {
            rho,
            c,
            leading: scaled * libm::log(scaled)
                - ln_gamma(scaled)
                - libm::log(gamma_tails(scaled, scaled).lower),
        })
    }
}

impl Mixture for GammaExponential {
    fn log_evidence(&self, s: f64, v: f64) -> f64 {
        let square = self.c * self.c;
        let (shape, sum) = ((v + self.rho) / square, (self.c * s + v) / square);
        let rate = sum + self.rho / square;
        if rate <= 0.0 {
            return f64::NEG_INFINITY;
        }
        self.leading + ln_gamma(shape) + libm::log(gamma_tails(shape, rate).lower) - shape * libm::log(rate)
            + sum
    }
}

/// The gamma-Poisson mixture: sums of events that each count at most `c`, such as errors above their expectation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GammaPoisson {
    rho: f64,
    c: f64,
    leading: f64,
}

impl GammaPoisson {
    /// The mixture for steps up to `c`, tightest at `v_best`.
    ///
    /// `None` unless `v_best` and `c` are finite and positive and `alpha` lies in (0, 1/2).
    #[must_use]
    pub fn new(v_best: f64, alpha: f64, c: f64) -> Option<Self> {
        let rho = one_sided_precision(v_best, alpha)?;
        let scaled = rho / (c * c);
        (c > 0.0 && scaled > 0.0 && scaled.is_finite()).then(|| GammaPoisson {
            rho,
            c,
            leading: scaled * libm::log(scaled)
                - ln_gamma(scaled)
                - libm::log(gamma_tails(scaled, scaled).upper),
        })
    }
}

impl Mixture for GammaPoisson {
    fn log_evidence(&self, s: f64, v: f64) -> f64 {
        let square = self.c * self.c;
        let rate = (v + self.rho) / square;
        let shape = s / self.c + rate;
        if shape <= 0.0 {
            return f64::NEG_INFINITY;
        }
        self.leading + ln_gamma(shape) + libm::log(gamma_tails(shape, rate).upper) - shape * libm::log(rate)
            + v / square
    }
}

/// The beta-binomial mixture: sums of variables that are `h` or `-g`; the count test in the units of a sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BetaBinomial {
    test: CountTest,
    g: f64,
    h: f64,
    two_sided: bool,
}

impl BetaBinomial {
    /// The mixture for values `h` and `-g`, tightest at `v_best`; two-sided evidence also grows with sums below zero.
    ///
    /// `None` unless `v_best`, `g` and `h` are finite and positive and `alpha` lies in (0, 1), one-sided in (0, 1/2).
    #[must_use]
    pub fn new(v_best: f64, alpha: f64, g: f64, h: f64, two_sided: bool) -> Option<Self> {
        let rho = if two_sided {
            NormalMixture::new(v_best, alpha)?.rho()
        } else {
            one_sided_precision(v_best, alpha)?
        };
        // A prior without weight has no mean; confseq's floor.
        let weight = (rho / (g * h) - 1.0).max(1e-3);
        let valid = g > 0.0 && h > 0.0 && g.is_finite() && h.is_finite();
        let test = CountTest::new(g / (g + h), weight)?;
        valid.then_some(BetaBinomial { test, g, h, two_sided })
    }
}

impl Mixture for BetaBinomial {
    fn log_evidence(&self, s: f64, v: f64) -> f64 {
        let span = self.g + self.h;
        let low = (v / self.g - s) / span;
        let high = (v / self.h + s) / span;
        // Rounding at the ends of what is possible.
        let slack = -1e-9 * (v / (self.g * self.h)).max(1.0);
        if !(low >= slack && high >= slack) {
            return f64::NEG_INFINITY;
        }
        let (low, high) = (low.max(0.0), high.max(0.0));
        if self.two_sided {
            self.test.log_evidence(low, high)
        } else {
            self.test.log_evidence_above(low, high)
        }
    }

    fn most(&self, v: f64) -> f64 {
        v / self.g
    }
}

/// The logarithm of the mean of what has these logarithms: the evidence of a mixture of equal parts. Minus infinity of none.
pub fn log_mean(logs: impl Iterator<Item = f64> + Clone) -> f64 {
    let greatest = logs.clone().fold(f64::NEG_INFINITY, f64::max);
    if !greatest.is_finite() {
        return greatest;
    }
    let (sum, count) = logs.fold((0.0, 0.0), |(sum, n), log| (sum + libm::exp(log - greatest), n + 1.0));
    greatest + libm::log(sum / count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Key, poisson_sample};
    use crate::stats::estimate::wilson;

    #[test]
    fn a_bound_is_where_the_evidence_is_enough() {
        let exponential = GammaExponential::new(50.0, 0.05, 0.5).unwrap();
        let poisson = GammaPoisson::new(50.0, 0.05, 1.0).unwrap();
        let two_valued = BetaBinomial::new(50.0, 0.05, 0.3, 0.7, false).unwrap();
        let all: [&dyn Mixture; 3] = [&exponential, &poisson, &two_valued];
        for mixture in all {
            for v in [5.0, 50.0, 5000.0] {
                let bound = mixture.bound(v, 0.01);
                assert!((mixture.log_evidence(bound, v) - libm::log(100.0)).abs() < 1e-6, "{v}");
                assert!(mixture.bound(v, 0.001) > bound);
            }
        }
        // Nothing can be said before there is anything: the bound is what cannot be exceeded.
        assert!((two_valued.bound(0.42, 0.01) - 0.42 / 0.3).abs() < 1e-12);
    }

    #[test]
    fn poisson_counts_rarely_cross_it_however_often_one_looks() {
        // Three events expected at each of 300 looks; the intrinsic time is what is expected.
        let mut stream = Key::root(3, "poisson mixture").stream();
        let mixture = GammaPoisson::new(200.0, 0.05, 1.0).unwrap();
        let bounds: Vec<f64> = (1..=300).map(|look| mixture.bound(3.0 * f64::from(look), 0.05)).collect();
        let runs = 2000u64;
        let crosses = |stream: &mut crate::rng::Stream| {
            let mut sum = 0.0;
            let mut crossed = false;
            for bound in &bounds {
                sum += poisson_sample(3.0, stream) as f64 - 3.0;
                crossed |= sum >= *bound;
            }
            crossed
        };
        let crossed = (0..runs).filter(|_| crosses(&mut stream)).count() as u64;
        assert!(crossed > 0 && wilson(crossed, runs, 0.99).low <= 0.05, "{crossed}");
    }

    #[test]
    fn large_shapes_go_on_where_small_ones_ended() {
        for z in [-3.0, 0.0, 3.0] {
            let at = |shape: f64| gamma_tails(shape, shape + z * shape.sqrt());
            let (below, above) = (at(999_999.0), at(1e6));
            assert!((below.upper / above.upper - 1.0).abs() < 1e-6, "{below:?} {above:?}");
            assert!((below.lower / above.lower - 1.0).abs() < 1e-6, "{below:?} {above:?}");
        }
    }

    #[test]
    fn parameters_without_meaning_are_refused() {
        assert_eq!(GammaPoisson::new(0.0, 0.05, 1.0), None);
        assert_eq!(GammaPoisson::new(10.0, 0.05, 0.0), None);
        assert_eq!(GammaExponential::new(10.0, 0.6, 1.0), None);
        assert_eq!(GammaExponential::new(10.0, 0.05, f64::NAN), None);
        assert_eq!(BetaBinomial::new(10.0, 0.05, 0.0, 1.0, true), None);
        assert_eq!(BetaBinomial::new(10.0, 0.05, 1.0, f64::INFINITY, true), None);
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics_and_evidence_is_never_nan(
            s in -1e6f64..1e6, v in 0.0f64..1e6, scale in 1e-3f64..1e3,
        ) {
            let all: [Box<dyn Mixture>; 3] = [
                Box::new(GammaExponential::new(100.0, 0.05, scale).unwrap()),
                Box::new(GammaPoisson::new(100.0, 0.05, scale).unwrap()),
                Box::new(BetaBinomial::new(100.0, 0.05, scale, 1.0, false).unwrap()),
            ];
            for mixture in &all {
                proptest::prop_assert!(!mixture.log_evidence(s, v).is_nan());
                proptest::prop_assert!(mixture.bound(v, 0.05) >= 0.0);
            }
        }
    }
}
