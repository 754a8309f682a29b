//! How far one sample lies above another, with an interval: the shift by which rank sums balance.
//!
//! The estimate is Hodges and Lehmann's, found as R's `wilcox.test(conf.int = TRUE, exact = FALSE)` finds it: the
//! standardised rank-sum statistic, with the corrections for ties and continuity, falls as the first sample is shifted
//! down, and the shifts at which it passes the normal quantiles are the ends of the interval.
//!
//! Traps: the statistic is a staircase, so the root finder stops at some step near the true place, to within
//! [`TOLERANCE`] *absolute*: for samples whose values are that small (error ratios!) the interval is mostly
//! tolerance, and may even be upside down. Observations are taken as independent; on correlated series the interval is
//! far too narrow. When all values tie there is no interval.

use crate::rng::normal_quantile;

/// The absolute width at which the search for a root ends (R's `uniroot` default in `wilcox.test`: 1e-4).
pub const TOLERANCE: f64 = 1e-4;
/// The most steps of a search.
const STEPS: u32 = 1000;

/// A shift of location.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShiftInterval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The Hodges-Lehmann estimate.
    pub estimate: f64,
}

/// The standardised rank-sum statistic of `first - shift` against `second`, tie- and continuity-corrected. `None` when
/// all observations tie, or a sample is empty. NaN ranks highest.
#[must_use]
pub fn shifted_z(first: &[f64], second: &[f64], shift: f64) -> Option<f64> {
    let mut pooled: Vec<(f64, bool)> = first
        .iter()
        .map(|v| (v - shift + 0.0, true))
        .chain(second.iter().map(|v| (v + 0.0, false)))
        .collect();
    pooled.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut ranks, mut ties, mut before) = (0.0, 0.0, 0.0);
    for group in pooled.chunk_by(|a, b| a.0 == b.0) {
        let size = group.len() as f64;
        ranks += (before + 0.5 * (size + 1.0)) * group.iter().filter(|v| v.1).count() as f64;
        ties += size * (size * size - 1.0);
        before += size;
    }
    let (n, m) = (first.len() as f64, second.len() as f64);
    let all = n + m;
    let excess = ranks - 0.5 * n * (n + 1.0) - 0.5 * n * m;
    let deviation = (n * m / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)))).sqrt();
    let corrected = if excess == 0.0 { 0.0 } else { excess - 0.5 * excess.signum() };
    (deviation > 0.0).then(|| corrected / deviation)
}

/// The shift of `first` above `second` with the interval that holds the true one with this confidence.
///
/// `None` when a sample is empty or not finite, or when all observations tie somewhere in the search.
#[must_use]
pub fn shift_interval(first: &[f64], second: &[f64], confidence: f64) -> Option<ShiftInterval> {
    if first.iter().chain(second).any(|v| !v.is_finite()) {
        return None;
    }
    let least = |values: &[f64]| values.iter().copied().reduce(f64::min);
    let most = |values: &[f64]| values.iter().copied().reduce(f64::max);
    let lowest = least(first)? - most(second)?;
    let highest = most(first)? - least(second)?;
    let z = normal_quantile(0.5 * (1.0 - confidence));
    let ends = (shifted_z(first, second, lowest)?, shifted_z(first, second, highest)?);
    let root = |quantile: f64| {
        let f = |shift: f64| shifted_z(first, second, shift).map(|z| z - quantile);
        let (at_lowest, at_highest) = (ends.0 - quantile, ends.1 - quantile);
        if at_lowest <= 0.0 {
            Some(lowest)
        } else if at_highest >= 0.0 {
            Some(highest)
        } else {
            zero(f, (lowest, at_lowest), (highest, at_highest))
        }
    };
    Some(ShiftInterval { low: root(-z)?, high: root(z)?, estimate: root(0.0)? })
}

