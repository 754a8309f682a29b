//! Quantiles of times of which some did not end while anybody looked.
//!
//! A time that had not ended at the end of the follow-up is *censored*: it counts as "longer than that", it is never
//! dropped and never taken for the length of the follow-up. The curve is Kaplan-Meier's over weighted observations
//! (one weight per stratum, shared equally by its observations); the quantile is the smallest time at which the share
//! ended reaches its level. Its interval takes the curve at the Wilson limits of the level (Woodruff 1952; for one
//! stratum without censoring these are order statistics) with Kish's effective number of observations
//! `1 / sum(w_s^2 / n_s)`, which is exact for one stratum and cautious for several.
//!
//! Trap: with `n` observations the largest is an upper limit of quantile `q` only if `q^n <= 2.5 %` (72 of them for a
//! p95); below that the limit is open.

use serde::{Deserialize, Serialize};

use super::estimate::{Estimate, Note, wilson};

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
    let total: f64 = used.iter().map(|(w, _)| w).sum();
    let kish = 1.0 / used.iter().map(|(w, t)| (w / total) * (w / total) / t.len() as f64).sum::<f64>();
    let curve = curve(&used);
    let at = |level: f64| quantile(&curve, level, n, kish);
    Times { median: at(0.5), p95: at(0.95), censored: censored.count() as u64, followed }
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

fn quantile(curve: &[Point], level: f64, n: u64, kish: f64) -> Estimate {
    if n == 0 {
        return Estimate::absent(Note::NoObservations, 0);
    }
    // Rounding in the products must not push a quantile to the next observation.
    let reach = |p: f64| curve.iter().find(|(_, share)| *share >= p - 1e-9).map(|(seconds, _)| *seconds);
    let (low_level, high_level) = wilson(level * kish, kish);
    let open = |p: f64| libm::pow(p, kish) > 0.025;
    let low = if open(1.0 - level) { None } else { reach(low_level) };
    let high = if open(level) { None } else { reach(high_level) };
    match reach(level) {
        Some(seconds) => Estimate::new(seconds, low, high, n),
        None => Estimate { low, ..Estimate::absent(Note::BeyondFollowUp, n) },
    }
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
        // Wilson limits of 50/100 are 0.4038 and 0.5962.
        assert_eq!((t.median.low, t.median.high), (Some(41.0), Some(60.0)));
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
