//! The polynomial stitched boundary: the law of the iterated logarithm at a finite time.
//!
//! Howard, Ramdas, McAuliffe and Sekhon 2021, theorem 1: Chernoff bounds on geometrically growing spans, glued with
//! shares of the error probability that fall like k^-s. It is the widest of the uniform boundaries at any one time but
//! has the right growth, sqrt(v ln ln v), for ever.
//!
//! Trap: before `v_min` it is constant, so a `v_min` far below the first look only widens it.

/// The boundary of sums with steps bounded by `c`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolynomialStitching {
    v_min: f64,
    c: f64,
    s: f64,
    eta: f64,
    k1: f64,
    k2: f64,
    constant: f64,
}

impl PolynomialStitching {
    /// The boundary from intrinsic time `v_min` on, for sub-gamma scale `c` (0 for sub-Gaussian sums, negative where
    /// large steps are rarer than that), with spans growing by the factor `eta` and shares falling with exponent `s`
    /// (the authors use 2 and 1.4).
    ///
    /// `None` unless v_min > 0, s > 1, eta > 1 and all are finite.
    #[must_use]
    pub fn new(v_min: f64, c: f64, s: f64, eta: f64) -> Option<Self> {
        let finite = [v_min, c, s, eta].iter().all(|value| value.is_finite());
        (finite && v_min > 0.0 && s > 1.0 && eta > 1.0).then(|| PolynomialStitching {
            v_min,
            c,
            s,
            eta,
            k1: (libm::pow(eta, 0.25) + libm::pow(eta, -0.25)) * std::f64::consts::FRAC_1_SQRT_2,
            k2: 0.5 * (eta.sqrt() + 1.0),
            constant: libm::log(zeta(s)) - s * libm::log(libm::log(eta)),
        })
    }

    /// The sum that data of mean zero or less ever exceed with probability at most `alpha`, at time `v`.
    #[must_use]
    pub fn bound(&self, v: f64, alpha: f64) -> f64 {
        let v = v.max(self.v_min);
        let ell = self.s * libm::log(libm::log(self.eta * v / self.v_min)) + self.constant - libm::log(alpha);
        let skewed = self.k2 * self.c * ell;
        (self.k1 * self.k1 * v * ell + skewed * skewed).max(0.0).sqrt() + skewed
    }
}

/// Riemann's zeta function for s > 1, by Euler and Maclaurin's sum.
fn zeta(s: f64) -> f64 {
    const TERMS: u32 = 30;
    let n = f64::from(TERMS);
    let head: f64 = (1..TERMS).map(|k| libm::pow(f64::from(k), -s)).sum();
    let last = libm::pow(n, -s);
    let first = s * last / (12.0 * n);
    let second = s * (s + 1.0) * (s + 2.0) * last / (720.0 * n * n * n);
    let third = s * (s + 1.0) * (s + 2.0) * (s + 3.0) * (s + 4.0) * last / (30_240.0 * libm::pow(n, 5.0));
    head + last * n / (s - 1.0) + 0.5 * last + first - second + third
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeta_has_its_known_values() {
        let pi = std::f64::consts::PI;
        assert!((zeta(2.0) - pi * pi / 6.0).abs() < 1e-13);
        assert!((zeta(4.0) - libm::pow(pi, 4.0) / 90.0).abs() < 1e-13);
        // Any table.
        assert!((zeta(1.5) - 2.612_375_348_685_488).abs() < 1e-12);
    }

    #[test]
    fn it_is_constant_before_its_first_time_and_grows_after() {
        let bound = PolynomialStitching::new(10.0, 0.0, 1.4, 2.0).unwrap();
        assert_eq!(bound.bound(1.0, 0.05), bound.bound(10.0, 0.05));
        assert!(bound.bound(20.0, 0.05) > bound.bound(10.0, 0.05));
        assert_eq!(PolynomialStitching::new(0.0, 0.0, 1.4, 2.0), None);
        assert_eq!(PolynomialStitching::new(1.0, 0.0, 1.0, 2.0), None);
        assert_eq!(PolynomialStitching::new(1.0, f64::NAN, 1.4, 2.0), None);
    }
}
