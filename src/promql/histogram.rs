//! `histogram_quantile` over classic buckets (`promql/quantile.go`, `BucketQuantile`).
//!
//! Traps: the quantile is linear inside a bucket and can never lie above the last finite bound; without a `+Inf`
//! bucket, with fewer than two buckets or without observations it is NaN; a lowest bucket with a positive bound starts
//! at 0; counts that fall from one bucket to the next (scrapes are not atomic) are lifted.

use super::aggregate::Context;
use super::names::{Element, LabelId};
use super::program::TransformId;

/// Relative differences below this are float dust between equal counts.
const SMALL_DELTA: f64 = 1e-12;

/// Buckets in use while a vector is evaluated; kept for their allocations.
#[derive(Clone, Debug, Default)]
pub(super) struct Buckets {
    /// (histogram, upper bound, cumulative count)
    rows: Vec<(u32, f64, f64)>,
    histograms: Vec<(LabelId, bool)>,
    one: Vec<(f64, f64)>,
}

/// The quantile of each histogram in `input`. Series whose `le` is no number are left out.
pub(super) fn quantiles(
    context: &mut Context<'_>,
    q: f64,
    without_bound: TransformId,
    input: &[Element],
    buckets: &mut Buckets,
    out: &mut Vec<Element>,
) {
    each(context, without_bound, input, buckets, out, |buckets| bucket_quantile(q, buckets));
}

/// The share of the observations of each histogram in `input` between two values (`histogram_fraction`). Series whose `le`
/// is no number are left out.
pub(super) fn fractions(
    context: &mut Context<'_>,
    (lower, upper): (f64, f64),
    without_bound: TransformId,
    input: &[Element],
    buckets: &mut Buckets,
    out: &mut Vec<Element>,
) {
    each(context, without_bound, input, buckets, out, |buckets| bucket_fraction(lower, upper, buckets));
}

/// What `of` makes of the buckets of each histogram.
fn each(
    context: &mut Context<'_>,
    without_bound: TransformId,
    input: &[Element],
    buckets: &mut Buckets,
    out: &mut Vec<Element>,
    of: impl Fn(&mut [(f64, f64)]) -> f64,
) {
    let Context { program, names, marks } = context;
    buckets.rows.clear();
    buckets.histograms.clear();
    marks.clear(names.label_count());
    for element in input {
        let Some(bound) = names.bound(element.label) else { continue };
        let label = names.transform(program, without_bound, element.label);
        let histogram = marks.get(label).unwrap_or_else(|| {
            let next = buckets.histograms.len() as u32;
            marks.set(label, next);
            buckets.histograms.push((label, element.drop_name));
            next
        });
        buckets.rows.push((histogram, bound, element.value));
    }
    buckets.rows.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut rows = buckets.rows.as_slice();
    for (histogram, &(label, drop_name)) in (0u32..).zip(&buckets.histograms) {
        let (of_this, rest) = rows.split_at(rows.partition_point(|row| row.0 <= histogram));
        rows = rest;
        coalesce(of_this, &mut buckets.one);
        out.push(Element { label, drop_name, value: of(&mut buckets.one) });
    }
}

/// Adds up buckets with the same bound, which `le="1"` and `le="1.0"` give.
fn coalesce(rows: &[(u32, f64, f64)], out: &mut Vec<(f64, f64)>) {
    out.clear();
    for &(_, bound, count) in rows {
        match out.last_mut() {
            Some(last) if last.0 == bound => last.1 += count,
            _ => out.push((bound, count)),
        }
    }
}

/// The `q` quantile of buckets (upper bound, cumulative count) sorted by bound.
fn bucket_quantile(q: f64, buckets: &mut [(f64, f64)]) -> f64 {
    if q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    lift(buckets);
    let [finite @ .., (last_bound, observations)] = &*buckets else { return f64::NAN };
    let Some(&(last_finite, _)) = finite.last() else { return f64::NAN };
    if *last_bound != f64::INFINITY || *observations == 0.0 {
        return f64::NAN;
    }
    let mut rank = q * observations;
    let place = first_reaching(finite, rank);
    let Some(&(end, mut count)) = finite.get(place) else { return last_finite };
    let mut start = 0.0;
    match place.checked_sub(1).and_then(|before| finite.get(before)) {
        None if end <= 0.0 => return end,
        None => {}
        Some(&(bound, below)) => {
            start = bound;
            count -= below;
            rank -= below;
        }
    }
    start + (end - start) * (rank / count)
}

