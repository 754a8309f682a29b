//! Kayenta's judge `NetflixACAJudge-v1.0`: two series of a metric in, a score out.
//!
//! Every metric goes through four steps (spinnaker/kayenta, `kayenta-judge`): values that are not there are taken out or
//! become 0 ([`values`]); outliers may be taken out ([`values`]); what is left is compared by the interval of a rank test
//! with a tolerance and by the size of the effect ([`classify()`]); and the classifications of all metrics become one score
//! ([`score()`]).
//!
//! Traps: `nanStrategy: none`, the default, is *remove*; a metric whose judgement fails is left out of the score, so a
//! group of nothing but errors counts 100; half of the metrics without data is a score of 0; and a control that is
//! constant at 0 has no ratio of means, so any significant difference passes for an effect of any size.

pub mod classify;
pub mod score;
pub mod values;

pub use classify::{Classified, Comparison, Label, classify};
pub use score::{Scored, Verdict, score};

/// Which side of the control is bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// More is bad.
    Increase,
    /// Less is bad.
    Decrease,
    /// Both are.
    #[default]
    Either,
}

/// What becomes of values that are not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NanStrategy {
    /// They are left out.
    #[default]
    Remove,
    /// They are 0.
    Replace,
}

/// How the size of an effect is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EffectMeasure {
    /// Mean of the experiment through mean of the control.
    #[default]
    MeanRatio,
    /// The share of pairs in which the experiment's value is the larger one, ties counting half (Vargha and Delaney).
    Cles,
}

/// How far an effect may go: down, and up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allowed {
    /// At or below this it is a decrease that counts.
    pub decrease: f64,
    /// At or above this it is an increase that counts.
    pub increase: f64,
}

impl Allowed {
    /// Any effect counts.
    pub const fn any(measure: EffectMeasure) -> Self {
        match measure {
            EffectMeasure::MeanRatio => Allowed { decrease: 1.0, increase: 1.0 },
            EffectMeasure::Cles => Allowed { decrease: 0.5, increase: 0.5 },
        }
    }
}

/// How one metric is judged (`analysisConfigurations.canary`).
#[derive(Clone, Debug, PartialEq)]
pub struct MetricRule {
    /// Which side is bad.
    pub direction: Direction,
    /// What becomes of values that are not there.
    pub nan: NanStrategy,
    /// Whether its failure fails the whole canary.
    pub critical: bool,
    /// Whether no data is a failure of the metric.
    pub must_have_data: bool,
    /// How the effect is measured.
    pub measure: EffectMeasure,
    /// Effects that count.
    pub allowed: Allowed,
    /// Effects that count as critical.
    pub critical_allowed: Allowed,
    /// Width of the fences in interquartile ranges, if outliers are taken out.
    pub outlier_factor: Option<f64>,
}

impl Default for MetricRule {
    fn default() -> Self {
        let any = Allowed::any(EffectMeasure::MeanRatio);
        MetricRule {
            direction: Direction::Either,
            nan: NanStrategy::Remove,
            critical: false,
            must_have_data: false,
            measure: EffectMeasure::MeanRatio,
            allowed: any,
            critical_allowed: any,
            outlier_factor: None,
        }
    }
}

/// The constants of the comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Strictness {
    /// The part of the estimated difference that the interval must stay clear of.
    pub tolerance: f64,
    /// Confidence of the interval.
    pub confidence: f64,
}

impl Default for Strictness {
    /// `NetflixACAJudge.scala`: tolerance 0.25, confidence 0.98.
    fn default() -> Self {
        Strictness { tolerance: 0.25, confidence: 0.98 }
    }
}
