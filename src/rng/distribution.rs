//! Distributions as scenario files write them, with units.

use std::fmt;
use std::marker::PhantomData;

use super::shape::{Empirical, Part, Shape, Z99};
use super::unit::Unit;
use super::{Key, Stream};

/// A validated probability distribution of durations, ratios or plain numbers; `T` says which.
///
/// | in a file | meaning |
/// |---|---|
/// | `12ms` or `fixed: 12ms` | always this value |
/// | `uniform: [1%, 8%]` | every value between the two alike |
/// | `exponential: {mean: 3s}` | memoryless |
/// | `lognormal: {p50: 12ms, p99: 80ms}` | the usual shape of latencies, by two quantiles |
/// | `gamma: {mean: 2, shape: 0.5}` | positive; shape below 1 is more skewed than exponential |
/// | `poisson: {mean: 4}`, `binomial: {n: 20, p: 5%}` | counts |
/// | `empirical: [1s, 2s]`, `empirical: {values: [1s, 2s], weights: [3, 1]}` | one of these values |
/// | `mixture: [{weight: 90%, of: 2ms}, {weight: 10%, of: {exponential: {mean: 1s}}}]` | one of these |
///
/// Values go in and out as `f64` in base units: seconds, fractions, numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution<T> {
    pub(super) shape: Shape,
    unit: PhantomData<T>,
}

/// Why parameters do not make a distribution.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DistributionError {
    /// One parameter is outside its range.
    #[error("`{parameter}` is {value} and must be {rule}")]
    OutOfRange {
        /// The parameter's name in files.
        parameter: &'static str,
        /// Its value as people write it.
        value: String,
        /// What it must be.
        rule: String,
    },
    /// A list without elements.
    #[error("`{0}` needs at least one element")]
    Empty(&'static str),
    /// Values and weights do not pair up.
    #[error("`values` has {values} elements and `weights` has {weights}: give one weight per value")]
    Lengths {
        /// How many values.
        values: usize,
        /// How many weights.
        weights: usize,
    },
    /// No weight is positive.
    #[error("the weights are all zero: at least one must be positive")]
    NoWeight,
}

/// Larger values could overflow in sums and products.
const LARGEST: f64 = 1e100;
/// Larger counts would make the exact distribution function slow.
const LARGEST_COUNT: u64 = 1_000_000_000;

fn check(
    ok: bool,
    parameter: &'static str,
    value: String,
    rule: impl fmt::Display,
) -> Result<(), DistributionError> {
    if ok { Ok(()) } else { Err(DistributionError::OutOfRange { parameter, value, rule: rule.to_string() }) }
}

impl<T: Unit> Distribution<T> {
    pub(super) fn from_shape(shape: Shape) -> Self {
        Distribution { shape, unit: PhantomData }
    }

    fn value(parameter: &'static str, value: f64) -> Result<(), DistributionError> {
        let rule = format_args!("{} of at most 1e100", T::NAME);
        check(value.abs() <= LARGEST, parameter, T::show(value), rule)?;
        check(value >= T::LEAST, parameter, T::show(value), "zero or more")
    }

    fn positive(parameter: &'static str, value: f64) -> Result<(), DistributionError> {
        Self::value(parameter, value)?;
        check(value > 0.0, parameter, T::show(value), "more than zero")
    }

    /// Always `value`.
    ///
    /// # Errors
    /// `value` is NaN, larger than 1e100, or below the unit's least value.
    pub fn fixed(value: f64) -> Result<Self, DistributionError> {
        Self::value("fixed", value)?;
        Ok(Self::from_shape(Shape::Fixed(value)))
    }

    /// Uniform from `low` to `high`.
    ///
    /// # Errors
    /// An end is invalid, or `low` exceeds `high`.
    pub fn uniform(low: f64, high: f64) -> Result<Self, DistributionError> {
        Self::value("uniform", low)?;
        Self::value("uniform", high)?;
        check(low <= high, "uniform", T::show(low), format_args!("at most the upper end {}", T::show(high)))?;
        Ok(Self::from_shape(Shape::Uniform { low, high }))
    }

    /// Exponential.
    ///
    /// # Errors
    /// `mean` is not finite and positive.
    pub fn exponential(mean: f64) -> Result<Self, DistributionError> {
        Self::positive("mean", mean)?;
        Ok(Self::from_shape(Shape::Exponential { mean }))
    }

