//! The test of two proportions, looked at by plan: group-sequential boundaries with alpha spending.
//!
//! All requests since the start are added up and compared with the pooled variance, as dashboards and A/B tools do; see
//! [`crate::stats::group_sequential`] for the limits. `spending: none` is the naive way, a test of one look made at every
//! look, to show what peeking costs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::looks::Looks;
use super::support::{Side, fields};
use super::welch::{check_plan, one, twenty};
use super::{BadField, Counts, Detect, Detector, DetectorSpec, Reads, Sample, State};
use crate::catalogue::Entry;
use crate::quantity::Ratio;
use crate::stats::group_sequential::Spending;
use crate::stats::two_sample;

/// The test of two shares of bad requests with planned looks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TwoProportions {
    /// Error probability of all looks together. 1 % if not given.
    #[serde(default = "fields::one_percent")]
    pub alpha: Ratio,
    /// How it is shared among the looks.
    #[serde(default)]
    pub spending: Spending,
    /// How many looks are planned, 1 to 1000. 20 if not given.
    #[serde(default = "twenty")]
    pub looks: u32,
    /// A look is made after every so many evaluations with traffic in both arms. 1 if not given.
    #[serde(default = "one")]
    pub every: u32,
    /// Which differences count.
    #[serde(default)]
    pub side: Side,
}

impl Entry for TwoProportions {
    const NAME: &'static str = "two_proportions";
    const SUMMARY: &'static str =
        "the test of two shares of bad requests at planned looks, with alpha spending";
    const EXAMPLE: &'static str = "two_proportions: {alpha: 5%, spending: none, side: both}";
}

impl Detect for TwoProportions {
    fn reads(&self) -> Reads {
        Reads::CountsBeside
    }

    fn check(&self) -> Result<(), BadField> {
        check_plan(self.alpha, self.looks, self.every)
    }

    fn start(&self) -> Box<dyn Detector> {
        let looks = Looks::new(self.spending, self.alpha.get(), self.looks, self.every, self.side);
        Box::new(Proportions { looks, candidate: Counts::default(), control: Counts::default() })
    }

    fn at_level(&self, alpha: Ratio) -> Option<DetectorSpec> {
        Some(DetectorSpec::TwoProportions(TwoProportions { alpha, ..self.clone() }))
    }

    fn assumes(&self) -> &'static str {
        "independent requests, a constant split of the traffic, looks of equal information at the planned number"
    }

    fn cost(&self) -> &'static str {
        "four sums; O(1) a step; the limits are computed once, O(looks^2)"
    }

    fn pitfall(&self) -> &'static str {
        "shares of the traffic that change mix good and bad hours (Simpson); with few errors the normal law is wrong"
    }
}

#[derive(Clone, Debug)]
struct Proportions {
    looks: Looks,
    candidate: Counts,
    control: Counts,
}

impl Detector for Proportions {
    fn step(&mut self, sample: &Sample<'_>) -> State {
        let Sample::CountsBeside { candidate, control } = *sample else { return self.looks.state() };
        let something =
            candidate.are_counts() && control.are_counts() && candidate.total + control.total > 0.0;
        if !something {
            return self.looks.state();
        }
        (self.candidate, self.control) = (self.candidate.and(candidate), self.control.and(control));
        let (ours, theirs) = (self.candidate, self.control);
        if !(ours.total > 0.0 && theirs.total > 0.0) {
            return self.looks.state();
        }
        self.looks
            .evaluate(|| two_sample::two_proportions((ours.bad, ours.total), (theirs.bad, theirs.total)))
    }

    fn reset(&mut self) {
        self.looks.reset();
        (self.candidate, self.control) = (Counts::default(), Counts::default());
    }

    /// The normal statistic.
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
