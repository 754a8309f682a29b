//! A figure with its interval and its n, and how such figures are made from one scenario or pooled over several.
//!
//! Five kinds, each stratified: a stratum is one scenario file, its weight the file's share of the row, and the
//! replications inside it are independent.
//!
//! * **Shares** ([`weighted_shares`]): Wilson in one stratum. Over several, and for weighted sums of different shares,
//!   the limits of the parts are combined by recovered variances (MOVER; Zou and Donner 2008):
//!   `low = p - sqrt(sum (c_i (p_i - l_i))^2)`, likewise above. It equals Wilson for one part and, unlike the plain
//!   normal interval, does not shrink to nothing when every count is 0.
//! * **Ratios of two shares' sums** ([`share_of_sum`]): MOVER for a ratio (Donner and Zou 2012).
//! * **Differences of shares of the same replications** ([`paired_shares`]): Bonett and Price 2012, MOVER over strata.
//! * **Means and ratios of sums** ([`ratio`], [`mean`]): stratified delete-one jackknife over replications,
//!   `var = sum_s (n_s - 1)/n_s sum_i (theta_(si) - mean_s)^2`, with Student's t on `n` less the number of strata degrees of freedom.
//! * **Times** ([`super::times`]): Kaplan-Meier, order statistics.
//!
//! Trap: an absent figure is `None` with a [`Note`], never NaN and never 0.

use serde::{Deserialize, Serialize};

use crate::rng::normal_quantile;
use crate::stats::estimate::{student_t_quantile, wilson_modified};

/// Level of every interval of a scorecard.
pub const CONFIDENCE: f64 = 0.95;

/// A figure with a 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure; `None` with a note when there is none.
    pub value: Option<f64>,
    /// Lower limit; `None` when it is not known.
    pub low: Option<f64>,
    /// Upper limit; `None` when it is not known.
    pub high: Option<f64>,
    /// Observations it rests on.
    pub n: u64,
    /// Why something is absent.
    pub note: Option<Note>,
}

/// Why a figure or one of its limits is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// Nothing was observed that it could be computed from.
    NoObservations,
    /// Too few observations for one or both limits.
    OpenInterval,
    /// The quantile lies beyond the end of the follow-up.
    BeyondFollowUp,
    /// The policy never decided anything.
    NeverFires,
    /// Doing nothing is as cheap as the best known: there is nothing to gain.
    NothingToGain,
    /// The scenario does not state what it is measured against.
    NotStated,
}

impl Note {
    /// The note in words.
    pub fn words(self) -> &'static str {
        match self {
            Note::NoObservations => "nothing observed",
            Note::OpenInterval => "too few replications for both limits",
            Note::BeyondFollowUp => "not within the follow-up",
            Note::NeverFires => "never fires",
            Note::NothingToGain => "nothing to gain",
            Note::NotStated => "not stated by the scenario",
        }
    }
}

impl Estimate {
    /// A figure that is absent.
    pub fn absent(note: Note, n: u64) -> Self {
        Estimate { value: None, low: None, high: None, n, note: Some(note) }
    }

    /// A figure with limits; whatever is not finite is absent.
    pub fn new(value: f64, low: Option<f64>, high: Option<f64>, n: u64) -> Self {
        let finite = |x: f64| x.is_finite().then_some(x);
        let (low, high) = (low.and_then(finite), high.and_then(finite));
        match finite(value) {
            None => Estimate::absent(Note::NoObservations, n),
            Some(value) => {
                let note = (low.is_none() || high.is_none()).then_some(Note::OpenInterval);
                Estimate { value: Some(value), low, high, n, note }
            }
        }
    }

    /// The same figure in another unit (`factor` positive).
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        let by = |x: Option<f64>| x.map(|x| x * factor);
        Estimate { value: by(self.value), low: by(self.low), high: by(self.high), ..self }
    }

    /// Whether the interval holds 0; an unknown limit holds everything.
    pub fn holds_zero(&self) -> bool {
        self.low.is_none_or(|low| low <= 0.0) && self.high.is_none_or(|high| high >= 0.0)
    }
}

/// One part of a weighted sum of shares: `coefficient * k / n`.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// What the share is multiplied by, not negative.
    pub coefficient: f64,
    /// Count of hits.
    pub k: u64,
    /// Count of trials.
    pub n: u64,
}

