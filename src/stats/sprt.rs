//! Wald's sequential probability ratio tests: of a failure probability (Bernoulli) and of an event rate (Poisson).
//!
//! Both watch a logarithm of likelihoods that moves by a fixed amount per event and a fixed amount per unit of exposure,
//! and stop at two boundaries (Wald 1947): at ln((1 - beta) / alpha) for the unacceptable, at ln(beta / (1 - alpha)) for
//! the acceptable alternative. It is a function of the totals only, so it does not matter in which portions they come;
//! whoever looks after every portion only, not after every request, decides later and errs more rarely.
//!
//! Traps: the true error chances lie below the stated ones because the ratio overshoots its boundaries, and the mean
//! sample sizes above Wald's approximation by up to a quarter; between the two alternatives the test may run very long:
//! truncate it.

/// What a sequential test concludes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// The probability or rate is the acceptable one.
    Acceptable,
    /// The probability or rate is the one to be caught.
    Unacceptable,
}

/// A sequential probability ratio test between an acceptable and an unacceptable probability or rate.
///
/// `alpha` is the chance of calling the acceptable one unacceptable, `beta` of the converse; see the module's traps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sprt {
    law: Law,
    per_event: f64,
    per_exposure: f64,
    upper: f64,
    lower: f64,
    events: f64,
    exposure: f64,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Law {
    /// At most one event per unit of exposure.
    Bernoulli,
    /// Any number of events.
    Poisson,
}

/// What a test does on average, by Wald's approximations, which neglect the overshoot of the boundaries: the true mean
/// exposure is up to a quarter larger.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Characteristic {
    /// The probability of concluding that things are unacceptable.
    pub reject: f64,
    /// The mean exposure until a conclusion.
    pub exposure: f64,
}

/// Why parameters do not make a sequential test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SprtError {
    /// Not 0 < p0 < p1 < 1.
    #[error("a sequential test needs 0 < p0 < p1 < 1")]
    Probabilities,
    /// Not 0 < rate0 < rate1.
    #[error("a sequential test of rates needs 0 < rate0 < rate1")]
    Rates,
    /// Not alpha, beta > 0 with alpha + beta < 1.
    #[error("alpha and beta must be more than 0 and together less than 1")]
    Errors,
}

impl Sprt {
    /// The test of the failure probability `p0` against `p1`; exposure are all requests.
    ///
    /// # Errors
    /// Unless 0 < p0 < p1 < 1, alpha > 0, beta > 0 and alpha + beta < 1.
    pub fn bernoulli(p0: f64, p1: f64, alpha: f64, beta: f64) -> Result<Self, SprtError> {
        let ordered = 0.0 < p0 && p0 < p1 && p1 < 1.0;
        if !ordered {
            return Err(SprtError::Probabilities);
        }
        let success = libm::log1p(-p1) - libm::log1p(-p0);
        Self::new(Law::Bernoulli, libm::log(p1 / p0) - success, success, alpha, beta)
    }

    /// The test of `rate0` against `rate1` events per unit of exposure (a request, a second).
    ///
    /// # Errors
    /// Unless 0 < rate0 < rate1, both finite, alpha > 0, beta > 0 and alpha + beta < 1.
    pub fn poisson(rate0: f64, rate1: f64, alpha: f64, beta: f64) -> Result<Self, SprtError> {
        let ordered = 0.0 < rate0 && rate0 < rate1 && rate1.is_finite();
        if !ordered {
            return Err(SprtError::Rates);
        }
        Self::new(Law::Poisson, libm::log(rate1 / rate0), rate0 - rate1, alpha, beta)
    }

    fn new(law: Law, per_event: f64, per_exposure: f64, alpha: f64, beta: f64) -> Result<Self, SprtError> {
        let meaningful = alpha > 0.0 && beta > 0.0 && alpha + beta < 1.0;
        if !meaningful {
            return Err(SprtError::Errors);
        }
        let upper = libm::log((1.0 - beta) / alpha);
        let lower = libm::log(beta / (1.0 - alpha));
        Ok(Sprt { law, per_event, per_exposure, upper, lower, events: 0.0, exposure: 0.0 })
    }

