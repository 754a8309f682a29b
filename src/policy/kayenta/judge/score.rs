//! From classifications to a score and a verdict (`WeightedSumScorer.scala`, `ThresholdScoreClassifier.scala`).
//!
//! A group's score is the share of its metrics that pass; the score is the weighted sum of the groups. Groups without a
//! weight share what the others leave of 100.
//!
//! Traps: metrics without data and metrics that could not be judged are in no group's total, and a group of nothing but
//! those counts 100. A metric in two groups counts in both. Weights need not sum to 100, and then no score can be 100.

use std::collections::BTreeMap;

use super::classify::Label;

/// From this share of metrics without data on, the score is 0.
const NODATA_SHARE: f64 = 0.5;

/// What a metric contributes.
#[derive(Clone, Debug, PartialEq)]
pub struct Part<'a> {
    /// The groups it is in.
    pub groups: &'a [String],
    /// What it was found to be.
    pub label: Label,
    /// Whether that fails the whole canary, unless it passes.
    pub critical: bool,
}

/// A score with its groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// 0 to 100 where weights sum to 100; rounded to two decimals.
    pub score: f64,
    /// The score of each group; `None` where none of its metrics could be counted.
    pub groups: BTreeMap<String, Option<f64>>,
    /// Why it is 0 whatever the groups say.
    pub zero_because: Option<&'static str>,
}

/// What a score comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// At least the pass threshold.
    Pass,
    /// At least the marginal threshold.
    Marginal,
    /// Less.
    Fail,
}

impl Verdict {
    /// The verdict on a score.
    pub fn of(score: f64, pass: f64, marginal: f64) -> Self {
        if score >= pass {
            Verdict::Pass
        } else if score >= marginal {
            Verdict::Marginal
        } else {
            Verdict::Fail
        }
    }

    /// Kayenta's word.
    pub const fn word(self) -> &'static str {
        match self {
            Verdict::Pass => "Pass",
            Verdict::Marginal => "Marginal",
            Verdict::Fail => "Fail",
        }
    }
}

/// The score of the metrics that are not muted.
pub fn score(parts: &[Part<'_>], weights: &BTreeMap<String, f64>) -> Scored {
    let mut counts: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for part in parts {
        for group in part.groups {
            let (passed, total) = counts.entry(group).or_default();
            *passed += u32::from(part.label == Label::Pass);
            *total += u32::from(!matches!(part.label, Label::Nodata | Label::Error));
        }
    }
    let share =
        |(passed, total): (u32, u32)| (total > 0).then(|| 100.0 * f64::from(passed) / f64::from(total));
    let groups: BTreeMap<String, Option<f64>> =
        counts.iter().map(|(group, count)| ((*group).to_owned(), share(*count))).collect();
    let without = parts.iter().filter(|part| part.label == Label::Nodata).count();
    let zero_because = if parts.iter().any(|part| part.critical && part.label != Label::Pass) {
        Some("a critical metric failed")
    } else if parts.is_empty() || without as f64 >= NODATA_SHARE * parts.len() as f64 {
        Some("half of the metrics or more have no data")
    } else {
        None
    };
    let score = if zero_because.is_some() { 0.0 } else { weighted(&groups, weights) };
    Scored { score, groups, zero_because }
}

fn weighted(groups: &BTreeMap<String, Option<f64>>, weights: &BTreeMap<String, f64>) -> f64 {
    let unweighted = groups.keys().filter(|group| !weights.contains_key(*group)).count();
    let left = 100.0 - weights.values().sum::<f64>();
    let rest = if unweighted == 0 { 0.0 } else { left / unweighted as f64 };
    let of_group = |(group, score): (&String, &Option<f64>)| {
        score.unwrap_or(100.0) * weights.get(group).copied().unwrap_or(rest) / 100.0
    };
    let sum: f64 = groups.iter().map(of_group).sum();
    libm::round(sum * 100.0) / 100.0
}
