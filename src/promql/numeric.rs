//! Sums, means and quantiles the way Prometheus computes them, so that results agree to the last digits.

/// A compensated sum (Neumaier's variant of Kahan's; `util/kahansum`).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KahanSum {
    pub(super) sum: f64,
    pub(super) compensation: f64,
}

impl KahanSum {
    pub(super) fn add(&mut self, value: f64) {
        let total = self.sum + value;
        if total.is_infinite() {
            self.compensation = 0.0;
        } else if self.sum.abs() >= value.abs() {
            self.compensation += (self.sum - total) + value;
        } else {
            self.compensation += (value - total) + self.sum;
        }
        self.sum = total;
    }

    pub(super) fn compensated(self) -> f64 {
        self.sum + self.compensation
    }

    /// The sum; an infinite one is not compensated.
    pub(super) fn total(self) -> f64 {
        if self.sum.is_infinite() { self.sum } else { self.compensated() }
    }
}

impl FromIterator<f64> for KahanSum {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut sum = KahanSum::default();
        values.into_iter().for_each(|value| sum.add(value));
        sum
    }
}

/// A mean by compensated sum, which turns incremental where the sum would overflow.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mean {
    count: f64,
    /// The sum, or the mean once it is incremental.
    state: KahanSum,
    incremental: bool,
}

impl Mean {
    pub(super) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if self.count == 1.0 {
            self.state.sum = value;
            return;
        }
        if !self.incremental {
            let mut next = self.state;
            next.add(value);
            if !next.sum.is_infinite() {
                self.state = next;
                return;
            }
            self.incremental = true;
            self.state.sum /= self.count - 1.0;
            self.state.compensation /= self.count - 1.0;
        }
        let weight = (self.count - 1.0) / self.count;
        self.state.sum *= weight;
        self.state.compensation *= weight;
        self.state.add(value / self.count);
    }

    pub(super) fn value(self) -> f64 {
        if self.incremental {
            return self.state.compensated();
        }
        self.state.sum / self.count + self.state.compensation / self.count
    }
}

impl FromIterator<f64> for Mean {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut mean = Mean::default();
        values.into_iter().for_each(|value| mean.add(value));
        mean
    }
}

/// The order of `sort()`: NaN below every number, -0 equal to +0.
pub(super) fn nan_first(a: f64, b: f64) -> std::cmp::Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

/// The `q` quantile by linear interpolation between ranks; sorts `values`. NaN values count as smallest. `q` below 0
/// gives -Inf, above 1 +Inf, NaN or no values NaN (`promql/quantile.go`, `quantile`).
pub(super) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    values.sort_by(|a, b| nan_first(*a, *b));
    let rank = q * (values.len() - 1) as f64;
    let lower = rank.floor();
    let weight = rank - lower;
    let at = |index: usize| values.get(index.min(values.len() - 1)).copied().unwrap_or(f64::NAN);
    at(lower as usize) * (1.0 - weight) + at(lower as usize + 1) * weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compensation_keeps_small_terms() {
        assert_eq!([1.0, 1e100, 1.0, -1e100].into_iter().collect::<KahanSum>().total(), 2.0);
        assert_eq!([f64::INFINITY, 1.0].into_iter().collect::<KahanSum>().total(), f64::INFINITY);
    }

    #[test]
    fn mean_survives_overflow() {
        let big = f64::MAX / 2.0;
        let mean = [big, big, big, big].into_iter().collect::<Mean>().value();
        assert!((mean / big - 1.0).abs() < 1e-15, "{mean}");
        assert_eq!([1.0, 2.0, 6.0].into_iter().collect::<Mean>().value(), 3.0);
    }

    #[test]
    fn quantile_counts_nan_as_smallest() {
        assert!((quantile(0.8, &mut [0.0, 1.0, f64::NAN]) - 0.6).abs() < 1e-12);
        assert!(quantile(0.2, &mut [0.0, 1.0, f64::NAN]).is_nan());
        assert_eq!(quantile(1.5, &mut [0.0]), f64::INFINITY);
        assert_eq!(quantile(1.0, &mut [3.0, 1.0]), 3.0);
    }
}
