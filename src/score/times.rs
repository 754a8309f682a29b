//! Quantiles of times of which some did not end while anybody looked.
//!
//! A time that had not ended at the end of the follow-up is *censored*: it counts as "longer than that", it is never
//! dropped and never taken for the length of the follow-up. The quantile is the smallest time at which Kaplan-Meier's
//! curve reaches its level; over several files the curve is of weighted observations, a file's weight shared equally
//! by its own.
//!
//! Limits, one file: order statistics if all times ended, else Brookmeyer and Crowley's. Several files: the curve at
//! the Wilson limits of the level (Woodruff 1952) with Kish's effective number of observations
//! `1 / sum(w_s^2 / n_s)`, which is cautious where files differ.
//!
//! Trap: with `n` observations the largest is an upper limit of quantile `q` only if `q^n <= 2.5 %` (72 of them for a
//! p95); below that the limit is open.

use serde::{Deserialize, Serialize};

use super::estimate::{CONFIDENCE, Estimate, Note};
use crate::rng::normal_quantile;
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
        _ => pooled_limits(used, curve, level, confidence),
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

/// Limits of a quantile pooled over files.
fn pooled_limits(
    used: &[&(f64, Vec<Timed>)],
    curve: &[Point],
    level: f64,
    confidence: f64,
) -> (Option<f64>, Option<f64>) {
    let total: f64 = used.iter().map(|(w, _)| w).sum();
    let n = 1.0 / used.iter().map(|(w, t)| (w / total) * (w / total) / t.len() as f64).sum::<f64>();
    let tail = (1.0 - confidence) / 2.0;
    let z2 = normal_quantile(tail) * normal_quantile(tail);
    let centre = (level + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = (z2 * level * (1.0 - level) / n + z2 * z2 / (4.0 * n * n)).sqrt() / (1.0 + z2 / n);
    let open = |p: f64| libm::pow(p, n) > tail;
    let low = if open(1.0 - level) { None } else { reach(curve, centre - half) };
    let high = if open(level) { None } else { reach(curve, centre + half) };
    (low, high)
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