    /// Log-normal with this median and 0.99 quantile. Equal quantiles make it fixed in all but name.
    ///
    /// # Errors
    /// `p50` is not positive, `p99` is less than `p50`, or so much larger that the mean would overflow.
    pub fn lognormal(p50: f64, p99: f64) -> Result<Self, DistributionError> {
        Self::positive("p50", p50)?;
        Self::positive("p99", p99)?;
        check(p99 >= p50, "p99", T::show(p99), format_args!("at least p50, which is {}", T::show(p50)))?;
        let sigma = libm::log(p99 / p50) / Z99;
        let mean = p50 * libm::exp(0.5 * sigma * sigma);
        let shape = Shape::Lognormal { p50, p99, mu: libm::log(p50), sigma, mean };
        check(mean <= LARGEST, "p99", T::show(p99), "so close to p50 that the mean is at most 1e100")?;
        Ok(Self::from_shape(shape))
    }

    /// Gamma; its variance is `mean`^2 / `shape`.
    ///
    /// # Errors
    /// `mean` is not finite and positive, or `shape` lies outside 1e-6..1e6.
    pub fn gamma(mean: f64, shape: f64) -> Result<Self, DistributionError> {
        Self::positive("mean", mean)?;
        check((1e-6..=1e6).contains(&shape), "shape", shape.to_string(), "between 1e-6 and 1e6")?;
        Ok(Self::from_shape(Shape::Gamma { mean, shape }))
    }

    /// Poisson counts.
    ///
    /// # Errors
    /// `mean` is negative, NaN, or above 1e9.
    pub fn poisson(mean: f64) -> Result<Self, DistributionError> {
        Self::value("mean", mean)?;
        check((0.0..=LARGEST_COUNT as f64).contains(&mean), "mean", T::show(mean), "between 0 and 1e9")?;
        Ok(Self::from_shape(Shape::Poisson { mean }))
    }

    /// Binomial counts of `n` trials with probability `p`.
    ///
    /// # Errors
    /// `p` is not a probability, or `n` is above 1e9.
    pub fn binomial(n: u64, p: f64) -> Result<Self, DistributionError> {
        check(n <= LARGEST_COUNT, "n", n.to_string(), "at most 1e9")?;
        check((0.0..=1.0).contains(&p), "p", p.to_string(), "between 0% and 100%")?;
        Ok(Self::from_shape(Shape::Binomial { n, p }))
    }

    /// One of `values`; all alike if `weights` is empty, else in proportion to them.
    ///
    /// # Errors
    /// No value, an invalid value or weight, lists of different length, or no positive weight.
    pub fn empirical(values: &[f64], weights: &[f64]) -> Result<Self, DistributionError> {
        if values.is_empty() {
            return Err(DistributionError::Empty("empirical"));
        }
        if !weights.is_empty() && weights.len() != values.len() {
            return Err(DistributionError::Lengths { values: values.len(), weights: weights.len() });
        }
        values.iter().try_for_each(|&v| Self::value("values", v))?;
        let total = total_weight("weights", weights)?;
        let mut pairs: Vec<(f64, f64)> =
            values.iter().enumerate().map(|(i, &v)| (v, weights.get(i).copied().unwrap_or(1.0))).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total = if weights.is_empty() { values.len() as f64 } else { total };
        let mut sum = 0.0;
        let mut cumulative: Vec<f64> = pairs
            .iter()
            .map(|pair| {
                sum += pair.1;
                (sum / total).min(1.0)
            })
            .collect();
        if let Some(last) = cumulative.last_mut() {
            *last = 1.0;
        }
        let weights = if weights.is_empty() { Vec::new() } else { pairs.iter().map(|p| p.1).collect() };
        let values = pairs.iter().map(|p| p.0).collect();
        Ok(Self::from_shape(Shape::Empirical(Empirical { values, weights, cumulative })))
    }

    /// One of these distributions, in proportion to their weights.
    ///
    /// # Errors
    /// No component, an invalid weight, or no positive weight.
    pub fn mixture(parts: Vec<(f64, Distribution<T>)>) -> Result<Self, DistributionError> {
        if parts.is_empty() {
            return Err(DistributionError::Empty("mixture"));
        }
        let weights: Vec<f64> = parts.iter().map(|part| part.0).collect();
        let total = total_weight("weight", &weights)?;
        let part =
            |(weight, of): (f64, Distribution<T>)| Part { weight, share: weight / total, of: of.shape };
        Ok(Self::from_shape(Shape::Mixture(parts.into_iter().map(part).collect())))
    }