    /// Takes the outcome of one request.
    #[inline]
    pub fn step(&mut self, failed: bool) -> Option<Conclusion> {
        self.take(if failed { 1.0 } else { 0.0 }, 1.0)
    }

    /// Takes the events among some exposure (failures among requests) at once and looks at the end.
    #[inline]
    pub fn take(&mut self, events: f64, exposure: f64) -> Option<Conclusion> {
        self.events += events;
        self.exposure += exposure;
        self.conclusion()
    }

    /// The current log-likelihood ratio, positive where the unacceptable alternative is the likelier one.
    #[must_use]
    pub fn log_ratio(&self) -> f64 {
        self.events * self.per_event + self.exposure * self.per_exposure
    }

    /// The ratio from which on the test concludes that things are unacceptable.
    #[must_use]
    pub fn upper(&self) -> f64 {
        self.upper
    }

    /// What the test does, looking after every unit of exposure, if the true probability or rate is `p` (Wald 1947): with
    /// h the other root of E exp(h z) = 1 for the increment z, the chance of ending above is (1 - B^h) / (A^h - B^h), and
    /// the mean exposure follows from the mean of z.
    ///
    /// `None` unless `p` is finite and positive, and below 1 for a probability.
    #[must_use]
    pub fn characteristic(&self, p: f64) -> Option<Characteristic> {
        let possible = p > 0.0 && p.is_finite() && (self.law == Law::Poisson || p < 1.0);
        if !possible {
            return None;
        }
        let (event, none) = (self.per_event + self.per_exposure, self.per_exposure);
        let mean = p * self.per_event + self.per_exposure;
        let square = match self.law {
            Law::Bernoulli => p * event * event + (1.0 - p) * none * none,
            Law::Poisson => p * self.per_event * self.per_event + mean * mean,
        };
        let (upper, lower) = (self.upper, self.lower);
        if mean.abs() < 1e-9 * square.sqrt() {
            return Some(Characteristic {
                reject: -lower / (upper - lower),
                exposure: -upper * lower / square,
            });
        }
        let h = self.other_root(p, mean);
        // (1 - B^h) / (A^h - B^h), without overflow for roots of either sign.
        let (above, below) = (libm::expm1(h * upper), libm::expm1(h * lower));
        let reject = if above.is_finite() { -below / (above - below) } else { 0.0 };
        let reject = if below.is_finite() { reject.clamp(0.0, 1.0) } else { 1.0 };
        Some(Characteristic { reject, exposure: (reject * upper + (1.0 - reject) * lower) / mean })
    }

