//! The Shiryaev-Roberts procedure for a normal mean.

use super::linear::mean_steps;
use super::{normal_density, quadrature};

/// Mean run length of `R = (1 + R) exp(theta x - theta^2 / 2)` from `R = 0`, an alarm at `R >= limit`, where the values have
/// mean `shift` and the procedure is tuned to a shift of `theta` > 0.
///
/// Solved in `ln R`, in which the steps are normal with deviation `theta` and bounded below: `1 + R` is at least 1.
#[must_use]
pub fn shiryaev_roberts(theta: f64, limit: f64, shift: f64) -> Option<f64> {
    let sound = theta > 0.0 && limit > 0.0 && limit.is_finite() && shift.is_finite();
    if !sound {
        return None;
    }
    let drift = theta * shift - 0.5 * theta * theta;
    let top = libm::log(limit);
    // Below this the statistic comes once in 10^18 samples.
    let bottom = (drift - 9.0 * theta).min(top - theta);
    let nodes = quadrature::nodes(bottom, top, theta)?;
    let row = |statistic: f64| -> Vec<f64> {
        let centre = libm::log1p(statistic) + drift;
        nodes.iter().map(|(u, weight)| weight * normal_density((u - centre) / theta) / theta).collect()
    };
    let lengths = mean_steps(nodes.iter().map(|(u, _)| row(libm::exp(*u))).collect())?;
    Some(1.0 + row(0.0).iter().zip(&lengths).map(|(weight, length)| weight * length).sum::<f64>())
}
