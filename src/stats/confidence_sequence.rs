//! Inference that stays valid however often one looks: confidence sequences by the normal mixture.
//!
//! A p-value or interval of fixed size, looked at after every scrape, raises false alarms in a quarter of
//! healthy releases instead of 5 %. The bounds here hold at all times at once, so a policy may stop whenever
//! it likes.
//!
//! Bounds for other kinds of data are in [`super::mixture`], tests of counts in [`super::count_test`].
//!
//! Traps: they assume independent observations with the stated variance (or counts that are Poisson given the
//! traffic). Correlated errors and retries are overdispersed and break them; batch to at least one
//! correlation time first.

use super::mixture::Mixture;
use crate::rng::normal_cdf;

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

    /// The mixture of effects of standard deviation `tau`: Robbins' mixture sequential probability ratio test, as in
    /// always-valid p-values (Johari, Koomen, Pekelis and Walsh 2017). With an estimated difference `d` of variance `V`
    /// the sum is d / V and the time 1 / V.
    ///
    /// `None` unless `tau` is finite and positive.
    #[must_use]
    pub fn of_effects(tau: f64) -> Option<Self> {
        let rho = 1.0 / (tau * tau);
        (tau > 0.0 && rho > 0.0 && rho.is_finite()).then_some(NormalMixture { rho })
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
        Above(*self).bound(v, alpha)
    }
}

/// The one-sided use of a normal mixture.
struct Above(NormalMixture);

impl Mixture for Above {
    fn log_evidence(&self, s: f64, v: f64) -> f64 {
        self.0.log_evidence_above(s, v)
    }
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
    fn a_healthy_release_is_rarely_stopped_however_often_one_looks() {
        let mut stream = Key::root(1, "always valid").stream();
        let (runs, alpha) = (1500u32, 0.05);
        let mixture = NormalMixture::new(200.0, alpha).unwrap();
        let (mut crossed, mut peeked) = (0u32, 0u32);
        for _ in 0..runs {
            let mut sum = 0.0;
            let (mut cross, mut peek) = (false, false);
            for n in 1..=1000 {
                let v = f64::from(n);
                sum += normal_sample(&mut stream);
                cross |= sum.abs() >= mixture.bound(v, alpha);
                peek |= sum.abs() >= 1.96 * v.sqrt();
            }
            crossed += u32::from(cross);
            peeked += u32::from(peek);
        }
        // Published: 53 % of naive tests reject within 1000 looks (Armitage, McPherson and Rowe 1969).
        close(f64::from(peeked) / f64::from(runs), 0.53, 0.052);
        let low = crate::stats::estimate::wilson(u64::from(crossed), u64::from(runs), 0.99).low;
        assert!(low <= alpha && crossed > 0, "{crossed} of {runs}");
    }

    #[test]
    fn parameters_without_meaning_are_refused() {
        assert_eq!(NormalMixture::new(0.0, 0.05), None);
        assert_eq!(NormalMixture::new(10.0, 1.0), None);
        assert_eq!(NormalMixture::new(f64::NAN, 0.5), None);
        assert_eq!(NormalMixture::of_effects(0.0), None);
        assert_eq!(NormalMixture::of_effects(f64::NAN), None);
        assert_eq!(NormalMixture::of_effects(1e-300), None);
    }
}