    /// One variate from a stream. May take any number of draws.
    #[inline]
    pub fn sample(&self, stream: &mut Stream) -> f64 {
        self.shape.sample(stream)
    }

    /// The inverse of the distribution function at `u` in [0, 1): monotone in `u`, so two branches that ask
    /// with the same `u` stay coupled even if their parameters differ. Closed form except gamma and mixtures,
    /// which are found numerically in microseconds; counts by summation or a checked expansion.
    #[inline]
    #[must_use]
    pub fn quantile(&self, u: f64) -> f64 {
        self.shape.quantile(u)
    }

    /// One variate from one uniform, the fast way: like [`quantile`](Self::quantile), but a mixture spends
    /// part of `u` on choosing the component. Same law, not monotone across components.
    #[inline]
    #[must_use]
    pub fn draw(&self, u: f64) -> f64 {
        self.shape.draw(u)
    }

    /// The variate of a key: [`draw`](Self::draw) of its uniform.
    #[inline]
    #[must_use]
    pub fn keyed(&self, key: Key) -> f64 {
        self.shape.draw(key.uniform_open())
    }

    /// The expectation.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.shape.mean()
    }

    /// The probability of `x` or less.
    #[must_use]
    pub fn cdf(&self, x: f64) -> f64 {
        self.shape.cdf(x)
    }

    /// The value, if there is only one.
    #[must_use]
    pub fn constant(&self) -> Option<f64> {
        match self.shape {
            Shape::Fixed(value) => Some(value),
            _ => None,
        }
    }
}

