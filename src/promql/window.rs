//! Functions of the samples in a window: `rate`, `increase`, `max_over_time` ...
//!
//! Traps, all as in Prometheus 3.x: windows are open on the left, so `[1m]` over a 15 s scrape holds four samples;
//! `rate` needs two; it extrapolates to the window's edge only if the gap is below 1.1 mean spacings, else by half a
//! spacing, and only *then* caps the extrapolation of a counter at the point where it would be zero (2.x did it in
//! the other order); a counter reset adds the value before the reset; sums are compensated (Kahan-Neumaier).

use super::numeric::{self, KahanSum};
use super::storage::Extent;

/// A function of one series' window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum WindowFunction {
    Rate,
    Increase,
    Delta,
    InstantRate,
    InstantDelta,
    Resets,
    Changes,
    Derivative,
    PredictLinear,
    Sum,
    Average,
    Count,
    Minimum,
    Maximum,
    Last,
    Present,
    Quantile,
    StandardDeviation,
    Variance,
    First,
    MedianDeviation,
    Smoothing,
    TimeOfFirst,
    TimeOfLast,
    TimeOfMinimum,
    TimeOfMaximum,
}

/// What a window function may look at besides the samples. Times in ms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// The instant of the evaluation, not moved by an offset.
    pub(super) at: i64,
    /// The left edge (exclusive) and right edge (inclusive) of the window.
    pub(super) start: i64,
    pub(super) end: i64,
    /// The scalar parameters of functions that have some.
    pub(super) parameters: [f64; 2],
}

type Points<'a> = &'a [(i64, f64)];

impl WindowFunction {
    /// Whether the result is still the same quantity, so that the metric name stays.
    pub(super) fn keeps_name(self) -> bool {
        matches!(self, WindowFunction::First | WindowFunction::Last)
    }

    /// The value for one series; `points` is not empty and holds no stale marker. `None`: no result for the series.
    pub(super) fn apply(self, points: Points<'_>, bounds: Bounds) -> Option<f64> {
        let (&first, &last) = (points.first()?, points.last()?);
        let values = points.iter().map(|point| point.1);
        Some(match self {
            WindowFunction::Rate | WindowFunction::Increase | WindowFunction::Delta => {
                let extent = Extent { first, last, count: points.len(), falls: false };
                Spread::of(extent, bounds)
                    .and_then(|spread| spread.value(self, extent, self.change(points)))?
            }
            WindowFunction::InstantRate => instant(points, true)?,
            WindowFunction::InstantDelta => instant(points, false)?,
            WindowFunction::Resets => count_pairs(points, |before, after| after < before),
            WindowFunction::Changes => {
                count_pairs(points, |before, after| after != before && !(before.is_nan() && after.is_nan()))
            }
            WindowFunction::Derivative if points.len() < 2 => return None,
            WindowFunction::Derivative => linear_regression(points, first.0).0,
            WindowFunction::PredictLinear if points.len() < 2 => return None,
            WindowFunction::PredictLinear => {
                let (slope, intercept) = linear_regression(points, bounds.at);
                slope * bounds.parameters[0] + intercept
            }
            WindowFunction::Sum => values.collect::<KahanSum>().total(),
            WindowFunction::Average => values.collect::<numeric::Mean>().value(),
            WindowFunction::Count => points.len() as f64,
            WindowFunction::Minimum => {
                values.fold(first.1, |low, v| if v < low || low.is_nan() { v } else { low })
            }
            WindowFunction::Maximum => {
                values.fold(first.1, |high, v| if v > high || high.is_nan() { v } else { high })
            }
            WindowFunction::Last => last.1,
            WindowFunction::Present => 1.0,
            WindowFunction::Quantile => {
                numeric::quantile(bounds.parameters[0], &mut values.collect::<Vec<_>>())
            }
            WindowFunction::Variance => variance(points),
            WindowFunction::StandardDeviation => variance(points).sqrt(),
            WindowFunction::First => first.1,
            WindowFunction::MedianDeviation => median_deviation(points),
            WindowFunction::Smoothing => smoothed(points, bounds.parameters)?,
            WindowFunction::TimeOfFirst => seconds(first.0),
            WindowFunction::TimeOfLast => seconds(last.0),
            // Of equal ones the last.
            WindowFunction::TimeOfMinimum => time_of(points, |value, lowest| value <= lowest),
            WindowFunction::TimeOfMaximum => time_of(points, |value, highest| value >= highest),
        })
    }

