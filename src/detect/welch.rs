//! Welch's test of two means, looked at by plan: group-sequential boundaries with alpha spending.
//!
//! All values since the start are compared; see [`crate::stats::group_sequential`] for the limits. `spending: none` is
//! the naive way, a test of one look made at every look, to show what peeking costs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::looks::{Looks, MOST};
use super::support::{Side, fields};
use super::{BadField, Detect, Detector, DetectorSpec, Reads, Sample, State};
use crate::catalogue::Entry;
use crate::quantity::Ratio;
use crate::stats::group_sequential::Spending;
use crate::stats::two_sample::{self, Moments};

/// Welch's test of candidate and control with planned looks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Welch {
    /// Error probability of all looks together. 1 % if not given.
    #[serde(default = "fields::one_percent")]
    pub alpha: Ratio,
    /// How it is shared among the looks.
    #[serde(default)]
    pub spending: Spending,
    /// How many looks are planned, 1 to 1000. 20 if not given.
    #[serde(default = "twenty")]
    pub looks: u32,
    /// A look is made after every so many evaluations. 1 if not given.
    #[serde(default = "one")]
    pub every: u32,
    /// Which differences count.
    #[serde(default)]
    pub side: Side,
}

pub(super) fn twenty() -> u32 {
    20
}

pub(super) fn one() -> u32 {
    1
}

impl Entry for Welch {
    const NAME: &'static str = "welch";
    const SUMMARY: &'static str = "Welch's test of two means at planned looks, with alpha spending";
    const EXAMPLE: &'static str = "welch: {alpha: 1%, spending: obrien_fleming, looks: 20, every: 4}";
}

impl Detect for Welch {
    fn reads(&self) -> Reads {
        Reads::Values
    }

    fn check(&self) -> Result<(), BadField> {
        check_plan(self.alpha, self.looks, self.every)
    }

    fn start(&self) -> Box<dyn Detector> {
        let looks = Looks::new(self.spending, self.alpha.get(), self.looks, self.every, self.side);
        Box::new(Means { looks, candidate: Moments::default(), control: Moments::default() })
    }

    fn at_level(&self, alpha: Ratio) -> Option<DetectorSpec> {
        Some(DetectorSpec::Welch(Welch { alpha, ..self.clone() }))
    }

    fn assumes(&self) -> &'static str {
        "independent values, roughly normal means, looks of equal information at the planned number of evaluations"
    }

    fn cost(&self) -> &'static str {
        "six sums; O(1) a step; the limits are computed once, O(looks^2)"
    }

    fn pitfall(&self) -> &'static str {
        "more looks than planned are not tested; correlated values make every look too sure; without spending it is peeking"
    }
}

/// Whether a plan of looks makes sense.
pub(super) fn check_plan(alpha: Ratio, looks: u32, every: u32) -> Result<(), BadField> {
    fields::level("alpha", alpha)?;
    fields::within("looks", looks, 1, MOST)?;
    fields::within("every", every, 1, 1_000_000)
}

#[derive(Clone, Debug)]
struct Means {
    looks: Looks,
    candidate: Moments,
    control: Moments,
}

impl Detector for Means {
    fn step(&mut self, sample: &Sample<'_>) -> State {
        let Sample::Values { candidate, control } = *sample else { return self.looks.state() };
        if !(candidate.is_finite() && control.is_finite()) {
            return self.looks.state();
        }
        self.candidate.take(candidate);
        self.control.take(control);
        self.looks.evaluate(|| two_sample::welch(&self.candidate, &self.control))
    }

    fn reset(&mut self) {
        self.looks.reset();
        (self.candidate, self.control) = (Moments::default(), Moments::default());
    }

    /// The normal statistic with the same p-value.
    fn statistic(&self) -> Option<f64> {
        self.looks.statistic()
    }

    fn limit(&self) -> Option<f64> {
        self.looks.limit()
    }

    fn boxed(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}