fn total_weight(parameter: &'static str, weights: &[f64]) -> Result<f64, DistributionError> {
    for &w in weights {
        check(w.is_finite() && w >= 0.0, parameter, w.to_string(), "finite and zero or more")?;
    }
    let total: f64 = weights.iter().sum();
    check(total.is_finite(), parameter, total.to_string(), "of finite sum")?;
    if !weights.is_empty() && total <= 0.0 {
        return Err(DistributionError::NoWeight);
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SimDuration;

    type Number = Distribution<f64>;

    fn all() -> Vec<Number> {
        vec![
            Number::fixed(3.0).unwrap(),
            Number::uniform(-1.0, 4.0).unwrap(),
            Number::exponential(2.0).unwrap(),
            Number::lognormal(1.0, 5.0).unwrap(),
            Number::gamma(2.0, 0.5).unwrap(),
            Number::gamma(2.0, 7.0).unwrap(),
            Number::poisson(4.0).unwrap(),
            Number::poisson(60.0).unwrap(),
            Number::binomial(20, 0.05).unwrap(),
            Number::empirical(&[3.0, 1.0, 2.0], &[1.0, 5.0, 0.0]).unwrap(),
            Number::empirical(&[3.0, 1.0, 2.0], &[]).unwrap(),
            Number::mixture(vec![
                (0.9, Number::fixed(0.5).unwrap()),
                (0.1, Number::exponential(3.0).unwrap()),
                (0.0, Number::fixed(1e9).unwrap()),
            ])
            .unwrap(),
        ]
    }

    #[test]
    fn mean_of_samples_and_of_keyed_draws_is_the_mean() {
        for (i, d) in all().iter().enumerate() {
            let key = Key::root(1, "distribution").id(i as u64);
            let mut stream = key.stream();
            let n = 50_000u64;
            let (mut sampled, mut squares, mut drawn) = (0.0, 0.0, 0.0);
            for j in 0..n {
                let x = d.sample(&mut stream) - d.mean();
                sampled += x;
                squares += x * x;
                drawn += d.keyed(key.id(j)) - d.mean();
            }
            let n = n as f64;
            let error = (squares / n / n).sqrt() * 4.5 + 1e-12;
            assert!((sampled / n).abs() < error, "{d:?}: {}", sampled / n);
            assert!((drawn / n).abs() < error, "{d:?}: {}", drawn / n);
        }
    }

    #[test]
    fn quantile_inverts_the_distribution_function_and_is_monotone() {
        for d in all() {
            let mut last = f64::NEG_INFINITY;
            for i in 0..400 {
                let u = f64::from(i) / 400.0;
                let x = d.quantile(u);
                assert!(x >= last, "{d:?} at {u}");
                last = x;
                // P(X < x) <= u <= P(X <= x), to rounding.
                let slack = 1e-9;
                assert!(d.cdf(x * (1.0 + 1e-12 * x.signum())) >= u - slack, "{d:?} at {u}: {x}");
                let below = x - x.abs() * 1e-9 - 1e-12;
                assert!(d.cdf(below) <= u + 1e-6, "{d:?} at {u}: {x}");
            }
        }
    }

    #[test]
    fn lognormal_has_the_quantiles_of_its_name() {
        let d = Distribution::<SimDuration>::lognormal(0.012, 0.080).unwrap();
        assert!((d.quantile(0.5) / 0.012 - 1.0).abs() < 1e-14);
        assert!((d.quantile(0.99) / 0.080 - 1.0).abs() < 1e-14);
        assert!((d.cdf(0.080) - 0.99).abs() < 1e-14);
        let flat = Number::lognormal(2.0, 2.0).unwrap();
        assert_eq!((flat.quantile(0.3), flat.cdf(1.9), flat.cdf(2.0), flat.mean()), (2.0, 0.0, 1.0, 2.0));
    }

    #[test]
    fn empirical_is_inverted_by_weight() {
        let d = Number::empirical(&[3.0, 1.0, 2.0], &[1.0, 2.0, 1.0]).unwrap();
        assert_eq!(d.quantile(0.0), 1.0);
        assert_eq!(d.quantile(0.49), 1.0);
        assert_eq!(d.quantile(0.5), 2.0);
        assert_eq!(d.quantile(0.75), 3.0);
        assert_eq!(d.mean(), 1.75);
        assert_eq!((d.cdf(0.9), d.cdf(1.0), d.cdf(2.5), d.cdf(3.0)), (0.0, 0.5, 0.75, 1.0));
    }

    #[test]
    fn parameters_without_meaning_are_refused_in_sentences() {
        let message = |r: Result<Distribution<SimDuration>, DistributionError>| r.unwrap_err().to_string();
        type D = Distribution<SimDuration>;
        assert_eq!(
            message(D::lognormal(0.08, 0.012)),
            "`p99` is 12ms and must be at least p50, which is 80ms"
        );
        assert_eq!(message(D::exponential(0.0)), "`mean` is 0s and must be more than zero");
        assert_eq!(message(D::gamma(1.0, -2.0)), "`shape` is -2 and must be between 1e-6 and 1e6");
        assert_eq!(message(D::binomial(3, 1.5)), "`p` is 1.5 and must be between 0% and 100%");
        assert_eq!(message(D::empirical(&[], &[])), "`empirical` needs at least one element");
        assert_eq!(message(D::mixture(vec![])), "`mixture` needs at least one element");
        assert_eq!(message(D::uniform(2.0, 1.0)), "`uniform` is 2s and must be at most the upper end 1s");
        assert_eq!(message(D::fixed(-1.0)), "`fixed` is -1s and must be zero or more");
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(Number::fixed(bad).is_err());
            assert!(Number::uniform(bad, 1.0).is_err() && Number::uniform(0.0, bad).is_err());
            assert!(Number::exponential(bad).is_err() && Number::poisson(bad).is_err());
            assert!(Number::gamma(1.0, bad).is_err() && Number::binomial(1, bad).is_err());
            assert!(Number::empirical(&[1.0], &[bad]).is_err() && Number::empirical(&[bad], &[]).is_err());
            assert!(Number::mixture(vec![(bad, Number::fixed(1.0).unwrap())]).is_err());
        }
        assert!(Number::lognormal(1e-99, 1e99).is_err() && Number::uniform(-1e308, 1e308).is_err());
        assert!(Number::poisson(1e10).is_err() && Number::binomial(u64::MAX, 0.5).is_err());
        assert_eq!(Number::empirical(&[1.0, 2.0], &[0.0, 0.0]), Err(DistributionError::NoWeight));
        assert_eq!(
            Number::empirical(&[1.0, 2.0], &[1.0]),
            Err(DistributionError::Lengths { values: 2, weights: 1 })
        );
    }
}
