//! The model of a service, described.

use crate::quantity::Ratio;
use crate::rng::Distribution;
use crate::time::SimDuration;

/// Most segments a model tells apart.
pub const MAX_SEGMENTS: usize = 6;

/// A part of the requests that a model may treat differently.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// Its name in metrics.
    pub name: String,
    /// Share (0 to 1) of the requests; those of all segments add up to 1.
    pub share: f64,
    /// Share (0 to 1) of the old model's predictions that are right.
    pub accuracy: f64,
    /// Share (0 to 1) of its requests whose truth is positive.
    pub positives: f64,
}

/// When the truth of a prediction becomes known, and of how many.
#[derive(Clone, Debug, PartialEq)]
pub struct Labels {
    /// Time from the prediction to its label.
    pub delay: Distribution<SimDuration>,
    /// Share of the predictions that ever get one.
    pub share: Ratio,
}

/// What users say of answers (a thumb, a click): a proxy of quality, known at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Feedback {
    /// Share of the predictions on which somebody says something.
    pub share: Ratio,
    /// Share of that which is good, of the old model.
    pub good: Ratio,
}

/// The model of the service that is rolled out.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSpec {
    /// Its segments, at least one and at most [`MAX_SEGMENTS`].
    pub segments: Vec<Segment>,
    /// Its labels.
    pub labels: Labels,
    /// What users say; `None` where nobody asks them.
    pub feedback: Option<Feedback>,
    /// Bins of the feature whose drift is measured: its index scatters as chi-squared with one degree less, over the
    /// predictions looked at.
    pub bins: u32,
}

impl ModelSpec {
    /// Share of the old model's predictions that are right, over all segments.
    pub fn accuracy(&self) -> f64 {
        self.segments.iter().map(|segment| segment.share * segment.accuracy).sum()
    }
}
