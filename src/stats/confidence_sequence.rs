//! Inference that stays valid however often one looks: confidence sequences and sequential count tests.
//!
//! A p-value or interval of fixed size, looked at after every scrape, raises false alarms in a quarter of
//! healthy releases instead of 5 %. The bounds here hold at all times at once, so a policy may stop whenever
//! it likes.
//!
//! Traps: they assume independent observations with the stated variance (or counts that are Poisson given the
//! traffic). Correlated errors and retries are overdispersed and break them; batch to at least one
//! correlation time first.

use crate::rng::normal_cdf;
use crate::rng::special::ln_factorial;

/// The two-sided normal mixture boundary for sums of sub-Gaussian differences (Robbins 1970; Howard, Ramdas,
/// McAuliffe and Sekhon 2021). `v` is the intrinsic time: the sum of the variances so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormalMixture {
    rho: f64,
}

impl NormalMixture {
    /// The mixture whose bound is tightest at intrinsic time `v_best` for error probability `alpha`.
    ///
    /// `None` unless `v_best` is finite and positive and `alpha` lies in (0, 1).
    #[must_use]
    pub fn new(v_best: f64, alpha: f64) -> Option<Self> {
        let valid = v_best > 0.0 && v_best.is_finite() && alpha > 0.0 && alpha < 1.0;
        let log = -2.0 * libm::log(alpha);
        valid.then(|| NormalMixture { rho: v_best / (log + libm::log1p(log)) })
    }

    /// The mixing precision.
    #[must_use]
    pub fn rho(&self) -> f64 {
        self.rho
    }

    /// The logarithm of the evidence (e-value) against mean zero when the sum is `s` at time `v`.
    #[must_use]
    pub fn log_evidence(&self, s: f64, v: f64) -> f64 {
        let total = v + self.rho;
        0.5 * libm::log(self.rho / total) + s * s / (2.0 * total)
    }

    /// The sum that mean-zero data ever exceed in absolute value with probability at most `alpha`, at time
    /// `v`. Divided by the number of observations it is the half-width of the confidence sequence of their
    /// mean.
    #[must_use]
    pub fn bound(&self, v: f64, alpha: f64) -> f64 {
        let total = v + self.rho;
        (total * (libm::log(total / self.rho) - 2.0 * libm::log(alpha))).max(0.0).sqrt()
    }

    /// As [`log_evidence`](Self::log_evidence), against means of zero *or less*: only large sums count.
    /// Tightest at `v_best` if made with twice its `alpha`.
    #[must_use]
    pub fn log_evidence_above(&self, s: f64, v: f64) -> f64 {
        let total = v + self.rho;
        let upper = libm::log(normal_cdf(s / total.sqrt()));
        0.5 * libm::log(4.0 * self.rho / total) + s * s / (2.0 * total) + upper
    }

    /// The sum that data of mean zero or less ever exceed with probability at most `alpha`, at time `v`.
    #[must_use]
    pub fn bound_above(&self, v: f64, alpha: f64) -> f64 {
        let wanted = -libm::log(alpha);
        // The two-sided bound at the same alpha is beyond the one-sided one; evidence grows with the sum.
        let (mut low, mut high) = (0.0, self.bound(v, 0.5 * alpha) + v.sqrt());
        for _ in 0..200 {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                break;
            }
            if self.log_evidence_above(middle, v) < wanted {
                low = middle;
            } else {
                high = middle;
            }
        }
        high
    }
}

/// The sequential test of two event counts: is the share of events in the second arm what its share of the
/// traffic says? (Lindon and Malek 2022, Dirichlet-multinomial mixture.) Valid for Poisson streams of any
/// shape over time, because the shape cancels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CountTest {
    shares: [f64; 2],
    prior: [f64; 2],
    smallest_p: f64,
}

impl CountTest {
    /// The test for an arm that gets the share `second_share` of the traffic; `concentration` is the prior's
    /// total weight (200 expects near equality, 2 large effects).
    ///
    /// `None` unless `second_share` lies in (0, 1) and `concentration` is finite and positive.
    #[must_use]
    pub fn new(second_share: f64, concentration: f64) -> Option<Self> {
        let valid =
            second_share > 0.0 && second_share < 1.0 && concentration > 0.0 && concentration.is_finite();
        let shares = [1.0 - second_share, second_share];
        let prior = shares.map(|share| share * concentration);
        valid.then_some(CountTest { shares, prior, smallest_p: 1.0 })
    }

    /// Takes the cumulative event counts of both arms; the p-value valid at all looks: the smallest so far.
    pub fn look(&mut self, first: u64, second: u64) -> f64 {
        let p = libm::exp(-self.log_evidence(first, second)).min(1.0);
        self.smallest_p = self.smallest_p.min(p);
        self.smallest_p
    }

