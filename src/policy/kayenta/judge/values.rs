//! What the judge does to a series before it compares: values that are not there, and outliers.
//!
//! Traps: fences are widened to the 1st and 99th percentile, so on short series nothing but the extremes can be an
//! outlier; and where most values are 0 the fences are both 0, so every error of a service that rarely fails is an outlier.

use super::{MetricRule, NanStrategy};
use crate::stats::quantile;

/// The values of a metric as they are compared.
pub fn prepare(rule: &MetricRule, values: &[f64]) -> Vec<f64> {
    let there: Vec<f64> = match rule.nan {
        NanStrategy::Remove => values.iter().copied().filter(|v| !v.is_nan()).collect(),
        NanStrategy::Replace => values.iter().map(|v| if v.is_nan() { 0.0 } else { *v }).collect(),
    };
    match rule.outlier_factor {
        None => there,
        Some(factor) => {
            let outliers = outliers(&there, factor, true);
            there.into_iter().zip(outliers).filter(|(_, out)| !out).map(|(value, _)| value).collect()
        }
    }
}

/// Which values lie beyond Tukey's fences: `factor` interquartile ranges below the first or above the third quartile
/// (`IQRDetector.scala`; quartiles of type R-7). With `reduced` sensitivity the fences are at least as wide as the 1st and
/// the 99th percentile.
pub fn outliers(values: &[f64], factor: f64, reduced: bool) -> Vec<bool> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |q: f64| quantile::of_sorted(&sorted, q);
    let (first, third) = (at(0.25), at(0.75));
    let reach = factor * (third - first);
    let (mut low, mut high) = (first - reach, third + reach);
    if reduced {
        low = low.min(at(0.01));
        high = high.max(at(0.99));
    }
    values.iter().map(|value| *value < low || *value > high).collect()
}
