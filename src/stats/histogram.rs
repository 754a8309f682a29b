//! Integer histograms with fixed bounds: merging them in any order gives the same bits.

use std::sync::Arc;

/// Counts between fixed ascending bounds, plus one cell for everything above the last.
///
/// A value equal to a bound belongs to the cell below it (`le`, as in Prometheus). Clones share the bounds;
/// counts saturate.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    bounds: Arc<[f64]>,
    counts: Vec<u64>,
}

/// Why a histogram cannot be made or merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistogramError {
    /// Bounds that are not finite and strictly ascending.
    #[error("histogram bounds must be finite and strictly ascending, and there must be at least one")]
    Bounds,
    /// Two histograms with different bounds.
    #[error("histograms with different bounds cannot be merged")]
    Different,
}

impl Histogram {
    /// An empty histogram with these upper bounds.
    ///
    /// # Errors
    /// No bound, or bounds that are not finite and strictly ascending.
    pub fn new(bounds: impl Into<Arc<[f64]>>) -> Result<Self, HistogramError> {
        let bounds = bounds.into();
        let ascending = bounds.windows(2).all(|pair| matches!(pair, [a, b] if a < b));
        if bounds.is_empty() || !ascending || !bounds.iter().all(|b| b.is_finite()) {
            return Err(HistogramError::Bounds);
        }
        let counts = vec![0; bounds.len() + 1];
        Ok(Histogram { bounds, counts })
    }

    /// Counts one value. NaN is counted above the last bound, so that totals agree with what was recorded.
    #[inline]
    pub fn record(&mut self, value: f64) {
        self.record_many(value, 1);
    }

    /// Counts one value `times` times.
    #[inline]
    pub fn record_many(&mut self, value: f64, times: u64) {
        let cell =
            if value.is_nan() { self.bounds.len() } else { self.bounds.partition_point(|&b| b < value) };
        if let Some(count) = self.counts.get_mut(cell) {
            *count = count.saturating_add(times);
        }
    }

    /// The upper bounds, without the infinite one.
    #[must_use]
    pub fn bounds(&self) -> &[f64] {
        &self.bounds
    }

    /// The count of each cell; one more than there are bounds.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// How many values.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().fold(0, |sum, &count| sum.saturating_add(count))
    }

    /// Adds the counts of another histogram.
    ///
    /// # Errors
    /// Different bounds; nothing is changed then.
    pub fn merge(&mut self, other: &Histogram) -> Result<(), HistogramError> {
        if self.bounds != other.bounds {
            return Err(HistogramError::Different);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine = mine.saturating_add(*theirs);
        }
        Ok(())
    }

    /// The quantile `q`, linear inside a cell; the lowest cell starts at 0 if its bound is positive, else it
    /// is taken as a point. A quantile above the last bound is the last bound: an underestimate, like
    /// Prometheus' `histogram_quantile`. NaN without counts or for `q` outside [0, 1].
    #[must_use]
    pub fn quantile(&self, q: f64) -> f64 {
        let total = self.total();
        if total == 0 || !(0.0..=1.0).contains(&q) {
            return f64::NAN;
        }
        let rank = q * total as f64;
        let mut below = 0u64;
        let mut lower = self.bounds.first().map_or(0.0, |&b| b.min(0.0));
        for (&upper, &count) in self.bounds.iter().zip(&self.counts) {
            if count > 0 && below.saturating_add(count) as f64 >= rank {
                return lower + (upper - lower) * ((rank - below as f64) / count as f64);
            }
            below = below.saturating_add(count);
            lower = upper;
        }
        lower
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(values: &[f64]) -> Histogram {
        let mut h = Histogram::new(vec![0.1, 0.5, 1.0]).unwrap();
        values.iter().for_each(|&v| h.record(v));
        h
    }

    #[test]
    fn values_fall_below_or_at_their_bound() {
        let h = filled(&[0.0, 0.1, 0.100_001, 0.5, 0.7, 1.0, 1.1, f64::INFINITY, f64::NAN, -3.0]);
        assert_eq!(h.counts(), [3, 2, 2, 3]);
        assert_eq!(h.total(), 10);
    }

    #[test]
    fn merging_is_recording_together() {
        let (a, b) = ([0.05, 0.3, 2.0], [0.7, 0.3]);
        let mut merged = filled(&a);
        merged.merge(&filled(&b)).unwrap();
        assert_eq!(merged, filled(&[a.as_slice(), b.as_slice()].concat()));
        let other = Histogram::new(vec![1.0]).unwrap();
        assert_eq!(merged.merge(&other), Err(HistogramError::Different));
    }

    #[test]
    fn quantiles_interpolate() {
        let mut h = Histogram::new(vec![1.0, 2.0, 4.0]).unwrap();
        h.record_many(0.5, 10);
        h.record_many(3.0, 10);
        for (q, x) in [(0.0, 0.0), (0.25, 0.5), (0.5, 1.0), (0.75, 3.0), (1.0, 4.0)] {
            assert_eq!(h.quantile(q), x, "{q}");
        }
        h.record_many(9.0, 980);
        assert_eq!(h.quantile(0.99), 4.0);
        assert!(h.quantile(1.5).is_nan() && h.quantile(f64::NAN).is_nan());
        assert!(Histogram::new(vec![1.0]).unwrap().quantile(0.5).is_nan());
    }

    #[test]
    fn bounds_without_order_are_refused() {
        for bounds in [vec![], vec![1.0, 1.0], vec![2.0, 1.0], vec![f64::NAN], vec![1.0, f64::INFINITY]] {
            assert_eq!(Histogram::new(bounds), Err(HistogramError::Bounds));
        }
    }
}