    /// The logarithm of the Bayes factor against equal rates, at these cumulative counts.
    #[must_use]
    pub fn log_evidence(&self, first: u64, second: u64) -> f64 {
        let counts = [first as f64, second as f64];
        let (weight, total) = (self.prior[0] + self.prior[1], counts[0] + counts[1]);
        let mut log = ln_gamma(weight) - ln_gamma(weight + total);
        for ((count, prior), share) in counts.into_iter().zip(self.prior).zip(self.shares) {
            log += ln_gamma(prior + count) - ln_gamma(prior) - count * libm::log(share);
        }
        log
    }
}

fn ln_gamma(x: f64) -> f64 {
    if x < 17.0 { libm::lgamma(x) } else { ln_factorial(x - 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Key, normal_sample};

    #[track_caller]
    fn close(found: f64, expected: f64, error: f64) {
        assert!((found - expected).abs() <= error, "{found} is not {expected}");
    }

    #[test]
    fn mixtures_agree_with_the_confseq_package() {
        // gostevehoward/confseq, test/uniform_boundaries_unittest.cpp: v_opt 100, alpha 0.05.
        let two = NormalMixture::new(100.0, 0.05).unwrap();
        close(two.rho(), 12.600_56, 1e-5);
        close(two.log_evidence(10.0, 100.0), -0.651_005_2, 1e-6);
        close(two.bound(100.0, 0.05), 30.352_09, 1e-5);
        let one = NormalMixture::new(100.0, 0.10).unwrap();
        close(one.log_evidence_above(10.0, 100.0), -0.065_023_91, 1e-6);
        close(one.bound_above(100.0, 0.05), 27.660_71, 1e-5);
    }

    #[test]
    fn count_test_agrees_with_the_closed_form() {
        // Symmetric prior (c, c), p at a single look; computed for the project's statistics page.
        for (c, first, second, p) in [
            (10.0, 40, 60, 0.4573),
            (10.0, 100, 150, 0.0347),
            (10.0, 20, 50, 0.01234),
            (100.0, 100, 150, 0.0922),
            (100.0, 1000, 1100, 0.3855),
            (1.0, 20, 50, 0.00974),
        ] {
            let mut test = CountTest::new(0.5, 2.0 * c).unwrap();
            close(test.look(first, second), p, 6e-5);
        }
        let mut test = CountTest::new(0.05, 20.0).unwrap();
        assert_eq!(test.look(95, 5), 1.0);
        let caught = test.look(950, 200);
        assert!(caught < 1e-6);
        assert_eq!(test.look(1900, 250), caught);
    }

    #[test]
    fn a_healthy_release_is_rarely_stopped_however_often_one_looks() {
        let mut stream = Key::root(1, "always valid").stream();
        let (runs, alpha) = (1500u32, 0.05);
        let mixture = NormalMixture::new(200.0, alpha).unwrap();
        let (mut crossed, mut peeked, mut counted) = (0u32, 0u32, 0u32);
        for _ in 0..runs {
            let mut sum = 0.0;
            let (mut cross, mut peek) = (false, false);
            let mut test = CountTest::new(0.25, 40.0).unwrap();
            let (mut first, mut second, mut p) = (0, 0, 1.0);
            for n in 1..=1000 {
                let v = f64::from(n);
                sum += normal_sample(&mut stream);
                cross |= sum.abs() >= mixture.bound(v, alpha);
                peek |= sum.abs() >= 1.96 * v.sqrt();
                if stream.uniform() < 0.25 {
                    second += 1
                } else {
                    first += 1
                }
                p = if n % 10 == 0 { test.look(first, second) } else { p };
            }
            crossed += u32::from(cross);
            peeked += u32::from(peek);
            counted += u32::from(p < alpha);
        }
        // Published: 53 % of naive tests reject within 1000 looks (Armitage, McPherson and Rowe 1969).
        close(f64::from(peeked) / f64::from(runs), 0.53, 0.052);
        for stopped in [crossed, counted] {
            let low = crate::stats::estimate::wilson(u64::from(stopped), u64::from(runs), 0.99).low;
            assert!(low <= alpha && stopped > 0, "{stopped} of {runs}");
        }
    }

    #[test]
    fn parameters_without_meaning_are_refused() {
        assert_eq!(NormalMixture::new(0.0, 0.05), None);
        assert_eq!(NormalMixture::new(10.0, 1.0), None);
        assert_eq!(NormalMixture::new(f64::NAN, 0.5), None);
        assert_eq!(CountTest::new(0.0, 10.0), None);
        assert_eq!(CountTest::new(0.5, f64::INFINITY), None);
    }
}
