//! Detectors that share one probability of a false alarm.
//!
//! m detectors at level alpha raise a false alarm with a probability of up to m alpha. Either each gets alpha / m
//! (Bonferroni), which is done when the file is loaded, or the mean of their e-values is held against 1 / alpha: a mean of
//! e-values is an e-value whatever their dependence (Vovk and Wang 2021), so nothing is paid for metrics that move together.

use super::{Answer, Detecting};
use crate::policy::Observation;
use crate::stats::mixture::log_mean;

/// Detectors that share one probability of a false alarm.
#[derive(Clone, Debug)]
pub struct SharedAlpha {
    detectors: Vec<Detecting>,
    /// Where evidence is pooled: the natural logarithm of 1 / alpha.
    needed: Option<f64>,
}

impl SharedAlpha {
    /// Detectors that have each got their part of it.
    pub fn equal(detectors: Vec<Detecting>) -> Self {
        SharedAlpha { detectors, needed: None }
    }

    /// Detectors whose mean evidence is held against 1 / `alpha`.
    pub fn mean_evidence(alpha: f64, detectors: Vec<Detecting>) -> Self {
        SharedAlpha { detectors, needed: Some(-libm::log(alpha)) }
    }

    pub(super) fn detectors_mut(&mut self) -> &mut [Detecting] {
        &mut self.detectors
    }

    pub(super) fn evaluate(&mut self, o: &mut Observation<'_>) -> Answer {
        let answers: Vec<Answer> = self.detectors.iter_mut().map(|detecting| detecting.evaluate(o)).collect();
        let Some(needed) = self.needed else { return super::k_of(1, &answers) };
        if self.log_mean_evidence() >= needed {
            return Answer::bad();
        }
        let quiet = |answer| if matches!(answer, Answer::Bad(_)) { Answer::Good } else { answer };
        Answer::all_well(&answers.into_iter().map(quiet).collect::<Vec<_>>())
    }

    /// The logarithm of the mean; what has seen nothing yet has the evidence 1.
    fn log_mean_evidence(&self) -> f64 {
        log_mean(self.detectors.iter().map(|detecting| detecting.evidence().unwrap_or(0.0)))
    }
}
