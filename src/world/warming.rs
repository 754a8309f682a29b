//! Fresh processes are slow: code that is not compiled yet, caches that are empty, pools that are not filled.
//!
//! One curve serves the warm-up of a service (every fresh pod of it, a property of the code) and the confounder
//! `cold_cache` (a disturbance of one replication): the service time of a process of age `t` is multiplied by
//! `1 + (factor - 1) x exp(-t / tau)`.

use crate::time::SimDuration;

/// An exponential return to normal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Warming {
    /// Service-time multiplier of a process that just started, above 0.
    pub factor: f64,
    /// Time constant of the return to 1.
    pub tau: SimDuration,
}

impl Warming {
    /// The multiplier of a process that has run for `age`.
    pub fn at(&self, age: SimDuration) -> f64 {
        let age = age.as_secs_f64() / self.tau.as_secs_f64().max(1e-9);
        1.0 + (self.factor - 1.0) * libm::exp(-age)
    }

    /// The mean multiplier while the age grows from `age` by `span`.
    pub fn mean(&self, age: SimDuration, span: SimDuration) -> f64 {
        let width = span.as_secs_f64() / self.tau.as_secs_f64().max(1e-9);
        if width < 1e-9 {
            return self.at(age);
        }
        1.0 + (self.at(age) - 1.0) * -libm::expm1(-width) / width
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_that_of_the_curve() {
        let warming = Warming { factor: 4.0, tau: SimDuration::from_secs(90) };
        let (age, span) = (SimDuration::from_secs(20), SimDuration::from_secs(60));
        let step = SimDuration::from_millis(10);
        let sum: f64 = (0..6000).map(|i| warming.at(age + step * i + SimDuration::from_millis(5))).sum();
        assert!((warming.mean(age, span) - sum / 6000.0).abs() < 1e-6);
        assert_eq!(warming.at(SimDuration::ZERO), 4.0);
        assert!(warming.at(SimDuration::from_mins(30)) - 1.0 < 1e-6);
    }
}
