//! Quantiles of times of which some did not end while anybody looked.
//!
//! A time that had not ended at the end of the follow-up is *censored*: it counts as "longer than that", it is never
//! dropped and never taken for the length of the follow-up. The quantile is the smallest time at which Kaplan-Meier's
//! curve reaches its level; over several files the curve is of weighted observations, a file's weight shared equally
//! by its own.
//!
//! Limits, one file: order statistics if all times ended, else Brookmeyer and Crowley's. Several files: the times at which the
//! interval of the pooled share ended by then begins and ceases to hold the level, an inversion as Brookmeyer and Crowley's (1982), the
//! interval being the one of [pooled shares](super::estimate::weighted_shares): each file's share by Kaplan-Meier, out of those
//! whose fate at that time is known, with limits by Wilson, combined by recovered variances. Files count as they are: where one
//! of them has all the late times, the quantile is as uncertain as that file makes it.
//!
//! Traps: one effective number of observations for all files (Kish's `1 / sum(w_s^2 / n_s)`) is too many for a p95 to which one
//! file contributes most; its intervals held the truth in 90 % of cases. With `n` observations the largest is an upper limit of quantile `q` only if `q^n <= 2.5 %` (72 of them for a
//! p95); below that the limit is open.

use serde::{Deserialize, Serialize};

use super::estimate::{CONFIDENCE, Estimate, Note};
use crate::stats::estimate::wilson_modified;
use crate::stats::quantile;
use crate::stats::survival::{KaplanMeier, Lifetime};

/// One time in seconds and how it ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timed {
    /// Seconds.
    pub seconds: f64,
    /// Whether it ended then; otherwise it was only watched for that long.
    pub ended: bool,
}

/// Median and p95 of a time, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// Half of them end within this.
    pub median: Estimate,
    /// 95 % of them end within this.
    pub p95: Estimate,
    /// Those that had not ended when the follow-up did.
    pub censored: u64,
    /// Longest follow-up of a time that had not ended, in seconds; `None` if all ended.
    pub followed: Option<f64>,
}

/// A point of the curve: at this time the share ended becomes this.
type Point = (f64, f64);

/// Quantiles over strata of `(weight, times)`.
pub fn times(strata: &[(f64, Vec<Timed>)]) -> Times {
    let used: Vec<&(f64, Vec<Timed>)> = strata.iter().filter(|(w, t)| *w > 0.0 && !t.is_empty()).collect();
    let all = || used.iter().flat_map(|(_, times)| times.iter());
    let censored = all().filter(|t| !t.ended);
    let followed = censored
        .clone()
        .map(|t| t.seconds)
        .fold(None, |max: Option<f64>, s| Some(max.map_or(s, |m| m.max(s))));
    let n = all().count() as u64;
    let curve = curve(&used);
    let at = |level: f64| limited(&used, &curve, n, (level, CONFIDENCE));
    Times { median: at(0.5), p95: at(0.95), censored: censored.count() as u64, followed }
}

/// One quantile over strata of `(weight, times)`, with an interval of this level of confidence.
pub fn quantile_at(strata: &[(f64, Vec<Timed>)], level: f64, confidence: f64) -> Estimate {
    let used: Vec<&(f64, Vec<Timed>)> = strata.iter().filter(|(w, t)| *w > 0.0 && !t.is_empty()).collect();
    let n = used.iter().map(|(_, times)| times.len() as u64).sum();
    limited(&used, &curve(&used), n, (level, confidence))
}

/// The quantile `level` alone, without an interval; `None` when it lies beyond the follow-up, or nothing was observed.
pub fn quantile_of(strata: &[(f64, Vec<Timed>)], level: f64) -> Option<f64> {
    let used: Vec<&(f64, Vec<Timed>)> = strata.iter().filter(|(w, t)| *w > 0.0 && !t.is_empty()).collect();
    reach(&curve(&used), level)
}

