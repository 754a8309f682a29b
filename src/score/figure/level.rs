//! A figure of one policy, with an interval of any level.
//!
//! * **Shares**: exact limits (Clopper and Pearson 1934) per scenario, combined over scenarios by recovered variances
//!   (MOVER; Zou and Donner 2008): `low = p - sqrt(sum (w_s (p_s - low_s))^2)`, likewise above.
//! * **Means and ratios**: the stratified jackknife of the scorecard ([`super::super::estimate`]).
//! * **Times**: quantiles of Kaplan-Meier's curve ([`super::super::times`]); means of times cut at the end of their
//!   follow-up.
//! * **The worst scenario**: the largest of the scenarios' figures. Limits are the largest of theirs, each at a level that
//!   lets all hold together (Bonferroni), since the largest of several estimates is too large by itself.

use super::{Context, Figure, Kind, Stat, Summary, square, together, unbounded, worst};
use crate::score::case::Case;
use crate::score::cost::KINDS;
use crate::score::estimate::{Pairs, mean_at, ratio_at};
use crate::score::stratum::Stratum;
use crate::score::times::quantile_at;
use crate::stats::Estimate;
use crate::stats::estimate::clopper_pearson;

/// The scenarios a figure is made from. Those of weight 0 are left out unless no other is there.
pub fn counted<'s>(strata: &[&'s Stratum]) -> Vec<(f64, &'s Stratum)> {
    let some = strata.iter().any(|s| s.weight > 0.0);
    let weight = |s: &Stratum| if some { s.weight } else { 1.0 };
    strata.iter().map(|s| (weight(s), *s)).filter(|(weight, _)| *weight > 0.0).collect()
}

/// Estimates a figure over scenarios at these prices.
pub fn estimate(
    figure: &Figure,
    stat: Stat,
    strata: &[&Stratum],
    prices: &[f64; KINDS],
    confidence: f64,
) -> Estimate {
    let used = counted(strata);
    if !stat.worst {
        return pooled(figure, stat.summary, &used, prices, confidence);
    }
    let confidence = together(confidence, used.len());
    worst(figure.better, used.iter().map(|one| pooled(figure, stat.summary, &[*one], prices, confidence)))
}

fn pooled(
    figure: &Figure,
    summary: Summary,
    used: &[(f64, &Stratum)],
    prices: &[f64; KINDS],
    confidence: f64,
) -> Estimate {
    let context = |s: &Stratum| Context { base_rate: s.base_rate, prices: *prices };
    match (figure.kind, summary) {
        (Kind::Share(hit), _) => shares(used.iter().map(|(w, s)| (*w, counts(s, hit))), confidence),
        (Kind::Time(of), Summary::Percentile(percent)) => {
            let times: Vec<_> =
                used.iter().map(|(w, s)| (*w, s.cases.iter().filter_map(of).collect())).collect();
            unbounded(quantile_at(&times, f64::from(percent) / 100.0, confidence))
        }
        (Kind::Time(of), _) => {
            means(used, confidence, &|s| s.cases.iter().filter_map(of).map(|t| t.seconds).collect())
        }
        (Kind::Mean(of), _) => {
            means(used, confidence, &|s| s.cases.iter().filter_map(|c| of(c, &context(s))).collect())
        }
        (Kind::Ratio(of), _) => {
            let pairs = |(weight, s): &(f64, &Stratum)| Pairs {
                weight: *weight,
                values: s.cases.iter().filter_map(|c| of(c, &context(s))).collect(),
            };
            scaled(unbounded(ratio_at(&used.iter().map(pairs).collect::<Vec<_>>(), confidence)), 100.0)
        }
        (Kind::Total(counts), _) => {
            let cases = || used.iter().flat_map(|(_, s)| &s.cases);
            let total = cases().filter(|c| counts(c)).count() as f64;
            Estimate { value: total, low: total, high: total, n: cases().count() as u64 }
        }
    }
}

/// Hits and trials of a scenario.
fn counts(stratum: &Stratum, hit: fn(&Case) -> Option<bool>) -> (u64, u64) {
    let trials = stratum.cases.iter().filter_map(hit);
    trials.fold((0, 0), |(k, n), hit| (k + u64::from(hit), n + 1))
}

/// The weighted mean of shares; scenarios without trials are left out.
fn shares(parts: impl Iterator<Item = (f64, (u64, u64))>, confidence: f64) -> Estimate {
    let parts: Vec<(f64, Estimate)> = parts
        .filter(|(_, (_, n))| *n > 0)
        .map(|(weight, (k, n))| (weight, clopper_pearson(k, n, confidence)))
        .collect();
    let combined = mover(&parts);
    Estimate { low: combined.low.max(0.0), high: combined.high.min(1.0), ..combined }
}