    /// The value for one series of which only this much of the window is known; `None`: that is not enough. What it
    /// gives is [`WindowFunction::apply`]'s answer to the last bit. `spread` is that of the series before: those of one
    /// scrape have their samples at the same instants.
    #[inline]
    pub(super) fn of_extent(
        self,
        extent: Extent,
        bounds: Bounds,
        spread: &mut Option<Spread>,
    ) -> Option<Option<f64>> {
        Some(match self {
            // The change of a counter that was reset is a sum over its resets.
            WindowFunction::Rate | WindowFunction::Increase if extent.falls => return None,
            WindowFunction::Rate | WindowFunction::Increase | WindowFunction::Delta => {
                if spread.is_none_or(|spread| !spread.is_of(extent)) {
                    *spread = Spread::of(extent, bounds);
                }
                spread.and_then(|spread| spread.value(self, extent, extent.last.1 - extent.first.1))
            }
            WindowFunction::Count => Some(extent.count as f64),
            WindowFunction::Last => Some(extent.last.1),
            WindowFunction::Present => Some(1.0),
            _ => return None,
        })
    }

    /// Whether the ends of a window may be enough for this function.
    pub(super) fn may_need_ends_only(self) -> bool {
        matches!(
            self,
            WindowFunction::Rate
                | WindowFunction::Increase
                | WindowFunction::Delta
                | WindowFunction::Count
                | WindowFunction::Last
                | WindowFunction::Present
        )
    }

    /// The change from the first to the last sample, with what a counter lost at resets.
    fn change(self, points: Points<'_>) -> f64 {
        let (Some(&(_, first)), Some(&(_, last))) = (points.first(), points.last()) else { return 0.0 };
        let mut change = last - first;
        if self != WindowFunction::Delta {
            let mut before = first;
            for &(_, value) in points {
                if value < before {
                    change += before;
                }
                before = value;
            }
        }
        change
    }
}

/// How the samples lie in their window: what extrapolation needs besides the values (`promql/functions.go`,
/// `extrapolatedRate`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Spread {
    first: i64,
    last: i64,
    count: usize,
    /// Seconds from the first to the last sample, and how far the change is extended beyond them.
    sampled: f64,
    to_start: f64,
    to_end: f64,
    /// Length of the window in seconds.
    window: f64,
    /// The factor for a change that is extended all the way, over the window and per second.
    increase: f64,
    rate: f64,
    /// A counter whose first value is above this share of its change was not zero within `to_start`.
    far_from_zero: f64,
}

impl Spread {
    /// `None` with fewer than two samples.
    fn of(extent: Extent, bounds: Bounds) -> Option<Self> {
        let (first, last, count) = (extent.first.0, extent.last.0, extent.count);
        if count < 2 {
            return None;
        }
        let sampled = (last - first) as f64 / 1000.0;
        let spacing = sampled / (count - 1) as f64;
        let threshold = spacing * 1.1;
        let mut to_start = (first - bounds.start) as f64 / 1000.0;
        let mut to_end = (bounds.end - last) as f64 / 1000.0;
        if to_start >= threshold {
            to_start = spacing / 2.0;
        }
        if to_end >= threshold {
            to_end = spacing / 2.0;
        }
        let window = (bounds.end - bounds.start) as f64 / 1000.0;
        let increase = (sampled + to_start + to_end) / sampled;
        // Well above the exact share, so that rounding cannot matter.
        let far_from_zero = to_start / sampled * 1.001;
        let rate = increase / window;
        Some(Spread { first, last, count, sampled, to_start, to_end, window, increase, rate, far_from_zero })
    }

    /// Whether the samples of another series of the same window lie at the same instants.
    fn is_of(&self, extent: Extent) -> bool {
        (self.first, self.last, self.count) == (extent.first.0, extent.last.0, extent.count)
    }

    /// Change over the whole window, extrapolated from the samples in it; per second for `rate`.
    #[inline]
    fn value(&self, function: WindowFunction, extent: Extent, change: f64) -> Option<f64> {
        let first = extent.first.1;
        let is_counter = function != WindowFunction::Delta;
        let capped = is_counter && change > 0.0 && first >= 0.0 && first <= change * self.far_from_zero;
        let mut factor = match function {
            WindowFunction::Rate => self.rate,
            _ => self.increase,
        };
        if capped {
            // A counter is not extended to before the point where it would have been zero.
            let to_zero = self.sampled * (first / change);
            if to_zero < self.to_start {
                factor = (self.sampled + to_zero + self.to_end) / self.sampled;
                if function == WindowFunction::Rate {
                    factor /= self.window;
                }
            }
        }
        Some(change * factor)
    }
}

