//! The difference of candidate and control over all evaluations, with its variance.
//!
//! Shares are compared evaluation by evaluation and the differences averaged with the weights n1 n0 / (n1 + n0) of Mantel
//! and Haenszel, so that a ramp from 1 % to 50 % of the traffic on a day that gets worse does not make the candidate look
//! worse (Simpson's paradox), as adding everything up would.

use crate::detect::Counts;
use crate::stats::two_sample::Moments;

/// A difference and the variance of its estimate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Candidate less control.
    pub value: f64,
    /// The variance of the estimate.
    pub variance: f64,
}

/// The difference of two shares of bad events, stratified by evaluation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shares {
    candidate: Counts,
    control: Counts,
    /// Sum of w (share of the candidate - share of the control).
    sum: f64,
    /// Sum of w.
    weight: f64,
    /// Sum of w^2 / n, of both.
    squares: [f64; 2],
    /// The most that one bad event moved the sum, of both.
    steps: [f64; 2],
}

impl Shares {
    /// Takes in an evaluation; one in which an arm had no events says nothing of a difference.
    pub fn take(&mut self, candidate: Counts, control: Counts) {
        if !(candidate.total > 0.0 && control.total > 0.0) {
            return;
        }
        let all = candidate.total + control.total;
        let steps = [control.total / all, candidate.total / all];
        let weight = candidate.total * steps[0];
        self.candidate = self.candidate.and(candidate);
        self.control = self.control.and(control);
        self.sum += candidate.bad * steps[0] - control.bad * steps[1];
        self.weight += weight;
        for ((square, most), step) in self.squares.iter_mut().zip(&mut self.steps).zip(steps) {
            *square += weight * step;
            *most = most.max(step);
        }
    }

    /// Events of the arm that has fewer.
    pub fn fewest(&self) -> f64 {
        self.candidate.total.min(self.control.total)
    }

    /// The information: four times the weight, which is the number of events of both arms if they are shared equally.
    pub fn information(&self) -> f64 {
        4.0 * self.weight
    }

    /// The most that one bad event of the candidate, and of the control, moved [`Shares::scale`] times the difference.
    pub fn steps(&self) -> [f64; 2] {
        self.steps
    }

    /// What the difference is multiplied with to be a sum over events.
    pub fn scale(&self) -> f64 {
        self.weight
    }

    /// The difference with the binomial variance of either arm's own share; `None` while an arm is empty.
    pub fn binomial(&self) -> Option<Difference> {
        self.with(|share| share * (1.0 - share))
    }

    /// The difference with the Poisson variance of either arm's own share; `None` while an arm is empty.
    pub fn poisson(&self) -> Option<Difference> {
        self.with(|share| share)
    }

    fn with(&self, variance_of: impl Fn(f64) -> f64) -> Option<Difference> {
        // One more good and one more bad event: without errors the variance would be zero, and any first error proof
        // (Agresti and Caffo 2000).
        let share = |counts: Counts| (counts.bad + 1.0) / (counts.total + 2.0);
        let variance = variance_of(share(self.candidate)) * self.squares[0]
            + variance_of(share(self.control)) * self.squares[1];
        let found =
            Difference { value: self.sum / self.weight, variance: variance / (self.weight * self.weight) };
        (self.weight > 0.0 && found.value.is_finite() && found.variance > 0.0).then_some(found)
    }
}

/// The mean of differences of pairs that were measured together.
pub fn of_pairs(pairs: &Moments) -> Option<Difference> {
    let variance = pairs.variance()? / pairs.count();
    (variance > 0.0).then(|| Difference { value: pairs.mean(), variance })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(bad: f64, total: f64) -> Counts {
        Counts { bad, total }
    }

    #[test]
    fn equal_portions_give_the_plain_difference() {
        let mut shares = Shares::default();
        for _ in 0..10 {
            shares.take(counts(7.0, 100.0), counts(10.0, 100.0));
        }
        let found = shares.binomial().unwrap();
        assert!((found.value + 0.03).abs() < 1e-12);
        let variance = |bad: f64| (bad / 1002.0) * (1.0 - bad / 1002.0) / 1000.0;
        assert!((found.variance - variance(71.0) - variance(101.0)).abs() < 1e-15);
        assert!((shares.information() - 2000.0).abs() < 1e-9);
        assert_eq!(shares.steps(), [0.5, 0.5]);
    }

    #[test]
    fn a_ramp_on_a_worsening_day_shows_no_difference() {
        let mut shares = Shares::default();
        shares.take(counts(1.0, 100.0), counts(99.0, 9900.0));
        shares.take(counts(250.0, 5000.0), counts(250.0, 5000.0));
        let together: f64 = 251.0 / 5100.0 - 349.0 / 14900.0;
        assert!(together > 0.02 && shares.binomial().unwrap().value.abs() < 1e-12);
    }

    #[test]
    fn nothing_on_one_side_is_no_difference() {
        let mut shares = Shares::default();
        shares.take(counts(5.0, 5.0), counts(0.0, 0.0));
        assert_eq!((shares.binomial(), shares), (None, Shares::default()));
        let mut pairs = Moments::default();
        pairs.take(1.0);
        assert_eq!(of_pairs(&pairs), None);
    }
}