/// The weighted mean of independent figures, limits by recovered variances (Zou and Donner 2008).
pub(super) fn mover(parts: &[(f64, Estimate)]) -> Estimate {
    let total: f64 = parts.iter().map(|(weight, _)| weight).sum();
    if parts.is_empty() || total <= 0.0 {
        return Estimate::UNKNOWN;
    }
    let (mut value, mut below, mut above, mut n) = (0.0, 0.0, 0.0, 0);
    for (weight, part) in parts {
        let share = weight / total;
        value += share * part.value;
        below += square(share * (part.value - part.low));
        above += square(share * (part.high - part.value));
        n += part.n;
    }
    Estimate { value, low: value - below.sqrt(), high: value + above.sqrt(), n }
}

fn means(used: &[(f64, &Stratum)], confidence: f64, values: &dyn Fn(&Stratum) -> Vec<f64>) -> Estimate {
    let strata: Vec<(f64, Vec<f64>)> = used.iter().map(|(weight, s)| (*weight, values(s))).collect();
    unbounded(mean_at(&strata, confidence))
}

pub(super) fn scaled(estimate: Estimate, factor: f64) -> Estimate {
    let Estimate { value, low, high, n } = estimate;
    Estimate { value: value * factor, low: low * factor, high: high * factor, n }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::figure::{CONFIDENCE, FIGURES, figure};
    use crate::score::stratum::{Who, gather};
    use crate::score::testing::Sample;
    use crate::score::{CostWeights, Scorecard};

    /// What the scorecard says of the same thing.
    fn scorecard_s(card: &Scorecard, policy: &str, name: &str, summary: Summary) -> Option<f64> {
        let row = card.rows.iter().find(|row| row.name() == policy)?;
        let d = &row.detection;
        match (name, summary) {
            ("missed_rate", _) => d.missed_rate.value,
            ("false_rollback_rate", _) => d.false_rollback_rate.value,
            ("early_rate", _) => d.early_rate.value,
            ("detection_time", Summary::Percentile(50)) => d.detection_time.median.value,
            ("detection_time", Summary::Percentile(95)) => d.detection_time.p95.value,
            ("rollback_time", Summary::Percentile(50)) => row.rollbacks.time.median.value,
            ("user_impact", _) => row.impact.gross.value,
            ("cost", _) => row.cost.mixed.value,
            ("efficacy", _) => row.efficacy.value,
            ("worked_share", _) => row.rollbacks.worked.value,
            _ => None,
        }
    }

    #[test]
    fn figures_are_those_of_the_scorecard() {
        let sample = Sample::new();
        let card = sample.scorecard();
        let players = gather(&sample.records, &sample.scenarios).unwrap();
        let mut compared = 0;
        for policy in ["quick", "thorough"] {
            let (_, strata) =
                players.iter().find(|((who, _), _)| *who == Who::Policy(policy.into())).unwrap();
            let strata: Vec<&Stratum> = strata.iter().collect();
            for figure in FIGURES {
                for summary in [figure.default_summary(), Summary::Percentile(95)] {
                    let Some(expected) = scorecard_s(&card, policy, figure.name, summary) else { continue };
                    let stat = Stat { summary, worst: false };
                    let prices = CostWeights::default().prices();
                    let found = estimate(figure, stat, &strata, &prices, CONFIDENCE);
                    let near = (found.value - expected).abs() <= 1e-9 * expected.abs().max(1.0);
                    assert!(near, "{policy} {}: {found:?} is not {expected}", figure.name);
                    assert!(found.low <= found.value && found.value <= found.high);
                    compared += 1;
                }
            }
        }
        assert!(compared >= 16, "{compared}");
    }

    #[test]
    fn names_are_unique_and_summaries_fit_their_kind() {
        for (at, one) in FIGURES.iter().enumerate() {
            assert!(one.allows(one.default_summary()), "{}", one.name);
            assert!(FIGURES.iter().skip(at + 1).all(|other| other.name != one.name));
        }
        let time = figure("detection_time").unwrap();
        assert!(time.allows(Summary::Mean) && !time.allows(Summary::Percentile(0)));
        assert!(!figure("missed_rate").unwrap().allows(Summary::Percentile(95)));
        assert!(figure("missed").is_none());
    }

    #[test]
    fn exact_shares_in_one_file_and_the_rule_of_combination_in_two() {
        let one = shares([(2.0, (3, 100))].into_iter(), 0.95);
        let exact = clopper_pearson(3, 100, 0.95);
        assert!((one.low - exact.low).abs() < 1e-12 && (one.high - exact.high).abs() < 1e-12);
        // Two equal files: the reach is sqrt(2) / 2 of one's.
        let two = shares([(1.0, (3, 100)), (1.0, (3, 100))].into_iter(), 0.95);
        let reach = (exact.high - 0.03) / 2.0f64.sqrt();
        assert!((two.high - 0.03 - reach).abs() < 1e-12, "{two:?}");
        assert!(shares(std::iter::empty(), 0.95).value.is_nan());
        assert!(shares([(1.0, (0, 0))].into_iter(), 0.95).value.is_nan());
    }
}
