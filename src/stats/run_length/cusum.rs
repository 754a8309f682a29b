//! CUSUM charts of a normal mean: Page's, two of them together, Crosier's, Siegmund's approximation.

use super::linear::mean_steps;
use super::{normal_density, quadrature};
use crate::rng::normal_cdf;

/// The upper CUSUM `S = max(0, S + x - k)` as an integral equation.
struct Page {
    k: f64,
    shift: f64,
    nodes: Vec<(f64, f64)>,
}

impl Page {
    fn new(k: f64, h: f64, shift: f64) -> Option<Self> {
        let sound = k.is_finite() && shift.is_finite() && h > 0.0;
        let nodes = sound.then(|| quadrature::nodes(0.0, h, 1.0)).flatten()?;
        Some(Page { k, shift, nodes })
    }

    /// From `sum`: the chance to be at zero next, then the weights of being at each node.
    fn row(&self, sum: f64) -> Vec<f64> {
        let away = self.k - sum - self.shift;
        std::iter::once(normal_cdf(away))
            .chain(self.nodes.iter().map(|(x, weight)| weight * normal_density(x + away)))
            .collect()
    }

    /// Mean run lengths from zero and from the nodes.
    fn lengths(&self) -> Option<Vec<f64>> {
        let states = std::iter::once(0.0).chain(self.nodes.iter().map(|node| node.0));
        mean_steps(states.map(|sum| self.row(sum)).collect())
    }
}

/// Mean run length of the upper CUSUM with reference `k` and limit `h` that starts at `start` (0 to `h`).
#[must_use]
pub fn cusum(k: f64, h: f64, shift: f64, start: f64) -> Option<f64> {
    if !(0.0..h).contains(&start) {
        return None;
    }
    let page = Page::new(k, h, shift)?;
    let lengths = page.lengths()?;
    Some(1.0 + page.row(start).iter().zip(&lengths).map(|(weight, length)| weight * length).sum::<f64>())
}

/// Mean run length of two CUSUMs that watch both sides, each started at `start`.
///
/// From zero `1/L = 1/L+ + 1/L-` (Kemp 1961). With a head start (Lucas and Crosier 1982, appendix)
/// `L = (L+(s) L-(0) + L-(s) L+(0) - L+(0) L-(0)) / (L+(0) + L-(0))`. Exact for `start` up to `h / 2`: until one of the sums
/// has been at zero they add up to at most `2 start`, so neither can alarm while the other still has its head start.
#[must_use]
pub fn two_sided_cusum(k: f64, h: f64, shift: f64, start: f64) -> Option<f64> {
    let side = |shift: f64| Some((cusum(k, h, shift, 0.0)?, cusum(k, h, shift, start)?));
    let ((up, up_started), (down, down_started)) = (side(shift)?, side(-shift)?);
    Some((up_started * down + down_started * up - up * down) / (up + down))
}

/// Two one-sided run lengths together: `1/L = 1/L+ + 1/L-` (Kemp 1961).
#[must_use]
pub fn two_sided(up: f64, down: f64) -> f64 {
    1.0 / (1.0 / up + 1.0 / down)
}

/// The chance that the upper CUSUM, started at zero, alarms within `samples`: the risk of a false alarm during a bake
/// time, or of catching a shift within it.
#[must_use]
pub fn cusum_alarm_by(k: f64, h: f64, shift: f64, samples: u32) -> Option<f64> {
    let page = Page::new(k, h, shift)?;
    let rows: Vec<Vec<f64>> =
        std::iter::once(0.0).chain(page.nodes.iter().map(|node| node.0)).map(|sum| page.row(sum)).collect();
    // The chance of no alarm within n samples, from each state: P(0) = 1, P(n) = (weights) P(n - 1).
    let mut quiet = vec![1.0; rows.len()];
    for _ in 0..samples {
        quiet = rows.iter().map(|row| row.iter().zip(&quiet).map(|(w, p)| w * p).sum()).collect();
    }
    Some((1.0 - quiet[0]).clamp(0.0, 1.0))
}

/// Siegmund's approximation of the upper CUSUM's mean run length from zero (1985):
/// `(exp(-2 d b) + 2 d b - 1) / (2 d^2)` with `d = shift - k` and `b = h + 1.166`; `b^2` at `d = 0`. Within 1 % or so of the truth for
/// shifts below 1 and too small for larger ones.
#[must_use]
pub fn siegmund(k: f64, h: f64, shift: f64) -> Option<f64> {
    let (drift, limit) = (shift - k, h + 1.166);
    let sound = drift.is_finite() && h > 0.0 && limit.is_finite();
    if !sound {
        return None;
    }
    let path = 2.0 * drift * limit;
    // Close to zero the difference loses its digits: expm1(-p) + p is p^2/2 - p^3/6.
    let length = if path.abs() < 1e-4 {
        limit * limit * (1.0 - path / 3.0)
    } else {
        (libm::expm1(-path) + path) / (2.0 * drift * drift)
    };
    length.is_finite().then_some(length)
}

/// Mean run length of Crosier's two-sided CUSUM (1986): one sum that is pulled towards zero by `k`, an alarm beyond `h` on
/// either side.
#[must_use]
pub fn crosier(k: f64, h: f64, shift: f64) -> Option<f64> {
    let sound = k >= 0.0 && k.is_finite() && shift.is_finite() && h > 0.0;
    let positive = sound.then(|| quadrature::nodes(0.0, h, 1.0)).flatten()?;
    let negative = positive.iter().map(|(x, weight)| (-x, *weight));
    let nodes: Vec<(f64, f64)> = positive.iter().copied().chain(negative).collect();
    let row = |sum: f64| -> Vec<f64> {
        let centre = sum + shift;
        let stays = normal_cdf(k - centre) - normal_cdf(-k - centre);
        let lands = |(x, weight): &(f64, f64)| weight * normal_density(x + k.copysign(*x) - centre);
        std::iter::once(stays).chain(nodes.iter().map(lands)).collect()
    };
    let states = std::iter::once(0.0).chain(nodes.iter().map(|node| node.0));
    mean_steps(states.map(row).collect()).map(|lengths| lengths[0])
}
