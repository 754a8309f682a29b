//! Single events out of counts.
//!
//! Drift detectors of machine learning look at one prediction at a time, right or wrong; monitoring has counts since the
//! evaluation before. The bad ones are spread evenly over the batch, which is what nobody knows better. Traps: within a
//! batch the order is thereby more regular than chance would make it, and a batch of more than [`MOST_EVENTS`] is thinned
//! to that many with the same share, so a detector then has less evidence than there was, never more.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sample::Counts;
use crate::detect::Reads;

/// What a detector that could read either is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// Events, 1 for a bad one and 0 for a good one, from counts.
    #[default]
    Counts,
    /// One value per evaluation.
    Value,
}

impl Input {
    /// As what the detector says of itself.
    pub fn reads(self) -> Reads {
        match self {
            Input::Counts => Reads::Counts,
            Input::Value => Reads::Value,
        }
    }
}

/// The most events of one batch that are looked at one by one.
pub const MOST_EVENTS: f64 = 20_000.0;

/// Makes events of counts. Counts need not be whole (rates are extrapolated): what is left of an event waits for the next
/// batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Events {
    all_left: f64,
    bad_left: f64,
}

impl Events {
    /// The events of a batch, 1 for bad ones and 0 for others: the i-th of n is bad if `i b / n + 1/2` passes a whole number.
    pub fn spread(&mut self, counts: Counts) -> impl Iterator<Item = f64> + use<> {
        let kept = if counts.total > MOST_EVENTS { MOST_EVENTS / counts.total } else { 1.0 };
        let whole = |x: f64| (x + 1e-9).floor().max(0.0);
        self.all_left += counts.total * kept;
        self.bad_left += counts.bad * kept;
        let all = whole(self.all_left);
        let bad = whole(self.bad_left).min(all);
        self.all_left -= all;
        self.bad_left -= bad;
        let (all, bad) = (all as u64, bad as u64);
        let reached = move |i: u64| (2 * i * bad + all) / (2 * all);
        (0..all).map(move |i| if reached(i + 1) > reached(i) { 1.0 } else { 0.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_ones_are_spread_evenly_and_none_is_lost() {
        let mut events = Events::default();
        let batch: Vec<f64> = events.spread(Counts { bad: 2.0, total: 8.0 }).collect();
        assert_eq!(batch, [0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
        let (mut bad, mut all) = (0.0, 0);
        for _ in 0..100 {
            let batch: Vec<f64> = events.spread(Counts { bad: 0.37, total: 2.5 }).collect();
            bad += batch.iter().sum::<f64>();
            all += batch.len();
        }
        assert_eq!((bad, all), (37.0, 250));
        assert_eq!(events.spread(Counts::default()).count(), 0);
    }

    #[test]
    fn huge_batches_are_thinned_with_their_share() {
        let mut events = Events::default();
        let huge = Counts { bad: 1e12, total: 1e14 };
        let batch: Vec<f64> = events.spread(huge).collect();
        assert_eq!((batch.len(), batch.iter().sum::<f64>()), (20_000, 200.0));
        // Ten in a million are one in five batches of twenty thousand.
        let rare = Counts { bad: 10.0, total: 1e6 };
        let bad: f64 = (0..50).map(|_| events.spread(rare).sum::<f64>()).sum();
        assert_eq!(bad, 10.0);
    }
}
