//! What detectors are shown.

use serde::{Deserialize, Serialize};

/// Events of one arm since the evaluation before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Bad ones.
    pub bad: f64,
    /// All.
    pub total: f64,
}

impl Counts {
    /// The share of bad ones; `None` without events.
    pub fn share(self) -> Option<f64> {
        (self.total > 0.0).then(|| (self.bad / self.total).clamp(0.0, 1.0))
    }

    /// Whether the numbers are counts: finite, not negative, no more bad ones than all.
    pub fn are_counts(self) -> bool {
        self.bad >= 0.0 && self.total.is_finite() && self.bad <= self.total
    }

    /// Both arms or spans together.
    #[must_use]
    pub fn and(self, other: Counts) -> Counts {
        Counts { bad: self.bad + other.bad, total: self.total + other.total }
    }
}

/// What came in since the evaluation before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sample<'a> {
    /// One value.
    Value(f64),
    /// A value of the candidate and one of whoever it is compared with.
    Values {
        /// The candidate's.
        candidate: f64,
        /// The control's.
        control: f64,
    },
    /// Events of the candidate.
    Counts(Counts),
    /// Events of both.
    CountsBeside {
        /// The candidate's.
        candidate: Counts,
        /// The control's.
        control: Counts,
    },
    /// Events by class (buckets of a histogram, not cumulative), the same classes in both.
    Classes {
        /// The candidate's.
        candidate: &'a [f64],
        /// The control's.
        control: &'a [f64],
    },
}

/// The kind of samples a detector reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reads {
    /// [`Sample::Value`].
    Value,
    /// [`Sample::Values`].
    Values,
    /// [`Sample::Counts`].
    Counts,
    /// [`Sample::CountsBeside`].
    CountsBeside,
    /// [`Sample::Classes`].
    Classes,
}

impl Sample<'_> {
    /// The kind of this sample.
    pub fn reads(&self) -> Reads {
        match self {
            Sample::Value(_) => Reads::Value,
            Sample::Values { .. } => Reads::Values,
            Sample::Counts(_) => Reads::Counts,
            Sample::CountsBeside { .. } => Reads::CountsBeside,
            Sample::Classes { .. } => Reads::Classes,
        }
    }

    /// Samples that no detector may be moved by: all kinds, with numbers that are none.
    #[cfg(test)]
    pub(in crate::detect) fn odd_ones() -> Vec<Sample<'static>> {
        let nan = Counts { bad: f64::NAN, total: f64::NAN };
        let endless = Counts { bad: 1.0, total: f64::INFINITY };
        let negative = Counts { bad: -1.0, total: 10.0 };
        let mut all = vec![
            Sample::Value(f64::NAN),
            Sample::Value(f64::INFINITY),
            Sample::Values { candidate: f64::NAN, control: 1.0 },
            Sample::Values { candidate: 1.0, control: f64::NEG_INFINITY },
            Sample::Classes { candidate: &[], control: &[] },
            Sample::Classes { candidate: &[1.0], control: &[1.0, 2.0] },
            Sample::Classes { candidate: &[f64::NAN, 1.0], control: &[1.0, 2.0] },
        ];
        for odd in [nan, endless, negative] {
            all.push(Sample::Counts(odd));
            all.push(Sample::CountsBeside { candidate: odd, control: Counts { bad: 0.0, total: 1.0 } });
            all.push(Sample::CountsBeside { candidate: Counts { bad: 0.0, total: 1.0 }, control: odd });
        }
        all
    }
}
