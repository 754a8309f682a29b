//! Exponentially weighted moving averages of normal values.

use super::linear::mean_steps;
use super::{normal_density, quadrature};

/// Where an average alarms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EwmaLimits {
    /// Distance from the baseline in standard deviations of the average.
    pub width: f64,
    /// On both sides; else above only.
    pub both_sides: bool,
    /// The deviation of the average grows from the first sample on as it does in truth (Steiner 1999); else it has its
    /// final size from the start.
    pub adjusted: bool,
}

/// How far below a one-sided average is followed, in standard deviations of it.
const DEEP: f64 = 9.0;
/// Up to what distance from their final place limits are taken as still moving, as a share.
const SETTLED: f64 = 1e-9;

/// The average `Z = w x + (1 - w) Z` between two limits.
struct Average {
    weight: f64,
    shift: f64,
    limits: EwmaLimits,
    /// The final deviation of the average.
    deviation: f64,
}

impl Average {
    /// Nodes between the limits when `share` of the final variance has been reached.
    fn nodes(&self, share: f64) -> Option<Vec<(f64, f64)>> {
        let reach = self.deviation * share.sqrt();
        let deep = if self.limits.both_sides { -self.limits.width } else { -DEEP - self.shift.abs() };
        quadrature::nodes(deep * reach, self.limits.width * reach, self.weight)
    }

    /// The density of the next average at `to`.
    fn density(&self, from: f64, to: f64) -> f64 {
        normal_density((to - (1.0 - self.weight) * from) / self.weight - self.shift) / self.weight
    }

    fn row(&self, from: f64, nodes: &[(f64, f64)]) -> Vec<f64> {
        nodes.iter().map(|(to, weight)| weight * self.density(from, *to)).collect()
    }
}

/// Mean run length of an exponentially weighted moving average with the given weight of the newest value, in (0, 1].
///
/// A one-sided average is not reset at the baseline: it may fall below it without bound.
#[must_use]
pub fn ewma(weight: f64, limits: EwmaLimits, shift: f64) -> Option<f64> {
    let sound = weight > 0.0 && weight <= 1.0 && limits.width > 0.0 && shift.is_finite();
    if !sound {
        return None;
    }
    let average = Average { weight, shift, limits, deviation: (weight / (2.0 - weight)).sqrt() };
    let nodes = average.nodes(1.0)?;
    let lengths = mean_steps(nodes.iter().map(|(from, _)| average.row(*from, &nodes)).collect())?;
    let ahead = |from: f64| dot(&average.row(from, &nodes), &lengths) + 1.0;
    if !limits.adjusted {
        return Some(ahead(0.0));
    }
    // The density of the averages that have not alarmed is carried on while the limits move. Every sample that is taken
    // counts once for whoever is still there; when the limits stand still the rest is the fixed chart's.
    let keep = (1.0 - weight) * (1.0 - weight);
    let mut missing = keep;
    let mut at = average.nodes(1.0 - missing)?;
    let mut alive: Vec<f64> = at.iter().map(|(to, w)| w * average.density(0.0, *to)).collect();
    let mut length = 1.0;
    while missing > SETTLED {
        length += alive.iter().sum::<f64>();
        missing *= keep;
        let next = average.nodes(1.0 - missing)?;
        let arrive = |(to, w): &(f64, f64)| {
            w * at.iter().zip(&alive).map(|(from, mass)| mass * average.density(from.0, *to)).sum::<f64>()
        };
        alive = next.iter().map(arrive).collect();
        at = next;
    }
    Some(length + at.iter().zip(&alive).map(|(from, mass)| mass * ahead(from.0)).sum::<f64>())
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