    /// The root of the logarithm of E exp(h z) that is not zero; it has the sign that the mean of z has not.
    fn other_root(&self, p: f64, mean: f64) -> f64 {
        let log_mean = |h: f64| match self.law {
            Law::Bernoulli => {
                let change = libm::expm1(h * self.per_event);
                h * self.per_exposure + libm::log1p(p * change)
            }
            Law::Poisson => h * self.per_exposure + p * libm::expm1(h * self.per_event),
        };
        let sign = -mean.signum();
        let mut high = 1.0;
        while log_mean(sign * high) < 0.0 && high < 1e6 {
            high *= 2.0;
        }
        let mut low = 0.0;
        for _ in 0..100 {
            let middle = 0.5 * (low + high);
            if log_mean(sign * middle) < 0.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        sign * high
    }

    /// All exposure so far.
    #[must_use]
    pub fn exposure(&self) -> f64 {
        self.exposure
    }

    /// Starts over.
    pub fn reset(&mut self) {
        (self.events, self.exposure) = (0.0, 0.0);
    }

    fn conclusion(&self) -> Option<Conclusion> {
        let ratio = self.log_ratio();
        if ratio >= self.upper {
            Some(Conclusion::Unacceptable)
        } else if ratio <= self.lower {
            Some(Conclusion::Acceptable)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_failures_it_accepts_after_the_published_counts() {
        for (p0, p1, alpha, beta, requests) in
            [(0.01, 0.05, 0.05, 0.10, 55), (0.001, 0.01, 0.01, 0.05, 330), (0.01, 0.02, 0.05, 0.05, 291)]
        {
            let mut test = Sprt::bernoulli(p0, p1, alpha, beta).unwrap();
            let mut n = 1;
            while test.step(false).is_none() {
                n += 1;
            }
            assert_eq!(n, requests);
            test.reset();
            assert_eq!(test.take(0.0, f64::from(n)), Some(Conclusion::Acceptable));
        }
    }

    #[test]
    fn a_poisson_test_is_the_limit_of_bernoulli_tests() {
        // Probabilities a thousandth, exposure a thousandfold.
        let mut rates = Sprt::poisson(0.5, 2.0, 0.05, 0.1).unwrap();
        let mut shares = Sprt::bernoulli(0.5e-4, 2.0e-4, 0.05, 0.1).unwrap();
        rates.take(4.0, 3.0);
        shares.take(4.0, 3.0e4);
        assert!((rates.log_ratio() - shares.log_ratio()).abs() < 2e-3);
        // By hand: 4 ln 4 - 3 * 1.5.
        assert!((rates.log_ratio() - (4.0 * libm::log(4.0) - 4.5)).abs() < 1e-12);
    }

    #[test]
    fn characteristics_meet_at_the_mean_of_zero_and_at_the_ends() {
        let test = Sprt::poisson(0.01, 0.05, 0.05, 0.1).unwrap();
        let at = |p: f64| test.characteristic(p).unwrap();
        assert!((at(0.01).reject - 0.05).abs() < 1e-9 && (at(0.05).reject - 0.9).abs() < 1e-9);
        // The rate at which the ratio has no drift: (rate1 - rate0) / ln(rate1 / rate0).
        let still = 0.04 / libm::log(5.0);
        let (below, here, above) = (at(still * (1.0 - 1e-6)), at(still), at(still * (1.0 + 1e-6)));
        assert!((below.exposure / here.exposure - 1.0).abs() < 1e-4, "{below:?} {here:?}");
        assert!(below.reject < here.reject && here.reject < above.reject);
        let far = (at(1e-9), at(1e6));
        assert!(far.0.reject < 1e-12 && far.1.reject > 1.0 - 1e-12 && far.0.exposure > 0.0, "{far:?}");
        let shares = Sprt::bernoulli(0.01, 0.05, 0.05, 0.1).unwrap();
        assert_eq!((shares.characteristic(1.0), shares.characteristic(0.0)), (None, None));
        assert_eq!((test.characteristic(f64::NAN), test.characteristic(f64::INFINITY)), (None, None));
    }

    #[test]
    fn impossible_designs_are_refused() {
        assert_eq!(Sprt::bernoulli(0.05, 0.01, 0.05, 0.05), Err(SprtError::Probabilities));
        assert_eq!(Sprt::bernoulli(f64::NAN, 0.01, 0.05, 0.05), Err(SprtError::Probabilities));
        assert_eq!(Sprt::bernoulli(0.01, 0.05, 0.6, 0.6), Err(SprtError::Errors));
        assert_eq!(Sprt::bernoulli(0.01, 0.05, 0.0, 0.1), Err(SprtError::Errors));
        assert_eq!(Sprt::poisson(2.0, 1.0, 0.05, 0.1), Err(SprtError::Rates));
        assert_eq!(Sprt::poisson(1.0, f64::INFINITY, 0.05, 0.1), Err(SprtError::Rates));
    }
}
