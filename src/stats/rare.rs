//! Probabilities of rare events by importance sampling: bursts of bad luck at a random time, and the weight of each run.
//!
//! An event that comes once in 10,000 runs takes a million plain runs to be known to 10 %. Here a run is made of normal scores,
//! one per strand and slot, and the event is decided slot by slot. A run is drawn from a mixture ([`Proposal`]): with
//! probability `plain` as ever, else with a burst, `length` slots from a slot chosen uniformly, in which the scores of each
//! strand have another mean (an exponential tilt). A run that shows the event counts with its likelihood ratio
//!
//! ```text
//! weight = 1 / (plain + (1 - plain) mean over onsets s of exp(sum over slots in [s, s + length) of (shift z - shift^2 / 2)))
//! ```
//!
//! taken over the slots up to the one in which the event came: what is drawn later cannot change it, so leaving it out
//! keeps the estimate unbiased and takes away variance. Averaging over *all* onsets, and not only over the one that was drawn, is
//! what keeps weights small when a burst helps wherever it falls (Chan and Lai, "Efficient importance sampling for Monte Carlo
//! evaluation of exceedance probabilities", 2007); the plain part bounds every weight by `1 / plain` (Hesterberg's defensive
//! mixture, 1995).
//!
//! Which burst is good is [searched](super::rare_search) with runs of their own, that enter no estimate.
//!
//! Traps: a burst in the wrong direction gives few events with large weights; the effective sample size (Kish 1965,
//! `(sum w)^2 / sum w^2`) tells, and an estimate below [`LEAST_EFFECTIVE`] is [degenerate](RareShare::is_degenerate). What no
//! proposal ever brings about, because it depends on draws that do not lean, is missing from the estimate and from the
//! effective sample size alike: only plain runs can show that.

use super::estimate::student_t_quantile;

/// Below this effective number of events an interval is not to be trusted.
pub const LEAST_EFFECTIVE: f64 = 30.0;

/// The largest part of an estimate that one run may be.
pub const LARGEST_PART: f64 = 0.2;

/// Where and how much luck leans.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The mean of each strand's scores within a burst, in standard deviations.
    pub shifts: Vec<f64>,
    /// Slots of a burst.
    pub length: usize,
    /// Slots in which one may begin: from 0 up to this.
    pub slots: usize,
    /// The share of plain runs, above 0 and up to 1.
    pub plain: f64,
}

/// What a run was.
#[derive(Clone, Debug, PartialEq)]
pub enum Run {
    /// It does not count at all: what decides that is drawn before anything leans.
    Void,
    /// The event did not come.
    Quiet,
    /// It came; the scores of each slot (each with one score a strand) up to the one in which it did.
    Event(Vec<Vec<f64>>),
}

impl Proposal {
    /// Nothing leans.
    #[must_use]
    pub fn plain(strands: usize, slots: usize) -> Self {
        Proposal { shifts: vec![0.0; strands], length: 1, slots, plain: 1.0 }
    }

    /// The burst that a uniform number in [0, 1) stands for; `None` is a plain run.
    #[must_use]
    pub fn burst(&self, uniform: f64) -> Option<std::ops::Range<usize>> {
        let part = (uniform - self.plain) / (1.0 - self.plain);
        if self.slots == 0 || !(0.0..1.0).contains(&part) {
            return None;
        }
        let from = ((part * self.slots as f64) as usize).min(self.slots - 1);
        Some(from..(from + self.length).min(self.slots))
    }

    /// The likelihood of these scores under the proposal over the plain one: one over the weight of the run.
    #[must_use]
    pub fn ratio(&self, scores: &[Vec<f64>]) -> f64 {
        if self.plain >= 1.0 || self.slots == 0 {
            return 1.0;
        }
        // Sums of the logarithms from the first slot on.
        let mut sums = Vec::with_capacity(scores.len() + 1);
        sums.push(0.0);
        let drift = 0.5 * self.shifts.iter().map(|shift| shift * shift).sum::<f64>();
        let mut sum = 0.0;
        for slot in scores {
            sum += slot.iter().zip(&self.shifts).map(|(z, shift)| z * shift).sum::<f64>() - drift;
            sums.push(sum);
        }
        let seen = scores.len().min(self.slots);
        let of_onset = |from: usize| {
            let until = (from + self.length).min(seen);
            libm::exp(sums[until] - sums[from])
        };
        // A burst that would begin later has not touched anything.
        let later = (self.slots - seen) as f64;
        let mean = ((0..seen).map(of_onset).sum::<f64>() + later) / self.slots as f64;
        self.plain + (1.0 - self.plain) * mean
    }
}

/// The probability of a rare event.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct RareShare {
    /// The estimate; 0 where the event never came.
    pub value: f64,
    /// The lower end of its interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// Runs that count.
    pub n: u64,
    /// Those in which the event came.
    pub events: u64,
    /// How many events of equal weight would say as much.
    pub effective: f64,
    /// The standard error over the estimate; infinite where the event never came.
    pub relative_error: f64,
    /// The largest part of the estimate that is one run's.
    pub largest_part: f64,
}