/// The share of the observations in `lower..upper` of buckets (upper bound, cumulative count) sorted by bound; linear
/// inside a bucket (`promql/quantile.go`, `BucketFraction`).
fn bucket_fraction(lower: f64, upper: f64, buckets: &[(f64, f64)]) -> f64 {
    let Some(&(last_bound, observations)) = buckets.last() else { return f64::NAN };
    if last_bound != f64::INFINITY || observations == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    (rank_of(upper, buckets) - rank_of(lower, buckets)) / observations
}

/// How many observations lie below a value.
fn rank_of(value: f64, buckets: &[(f64, f64)]) -> f64 {
    let mut below: f64 = 0.0;
    // A lowest bucket with a positive bound starts at 0, any other has no beginning.
    let lowest = buckets.first().is_some_and(|first| first.0 > 0.0);
    let mut start = if lowest { 0.0 } else { f64::NEG_INFINITY };
    let all = buckets.last().map_or(0.0, |last| last.1);
    for &(end, count) in buckets {
        if start >= value {
            return below.min(all);
        }
        if end > value {
            // Nothing is known of where inside of an endless bucket its observations lie.
            let inside = if start == f64::NEG_INFINITY { 1.0 } else { (value - start) / (end - start) };
            return (below + (count - below) * inside).min(all);
        }
        (below, start) = (count, end);
    }
    all
}

/// The first bucket with `count >= rank`, by the binary search of Go, so that NaN counts are met in the same order.
fn first_reaching(finite: &[(f64, f64)], rank: f64) -> usize {
    let (mut low, mut high) = (0, finite.len());
    while low < high {
        let middle = low + (high - low) / 2;
        if finite.get(middle).is_some_and(|bucket| bucket.1 >= rank) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// Makes counts monotone and equal where they differ by float dust only.
fn lift(buckets: &mut [(f64, f64)]) {
    let Some(&(_, mut before)) = buckets.first() else { return };
    for (_, count) in buckets.iter_mut().skip(1) {
        if *count == before {
            continue;
        }
        if *count < before || almost_equal(before, *count) {
            *count = before;
            continue;
        }
        before = *count;
    }
}

/// `util/almost`, `Equal`.
fn almost_equal(a: f64, b: f64) -> bool {
    if a.is_nan() && b.is_nan() {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < SMALL_DELTA * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < SMALL_DELTA
}

#[cfg(test)]
mod tests {
    use super::*;

    const INF: f64 = f64::INFINITY;

    #[test]
    fn linear_inside_a_bucket_and_never_above_the_last_bound() {
        let mut buckets = [(1.0, 5.0), (2.0, 10.0), (INF, 20.0)];
        assert_eq!(bucket_quantile(0.25, &mut buckets), 1.0);
        assert_eq!(bucket_quantile(0.375, &mut buckets), 1.5);
        assert_eq!(bucket_quantile(0.99, &mut buckets), 2.0);
        assert_eq!(bucket_quantile(0.1, &mut buckets), 0.4);
    }

    #[test]
    fn without_enough_buckets_there_is_no_quantile() {
        assert!(bucket_quantile(0.5, &mut []).is_nan());
        assert!(bucket_quantile(0.5, &mut [(INF, 4.0)]).is_nan());
        assert!(bucket_quantile(0.5, &mut [(1.0, 4.0), (2.0, 5.0)]).is_nan());
        assert!(bucket_quantile(0.5, &mut [(1.0, 0.0), (INF, 0.0)]).is_nan());
        assert_eq!(bucket_quantile(-0.1, &mut []), -INF);
    }

    #[test]
    fn falling_counts_are_lifted() {
        let mut buckets = [(1.0, 10.0), (2.0, 8.0), (4.0, 20.0), (INF, 20.0)];
        assert_eq!(bucket_quantile(0.75, &mut buckets), 3.0);
    }
}