/// A quantile of a curve with its limits.
fn limited(
    used: &[&(f64, Vec<Timed>)],
    curve: &[Point],
    n: u64,
    (level, confidence): (f64, f64),
) -> Estimate {
    let (low, high) = match used[..] {
        [] => return Estimate::absent(Note::NoObservations, 0),
        [(_, times)] => own_limits(times, level, confidence),
        _ => pooled_limits(used, level, confidence),
    };
    match reach(curve, level) {
        Some(seconds) => Estimate::new(seconds, low.map(|l| l.min(seconds)), high.map(|h| h.max(seconds)), n),
        None => Estimate { low, ..Estimate::absent(Note::BeyondFollowUp, n) },
    }
}

/// The first time by which the share ended reaches `level`.
fn reach(curve: &[Point], level: f64) -> Option<f64> {
    // Rounding in the products must not push a quantile to the next observation.
    curve.iter().find(|(_, share)| *share >= level - 1e-9).map(|(seconds, _)| *seconds)
}

/// Limits of a quantile of one file.
fn own_limits(times: &[Timed], level: f64, confidence: f64) -> (Option<f64>, Option<f64>) {
    let limits = if times.iter().all(|t| t.ended) {
        let seconds: Vec<f64> = times.iter().map(|t| t.seconds).collect();
        quantile::interval(&seconds, level, confidence)
    } else {
        let lifetime = |t: &Timed| Lifetime { time: t.seconds, event: t.ended };
        KaplanMeier::new(&times.iter().map(lifetime).collect::<Vec<_>>()).quantile(level, confidence)
    };
    (Some(limits.low).filter(|l| l.is_finite()), Some(limits.high).filter(|h| h.is_finite()))
}

/// Limits of a quantile pooled over files: the first times at which the upper, and the lower, limit of the share ended by then
/// reaches the level.
fn pooled_limits(used: &[&(f64, Vec<Timed>)], level: f64, confidence: f64) -> (Option<f64>, Option<f64>) {
    let files: Vec<File> = used.iter().map(|(weight, times)| File::new(*weight, times)).collect();
    let mut ends: Vec<f64> =
        used.iter().flat_map(|(_, times)| times).filter(|t| t.ended).map(|t| t.seconds).collect();
    ends.sort_by(f64::total_cmp);
    ends.dedup();
    // Limits grow with time but for rounding, as shares do: the first time is found by halving.
    let first = |upper: bool| {
        let reaches = |time: f64| {
            let limits = ended_by(&files, time, confidence);
            if upper { limits.1 >= level } else { limits.0 >= level }
        };
        let at = ends.partition_point(|time| !reaches(*time));
        // What holds before anything has ended says nothing of when.
        if reaches(f64::NEG_INFINITY) { None } else { ends.get(at).copied() }
    };
    (first(true), first(false))
}

/// The limits of the pooled share that has ended by a time.
fn ended_by(files: &[File], time: f64, confidence: f64) -> (f64, f64) {
    let total: f64 = files.iter().map(|file| file.weight).sum();
    let (mut value, mut below, mut above) = (0.0, 0.0, 0.0);
    for file in files {
        let (share, low, high) = file.ended_by(time, confidence);
        let weight = file.weight / total;
        value += weight * share;
        below += (weight * (share - low)) * (weight * (share - low));
        above += (weight * (high - share)) * (weight * (high - share));
    }
    (value - below.sqrt(), value + above.sqrt())
}

/// The times of one file, for shares that have ended by a time.
struct File {
    weight: f64,
    curve: Vec<Point>,
    /// Times at which somebody who had not ended was watched no more, ascending.
    lost: Vec<f64>,
    n: usize,
}

impl File {
    fn new(weight: f64, times: &[Timed]) -> Self {
        let mut lost: Vec<f64> = times.iter().filter(|t| !t.ended).map(|t| t.seconds).collect();
        lost.sort_by(f64::total_cmp);
        File { weight, curve: curve(&[&(1.0, times.to_vec())]), lost, n: times.len() }
    }

    /// The share ended by a time with its limits.
    fn ended_by(&self, time: f64, confidence: f64) -> (f64, f64, f64) {
        let after = self.curve.partition_point(|(seconds, _)| *seconds <= time);
        let share = after.checked_sub(1).and_then(|at| self.curve.get(at)).map_or(0.0, |point| point.1);
        let known = self.n - self.lost.partition_point(|seconds| *seconds < time);
        let limits = wilson_modified((share * known as f64).round() as u64, known as u64, confidence);
        (share, limits.low.min(share), limits.high.max(share))
    }
}

