//! Slow multiplicative noise: a log-normal first-order autoregressive process.
//!
//! Real service metrics are not independent from one minute to the next, and a canary judge that looks fine
//! on independent data raises false alarms on correlated data. The process is given by a correlation time and
//! a coefficient of variation, both of which can be read off a recorded series.

use serde::{Deserialize, Serialize};

use super::{Key, Lean};
use crate::time::SimDuration;

/// A multiplier around 1: its logarithm is a stationary Gaussian AR(1) process with variance `ln(1 + cv^2)`
/// and mean of minus half that, so the multiplier itself has mean 1 and coefficient of variation `cv`. The
/// logarithms of two values `dt` apart have correlation `exp(-dt / tau)`.
///
/// `tau` of zero is white noise, `cv` of zero (or negative, or NaN) no noise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ar1 {
    /// Correlation time.
    pub tau: SimDuration,
    /// Coefficient of variation of the multiplier: standard deviation over mean.
    #[serde(deserialize_with = "super::distribution_text::ratio")]
    #[schemars(with = "super::distribution_text::RatioText")]
    pub cv: f64,
}

impl Ar1 {
    /// The first `n` values at distance `step`. Innovation k is keyed by k, so a longer path of the same key
    /// and step begins with the shorter one, bit for bit.
    #[must_use]
    pub fn path(&self, key: Key, step: SimDuration, n: usize) -> Vec<f64> {
        self.steps(key, step).take(n).collect()
    }

    /// Two processes whose product is this one: the part that all replicas of a service share, with the share
    /// `shared` (0 to 1, clamped) of the variance of the logarithm, and the part that each replica has alone.
    ///
    /// Two replicas' logarithms then have correlation `shared` at any one time.
    #[must_use]
    pub fn split(&self, shared: f64) -> (Ar1, Ar1) {
        let shared = if shared > 0.0 { shared.min(1.0) } else { 0.0 };
        let variance = libm::log1p(self.cv * self.cv);
        let part = |share: f64| Ar1 { tau: self.tau, cv: libm::expm1(share * variance).sqrt() };
        (part(shared), part(1.0 - shared))
    }

    /// The values one by one, for ever, without allocation.
    #[must_use]
    pub fn steps(&self, key: Key, step: SimDuration) -> Ar1Steps {
        self.leaning_steps(key, step, Lean::NONE)
    }

    /// The values one by one, with the innovations of some steps drawn from a law that leans.
    pub(super) fn leaning_steps(&self, key: Key, step: SimDuration, lean: Lean) -> Ar1Steps {
        let cv = if self.cv > 0.0 { self.cv } else { 0.0 };
        let variance = libm::log1p(cv * cv);
        Ar1Steps {
            standard: StandardSteps { lean, ..StandardSteps::new(self.tau, key, step) },
            deviation: variance.sqrt(),
            centre: -0.5 * variance,
        }
    }
}

/// The endless path of an [`Ar1`] process.
#[derive(Clone, Debug, PartialEq)]
pub struct Ar1Steps {
    standard: StandardSteps,
    deviation: f64,
    centre: f64,
}

impl Iterator for Ar1Steps {
    type Item = f64;

    #[inline]
    fn next(&mut self) -> Option<f64> {
        let state = self.standard.advance();
        Some(libm::exp(self.centre + self.deviation * state))
    }
}

/// The endless path of a stationary Gaussian AR(1) process of mean 0 and variance 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct StandardSteps {
    key: Key,
    next: u64,
    state: f64,
    correlation: f64,
    innovation: f64,
    lean: Lean,
}

impl StandardSteps {
    /// Two values `step` apart have correlation `exp(-step / tau)`.
    pub(super) fn new(tau: SimDuration, key: Key, step: SimDuration) -> Self {
        let lag = if tau.is_zero() { f64::INFINITY } else { step.as_secs_f64() / tau.as_secs_f64() };
        StandardSteps {
            key,
            next: 0,
            state: 0.0,
            correlation: libm::exp(-lag),
            // sqrt(1 - correlation^2) without cancellation for steps much shorter than tau.
            innovation: (-libm::expm1(-2.0 * lag)).sqrt(),
            lean: Lean::NONE,
        }
    }

