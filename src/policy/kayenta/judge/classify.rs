//! One metric's classification (`MannWhitneyClassifier.scala`).
//!
//! In this order: a side without data; equal data; one value only; and then the comparison. It is *High* when the
//! interval of the shift lies above the tolerance, a part of the estimated shift, and the effect is at least the
//! increase allowed; *Low* is the mirror image. An effect that has no number (a mean of 0) does not stand in the way.
//!
//! Traps: an effect is judged on top of the interval, so a large effect on few values still passes; two constants that
//! differ are told apart by adding a little noise to both, since nothing can be ranked otherwise. The judge of the
//! field draws that noise anew each time; here it is keyed, so that the same data have the same fate.

use super::{Allowed, Direction, EffectMeasure, MetricRule, NanStrategy, Strictness};
use crate::stats::rank_interval::shift_interval;
use crate::stats::rank_test::mann_whitney;

/// Deviation of the noise on a constant series, as a part of its value.
const NOISE: f64 = 1e-5;

/// What a metric is found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    /// No difference that counts.
    Pass,
    /// The experiment is above the control.
    High,
    /// The experiment is below the control.
    Low,
    /// A side has no data.
    Nodata,
    /// A side has no data and must have some.
    NodataFailMetric,
    /// It could not be judged.
    Error,
}

impl Label {
    /// Kayenta's word.
    pub const fn word(self) -> &'static str {
        match self {
            Label::Pass => "Pass",
            Label::High => "High",
            Label::Low => "Low",
            Label::Nodata => "Nodata",
            Label::NodataFailMetric => "NodataFailMetric",
            Label::Error => "Error",
        }
    }
}

/// The numbers behind a comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// Lower end of the interval of the shift.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// What the interval must stay clear of, on both sides of 0.
    pub band: f64,
    /// The effect; NaN where a mean is 0.
    pub effect: f64,
}

/// A metric's classification.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Classified {
    /// What it is found to be.
    pub label: Label,
    /// Whether that fails the whole canary, unless it passes.
    pub critical: bool,
    /// The effect; 1 where nothing had to be compared.
    pub deviation: f64,
    /// The numbers, where they were compared.
    pub comparison: Option<Comparison>,
    /// Which of the steps decided, in words.
    pub why: &'static str,
}

/// Classifies prepared values ([`super::values::prepare`]). `noise` gives standard normal numbers; it is asked only when
/// both sides are constant.
pub fn classify(
    rule: &MetricRule,
    strictness: Strictness,
    experiment: &[f64],
    control: &[f64],
    noise: &mut dyn FnMut() -> f64,
) -> Classified {
    let plain = |label, critical, why| Classified { label, critical, deviation: 1.0, comparison: None, why };
    if experiment.is_empty() || control.is_empty() {
        return match rule.nan {
            NanStrategy::Replace => plain(Label::Pass, false, "no data, which `replace` lets pass"),
            NanStrategy::Remove if rule.must_have_data && !rule.critical => {
                plain(Label::NodataFailMetric, false, "no data, and it must have some")
            }
            NanStrategy::Remove => plain(Label::Nodata, rule.critical, "no data on one side"),
        };
    }
    if sorted(experiment) == sorted(control) {
        return plain(Label::Pass, false, "both sides have the same values");
    }
    if let Some(value) = constant(experiment)
        && constant(control) == Some(value)
    {
        return plain(Label::Pass, false, "there is one value only");
    }
    let Some(found) = compare(rule.measure, strictness, experiment, control, noise) else {
        return plain(Label::Error, false, "all observations tie or are not finite: it cannot be judged");
    };
    decide(rule, found)
}

fn decide(rule: &MetricRule, found: Comparison) -> Classified {
    let reaches_up = |allowed: Allowed| found.effect.is_nan() || found.effect >= allowed.increase;
    let reaches_down = |allowed: Allowed| found.effect.is_nan() || found.effect <= allowed.decrease;
    let up_is_bad = rule.direction != Direction::Decrease;
    let down_is_bad = rule.direction != Direction::Increase;
    let (label, critical, why) = if up_is_bad && found.low > found.band && reaches_up(rule.allowed) {
        (Label::High, reaches_up(rule.critical_allowed), "the interval is above the band, the effect counts")
    } else if down_is_bad && found.high < -found.band && reaches_down(rule.allowed) {
        (Label::Low, reaches_down(rule.critical_allowed), "the interval is below the band, the effect counts")
    } else if found.low > found.band || found.high < -found.band {
        (Label::Pass, false, "a difference in a direction or of a size that does not count")
    } else {
        (Label::Pass, false, "the interval is not clear of the band")
    };
    Classified {
        label,
        critical: rule.critical && critical,
        deviation: found.effect,
        comparison: Some(found),
        why,
    }
}

fn compare(
    measure: EffectMeasure,
    strictness: Strictness,
    experiment: &[f64],
    control: &[f64],
    noise: &mut dyn FnMut() -> f64,
) -> Option<Comparison> {
    let (experiment, control) = match (constant(experiment), constant(control)) {
        (Some(a), Some(b)) => (shaken(experiment, a, noise), shaken(control, b, noise)),
        _ => (experiment.to_vec(), control.to_vec()),
    };
    let shift = shift_interval(&experiment, &control, strictness.confidence)?;
    let effect = match measure {
        EffectMeasure::MeanRatio => mean_ratio(&experiment, &control),
        EffectMeasure::Cles => mann_whitney(&experiment, &control).map_or(f64::NAN, |test| test.share),
    };
    let band = strictness.tolerance * shift.estimate.abs();
    Some(Comparison { low: shift.low, high: shift.high, band, effect })
}

/// Mean of the experiment through mean of the control; NaN if either is 0 (`EffectSizes.scala`).
pub fn mean_ratio(experiment: &[f64], control: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (above, below) = (mean(experiment), mean(control));
    if above == 0.0 || below == 0.0 { f64::NAN } else { above / below }
}

fn sorted(values: &[f64]) -> Vec<f64> {
    // Negative and positive zero are one value.
    let mut sorted: Vec<f64> = values.iter().map(|v| v + 0.0).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The value of a series that has one only.
fn constant(values: &[f64]) -> Option<f64> {
    let first = *values.first()?;
    values.iter().all(|v| *v == first).then_some(first)
}

fn shaken(values: &[f64], scale: f64, noise: &mut dyn FnMut() -> f64) -> Vec<f64> {
    values.iter().map(|v| v + NOISE * scale.abs() * noise()).collect()
}
