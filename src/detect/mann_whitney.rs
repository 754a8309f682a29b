//! A Mann-Whitney judge: are the candidate's values larger than the control's?
//!
//! The test with the normal approximation, corrected for ties and continuity ([`crate::stats::rank_test`]), made anew at
//! every evaluation on a window of samples, as canary judges do. An alarm needs significance and an effect: the chance
//! that a value of the candidate is the larger one must differ from one half by more than the tolerance.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::pairs::{Keep, MOST, Pairs};
use super::support::{Side, fields};
use super::{BadField, Detect, Detector, Reads, Sample, State};
use crate::catalogue::Entry;
use crate::quantity::Ratio;
use crate::rng::normal_quantile;
use crate::stats::rank_test;
use crate::stats::two_sample::normal_equivalent;

/// A rank test of candidate and control at every evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MannWhitney {
    /// How many samples of each arm there must be, 2 to 10000. 60 if not given.
    #[serde(default = "sixty")]
    pub window: u32,
    /// Whether only the newest are judged.
    #[serde(default)]
    pub keep: Keep,
    /// Error probability of one look. 1 % if not given.
    #[serde(default = "fields::one_percent")]
    pub alpha: Ratio,
    /// How far the chance of a larger value may be from one half, below 0.5. 0 if not given.
    #[serde(default)]
    pub tolerance: f64,
    /// Which differences count.
    #[serde(default)]
    pub side: Side,
}

pub(super) fn sixty() -> u32 {
    60
}

impl Entry for MannWhitney {
    const NAME: &'static str = "mann_whitney";
    const SUMMARY: &'static str =
        "a rank test of the candidate's values against the control's at every evaluation";
    const EXAMPLE: &'static str = "mann_whitney: {window: 60, keep: newest, alpha: 1%, tolerance: 0.1}";
}

impl Detect for MannWhitney {
    fn reads(&self) -> Reads {
        Reads::Values
    }

    fn check(&self) -> Result<(), BadField> {
        fields::level("alpha", self.alpha)?;
        fields::within("window", self.window, 2, MOST)?;
        let fact = format!("a chance that may differ from one half by {}", self.tolerance);
        let fits = (0.0..0.5).contains(&self.tolerance);
        if fits {
            Ok(())
        } else {
            Err(BadField::new("tolerance", fact, "write a number below 0.5, like 0.1"))
        }
    }

    fn start(&self) -> Box<dyn Detector> {
        let sides = if self.side == Side::Both { 2.0 } else { 1.0 };
        Box::new(Judge {
            spec: self.clone(),
            pairs: Pairs::new(self.window, self.keep),
            limit: -normal_quantile(self.alpha.get() / sides),
            statistic: None,
        })
    }

    fn assumes(&self) -> &'static str {
        "independent samples of both arms, measured at the same times"
    }

    fn cost(&self) -> &'static str {
        "the window in order; O(log n) comparisons and a move of memory a step"
    }

    fn pitfall(&self) -> &'static str {
        "a fixed-size test made again and again (peeking), on correlated samples; a window of few samples finds little"
    }
}

#[derive(Clone, Debug)]
struct Judge {
    spec: MannWhitney,
    pairs: Pairs,
    limit: f64,
    statistic: Option<f64>,
}

/// The standardised statistic and the chance of a larger value beyond one half, both towards the worse.
fn towards_worse(side: Side, found: &rank_test::MannWhitney) -> (f64, f64) {
    let excess = found.share - 0.5;
    match side {
        Side::Up => (normal_equivalent(found.p_greater), excess),
        Side::Down => (normal_equivalent(found.p_less), -excess),
        Side::Both => (found.z.abs(), excess.abs()),
    }
}

impl Detector for Judge {
    fn step(&mut self, sample: &Sample<'_>) -> State {
        let Some(found) = self.pairs.take(sample).and_then(|ranks| ranks.mann_whitney()) else {
            return State::Learning;
        };
        let (statistic, effect) = towards_worse(self.spec.side, &found);
        self.statistic = Some(statistic);
        let worse = statistic >= self.limit && effect > self.spec.tolerance;
        if worse { State::Alarm } else { State::Quiet }
    }

    fn reset(&mut self) {
        self.pairs.reset();
        self.statistic = None;
    }

    /// In standard deviations.
    fn statistic(&self) -> Option<f64> {
        self.statistic
    }

    fn limit(&self) -> Option<f64> {
        Some(self.limit)
    }

    fn boxed(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}
