//! The file format of conditions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::detect::DetectorSpec;
use crate::quantity::Ratio;
use crate::time::SimDuration;

/// What makes an evaluation bad: a comparison, a detector, or several of them together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConditionSpec {
    /// PromQL: bad when it has a result, or as a number when it is not zero.
    Expr(String),
    /// A detector: bad while it says that something has changed.
    Detect(Box<DetectSpec>),
    /// Bad when one of them is.
    Any(Vec<ConditionSpec>),
    /// Bad when all of them are: an absolute guard with a comparison beside it.
    All(Vec<ConditionSpec>),
    /// Bad when it is not.
    Not(Box<ConditionSpec>),
    /// Bad when so many of them are.
    KOf(KOfSpec),
    /// Bad when the weights of the bad ones add up to enough.
    Score(ScoreSpec),
    /// Bad from the first instant at which one condition is bad, until another one is.
    Hysteresis(HysteresisSpec),
    /// Never bad before so many events were seen.
    AtLeast(AtLeastSpec),
    /// Bad when a counter has not grown for so long, or is not there: a dead man's switch.
    Silent(SilentSpec),
    /// Detectors that share one probability of a false alarm.
    SharedAlpha(SharedAlphaSpec),
}

/// A detector with what it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DetectSpec {
    /// Which one (`backout list detectors`).
    pub by: DetectorSpec,
    /// What is judged.
    pub candidate: ArmSpec,
    /// What it is compared with, for detectors that compare two arms.
    #[serde(default)]
    pub control: Option<ArmSpec>,
    /// The past from which it learns what is normal, for detectors that do.
    #[serde(default)]
    pub learn: Option<LearnSpec>,
}

/// What is read of one arm: `value`, or `bad` and `total`, or `buckets`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ArmSpec {
    /// PromQL with one number as its result.
    pub value: Option<String>,
    /// Counters of bad events: the plain series, without `rate` or `sum`. What they grew since the evaluation before is
    /// counted exactly, series by series, resets included.
    pub bad: Option<String>,
    /// Counters of all events, likewise.
    pub total: Option<String>,
    /// Buckets of a histogram (series with `le`), likewise.
    pub buckets: Option<String>,
}

/// The past that is normal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LearnSpec {
    /// How far back from the deploy.
    pub past: SimDuration,
    /// What is read of it; what is judged if absent (the candidate has no past, so name the stable revision).
    #[serde(default)]
    pub from: Option<ArmSpec>,
}

/// So many of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KOfSpec {
    /// How many must be bad.
    pub k: u32,
    /// Of which.
    pub of: Vec<ConditionSpec>,
}

/// Weights that add up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScoreSpec {
    /// The sum that is bad.
    pub at_least: f64,
    /// What is added up.
    pub of: Vec<WeighedSpec>,
}

/// A condition with its weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeighedSpec {
    /// What it adds when it is bad; may be below 0.
    pub weight: f64,
    /// The condition.
    pub when: ConditionSpec,
}

/// Two limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HysteresisSpec {
    /// What makes it bad.
    pub starts: Box<ConditionSpec>,
    /// What makes it good again; asked only while it is bad.
    pub ends: Box<ConditionSpec>,
}

/// A least number of events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AtLeastSpec {
    /// How many events since the first evaluation.
    pub events: u64,
    /// Counters of the events, as in `total` of a detector.
    pub of: String,
    /// What counts from then on; a detector inside sees everything from the start.
    pub when: Box<ConditionSpec>,
}

/// A counter that stands still.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SilentSpec {
    /// Counters, as in `total` of a detector.
    pub counter: String,
    /// For how long, from the first evaluation at the earliest.
    #[serde(rename = "for")]
    pub lasts: SimDuration,
}

/// One probability of a false alarm for several detectors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SharedAlphaSpec {
    /// The probability that any of them ever raises a false alarm.
    pub alpha: Ratio,
    /// How it is shared.
    #[serde(default)]
    pub how: Sharing,
    /// The detectors; those without a probability of a false alarm cannot share one.
    pub of: Vec<DetectSpec>,
}

/// How a probability of a false alarm is shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sharing {
    /// Each gets an equal part of it (Bonferroni); Holm's procedure raises an alarm in exactly the same cases.
    #[default]
    Equal,
    /// The mean of their evidence (e-values) is held against it, whatever their dependence (Vovk and Wang 2021); for
    /// detectors that measure evidence.
    MeanEvidence,
}