/// The difference of the last two samples, per second for a counter.
fn instant(points: Points<'_>, is_rate: bool) -> Option<f64> {
    let [.., (t0, v0), (t1, v1)] = *points else { return None };
    if t1 == t0 {
        return None;
    }
    // After a reset the counter started at zero.
    let change = if is_rate && v1 < v0 { v1 } else { v1 - v0 };
    Some(if is_rate { change / ((t1 - t0) as f64 / 1000.0) } else { change })
}

fn count_pairs(points: Points<'_>, counts: impl Fn(f64, f64) -> bool) -> f64 {
    points.windows(2).filter(|pair| counts(pair[0].1, pair[1].1)).count() as f64
}

/// Slope [per second] and value at `origin` of the least-squares line (`promql/functions.go`, `linearRegression`).
fn linear_regression(points: Points<'_>, origin: i64) -> (f64, f64) {
    let Some(&(_, first)) = points.first() else { return (f64::NAN, f64::NAN) };
    if points.iter().all(|point| point.1 == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let n = points.len() as f64;
    let (mut x_sum, mut y_sum) = (KahanSum::default(), KahanSum::default());
    let (mut xy_sum, mut xx_sum) = (KahanSum::default(), KahanSum::default());
    for &(t, y) in points {
        let x = (t - origin) as f64 / 1000.0;
        x_sum.add(x);
        y_sum.add(y);
        xy_sum.add(x * y);
        xx_sum.add(x * x);
    }
    let (x_sum, y_sum) = (x_sum.compensated(), y_sum.compensated());
    let covariance = xy_sum.compensated() - x_sum * y_sum / n;
    let variance = xx_sum.compensated() - x_sum * x_sum / n;
    let slope = covariance / variance;
    (slope, y_sum / n - slope * x_sum / n)
}

fn seconds(at_ms: i64) -> f64 {
    at_ms as f64 / 1000.0
}

/// The median of the distances from the median; NaN if there is a NaN.
fn median_deviation(points: Points<'_>) -> f64 {
    let mut values: Vec<f64> = points.iter().map(|point| point.1).collect();
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let median = numeric::quantile(0.5, &mut values);
    values.iter_mut().for_each(|value| *value = (*value - median).abs());
    numeric::quantile(0.5, &mut values)
}

/// The level at the end of the window by Holt's double exponential smoothing with these factors for the level and for the
/// trend; `None` with fewer than two samples.
fn smoothed(points: Points<'_>, [of_level, of_trend]: [f64; 2]) -> Option<f64> {
    let [(_, first), (_, second), ..] = *points else { return None };
    let (mut before, mut level, mut trend) = (0.0, first, second - first);
    for (index, &(_, value)) in points.iter().enumerate().skip(1) {
        if index > 1 {
            trend = of_trend * (level - before) + (1.0 - of_trend) * trend;
        }
        before = level;
        level = of_level * value + (1.0 - of_level) * (level + trend);
    }
    Some(level)
}

/// When the value was that in whose place no later one is put [s]; NaN gives way to anything.
fn time_of(points: Points<'_>, replaces: impl Fn(f64, f64) -> bool) -> f64 {
    let mut found = (0, f64::NAN);
    for &(at, value) in points {
        if replaces(value, found.1) || found.1.is_nan() {
            found = (at, value);
        }
    }
    seconds(found.0)
}

/// Population variance, by Welford's recursion with compensated sums.
fn variance(points: Points<'_>) -> f64 {
    let mut count = 0.0;
    let (mut mean, mut squares) = (KahanSum::default(), KahanSum::default());
    for &(_, value) in points {
        count += 1.0;
        let delta = value - mean.compensated();
        mean.add(delta / count);
        squares.add(delta * (value - mean.compensated()));
    }
    squares.compensated() / count
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn window(function: WindowFunction, points: Points<'_>, start: i64, end: i64) -> Option<f64> {
        function.apply(points, Bounds { at: end, start, end, parameters: [0.0; 2] })
    }

    #[test]
    fn rate_caps_at_zero_after_the_threshold() {
        // Spacing 10 s, first sample 12 s after the edge: beyond the threshold, so half a spacing; zero is 8 s away.
        let points = [(12_000, 8.0), (22_000, 18.0), (32_000, 28.0)];
        let increase = window(WindowFunction::Increase, &points, 0, 32_000).unwrap();
        assert!((increase - 25.0).abs() < 1e-12, "{increase}");
        // 2.x would cap to 8 s first and then not see the threshold: 28.
    }

    #[test]
    fn a_reset_adds_the_value_before_it() {
        let points = [(10_000, 5.0), (20_000, 2.0), (30_000, 4.0)];
        assert_eq!(window(WindowFunction::Resets, &points, 0, 30_000), Some(1.0));
        let increase = window(WindowFunction::Increase, &points, 10_000 - 1, 30_000).unwrap();
        assert!((increase - 4.0).abs() < 1e-3, "{increase}");
    }

    #[test]
    fn one_sample_has_no_rate() {
        for function in [WindowFunction::Rate, WindowFunction::InstantRate, WindowFunction::Derivative] {
            assert_eq!(window(function, &[(5, 1.0)], 0, 10), None);
        }
        assert_eq!(window(WindowFunction::Maximum, &[(5, f64::NAN), (6, -3.0)], 0, 10), Some(-3.0));
    }

    /// Samples a scrape interval apart, some of them missing, of a counter that may be reset.
    fn scraped() -> impl Strategy<Value = Vec<(i64, f64)>> {
        let step = (1u8..4, prop_oneof![6 => 0.0..50.0f64, 2 => Just(0.0), 1 => -1e4..0.0f64]);
        prop::collection::vec(step, 1..12).prop_map(|steps| {
            let (mut at, mut value) = (7_000, 0.0f64);
            let sample = |(gap, more): (u8, f64)| {
                at += i64::from(gap) * 15_000;
                value = (value + more).max(0.0);
                (at, value)
            };
            steps.into_iter().map(sample).collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn the_ends_of_a_window_give_what_its_samples_give(
            series in prop::collection::vec(scraped(), 1..4),
            before in 1i64..40_000,
            after in 0i64..40_000,
        ) {
            use WindowFunction as F;
            let start = series.iter().map(|points| points[0].0).min().unwrap_or(0) - before;
            let end = series.iter().map(|points| points[points.len() - 1].0).max().unwrap_or(0) + after;
            let bounds = Bounds { at: end, start, end, parameters: [0.0; 2] };
            for function in [F::Rate, F::Increase, F::Delta, F::Count, F::Last, F::Present] {
                prop_assert!(function.may_need_ends_only());
                let mut spread = None;
                for points in &series {
                    let extent = Extent {
                        first: points[0],
                        last: points[points.len() - 1],
                        count: points.len(),
                        falls: points.windows(2).any(|pair| pair[1].1 < pair[0].1),
                    };
                    let known = function.of_extent(extent, bounds, &mut spread);
                    let read = function.apply(points, bounds).map(f64::to_bits);
                    match known {
                        Some(known) => prop_assert_eq!(known.map(f64::to_bits), read, "{:?} of {:?}", function, points),
                        None => prop_assert!(extent.falls && matches!(function, F::Rate | F::Increase)),
                    }
                }
            }
        }

        #[test]
        fn extrapolation_is_prometheus_formula_step_by_step(
            points in scraped(),
            before in 1i64..40_000,
            after in 0i64..40_000,
        ) {
            prop_assume!(points.len() > 1);
            let ((first_t, first_v), (last_t, last_v)) = (points[0], points[points.len() - 1]);
            let (start, end) = (first_t - before, last_t + after);
            let mut change = last_v - first_v;
            for pair in points.windows(2) {
                if pair[1].1 < pair[0].1 {
                    change += pair[0].1;
                }
            }
            // As `extrapolatedRate` writes it, without anything taken together.
            let sampled = (last_t - first_t) as f64 / 1000.0;
            let spacing = sampled / (points.len() - 1) as f64;
            let mut to_start = (first_t - start) as f64 / 1000.0;
            let mut to_end = (end - last_t) as f64 / 1000.0;
            if to_start >= spacing * 1.1 {
                to_start = spacing / 2.0;
            }
            if change > 0.0 && first_v >= 0.0 {
                to_start = to_start.min(sampled * (first_v / change));
            }
            if to_end >= spacing * 1.1 {
                to_end = spacing / 2.0;
            }
            let mut factor = (sampled + to_start + to_end) / sampled;
            factor /= (end - start) as f64 / 1000.0;
            prop_assert_eq!(
                window(WindowFunction::Rate, &points, start, end).map(f64::to_bits),
                Some((change * factor).to_bits())
            );
        }
    }
}
