//! A probability ratio test as a detector: what the Bernoulli and the Poisson form share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::detect::{BadField, Detector, Sample, State};
use crate::stats::sprt::{Conclusion, Sprt, SprtError};

/// What is decided where a test that has not ended is cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AtTruncation {
    /// For the alternative that is the likelier one; for the acceptable one if both are equally likely (Wald 1947,
    /// section 3.8).
    #[default]
    Likelier,
    /// For the acceptable one.
    Accept,
    /// For the one to be caught.
    Alarm,
}

/// A test at work.
#[derive(Clone, Debug)]
pub struct RatioTest {
    /// `None` if its parameters make no test.
    test: Option<Sprt>,
    truncation: Option<f64>,
    at_truncation: AtTruncation,
}

impl RatioTest {
    /// Whether the parameters make a test that ends after it begins; `unacceptable` is the field of the hypothesis that must
    /// be caught, `example` a detector that could stand here.
    ///
    /// # Errors
    /// The first field that does not fit.
    pub fn check(
        test: Result<Sprt, SprtError>,
        truncation: Option<u64>,
        unacceptable: &'static str,
        example: &str,
    ) -> Result<(), BadField> {
        if truncation == Some(0) {
            let fact = "a test that ends before it begins";
            return Err(BadField::new("truncate_after", fact, "leave it out, or write 5000"));
        }
        test.map(drop).map_err(|error| {
            let field = if error == SprtError::Errors { "alpha" } else { unacceptable };
            BadField::new(field, error.to_string(), format!("write `{example}`"))
        })
    }

    /// A test that is cut off at the first look with so much exposure.
    pub fn new(test: Option<Sprt>, truncation: Option<u64>, at_truncation: AtTruncation) -> Self {
        RatioTest { test, truncation: truncation.map(|after| after as f64), at_truncation }
    }
}

impl Detector for RatioTest {
    fn step(&mut self, sample: &Sample<'_>) -> State {
        let (Sample::Counts(counts), Some(test)) = (*sample, self.test.as_mut()) else { return State::Quiet };
        if !counts.are_counts() {
            return State::Quiet;
        }
        let unacceptable = match test.take(counts.bad, counts.total) {
            Some(conclusion) => conclusion == Conclusion::Unacceptable,
            None if self.truncation.is_none_or(|after| test.exposure() < after) => return State::Quiet,
            None => match self.at_truncation {
                AtTruncation::Likelier => test.log_ratio() > 0.0,
                AtTruncation::Accept => false,
                AtTruncation::Alarm => true,
            },
        };
        if unacceptable { State::Alarm } else { State::Accepted }
    }

    fn reset(&mut self) {
        if let Some(test) = self.test.as_mut() {
            test.reset();
        }
    }

    fn statistic(&self) -> Option<f64> {
        self.test.as_ref().map(Sprt::log_ratio)
    }

    fn limit(&self) -> Option<f64> {
        self.test.as_ref().map(Sprt::upper)
    }

    fn evidence(&self) -> Option<f64> {
        self.statistic()
    }

    fn boxed(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}