/// Kaplan-Meier's estimate of the share ended by each time at which something ended.
fn curve(strata: &[&(f64, Vec<Timed>)]) -> Vec<Point> {
    let mut weighted: Vec<(f64, bool, f64)> = strata
        .iter()
        .flat_map(|(w, times)| times.iter().map(move |t| (t.seconds, t.ended, w / times.len() as f64)))
        .collect();
    // At equal times ends come before censorings: who was watched until then was at risk then.
    weighted.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    let mut at_risk: f64 = weighted.iter().map(|(_, _, w)| w).sum();
    let mut surviving = 1.0;
    let mut points: Vec<Point> = Vec::new();
    for (seconds, ended, weight) in weighted {
        if ended {
            surviving *= (1.0 - weight / at_risk).max(0.0);
            match points.last_mut() {
                Some(last) if last.0 == seconds => last.1 = 1.0 - surviving,
                _ => points.push((seconds, 1.0 - surviving)),
            }
        }
        at_risk -= weight;
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(seconds: &[f64]) -> Vec<Timed> {
        seconds.iter().map(|s| Timed { seconds: *s, ended: true }).collect()
    }

    #[test]
    fn without_censoring_quantiles_are_order_statistics() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        let t = times(&[(1.0, ended(&hundred))]);
        assert_eq!((t.median.value, t.p95.value), (Some(50.0), Some(95.0)));
        // The tables' ranks for n = 100: 40 and 61.
        assert_eq!((t.median.low, t.median.high), (Some(40.0), Some(61.0)));
        assert_eq!((t.censored, t.followed), (0, None));
    }

    #[test]
    fn kaplan_meier_by_hand() {
        // 1, 2+, 3, 4+: F(1) = 1/4, F(3) = 1 - 3/4 * 1/2 = 5/8; never 95 %.
        let mut watched = ended(&[1.0, 2.0, 3.0, 4.0]);
        watched[1].ended = false;
        watched[3].ended = false;
        let t = times(&[(1.0, watched)]);
        assert_eq!(t.median.value, Some(3.0));
        assert_eq!((t.p95.value, t.p95.note), (None, Some(Note::BeyondFollowUp)));
        assert_eq!((t.censored, t.followed), (2, Some(4.0)));
    }

    #[test]
    fn a_file_weighs_the_same_however_many_replications_it_has() {
        let many: Vec<f64> = vec![100.0; 90];
        let t = times(&[(3.0, ended(&[1.0, 1.0])), (1.0, ended(&many))]);
        assert_eq!((t.median.value, t.p95.value), (Some(1.0), Some(100.0)));
    }

    #[test]
    fn few_observations_leave_the_limits_open_and_none_gives_nothing() {
        let t = times(&[(1.0, ended(&[1.0, 2.0, 3.0]))]);
        assert_eq!((t.p95.value, t.p95.high, t.p95.note), (Some(3.0), None, Some(Note::OpenInterval)));
        assert_eq!(times(&[]).median.note, Some(Note::NoObservations));
        assert_eq!(times(&[(0.0, ended(&[1.0]))]).median.note, Some(Note::NoObservations));
    }

    proptest::proptest! {
        #[test]
        fn quantiles_are_observations_in_order(
            seconds in proptest::collection::vec((0.0f64..1e4, proptest::bool::ANY), 1..60),
        ) {
            let timed: Vec<Timed> = seconds.iter().map(|(s, e)| Timed { seconds: *s, ended: *e }).collect();
            let t = times(&[(1.0, timed)]);
            for e in [t.median, t.p95] {
                if let Some(v) = e.value {
                    proptest::prop_assert!(seconds.iter().any(|(s, ended)| *ended && *s == v));
                    proptest::prop_assert!(e.low.is_none_or(|l| l <= v) && e.high.is_none_or(|h| h >= v));
                }
            }
            if let (Some(m), Some(p)) = (t.median.value, t.p95.value) {
                proptest::prop_assert!(m <= p);
            }
        }
    }
}