    #[inline]
    pub(super) fn advance(&mut self) -> f64 {
        let z = self.lean.score(self.key.id(self.next), self.next);
        // The first value is drawn from the stationary law: there is no burn-in.
        self.state = if self.next == 0 { z } else { self.correlation * self.state + self.innovation * z };
        self.next += 1;
        self.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process() -> Ar1 {
        Ar1 { tau: SimDuration::from_mins(5), cv: 0.2 }
    }

    #[test]
    fn longer_paths_extend_shorter_ones_bit_for_bit() {
        let key = Key::root(1, "noise");
        let step = SimDuration::from_secs(15);
        let long = process().path(key, step, 500);
        let short = process().path(key, step, 100);
        assert_eq!(short, long[..100]);
        assert_ne!(process().path(Key::root(2, "noise"), step, 100), short);
    }

    #[test]
    fn mean_is_one_and_variation_is_cv() {
        let step = SimDuration::from_mins(60);
        let values = process().path(Key::root(3, "noise"), step, 100_000);
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
        assert!((mean - 1.0).abs() < 4.0 * 0.2 / n.sqrt(), "{mean}");
        assert!((variance.sqrt() - 0.2).abs() < 0.003, "{variance}");
    }

    #[test]
    fn correlation_decays_with_tau() {
        for seconds in [15u64, 60, 300] {
            let logs: Vec<f64> = process()
                .path(Key::root(4, "noise"), SimDuration::from_secs(seconds), 100_000)
                .into_iter()
                .map(libm::log)
                .collect();
            let mean = logs.iter().sum::<f64>() / logs.len() as f64;
            let variance: f64 = logs.iter().map(|x| (x - mean) * (x - mean)).sum();
            let lagged: f64 = logs.windows(2).map(|w| (w[0] - mean) * (w[1] - mean)).sum();
            let expected = libm::exp(-(seconds as f64) / 300.0);
            // Bartlett: the standard error is sqrt((1 - rho^2) / n).
            let error = ((1.0 - expected * expected) / logs.len() as f64).sqrt();
            assert!(
                (lagged / variance - expected).abs() < 4.0 * error + 1e-3,
                "{seconds}: {}",
                lagged / variance
            );
        }
    }

    #[test]
    fn a_split_process_keeps_its_variation_and_correlates_replicas() {
        let (shared, own) = process().split(0.7);
        let key = Key::root(6, "noise");
        let step = SimDuration::from_mins(60);
        let n = 60_000;
        let common = shared.path(key.id(0), step, n);
        let replica = |i: u64| -> Vec<f64> {
            own.path(key.id(i), step, n).iter().zip(&common).map(|(a, b)| libm::log(a * b)).collect()
        };
        let (a, b) = (replica(1), replica(2));
        let moment = |x: &[f64], y: &[f64]| {
            let mean = |v: &[f64]| v.iter().sum::<f64>() / n as f64;
            let (mx, my) = (mean(x), mean(y));
            x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum::<f64>() / n as f64
        };
        assert!((moment(&a, &a) / libm::log1p(0.04) - 1.0).abs() < 0.025);
        assert!((moment(&a, &b) / moment(&a, &a) - 0.7).abs() < 0.01);
        let (all, none) = process().split(1.5);
        assert!((all.cv - 0.2).abs() < 1e-15 && none.cv == 0.0);
    }

    #[test]
    fn degenerate_parameters_are_white_noise_or_none() {
        let key = Key::root(5, "noise");
        let still = Ar1 { tau: SimDuration::from_secs(9), cv: 0.0 };
        assert_eq!(still.path(key, SimDuration::from_secs(1), 3), vec![1.0; 3]);
        let white = Ar1 { tau: SimDuration::ZERO, cv: 0.5 };
        assert!(white.path(key, SimDuration::from_secs(1), 50).iter().all(|v| v.is_finite()));
        let odd = Ar1 { tau: SimDuration::ZERO, cv: f64::NAN };
        assert_eq!(odd.path(key, SimDuration::ZERO, 2), vec![1.0; 2]);
    }

    #[test]
    fn reads_the_form_of_scenario_files() {
        let read: Ar1 = serde_saphyr::from_str("{tau: 5m, cv: 0.2}").unwrap();
        assert_eq!(read, process());
        let read: Ar1 = serde_saphyr::from_str("{tau: 5m, cv: 20%}").unwrap();
        assert_eq!(read, process());
        assert!(serde_saphyr::from_str::<Ar1>("{tau: 5m, cv: -1}").is_err());
        assert!(serde_saphyr::from_str::<Ar1>("{tau: 5m, cv: 1, shared: 3}").is_err());
    }
}