/// `sum(coefficient * k / n)` with its interval; parts without trials are left out.
pub fn sum_of_shares(parts: &[Share]) -> Estimate {
    let mut n = 0;
    let (mut value, mut below, mut above) = (0.0, 0.0, 0.0);
    for part in parts.iter().filter(|part| part.n > 0) {
        let p = part.k as f64 / part.n as f64;
        let limits = wilson_modified(part.k, part.n, CONFIDENCE);
        value += part.coefficient * p;
        below += square(part.coefficient * (p - limits.low));
        above += square(part.coefficient * (limits.high - p));
        n += part.n;
    }
    if n == 0 {
        return Estimate::absent(Note::NoObservations, 0);
    }
    Estimate::new(value, Some((value - below.sqrt()).max(0.0)), Some(value + above.sqrt()), n)
}

/// The weighted mean of shares, weights normalised over the parts that have trials; always within `[0, 1]`.
pub fn weighted_shares(parts: &[Share]) -> Estimate {
    let total: f64 = parts.iter().filter(|part| part.n > 0).map(|part| part.coefficient).sum();
    if total <= 0.0 {
        return Estimate::absent(Note::NoObservations, 0);
    }
    let scaled: Vec<Share> =
        parts.iter().map(|part| Share { coefficient: part.coefficient / total, ..*part }).collect();
    let mut estimate = sum_of_shares(&scaled);
    for x in [&mut estimate.value, &mut estimate.low, &mut estimate.high] {
        *x = x.map(|x| x.clamp(0.0, 1.0));
    }
    estimate
}

/// `part / (part + rest)` for two independent non-negative figures, with its interval within `[0, 1]`.
///
/// Returns `None` when both are 0 or one is absent.
pub fn share_of_sum(part: &Estimate, rest: &Estimate) -> Option<Estimate> {
    let (t, tl, tu) = (part.value?, part.low?, part.high?);
    let (f, fl, fu) = (rest.value?, rest.low?, rest.high?);
    if t + f <= 0.0 {
        return None;
    }
    let limit = |f_end: f64, t_end: f64, sign: f64| {
        let lower = t_end * (2.0 * t - t_end);
        let upper = f_end * (2.0 * f - f_end);
        if lower <= 0.0 {
            return if sign > 0.0 { f64::INFINITY } else { 0.0 };
        }
        ((f * t + sign * (square(f * t) - upper * lower).max(0.0).sqrt()) / lower).max(0.0)
    };
    let to_share = |ratio: f64| if ratio.is_finite() { 1.0 / (1.0 + ratio) } else { 0.0 };
    let value = t / (t + f);
    let low = to_share(limit(fu, tl, 1.0)).min(value);
    let high = to_share(limit(fl, tu, -1.0)).max(value);
    Some(Estimate::new(value, Some(low), Some(high), part.n.max(rest.n)))
}

/// What two players did in the same replications of one stratum: a share of each that can only be told apart where
/// they differ.
#[derive(Clone, Copy, Debug)]
pub struct PairedShare {
    /// Weight of the stratum in the row.
    pub weight: f64,
    /// Replications in which it happened to the first player only.
    pub first_only: u64,
    /// Replications in which it happened to the second player only.
    pub second_only: u64,
    /// Replications of both.
    pub n: u64,
}

/// The weighted difference of two shares over the same replications, first less second.
///
/// One stratum: Bonett and Price's interval (2012), the normal one with one more replication of each disagreement,
/// `p = (first_only + 1) / (n + 2)`, `q = (second_only + 1) / (n + 2)`, `p - q +- z sqrt((p + q - (p - q)^2) / (n + 2))`,
/// cut to [-1, 1]. Unlike a t interval of the differences it has a width where the two never differed. Several strata: the
/// limits of the parts by recovered variances, as in [`sum_of_shares`].
pub fn paired_shares(parts: &[PairedShare]) -> Estimate {
    let used = || parts.iter().filter(|part| part.n > 0 && part.weight > 0.0);
    let total: f64 = used().map(|part| part.weight).sum();
    if total <= 0.0 {
        return Estimate::absent(Note::NoObservations, 0);
    }
    let (mut value, mut below, mut above, mut n) = (0.0, 0.0, 0.0, 0);
    for part in used() {
        let share = part.weight / total;
        let found = (part.first_only as f64 - part.second_only as f64) / part.n as f64;
        let (low, high) = paired_limits(part);
        value += share * found;
        below += square(share * (found - low.min(found)));
        above += square(share * (high.max(found) - found));
        n += part.n;
    }
    let (low, high) = ((value - below.sqrt()).max(-1.0), (value + above.sqrt()).min(1.0));
    Estimate::new(value, Some(low), Some(high), n)
}

