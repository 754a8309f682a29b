//! The rule by which a prediction is judged: as shares for the flow level, request by request for the other.
//!
//! In this order: the truth is positive with the segment's share; the old model is right with the segment's accuracy (less
//! what drift takes); a right answer *stays* right with the share that a worse model keeps; then a negative answer is turned
//! positive, or a positive one negative, with the shares of a shift; at last an answer that something else has spoiled is the
//! wrong one. The prediction harms if the old model was right and the end is wrong.
//!
//! Traps: a shift turns some wrong answers into right ones (an alarm that the old model missed), so accuracy may fall by less
//! than the share that is harmed; that is no relief, because misses of the old model were no harm.

use super::spec::{MAX_SEGMENTS, ModelSpec, Segment};
use crate::rng::Key;

/// What is wrong with the model of a revision, compared with the old one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trouble {
    /// By segment: share of the right answers that stay right.
    pub kept: [f64; MAX_SEGMENTS],
    /// Share of its negative answers that become positive.
    pub raised: f64,
    /// Share of its positive answers that become negative.
    pub missed: f64,
    /// Added to the share of good feedback.
    pub liking: f64,
}

impl Trouble {
    /// None: it answers as the old model does.
    pub const NONE: Trouble = Trouble { kept: [1.0; MAX_SEGMENTS], raised: 0.0, missed: 0.0, liking: 0.0 };
}

/// How far inputs are from those of the training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drift {
    /// Population stability index of the watched feature.
    pub psi: f64,
    /// What it takes off the accuracy of every version.
    pub drop: f64,
    /// What it adds to the share of requests whose truth is positive.
    pub positives: f64,
}

impl Drift {
    /// Inputs like those of the training.
    pub const NONE: Drift = Drift { psi: 0.0, drop: 0.0, positives: 0.0 };
}

/// Prediction and truth together; of two classes there are four.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cell {
    /// Predicted positive, and it is.
    TruePositive,
    /// Predicted positive, and it is not.
    FalsePositive,
    /// Predicted negative, and it is.
    TrueNegative,
    /// Predicted negative, and it is not.
    FalseNegative,
}

impl Cell {
    /// Every cell, in index order.
    pub const ALL: [Cell; Cell::COUNT] =
        [Cell::TruePositive, Cell::FalsePositive, Cell::TrueNegative, Cell::FalseNegative];

    /// How many there are.
    pub const COUNT: usize = 4;

    /// The cell of a prediction and its truth.
    pub const fn of(predicted_positive: bool, is_positive: bool) -> Cell {
        match (predicted_positive, is_positive) {
            (true, true) => Cell::TruePositive,
            (true, false) => Cell::FalsePositive,
            (false, false) => Cell::TrueNegative,
            (false, true) => Cell::FalseNegative,
        }
    }

    /// Whether the prediction was positive.
    pub const fn is_positive(self) -> bool {
        matches!(self, Cell::TruePositive | Cell::FalsePositive)
    }

    /// Whether the truth is positive.
    pub const fn is_truly_positive(self) -> bool {
        matches!(self, Cell::TruePositive | Cell::FalseNegative)
    }

    /// Whether the prediction was right.
    pub const fn is_right(self) -> bool {
        matches!(self, Cell::TruePositive | Cell::TrueNegative)
    }
}

/// What becomes of the predictions of a segment, as shares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// By [`Cell`]; they add up to 1.
    pub cells: [f64; Cell::COUNT],
    /// Share that the old model gets right and this one, by itself, does not.
    pub harm: f64,
}

fn of_drift(segment: &Segment, drift: &Drift) -> (f64, f64) {
    ((segment.positives + drift.positives).clamp(0.0, 1.0), (segment.accuracy - drift.drop).clamp(0.0, 1.0))
}

/// The shares of a segment, of which `spoiled` is spoiled by something else.
pub fn shares(segment: (usize, &Segment), trouble: &Trouble, drift: &Drift, spoiled: f64) -> Shares {
    let (index, segment) = segment;
    let (positives, accuracy) = of_drift(segment, drift);
    let kept = trouble.kept[index];
    let right = accuracy * kept;
    let mut cells = [0.0; Cell::COUNT];
    let mut harm = 0.0;
    for (is_positive, of_truth) in [(true, positives), (false, 1.0 - positives)] {
        // Of answers that are right, and of answers that are wrong: the share that changes sides.
        let (leaves, comes) =
            if is_positive { (trouble.missed, trouble.raised) } else { (trouble.raised, trouble.missed) };
        let ends_right = right * (1.0 - leaves) + (1.0 - right) * comes;
        let stays_right = kept * (1.0 - leaves) + (1.0 - kept) * comes;
        harm += of_truth * accuracy * (1.0 - stays_right);
        let good = ends_right * (1.0 - spoiled);
        cells[Cell::of(is_positive, is_positive) as usize] += of_truth * good;
        cells[Cell::of(!is_positive, is_positive) as usize] += of_truth * (1.0 - good);
    }
    Shares { cells, harm }
}

