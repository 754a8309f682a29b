//! A confidence sequence of the difference of two arms' shares of bad requests, against a tolerance.
//!
//! The interval of the difference holds at all evaluations at once, so one rule gives all three answers: whole interval
//! beyond the tolerance, alarm; whole interval within it, accepted; else wait. Normal law: the mixture boundary of Howard
//! et al. (2021) on standardised sums, narrowest after `planned` requests (GAVI in A/B testing). Poisson law: the
//! gamma-Poisson boundary of the sum of errors, whose variance is their expectation; it knows that rare errors come in
//! whole numbers, where the normal one is too narrow above.
//!
//! With a `batch` the observations are differences of so many evaluations each, with the variance that is seen between
//! them: slower, but errors that come in groups or are correlated from one evaluation to the next are in it.
//!
//! Trap: both variances are estimated, so the guarantee holds after `least` requests or ten batches, not before.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::difference::{Difference, Shares, of_pairs};
use super::support::{Side, fields};
use super::{BadField, Counts, Detect, Detector, DetectorSpec, Reads, Sample, State};
use crate::catalogue::Entry;
use crate::quantity::Ratio;
use crate::stats::confidence_sequence::NormalMixture;
use crate::stats::mixture::{GammaPoisson, Mixture as _};
use crate::stats::two_sample::Moments;

/// A confidence sequence of the difference of shares, against a tolerance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfidenceSequence {
    /// How much worse the candidate may be, as a difference of shares. 0 if not given: any difference counts.
    #[serde(default)]
    pub tolerance: Ratio,
    /// Chance that the interval ever misses the true difference. 1 % if not given.
    #[serde(default = "fields::one_percent")]
    pub alpha: Ratio,
    /// After how many observations the interval is to be narrowest: requests of both arms if they are shared equally
    /// (four times the candidate's if its share is small), or batches. 10000 requests or 40 batches if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<f64>,
    /// The law of the errors.
    #[serde(default)]
    pub law: Law,
    /// How many evaluations make one observation; 0, if not given, takes every request as one.
    #[serde(default)]
    pub batch: u32,
    /// Which differences count.
    #[serde(default)]
    pub side: Side,
    /// Requests of each arm before anything is said. 30 if not given.
    #[serde(default = "thirty")]
    pub least: u32,
}

/// The law of errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Law {
    /// Sums are normal: many errors, or means of batches.
    #[default]
    Normal,
    /// Errors are rare: sums are Poisson.
    Poisson,
}

fn thirty() -> u32 {
    30
}

/// Batches before their variance can be believed.
const FEWEST_BATCHES: f64 = 10.0;

impl Entry for ConfidenceSequence {
    const NAME: &'static str = "confidence_sequence";
    const SUMMARY: &'static str = "an interval of the difference of candidate and control that holds at all looks: alarm, accept or wait";
    const EXAMPLE: &'static str =
        "confidence_sequence: {tolerance: 1%, alpha: 5%, planned: 48000, law: normal}";
}

impl ConfidenceSequence {
    fn planned(&self) -> f64 {
        self.planned.unwrap_or(if self.batch > 0 { 40.0 } else { 10_000.0 })
    }
}

impl Detect for ConfidenceSequence {
    fn reads(&self) -> Reads {
        Reads::CountsBeside
    }

    fn check(&self) -> Result<(), BadField> {
        fields::level("alpha", self.alpha)?;
        fields::positive("planned", self.planned(), "write how many requests the canary is to get")?;
        fields::within("least", self.least, 2, 1_000_000)?;
        if self.batch > 0 && self.law == Law::Poisson {
            let fact = "batches have the variance that is seen, not one of Poisson";
            return Err(BadField::new("law", fact, "leave out `batch`, or write `law: normal`"));
        }
        fields::within("batch", self.batch, 0, 10_000)
    }

    fn start(&self) -> Box<dyn Detector> {
        Box::new(Sequence {
            spec: self.clone(),
            mixture: NormalMixture::new(self.planned(), self.alpha.get()),
            shares: Shares::default(),
            filling: Shares::default(),
            filled: 0,
            batches: Moments::default(),
            interval: None,
        })
    }

    fn at_level(&self, alpha: Ratio) -> Option<DetectorSpec> {
        Some(DetectorSpec::ConfidenceSequence(ConfidenceSequence { alpha, ..self.clone() }))
    }

