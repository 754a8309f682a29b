//! Wald's sequential probability ratio test of a failure probability.
//!
//! It is fed outcomes by the caller, holds a few numbers of state, and answers after each. It keeps answering after its
//! conclusion; starting over is the caller's decision ([`Sprt::reset`]). Charts that watch a stream for a change are
//! detectors (the module `detect`).

/// What a sequential test concludes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// The failure probability is the acceptable one.
    Acceptable,
    /// The failure probability is the one to be caught.
    Unacceptable,
}

/// Wald's sequential probability ratio test of a failure probability: `p0` acceptable against `p1`
/// unacceptable.
///
/// `alpha` is the chance of calling p0 unacceptable, `beta` of calling p1 acceptable; the true chances are a
/// little smaller because the ratio overshoots its boundaries. Between p0 and p1 the test may run long:
/// truncate it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sprt {
    failure: f64,
    success: f64,
    upper: f64,
    lower: f64,
    ratio: f64,
}

/// Why parameters do not make a sequential test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SprtError {
    /// Not 0 < p0 < p1 < 1.
    #[error("a sequential test needs 0 < p0 < p1 < 1")]
    Probabilities,
    /// Not alpha, beta > 0 with alpha + beta < 1.
    #[error("alpha and beta must be more than 0 and together less than 1")]
    Errors,
}

impl Sprt {
    /// The test of `p0` against `p1` with error chances `alpha` and `beta`.
    ///
    /// # Errors
    /// Unless 0 < p0 < p1 < 1, alpha > 0, beta > 0 and alpha + beta < 1.
    pub fn new(p0: f64, p1: f64, alpha: f64, beta: f64) -> Result<Self, SprtError> {
        let ordered = 0.0 < p0 && p0 < p1 && p1 < 1.0;
        if !ordered {
            return Err(SprtError::Probabilities);
        }
        let meaningful = alpha > 0.0 && beta > 0.0 && alpha + beta < 1.0;
        if !meaningful {
            return Err(SprtError::Errors);
        }
        Ok(Sprt {
            failure: libm::log(p1 / p0),
            success: libm::log1p(-p1) - libm::log1p(-p0),
            upper: libm::log((1.0 - beta) / alpha),
            lower: libm::log(beta / (1.0 - alpha)),
            ratio: 0.0,
        })
    }

    /// Takes the outcome of one request.
    #[inline]
    pub fn step(&mut self, failed: bool) -> Option<Conclusion> {
        self.ratio += if failed { self.failure } else { self.success };
        self.conclusion()
    }

    /// Takes the outcomes of a batch at once. The test then looks only at the end of the batch, which is
    /// later and surer than looking after every request.
    pub fn step_batch(&mut self, failures: u64, successes: u64) -> Option<Conclusion> {
        self.ratio += failures as f64 * self.failure + successes as f64 * self.success;
        self.conclusion()
    }

    /// The current log-likelihood ratio.
    #[must_use]
    pub fn log_ratio(&self) -> f64 {
        self.ratio
    }

    /// Starts over.
    pub fn reset(&mut self) {
        self.ratio = 0.0;
    }

    fn conclusion(&self) -> Option<Conclusion> {
        if self.ratio >= self.upper {
            Some(Conclusion::Unacceptable)
        } else if self.ratio <= self.lower {
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
    fn sprt_without_failures_accepts_after_the_published_counts() {
        for (p0, p1, alpha, beta, requests) in
            [(0.01, 0.05, 0.05, 0.10, 55), (0.001, 0.01, 0.01, 0.05, 330), (0.01, 0.02, 0.05, 0.05, 291)]
        {
            let mut test = Sprt::new(p0, p1, alpha, beta).unwrap();
            let mut n = 1;
            while test.step(false).is_none() {
                n += 1;
            }
            assert_eq!(n, requests);
            test.reset();
            assert_eq!(test.step_batch(0, n), Some(Conclusion::Acceptable));
        }
    }

    #[test]
    fn sprt_refuses_impossible_designs() {
        assert_eq!(Sprt::new(0.05, 0.01, 0.05, 0.05), Err(SprtError::Probabilities));
        assert_eq!(Sprt::new(f64::NAN, 0.01, 0.05, 0.05), Err(SprtError::Probabilities));
        assert_eq!(Sprt::new(0.01, 0.05, 0.6, 0.6), Err(SprtError::Errors));
        assert_eq!(Sprt::new(0.01, 0.05, 0.0, 0.1), Err(SprtError::Errors));
    }
}
