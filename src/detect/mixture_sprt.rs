//! The mixture sequential probability ratio test: an always-valid p-value of the difference of two arms.
//!
//! Robbins 1970; as always-valid p in Johari, Koomen, Pekelis and Walsh 2017: with a difference `d` of variance `V` and
//! effects expected to be normal with deviation `tau`, the evidence against no difference is
//! sqrt(V / (V + tau^2)) exp(tau^2 d^2 / (2 V (V + tau^2))), and p the smallest reciprocal so far. On one side the mixture
//! is over effects of that sign only, which costs no error probability for the other one (Howard et al. 2021).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::difference::{Difference, Shares, of_pairs};
use super::support::{Side, fields};
use super::{BadField, Detect, Detector, DetectorSpec, Reads, Sample, State};
use crate::catalogue::Entry;
use crate::quantity::Ratio;
use crate::stats::confidence_sequence::NormalMixture;
use crate::stats::two_sample::Moments;

/// An always-valid p-value of the difference of candidate and control.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MixtureSprt {
    /// What differs: shares of bad requests, or means of a value.
    #[serde(default)]
    pub of: Of,
    /// The size of differences that are expected: percentage points as a share (0.01), or in the value's unit.
    pub tau: f64,
    /// Chance that a healthy release ever raises an alarm. 1 % if not given.
    #[serde(default = "fields::one_percent")]
    pub alpha: Ratio,
    /// Which differences count.
    #[serde(default)]
    pub side: Side,
    /// Requests of each arm, or pairs of values, before anything is said: the normal law needs some. 30 if not given.
    #[serde(default = "thirty")]
    pub least: u32,
}

/// What of two arms is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    /// The shares of bad requests.
    #[default]
    Shares,
    /// The means of a value, from pairs measured together.
    Means,
}

fn thirty() -> u32 {
    30
}

impl Entry for MixtureSprt {
    const NAME: &'static str = "mixture_sprt";
    const SUMMARY: &'static str =
        "an always-valid p-value of the difference of candidate and control (mixture SPRT)";
    const EXAMPLE: &'static str = "mixture_sprt: {of: shares, tau: 0.01, alpha: 1%}";
}

impl Detect for MixtureSprt {
    fn reads(&self) -> Reads {
        match self.of {
            Of::Shares => Reads::CountsBeside,
            Of::Means => Reads::Values,
        }
    }

    fn check(&self) -> Result<(), BadField> {
        fields::level("alpha", self.alpha)?;
        fields::within("least", self.least, 2, 1_000_000)?;
        let fact = format!("a difference of {} cannot be expected", self.tau);
        match NormalMixture::of_effects(self.tau) {
            Some(_) => Ok(()),
            None => Err(BadField::new("tau", fact, "write the size of a difference that matters, like 0.01")),
        }
    }

    fn start(&self) -> Box<dyn Detector> {
        Box::new(Mixed {
            spec: self.clone(),
            mixture: NormalMixture::of_effects(self.tau),
            shares: Shares::default(),
            pairs: Moments::default(),
            most: 0.0,
        })
    }

    fn at_level(&self, alpha: Ratio) -> Option<DetectorSpec> {
        Some(DetectorSpec::MixtureSprt(MixtureSprt { alpha, ..self.clone() }))
    }

    fn assumes(&self) -> &'static str {
        "a concurrent control, independent requests or pairs, enough of them for the normal law"
    }

    fn cost(&self) -> &'static str {
        "some sums; O(1) a step"
    }

    fn pitfall(&self) -> &'static str {
        "correlated pairs and errors in groups break its guarantee; a tau far from the real difference costs time"
    }
}

#[derive(Clone, Debug)]
struct Mixed {
    spec: MixtureSprt,
    mixture: Option<NormalMixture>,
    shares: Shares,
    pairs: Moments,
    /// The most evidence so far, as a logarithm.
    most: f64,
}

impl Mixed {
    /// Takes in a sample of its kind; whether it was one.
    fn take(&mut self, sample: &Sample<'_>) -> bool {
        match (self.spec.of, *sample) {
            (Of::Shares, Sample::CountsBeside { candidate, control }) => {
                let counts = candidate.are_counts() && control.are_counts();
                if counts {
                    self.shares.take(candidate, control);
                }
                counts
            }
            (Of::Means, Sample::Values { candidate, control }) => {
                let pair = candidate - control;
                self.pairs.take(pair);
                pair.is_finite()
            }
            _ => false,
        }
    }

    fn difference(&self) -> Option<Difference> {
        let (seen, found) = match self.spec.of {
            Of::Shares => (self.shares.fewest(), self.shares.binomial()),
            Of::Means => (self.pairs.count(), of_pairs(&self.pairs)),
        };
        found.filter(|_| seen >= f64::from(self.spec.least))
    }

    fn log_evidence(&self, difference: Difference) -> Option<f64> {
        let (sum, time) = (difference.value / difference.variance, 1.0 / difference.variance);
        let mixture = self.mixture?;
        let found = match self.spec.side {
            Side::Up => mixture.log_evidence_above(sum, time),
            Side::Down => mixture.log_evidence_above(-sum, time),
            Side::Both => mixture.log_evidence(sum, time),
        };
        (!found.is_nan()).then_some(found)
    }
}

impl Detector for Mixed {
    fn step(&mut self, sample: &Sample<'_>) -> State {
        self.take(sample);
        let Some(evidence) = self.difference().and_then(|found| self.log_evidence(found)) else {
            return State::Learning;
        };
        self.most = self.most.max(evidence);
        if self.statistic() >= self.limit() { State::Alarm } else { State::Quiet }
    }

    fn reset(&mut self) {
        (self.shares, self.pairs, self.most) = (Shares::default(), Moments::default(), 0.0);
    }

    /// The logarithm of 1 / p.
    fn statistic(&self) -> Option<f64> {
        Some(self.most)
    }

    fn limit(&self) -> Option<f64> {
        Some(-libm::log(self.spec.alpha.get()))
    }

    fn evidence(&self) -> Option<f64> {
        Some(self.difference().and_then(|found| self.log_evidence(found)).unwrap_or(0.0))
    }

    fn boxed(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}