    fn assumes(&self) -> &'static str {
        "a concurrent control and independent requests, or independent batches"
    }

    fn cost(&self) -> &'static str {
        "some sums; O(1) a step, with the Poisson law a root search"
    }

    fn pitfall(&self) -> &'static str {
        "retries and outages of one cause are no independent errors: batch them; planned far from the traffic costs width"
    }
}

#[derive(Clone, Debug)]
struct Sequence {
    spec: ConfidenceSequence,
    /// `None` if the parameters make none.
    mixture: Option<NormalMixture>,
    shares: Shares,
    /// The batch that is being filled.
    filling: Shares,
    filled: u32,
    batches: Moments,
    interval: Option<(f64, f64)>,
}

impl Sequence {
    fn take(&mut self, candidate: Counts, control: Counts) {
        self.shares.take(candidate, control);
        if self.spec.batch == 0 {
            return;
        }
        self.filling.take(candidate, control);
        self.filled += 1;
        if self.filled >= self.spec.batch {
            if let Some(batch) = self.filling.binomial() {
                self.batches.take(batch.value);
            }
            (self.filling, self.filled) = (Shares::default(), 0);
        }
    }

    fn interval(&self) -> Option<(f64, f64)> {
        if self.shares.fewest() < f64::from(self.spec.least) {
            return None;
        }
        match (self.spec.batch, self.spec.law) {
            (0, Law::Normal) => self.normal(self.shares.binomial()?, self.shares.information()),
            (0, Law::Poisson) => self.poisson(),
            _ if self.batches.count() < FEWEST_BATCHES => None,
            _ => self.normal(of_pairs(&self.batches)?, self.batches.count()),
        }
    }

    /// Sums of observations of equal variance: after `n` of them the mean's deviation is sqrt(variance), theirs is
    /// sqrt(n) times that.
    fn normal(&self, difference: Difference, n: f64) -> Option<(f64, f64)> {
        let reach = (difference.variance / n).sqrt() * self.mixture?.bound(n, self.spec.alpha.get());
        Some((difference.value - reach, difference.value + reach))
    }

    /// Errors of the candidate move the sum up by its step, errors of the control down by theirs; neither end sees the
    /// other's steps as jumps.
    fn poisson(&self) -> Option<(f64, f64)> {
        let difference = self.shares.poisson()?;
        let (scale, [up, down]) = (self.shares.scale(), self.shares.steps());
        let time = difference.variance * scale * scale;
        let best = time * self.spec.planned() / self.shares.information();
        let half = 0.5 * self.spec.alpha.get();
        // Larger steps are allowed for than there are: hardly wider, and much quicker to compute.
        let reach =
            |step: f64| Some(GammaPoisson::new(best, half, step.max(0.25))?.bound(time, half) / scale);
        Some((difference.value - reach(up)?, difference.value + reach(down)?))
    }
}

impl Detector for Sequence {
    fn step(&mut self, sample: &Sample<'_>) -> State {
        if let Sample::CountsBeside { candidate, control } = *sample
            && candidate.are_counts()
            && control.are_counts()
        {
            self.take(candidate, control);
            self.interval = self.interval();
        }
        let Some((low, high)) = self.interval else { return State::Learning };
        let tolerance = self.spec.tolerance.get();
        let (worse, within) = match self.spec.side {
            Side::Up => (low > tolerance, high < tolerance),
            Side::Down => (high < -tolerance, low > -tolerance),
            Side::Both => (low > tolerance || high < -tolerance, low > -tolerance && high < tolerance),
        };
        match (worse, within) {
            (true, _) => State::Alarm,
            (_, true) => State::Accepted,
            _ => State::Quiet,
        }
    }

    fn reset(&mut self) {
        (self.shares, self.filling, self.filled) = (Shares::default(), Shares::default(), 0);
        (self.batches, self.interval) = (Moments::default(), None);
    }

    /// The end of the interval that must pass the tolerance for an alarm, counted towards the worse.
    fn statistic(&self) -> Option<f64> {
        self.interval.map(|(low, high)| match self.spec.side {
            Side::Up => low,
            Side::Down => -high,
            Side::Both => low.max(-high),
        })
    }

    fn limit(&self) -> Option<f64> {
        Some(self.spec.tolerance.get())
    }

    fn boxed(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}
