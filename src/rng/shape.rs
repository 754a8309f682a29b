//! The mathematics of a distribution, without its unit: sampling, inversion, mean, distribution function.

use super::special::incomplete_gamma;
use super::{
    Stream, binomial_cdf, binomial_quantile, binomial_sample, exponential_quantile, gamma_quantile,
    gamma_sample, lognormal_quantile, normal_cdf, poisson_cdf, poisson_quantile, poisson_sample,
};

/// The 0.99 quantile of the standard normal distribution.
pub(super) const Z99: f64 = 2.326_347_874_040_841;

/// Validated parameters of a distribution.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    Fixed(f64),
    Uniform {
        low: f64,
        high: f64,
    },
    Exponential {
        mean: f64,
    },
    /// `mean` follows from the others; it is asked for every window.
    Lognormal {
        p50: f64,
        p99: f64,
        mu: f64,
        sigma: f64,
        mean: f64,
    },
    Gamma {
        mean: f64,
        shape: f64,
    },
    Poisson {
        mean: f64,
    },
    Binomial {
        n: u64,
        p: f64,
    },
    Empirical(Empirical),
    Mixture(Vec<Part>),
}

/// Sorted values, their weights as given (empty: all equal) and their cumulative shares, the last of which is
/// 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Empirical {
    pub(super) values: Vec<f64>,
    pub(super) weights: Vec<f64>,
    pub(super) cumulative: Vec<f64>,
}

/// One component of a mixture.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    pub(super) weight: f64,
    /// The normalised weight.
    pub(super) share: f64,
    pub(super) of: Shape,
}

impl Empirical {
    fn at(&self, u: f64) -> f64 {
        let index = self.cumulative.partition_point(|&c| c <= u).min(self.values.len().saturating_sub(1));
        self.values.get(index).copied().unwrap_or(f64::NAN)
    }

    fn cdf(&self, x: f64) -> f64 {
        let count = self.values.partition_point(|&v| v <= x);
        if count == 0 { 0.0 } else { self.cumulative.get(count - 1).copied().unwrap_or(1.0) }
    }

    fn mean(&self) -> f64 {
        let mut before = 0.0;
        let mut sum = 0.0;
        for (value, cumulative) in self.values.iter().zip(&self.cumulative) {
            sum += value * (cumulative - before);
            before = *cumulative;
        }
        sum
    }
}

impl Shape {
    pub(super) fn sample(&self, stream: &mut Stream) -> f64 {
        match self {
            Shape::Fixed(value) => *value,
            Shape::Gamma { mean, shape } => gamma_sample(*mean, *shape, stream),
            Shape::Poisson { mean } => poisson_sample(*mean, stream) as f64,
            Shape::Binomial { n, p } => binomial_sample(*n, *p, stream) as f64,
            Shape::Mixture(parts) => {
                let (part, _) = split(parts, stream.uniform());
                part.map_or(f64::NAN, |part| part.of.sample(stream))
            }
            _ => self.quantile(stream.uniform_open()),
        }
    }

    pub(super) fn quantile(&self, u: f64) -> f64 {
        match self {
            Shape::Fixed(value) => *value,
            Shape::Uniform { low, high } => low + (high - low) * u,
            Shape::Exponential { mean } => exponential_quantile(*mean, u),
            Shape::Lognormal { mu, sigma, p50, .. } if *sigma == 0.0 || *mu == f64::NEG_INFINITY => *p50,
            Shape::Lognormal { mu, sigma, .. } => lognormal_quantile(*mu, *sigma, u),
            Shape::Gamma { mean, shape } => gamma_quantile(*mean, *shape, u),
            Shape::Poisson { mean } => poisson_quantile(*mean, u) as f64,
            Shape::Binomial { n, p } => binomial_quantile(*n, *p, u) as f64,
            Shape::Empirical(empirical) => empirical.at(u),
            Shape::Mixture(parts) => self.mixture_quantile(parts, u),
        }
    }

    /// Bisection to the last bit between the smallest and the largest quantile of the components.
    fn mixture_quantile(&self, parts: &[Part], u: f64) -> f64 {
        let quantiles = || parts.iter().map(|part| part.of.quantile(u));
        let mut low = quantiles().fold(f64::INFINITY, f64::min);
        let mut high = quantiles().fold(f64::NEG_INFINITY, f64::max);
        if !(low.is_finite() && high.is_finite()) || self.cdf(low) > u {
            return low;
        }
        loop {
            let middle = low + 0.5 * (high - low);
            if middle <= low || middle >= high {
                return high;
            }
            if self.cdf(middle) > u {
                high = middle;
            } else {
                low = middle;
            }
        }
    }

    pub(super) fn draw(&self, u: f64) -> f64 {
        match self {
            Shape::Mixture(parts) => {
                let (part, rest) = split(parts, u);
                part.map_or(f64::NAN, |part| part.of.draw(rest))
            }
            _ => self.quantile(u),
        }
    }

    pub(super) fn mean(&self) -> f64 {
        match self {
            Shape::Fixed(value) => *value,
            Shape::Uniform { low, high } => low + 0.5 * (high - low),
            Shape::Exponential { mean }
            | Shape::Gamma { mean, .. }
            | Shape::Poisson { mean }
            | Shape::Lognormal { mean, .. } => *mean,
            Shape::Binomial { n, p } => *n as f64 * p,
            Shape::Empirical(empirical) => empirical.mean(),
            Shape::Mixture(parts) => parts.iter().map(|part| part.share * part.of.mean()).sum(),
        }
    }

    pub(super) fn cdf(&self, x: f64) -> f64 {
        if x.is_nan() {
            return f64::NAN;
        }
        match self {
            Shape::Fixed(value) => step(x, *value),
            Shape::Uniform { low, high } if high > low => ((x - low) / (high - low)).clamp(0.0, 1.0),
            Shape::Uniform { low, .. } => step(x, *low),
            Shape::Exponential { mean } => -libm::expm1(-(x / mean).max(0.0)),
            Shape::Lognormal { p50, sigma, .. } if *sigma == 0.0 => step(x, *p50),
            Shape::Lognormal { .. } if x <= 0.0 => 0.0,
            Shape::Lognormal { mu, sigma, .. } => normal_cdf((libm::log(x) - mu) / sigma),
            Shape::Gamma { mean, shape } => incomplete_gamma(*shape, x * shape / mean).lower,
            Shape::Poisson { .. } | Shape::Binomial { .. } if x < 0.0 => 0.0,
            Shape::Poisson { mean } if *mean == 0.0 => 1.0,
            Shape::Poisson { mean } => poisson_cdf(*mean, x as u64).lower,
            Shape::Binomial { n, p } => binomial_cdf(*n, *p, x as u64).lower,
            Shape::Empirical(empirical) => empirical.cdf(x),
            Shape::Mixture(parts) => {
                parts.iter().map(|part| part.share * part.of.cdf(x)).sum::<f64>().min(1.0)
            }
        }
    }
}

fn step(x: f64, at: f64) -> f64 {
    if x >= at { 1.0 } else { 0.0 }
}

/// The component that `u` falls into, and `u` stretched from that component's share to the unit interval.
fn split(parts: &[Part], u: f64) -> (Option<&Part>, f64) {
    let mut rest = u;
    for part in parts {
        if rest < part.share {
            return (Some(part), rest / part.share);
        }
        rest -= part.share;
    }
    // Rounding of the shares can leave a crumb past the last component.
    (parts.iter().rev().find(|part| part.share > 0.0), 1.0 - f64::EPSILON / 2.0)
}
