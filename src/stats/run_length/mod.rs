//! How long a chart runs until it alarms: mean run lengths, computed and not simulated.
//!
//! The run length is the number of samples up to and including the alarm. Its mean without a change is the price of a
//! chart (how often it is wrong), its mean at a shift is what one gets for it (how late it is right). `shift` is in
//! standard deviations of one sample everywhere; values are independent and normal unless a function says otherwise.
//!
//! Charts with a continuous statistic are solved by Nystroem's method: the integral equation
//! `L(s) = 1 + (mass that stays at an atom) L(atom) + integral of L(x) f(x | s) dx` at the nodes of a Gauss-Legendre
//! rule, which is exact to many digits because the normal kernel is smooth (Champ and Rigdon 1991, who compare it with
//! the Markov chain of Brook and Evans 1972). Charts on counts are finite Markov chains and solved as such.
//!
//! Traps: a mean is not a typical value, run lengths are nearly exponential, so a third of them is below 0.4 of the mean
//! ([`cusum_alarm_by`] gives the chance within a bake time instead); and correlated samples, or a mean and a deviation
//! estimated from few samples, shorten the in-control run length several times over.
//!
//! All functions give `None` where the parameters make no chart, or one too large to solve here.

mod bernoulli;
mod chain;
mod cusum;
mod ewma;
mod linear;
mod quadrature;
mod shiryaev_roberts;

pub use bernoulli::bernoulli_cusum;
pub use chain::{markov_chain, poisson_cusum};
pub use cusum::{crosier, cusum, cusum_alarm_by, siegmund, two_sided, two_sided_cusum};
pub use ewma::{EwmaLimits, ewma};
pub use shiryaev_roberts::shiryaev_roberts;

use crate::rng::normal_cdf;

/// Mean run length of a chart that alarms beyond `limit` standard deviations, on both sides or above only.
#[must_use]
pub fn shewhart(limit: f64, shift: f64, both_sides: bool) -> Option<f64> {
    let below = if both_sides { normal_cdf(-limit - shift) } else { 0.0 };
    let length = 1.0 / (normal_cdf(shift - limit) + below);
    (limit.is_finite() && shift.is_finite() && length.is_finite()).then_some(length)
}

fn normal_density(z: f64) -> f64 {
    const INVERSE_ROOT_OF_TWO_PI: f64 = 0.398_942_280_401_432_7;
    INVERSE_ROOT_OF_TWO_PI * libm::exp(-0.5 * z * z)
}