fn paired_limits(part: &PairedShare) -> (f64, f64) {
    let trials = part.n as f64 + 2.0;
    let (p, q) = ((part.first_only as f64 + 1.0) / trials, (part.second_only as f64 + 1.0) / trials);
    let z = normal_quantile(0.5 + CONFIDENCE / 2.0);
    let reach = z * ((p + q - square(p - q)) / trials).sqrt();
    (p - q - reach, p - q + reach)
}

/// Numerators and denominators of one stratum, one pair per replication.
#[derive(Clone, Debug)]
pub struct Pairs {
    /// Weight of the stratum in the row.
    pub weight: f64,
    /// `(numerator, denominator)` of each replication.
    pub values: Vec<(f64, f64)>,
}

/// `sum_s w_s mean_s(numerator) / sum_s w_s mean_s(denominator)` with a stratified jackknife interval.
pub fn ratio(strata: &[Pairs]) -> Estimate {
    ratio_at(strata, CONFIDENCE)
}

/// As [`ratio`], with an interval of this level.
pub fn ratio_at(strata: &[Pairs], confidence: f64) -> Estimate {
    let used: Vec<&Pairs> = strata.iter().filter(|s| !s.values.is_empty() && s.weight > 0.0).collect();
    let n: usize = used.iter().map(|s| s.values.len()).sum();
    let mean = |s: &Pairs| {
        let (a, b) = s.values.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x, b + y));
        (a / s.values.len() as f64, b / s.values.len() as f64)
    };
    let means: Vec<(f64, f64)> = used.iter().map(|s| mean(s)).collect();
    let total =
        used.iter().zip(&means).fold((0.0, 0.0), |t, (s, m)| (t.0 + s.weight * m.0, t.1 + s.weight * m.1));
    if n == 0 || total.1 == 0.0 {
        return Estimate::absent(Note::NoObservations, n as u64);
    }
    let value = total.0 / total.1;
    if used.iter().any(|s| s.values.len() < 2) {
        return Estimate::new(value, None, None, n as u64);
    }
    let variance: f64 = used.iter().zip(&means).map(|(s, m)| left_out_variance(s, *m, total)).sum();
    let half = student_t_quantile(0.5 + confidence / 2.0, (n - used.len()) as f64) * variance.sqrt();
    Estimate::new(value, Some(value - half), Some(value + half), n as u64)
}

/// The part of the jackknife variance of one stratum with at least two replications.
fn left_out_variance(stratum: &Pairs, mean: (f64, f64), total: (f64, f64)) -> f64 {
    let n = stratum.values.len() as f64;
    let without = |&(x, y): &(f64, f64)| {
        let step = stratum.weight / (n - 1.0);
        (total.0 + step * (mean.0 - x)) / (total.1 + step * (mean.1 - y))
    };
    let centre = stratum.values.iter().map(without).sum::<f64>() / n;
    (n - 1.0) / n * stratum.values.iter().map(|pair| square(without(pair) - centre)).sum::<f64>()
}

/// The weighted mean of values given per stratum, weights normalised over strata that have any.
pub fn mean(strata: &[(f64, Vec<f64>)]) -> Estimate {
    mean_at(strata, CONFIDENCE)
}

/// As [`mean`], with an interval of this level.
pub fn mean_at(strata: &[(f64, Vec<f64>)], confidence: f64) -> Estimate {
    let pairs: Vec<Pairs> = strata
        .iter()
        .map(|(weight, values)| Pairs { weight: *weight, values: values.iter().map(|v| (*v, 1.0)).collect() })
        .collect();
    ratio_at(&pairs, confidence)
}

