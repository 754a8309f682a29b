//! A Kolmogorov-Smirnov judge: is the candidate's distribution another one than the control's?
//!
//! The largest distance of the two empirical distribution functions against its asymptotic limit (Kolmogorov 1933, on one
//! side Smirnov 1939), at every evaluation on a window of samples. It sees changes that leave the middle where it was: a
//! new tail, a second mode.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::mann_whitney::sixty;
use super::support::pairs::{Keep, MOST, Pairs};
use super::support::{Side, fields};
use super::{BadField, Detect, Detector, Reads, Sample, State};
use crate::catalogue::Entry;
use crate::quantity::Ratio;

/// A test of the distributions of candidate and control at every evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KolmogorovSmirnov {
    /// How many samples of each arm there must be, 2 to 10000. 60 if not given.
    #[serde(default = "sixty")]
    pub window: u32,
    /// Whether only the newest are judged.
    #[serde(default)]
    pub keep: Keep,
    /// Error probability of one look. 1 % if not given.
    #[serde(default = "fields::one_percent")]
    pub alpha: Ratio,
    /// How far the distribution functions may be apart, below 1. 0 if not given.
    #[serde(default)]
    pub tolerance: f64,
    /// Which differences count: `up` is a distribution function below the control's, so larger values.
    #[serde(default)]
    pub side: Side,
}

impl Entry for KolmogorovSmirnov {
    const NAME: &'static str = "kolmogorov_smirnov";
    const SUMMARY: &'static str =
        "a test of the candidate's distribution against the control's at every evaluation";
    const EXAMPLE: &'static str = "kolmogorov_smirnov: {window: 60, alpha: 1%, tolerance: 0.2, side: both}";
}

impl Detect for KolmogorovSmirnov {
    fn reads(&self) -> Reads {
        Reads::Values
    }

    fn check(&self) -> Result<(), BadField> {
        fields::level("alpha", self.alpha)?;
        fields::within("window", self.window, 2, MOST)?;
        let fact = format!("a distance of {}", self.tolerance);
        let fits = (0.0..1.0).contains(&self.tolerance);
        if fits { Ok(()) } else { Err(BadField::new("tolerance", fact, "write a number below 1, like 0.2")) }
    }

    fn start(&self) -> Box<dyn Detector> {
        Box::new(Judge { spec: self.clone(), pairs: Pairs::new(self.window, self.keep), found: None })
    }

    fn assumes(&self) -> &'static str {
        "independent samples of both arms, measured at the same times, without ties"
    }

    fn cost(&self) -> &'static str {
        "the window in order; O(n) comparisons a step"
    }

    fn pitfall(&self) -> &'static str {
        "a fixed-size test made again and again (peeking); in few samples only a large distance is significant"
    }
}

#[derive(Clone, Debug)]
struct Judge {
    spec: KolmogorovSmirnov,
    pairs: Pairs,
    /// The distance, and the one that chance exceeds with probability alpha.
    found: Option<(f64, f64)>,
}

impl Detector for Judge {
    fn step(&mut self, sample: &Sample<'_>) -> State {
        let Some(ranks) = self.pairs.take(sample) else { return State::Learning };
        let Some((larger, smaller)) = ranks.distances() else { return State::Learning };
        let side = self.spec.side;
        let distance = match side {
            Side::Up => larger,
            Side::Down => smaller,
            Side::Both => larger.max(smaller),
        };
        let limit = ranks.critical_distance(self.spec.alpha.get(), side == Side::Both);
        self.found = Some((distance, limit));
        if distance >= limit && distance > self.spec.tolerance { State::Alarm } else { State::Quiet }
    }

    fn reset(&mut self) {
        self.pairs.reset();
        self.found = None;
    }

    fn statistic(&self) -> Option<f64> {
        self.found.map(|(distance, _)| distance)
    }

    fn limit(&self) -> Option<f64> {
        self.found.map(|(_, limit)| limit)
    }

    fn boxed(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}