impl RareShare {
    /// From the weights of the runs in which the event came, out of `n`.
    ///
    /// The interval is that of the logarithm (delta method), with Student's t on as many degrees of freedom as there are
    /// effective events: the weights' own distribution is skewed, and few of them carry the estimate. Without an event the
    /// upper end is what the plain runs alone allow: `1 - alpha^(1 / (n plain))` (the rule of three).
    #[must_use]
    pub fn of(weights: &[f64], n: u64, plain: f64, confidence: f64) -> Self {
        let count = n as f64;
        let sum: f64 = weights.iter().sum();
        let squares: f64 = weights.iter().map(|w| w * w).sum();
        let events = weights.len() as u64;
        if !(sum > 0.0 && squares > 0.0 && n >= 2) {
            let alpha = if confidence > 0.0 && confidence < 1.0 { 1.0 - confidence } else { 0.0 };
            let high = if n == 0 { 1.0 } else { 1.0 - libm::pow(alpha, 1.0 / (count * plain)) };
            let value = if n == 0 { f64::NAN } else { 0.0 };
            let (relative_error, effective, largest_part) = (f64::INFINITY, 0.0, 0.0);
            return RareShare { value, low: 0.0, high, n, events, effective, relative_error, largest_part };
        }
        let value = (sum / count).min(1.0);
        let variance = ((squares / count - value * value) / (count - 1.0)).max(0.0);
        let relative_error = variance.sqrt() / value;
        let effective = sum * sum / squares;
        let tail = 0.5 + 0.5 * confidence.clamp(0.0, 1.0);
        let reach = libm::exp(student_t_quantile(tail, effective.max(1.0)) * relative_error);
        let largest = weights.iter().copied().fold(0.0, f64::max);
        RareShare {
            value,
            low: value / reach,
            high: (value * reach).min(1.0),
            n,
            events,
            effective,
            relative_error,
            largest_part: largest / sum,
        }
    }

    /// Whether the interval is not to be trusted: too few effective events, or one that is too much of the estimate.
    #[must_use]
    pub fn is_degenerate(&self) -> bool {
        self.effective < LEAST_EFFECTIVE || self.largest_part > LARGEST_PART
    }

    /// How many plain runs would have the same relative error.
    #[must_use]
    pub fn worth(&self) -> f64 {
        (1.0 - self.value) / (self.value * self.relative_error * self.relative_error)
    }
}

/// The weights of the runs in which the event came, and how many runs count.
#[must_use]
pub fn weigh(proposal: &Proposal, runs: &[Run]) -> (Vec<f64>, u64) {
    let counted = runs.iter().filter(|run| **run != Run::Void).count() as u64;
    let weights = runs.iter().filter_map(|run| match run {
        Run::Event(scores) => Some(1.0 / proposal.ratio(scores)),
        Run::Void | Run::Quiet => None,
    });
    (weights.collect(), counted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Key, normal_sample};

    #[test]
    fn bursts_fall_everywhere_alike_and_as_often_as_said() {
        let proposal = Proposal { shifts: vec![1.0], length: 3, slots: 5, plain: 0.25 };
        let drawn: Vec<_> = (0..1000).map(|i| proposal.burst(f64::from(i) / 1000.0)).collect();
        assert_eq!(drawn.iter().filter(|burst| burst.is_none()).count(), 250);
        for from in 0..5 {
            let same = drawn.iter().flatten().filter(|burst| burst.start == from).count();
            assert!((same as i32 - 150).abs() <= 1, "{same}");
        }
        assert!(drawn.iter().flatten().all(|burst| burst.end <= 5 && burst.len() <= 3));
        assert_eq!(Proposal::plain(2, 9).burst(0.999), None);
    }

    #[test]
    fn the_ratio_is_the_one_of_the_definition_and_has_mean_one() {
        let proposal = Proposal { shifts: vec![0.7, -0.2], length: 2, slots: 4, plain: 0.1 };
        let scores = vec![vec![0.3, 1.0], vec![-0.5, 0.2], vec![2.0, 0.0]];
        let l: Vec<f64> = scores.iter().map(|z| 0.7 * z[0] - 0.2 * z[1] - 0.5 * (0.49 + 0.04)).collect();
        let of = [l[0] + l[1], l[1] + l[2], l[2], 0.0].map(libm::exp);
        let expected = 0.1 + 0.9 * of.iter().sum::<f64>() / 4.0;
        assert!((proposal.ratio(&scores) - expected).abs() < 1e-12);
        let mut stream = Key::root(1, "ratio").stream();
        let n = 40_000;
        let draw =
            |s: &mut crate::rng::Stream| (0..4).map(|_| vec![normal_sample(s), normal_sample(s)]).collect();
        let mean =
            (0..n).map(|_| proposal.ratio(&Vec::from_iter::<Vec<Vec<f64>>>(draw(&mut stream)))).sum::<f64>()
                / f64::from(n);
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
    }

    #[test]
    fn equal_weights_are_a_plain_share_and_one_heavy_one_is_refused() {
        let plain = RareShare::of(&[1.0; 50], 1000, 1.0, 0.95);
        assert!((plain.value - 0.05).abs() < 1e-15 && (plain.effective - 50.0).abs() < 1e-9);
        assert!((plain.relative_error - (0.95f64 / 0.05 / 999.0).sqrt()).abs() < 1e-9);
        assert!((plain.worth() - 999.0).abs() < 1e-6 && !plain.is_degenerate());
        let mut weights = vec![1e-6; 5000];
        weights.push(1.0);
        let heavy = RareShare::of(&weights, 10_000, 0.1, 0.95);
        assert!(heavy.is_degenerate() && heavy.effective < 2.0, "{heavy:?}");
        let none = RareShare::of(&[], 1000, 0.3, 0.95);
        assert!((none.high - (1.0 - libm::pow(0.05, 1.0 / 300.0))).abs() < 1e-12 && none.is_degenerate());
        assert!(RareShare::of(&[], 0, 1.0, 0.95).value.is_nan());
    }
}