/// A zero between two points of opposite sign: Brent's method (Algorithms for Minimization without Derivatives, 1973,
/// chapter 4), with the tolerances and the order of tests of R's `zeroin`, because where a staircase is crossed the
/// path of the search decides which step is found.
fn zero(mut f: impl FnMut(f64) -> Option<f64>, start: (f64, f64), end: (f64, f64)) -> Option<f64> {
    let (mut last, mut best) = (start, end);
    // The point on the other side of the zero.
    let mut across = start;
    if start.1 == 0.0 {
        return Some(start.0);
    }
    for _ in 0..=STEPS {
        let before = best.0 - last.0;
        if across.1.abs() < best.1.abs() {
            (last, best, across) = (best, across, best);
        }
        let enough = 2.0 * f64::EPSILON * best.0.abs() + 0.5 * TOLERANCE;
        let halfway = 0.5 * (across.0 - best.0);
        if halfway.abs() <= enough || best.1 == 0.0 {
            return Some(best.0);
        }
        let may_interpolate = before.abs() >= enough && last.1.abs() > best.1.abs();
        let step = Some(halfway)
            .filter(|_| !may_interpolate)
            .or_else(|| interpolated(last, best, across, before, enough))
            .unwrap_or(halfway);
        let step = if step.abs() >= enough {
            step
        } else if step > 0.0 {
            enough
        } else {
            -enough
        };
        last = best;
        best.0 += step;
        best.1 = f(best.0)?;
        if (best.1 > 0.0) == (across.1 > 0.0) && best.1 != 0.0 {
            across = last;
        }
    }
    Some(best.0)
}

/// The step by a line through two points, or a parabola on its side through three; `None` where it leads too far.
fn interpolated(
    last: (f64, f64),
    best: (f64, f64),
    across: (f64, f64),
    before: f64,
    enough: f64,
) -> Option<f64> {
    let width = across.0 - best.0;
    let to_last = best.1 / last.1;
    let (p, q) = if last.0 == across.0 {
        (width * to_last, 1.0 - to_last)
    } else {
        let (flank, to_across) = (last.1 / across.1, best.1 / across.1);
        let p = to_last * (width * flank * (flank - to_across) - (best.0 - last.0) * (to_across - 1.0));
        (p, (flank - 1.0) * (to_across - 1.0) * (to_last - 1.0))
    };
    let (p, q) = if p > 0.0 { (p, -q) } else { (-p, q) };
    let fits = p < 0.75 * width * q - 0.5 * (enough * q).abs() && p < 0.5 * (before * q).abs();
    fits.then(|| p / q)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
    }

    #[test]
    fn apart_samples_have_the_interval_of_the_reference() {
        // R: wilcox.test(c(10,20,30,40), 1:4, exact = FALSE, conf.int = TRUE).
        let found = shift_interval(&[10.0, 20.0, 30.0, 40.0], &[1.0, 2.0, 3.0, 4.0], 0.95).unwrap();
        close(found.low, 6.0);
        close(found.high, 39.0);
        close(found.estimate, 22.5);
    }

    #[test]
    fn a_shift_of_the_sample_is_a_shift_of_the_interval() {
        let control: Vec<f64> = (0..30).map(|i| f64::from(i * 7 % 30)).collect();
        let shifted: Vec<f64> = control.iter().map(|v| v + 11.0).collect();
        let found = shift_interval(&shifted, &control, 0.98).unwrap();
        assert!((found.estimate - 11.0).abs() < 1e-3, "{found:?}");
        assert!(found.low < 11.0 && 11.0 < found.high, "{found:?}");
        let narrow = shift_interval(&shifted, &control, 0.8).unwrap();
        assert!(found.low <= narrow.low && narrow.high <= found.high);
    }

    #[test]
    fn what_ties_or_is_not_finite_has_no_interval() {
        assert_eq!(shift_interval(&[1.0, 1.0], &[1.0, 1.0, 1.0], 0.95), None);
        assert_eq!(shift_interval(&[], &[1.0], 0.95), None);
        assert_eq!(shift_interval(&[f64::NAN, 2.0], &[1.0], 0.95), None);
        assert_eq!(shift_interval(&[f64::INFINITY, 2.0], &[1.0], 0.95), None);
        // The largest numbers there are neither panic nor run for ever.
        let _ = shift_interval(&[f64::MAX, 0.0], &[-f64::MAX, 1.0], 0.95);
        let _ = shift_interval(&[1e-320, 2e-320], &[0.0, 3e-320], 0.95);
    }
}