/// Share of all predictions that the old model gets right and one with this trouble does not.
pub fn harm(spec: &ModelSpec, trouble: &Trouble, drift: &Drift) -> f64 {
    if *trouble == Trouble::NONE {
        return 0.0;
    }
    let of = |(index, segment): (usize, &Segment)| {
        segment.share * shares((index, segment), trouble, drift, 0.0).harm
    };
    spec.segments.iter().enumerate().map(of).sum()
}

/// A prediction that was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Its segment.
    pub segment: usize,
    /// What it said and what is true.
    pub cell: Cell,
    /// Whether the old model would have been right, and this one by itself is not.
    pub harms: bool,
}

/// Judges the prediction of one request; `key` is the request's for this purpose.
pub fn judge(spec: &ModelSpec, trouble: &Trouble, drift: &Drift, spoiled: bool, key: Key) -> Judged {
    let segment = segment_of(spec, key.id(0).uniform());
    let (positives, accuracy) = of_drift(&spec.segments[segment], drift);
    let is_positive = key.id(1).uniform() < positives;
    let old_is_right = key.id(2).uniform() < accuracy;
    let right = old_is_right && key.id(3).uniform() < trouble.kept[segment];
    let said_positive = right == is_positive;
    let turns = if said_positive { trouble.missed } else { trouble.raised };
    let said_positive = said_positive != (key.id(4).uniform() < turns);
    let harms = old_is_right && said_positive != is_positive;
    let said_positive = if spoiled { !is_positive } else { said_positive };
    Judged { segment, cell: Cell::of(said_positive, is_positive), harms }
}

fn segment_of(spec: &ModelSpec, u: f64) -> usize {
    let mut upto = 0.0;
    for (index, segment) in spec.segments.iter().enumerate() {
        upto += segment.share;
        if u < upto {
            return index;
        }
    }
    spec.segments.len() - 1
}

#[cfg(test)]
mod tests {
    use super::super::spec::Labels;
    use super::*;
    use crate::quantity::Ratio;
    use crate::rng::Distribution;

    fn spec() -> ModelSpec {
        let segment = |name: &str, share, accuracy, positives| Segment {
            name: name.to_owned(),
            share,
            accuracy,
            positives,
        };
        ModelSpec {
            segments: vec![segment("old", 0.7, 0.95, 0.1), segment("new", 0.3, 0.8, 0.3)],
            labels: Labels { delay: Distribution::certain(60.0), share: Ratio::ONE },
            feedback: None,
            bins: 10,
        }
    }

    fn trouble() -> Trouble {
        let mut kept = [1.0; MAX_SEGMENTS];
        kept[1] = 0.9;
        Trouble { kept, raised: 0.05, missed: 0.1, liking: 0.0 }
    }

    #[test]
    fn a_sound_model_is_right_as_often_as_the_old_one_and_harms_nobody() {
        let spec = spec();
        for (index, segment) in spec.segments.iter().enumerate() {
            let found = shares((index, segment), &Trouble::NONE, &Drift::NONE, 0.0);
            assert!((found.cells[0] + found.cells[2] - segment.accuracy).abs() < 1e-12, "{found:?}");
            assert!((found.cells.iter().sum::<f64>() - 1.0).abs() < 1e-12 && found.harm == 0.0);
        }
        assert_eq!(harm(&spec, &Trouble::NONE, &Drift { drop: 0.2, ..Drift::NONE }), 0.0);
    }

    #[test]
    fn false_alarms_harm_the_true_negatives_and_find_some_positives() {
        let segment = Segment { name: "all".to_owned(), share: 1.0, accuracy: 0.9, positives: 0.2 };
        let raised = Trouble { raised: 0.1, ..Trouble::NONE };
        let found = shares((0, &segment), &raised, &Drift::NONE, 0.0);
        // Of 72 % true negatives a tenth becomes alarms; of 2 % missed positives a tenth is found.
        assert!((found.harm - 0.072).abs() < 1e-12, "{found:?}");
        let accuracy = found.cells[0] + found.cells[2];
        assert!((accuracy - (0.9 - 0.072 + 0.002)).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn requests_judged_one_by_one_have_the_shares() {
        let (spec, trouble) = (spec(), trouble());
        let drift = Drift { psi: 0.3, drop: 0.04, positives: 0.05 };
        let (total, spoiled) = (200_000u64, 0.02);
        let mut cells = [[0u64; Cell::COUNT]; 2];
        let mut harmed = 0;
        for number in 0..total {
            let key = Key::root(1, "judge").id(number);
            let one = judge(&spec, &trouble, &drift, key.id(9).uniform() < spoiled, key);
            cells[one.segment][one.cell as usize] += 1;
            harmed += u64::from(one.harms);
        }
        let close = |count: u64, share: f64| {
            let n = total as f64;
            assert!((count as f64 / n - share).abs() < 4.0 * (share * (1.0 - share) / n).sqrt(), "{share}");
        };
        for (index, segment) in spec.segments.iter().enumerate() {
            let expected = shares((index, segment), &trouble, &drift, spoiled);
            for cell in Cell::ALL {
                close(cells[index][cell as usize], segment.share * expected.cells[cell as usize]);
            }
        }
        close(harmed, harm(&spec, &trouble, &drift));
    }
}
