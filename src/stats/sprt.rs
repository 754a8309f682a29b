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
    per_event: f64,
    per_exposure: f64,
    upper: f64,
    lower: f64,
    events: f64,
    exposure: f64,
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
        Self::new(libm::log(p1 / p0) - success, success, alpha, beta)
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
        Self::new(libm::log(rate1 / rate0), rate0 - rate1, alpha, beta)
    }

    fn new(per_event: f64, per_exposure: f64, alpha: f64, beta: f64) -> Result<Self, SprtError> {
        let meaningful = alpha > 0.0 && beta > 0.0 && alpha + beta < 1.0;
        if !meaningful {
            return Err(SprtError::Errors);
        }
        let upper = libm::log((1.0 - beta) / alpha);
        let lower = libm::log(beta / (1.0 - alpha));
        Ok(Sprt { per_event, per_exposure, upper, lower, events: 0.0, exposure: 0.0 })
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
    fn impossible_designs_are_refused() {
        assert_eq!(Sprt::bernoulli(0.05, 0.01, 0.05, 0.05), Err(SprtError::Probabilities));
        assert_eq!(Sprt::bernoulli(f64::NAN, 0.01, 0.05, 0.05), Err(SprtError::Probabilities));
        assert_eq!(Sprt::bernoulli(0.01, 0.05, 0.6, 0.6), Err(SprtError::Errors));
        assert_eq!(Sprt::bernoulli(0.01, 0.05, 0.0, 0.1), Err(SprtError::Errors));
        assert_eq!(Sprt::poisson(2.0, 1.0, 0.05, 0.1), Err(SprtError::Rates));
        assert_eq!(Sprt::poisson(1.0, f64::INFINITY, 0.05, 0.1), Err(SprtError::Rates));
    }
}
