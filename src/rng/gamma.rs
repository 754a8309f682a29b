//! The gamma distribution: a rejection sampler for streams and an inversion for keyed draws.

use super::Stream;
use super::normal::{normal_quantile, normal_sample};
use super::special::incomplete_gamma;

/// A gamma variate with this mean and shape: Marsaglia and Tsang, 2000; for shapes below one a variate of
/// shape + 1 is shrunk by a power of a uniform. Takes a varying number of draws.
///
/// Meaningful for finite `mean` > 0 and `shape` > 0; anything else gives NaN.
pub fn gamma_sample(mean: f64, shape: f64, stream: &mut Stream) -> f64 {
    let valid = shape > 0.0 && shape.is_finite();
    if !valid {
        return f64::NAN;
    }
    let scale = mean / shape;
    if shape < 1.0 {
        let shrink = libm::exp(libm::log(stream.uniform_open()) / shape);
        return scale * shrink * unit_scale_sample(shape + 1.0, stream);
    }
    scale * unit_scale_sample(shape, stream)
}

/// Shape at least one, scale one.
fn unit_scale_sample(shape: f64, stream: &mut Stream) -> f64 {
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal_sample(stream);
        let root = 1.0 + c * x;
        if root <= 0.0 {
            continue;
        }
        let v = root * root * root;
        let u = stream.uniform_open();
        let x2 = x * x;
        if u < 1.0 - 0.0331 * x2 * x2 || libm::log(u) < 0.5 * x2 + d * (1.0 - v + libm::log(v)) {
            return d * v;
        }
    }
}

/// The quantile of the gamma distribution with this mean and shape, to about 1e-12 relative, for `u` in [0,
/// 1).
///
/// One uniform per variate, so keyed draws stay coupled; costs about a microsecond. Invalid arguments give
/// NaN.
#[must_use]
pub fn gamma_quantile(mean: f64, shape: f64, u: f64) -> f64 {
    let valid = shape > 0.0 && shape.is_finite() && (0.0..=1.0).contains(&u);
    if !valid {
        return f64::NAN;
    }
    if u == 0.0 {
        return 0.0;
    }
    if u == 1.0 {
        return f64::INFINITY;
    }
    mean / shape * unit_scale_quantile(shape, u)
}

/// Newton's method in ln x, where the distribution function has no singularity at 0, inside a shrinking
/// bracket.
fn unit_scale_quantile(shape: f64, u: f64) -> f64 {
    let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
    let mut y = starting_point(shape, u);
    for _ in 0..200 {
        let x = libm::exp(y);
        let tails = incomplete_gamma(shape, x);
        let excess = if u < 0.5 { tails.lower - u } else { (1.0 - u) - tails.upper };
        if excess > 0.0 {
            high = y;
        } else {
            low = y;
        }
        let slope = libm::exp(shape * y - x - libm::lgamma(shape));
        let newton = y - (excess / slope).clamp(-2.0, 2.0);
        if (newton - y).abs() < 1e-15 * (1.0 + y.abs()) {
            break;
        }
        y = if newton > low && newton < high { newton } else { between(low, high, y, excess) };
    }
    libm::exp(y)
}

fn between(low: f64, high: f64, y: f64, excess: f64) -> f64 {
    if low.is_finite() && high.is_finite() { 0.5 * (low + high) } else { y - 2.0 * excess.signum() }
}

/// ln x: Wilson and Hilferty's cube, or the power law near zero.
fn starting_point(shape: f64, u: f64) -> f64 {
    let t = 1.0 / (9.0 * shape);
    let root = 1.0 - t + normal_quantile(u) * t.sqrt();
    let power_law = (libm::log(u) + libm::lgamma(shape + 1.0)) / shape;
    if root > 0.1 && shape >= 0.5 { libm::log(shape) + 3.0 * libm::log(root) } else { power_law.min(5.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Key;

    #[test]
    fn quantiles_invert_the_distribution_function() {
        for shape in [0.05, 0.3, 0.5, 1.0, 2.5, 40.0, 1e4] {
            for u in [1e-9, 0.001, 0.2, 0.5, 0.8, 0.999, 0.999_999_9] {
                let x = gamma_quantile(shape, shape, u);
                let tails = incomplete_gamma(shape, x);
                // A quantile below the smallest float is 0.
                if x == 0.0 {
                    assert!(shape < 0.1);
                    continue;
                }
                let (found, wanted) = if u < 0.5 { (tails.lower, u) } else { (tails.upper, 1.0 - u) };
                assert!((found / wanted - 1.0).abs() < 1e-9, "shape {shape} u {u}: {found} {wanted}");
            }
        }
    }

    #[test]
    fn shape_one_is_the_exponential() {
        for u in [0.01, 0.5, 0.99] {
            let expected = crate::rng::exponential_quantile(3.0, u);
            assert!((gamma_quantile(3.0, 1.0, u) / expected - 1.0).abs() < 1e-12);
        }
        assert_eq!(gamma_quantile(1.0, 2.0, 0.0), 0.0);
        assert!(gamma_quantile(1.0, -2.0, 0.5).is_nan());
        assert!(gamma_sample(1.0, f64::NAN, &mut Key::root(1, "x").stream()).is_nan());
    }

    #[test]
    fn sampler_has_the_mean_and_variance_of_its_parameters() {
        for shape in [0.5, 1.0, 2.5, 30.0] {
            let mut stream = Key::root(3, "gamma").id(shape as u64).stream();
            let n = 100_000;
            let (mut sum, mut squares) = (0.0, 0.0);
            for _ in 0..n {
                let d = gamma_sample(4.0, shape, &mut stream) - 4.0;
                sum += d;
                squares += d * d;
            }
            let n = f64::from(n);
            let variance = 16.0 / shape;
            assert!((sum / n).abs() < 4.0 * (variance / n).sqrt(), "shape {shape}");
            // The kurtosis of a gamma variate is 3 + 6/shape.
            let spread = ((2.0 + 6.0 / shape) / n).sqrt();
            assert!((squares / n / variance - 1.0).abs() < 4.5 * spread, "shape {shape}");
        }
    }
}