fn square(x: f64) -> f64 {
    x * x
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64, tolerance: f64) {
        assert!((a - b).abs() <= tolerance, "{a} is not {b}");
    }

    #[test]
    fn pooled_shares_equal_wilson_for_one_file_and_never_vanish() {
        let one = weighted_shares(&[Share { coefficient: 3.0, k: 81, n: 263 }]);
        close(one.low.unwrap(), 0.2553, 5e-5);
        close(one.high.unwrap(), 0.3662, 5e-5);
        let none = weighted_shares(&[
            Share { coefficient: 1.0, k: 0, n: 20 },
            Share { coefficient: 1.0, k: 0, n: 20 },
        ]);
        assert_eq!((none.value, none.low), (Some(0.0), Some(0.0)));
        close(none.high.unwrap(), 0.1611 / 2f64.sqrt(), 1e-4);
        assert_eq!(weighted_shares(&[]).note, Some(Note::NoObservations));
    }

    #[test]
    fn paired_shares_are_bonett_and_price_s_interval_and_never_vanish() {
        // 10 of 40 against 2 of 40: p = 11/42, q = 3/42; 8/42 +- 1.95996 sqrt((14/42 - (8/42)^2) / 42).
        let found = paired_shares(&[PairedShare { weight: 2.0, first_only: 10, second_only: 2, n: 40 }]);
        assert_eq!(found.value, Some(0.2));
        let reach = 1.959_964 * ((14.0 / 42.0 - (8.0f64 / 42.0) * (8.0 / 42.0)) / 42.0).sqrt();
        close(found.low.unwrap(), 8.0 / 42.0 - reach, 1e-6);
        close(found.high.unwrap(), 8.0 / 42.0 + reach, 1e-6);
        let alike = PairedShare { weight: 1.0, first_only: 0, second_only: 0, n: 8 };
        let one = paired_shares(&[alike]);
        assert!(one.value == Some(0.0) && one.high.unwrap() > 0.2 && one.low.unwrap() < -0.2, "{one:?}");
        let two = paired_shares(&[alike, alike]);
        close(two.high.unwrap(), one.high.unwrap() / 2f64.sqrt(), 1e-12);
        assert_eq!(paired_shares(&[]).note, Some(Note::NoObservations));
    }

    #[test]
    fn the_jackknife_of_a_mean_is_the_textbook_interval() {
        // 1..=5: mean 3, s^2 = 2.5, se = sqrt(0.5), t(4) = 2.776.
        let m = mean(&[(1.0, vec![1.0, 2.0, 3.0, 4.0, 5.0])]);
        assert_eq!(m.value, Some(3.0));
        close(m.high.unwrap(), 3.0 + 2.776 * 0.5f64.sqrt(), 1e-3);
        // Two strata, equal weight: se^2 = 0.25 (0.5 + 0.5).
        let two = mean(&[(1.0, vec![1.0, 2.0, 3.0, 4.0, 5.0]), (1.0, vec![11.0, 12.0, 13.0, 14.0, 15.0])]);
        assert_eq!(two.value, Some(8.0));
        close(two.high.unwrap() - 8.0, 2.306 * 0.5, 1e-3);
    }

    #[test]
    fn a_ratio_of_sums_is_not_a_mean_of_ratios() {
        let r = ratio(&[Pairs { weight: 1.0, values: vec![(1.0, 1.0), (0.0, 3.0)] }]);
        assert_eq!(r.value, Some(0.25));
        assert_eq!(
            ratio(&[Pairs { weight: 1.0, values: vec![(1.0, 0.0)] }]).note,
            Some(Note::NoObservations)
        );
        let single = ratio(&[Pairs { weight: 1.0, values: vec![(1.0, 2.0)] }]);
        assert_eq!((single.value, single.note), (Some(0.5), Some(Note::OpenInterval)));
    }

    #[test]
    fn a_share_of_a_sum_keeps_a_lower_limit_when_nothing_speaks_against_it() {
        let hits = weighted_shares(&[Share { coefficient: 1.0, k: 50, n: 100 }]);
        let none = weighted_shares(&[Share { coefficient: 1.0, k: 0, n: 100 }]);
        let p = share_of_sum(&hits, &none).unwrap();
        assert_eq!((p.value, p.high), (Some(1.0), Some(1.0)));
        let low = p.low.unwrap();
        assert!(low > 0.85 && low < 0.97, "{low}");
        assert!(share_of_sum(&none, &none).is_none());
        assert_eq!(share_of_sum(&none, &hits).unwrap().value, Some(0.0));
    }

    #[test]
    fn nothing_that_is_not_finite_gets_out() {
        assert_eq!(Estimate::new(f64::NAN, None, None, 3).value, None);
        let open = Estimate::new(1.0, Some(f64::NEG_INFINITY), Some(2.0), 3);
        assert_eq!((open.low, open.note), (None, Some(Note::OpenInterval)));
    }

    proptest::proptest! {
        #[test]
        fn shares_stay_in_range(k in 0u64..50, extra in 0u64..50, k2 in 0u64..50, extra2 in 0u64..50, w in 0.01f64..9.0) {
            let e = weighted_shares(&[
                Share { coefficient: w, k, n: k + extra },
                Share { coefficient: 1.0, k: k2, n: k2 + extra2 },
            ]);
            if let (Some(v), Some(l), Some(h)) = (e.value, e.low, e.high) {
                proptest::prop_assert!(0.0 <= l && l <= v && v <= h && h <= 1.0);
            } else {
                proptest::prop_assert_eq!(k + extra + k2 + extra2, 0);
            }
        }
    }
}
