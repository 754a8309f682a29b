//! The population stability index, with a limit that knows how many events there were.
//!
//! `PSI = sum of (p - q) ln(p / q)` over the classes (buckets of a histogram), `p` and `q` the shares of the candidate and
//! the control. The limits in use, 0.1 and 0.25, are rules of thumb for large samples of credit scores. Without any change
//! the index is about `chi2(B - 1) (1/n + 1/m)` for `B` classes and `n` and `m` events (Yurdakul 2018): with ten classes and a
//! hundred events on both sides it exceeds 0.25 in 19 of 100 looks, with a thousand 0.035 would be remarkable. The default
//! limit is therefore the quantile of that law.
//!
//! Half an event is added to every class of both, so that an empty class has a logarithm; classes that are empty in both are
//! left out.

use std::collections::VecDeque;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::within;
use super::{BadField, Detect, Detector, Reads, Sample, State};
use crate::catalogue::Entry;
use crate::rng::gamma_quantile;

/// How far the classes of the candidate's events are from those of the control's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Psi {
    /// What is too far. By chance once in a thousand looks if not given.
    #[serde(default)]
    pub limit: PsiLimit,
    /// Samples that are looked at together. 10 if not given.
    #[serde(default = "ten")]
    pub samples: u32,
    /// Events of each side without which it says nothing. 100 if not given.
    #[serde(default = "hundred")]
    pub least: f64,
}

/// A limit of the index.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PsiLimit {
    /// What chance exceeds with this probability, given the numbers of events and classes.
    Chance(f64),
    /// Fixed limits.
    Fixed {
        /// For a warning; 0.1 by the rule of thumb.
        warning: f64,
        /// For an alarm; 0.25 by the rule of thumb.
        alarm: f64,
    },
}

impl Default for PsiLimit {
    fn default() -> Self {
        PsiLimit::Chance(0.001)
    }
}

fn ten() -> u32 {
    10
}

fn hundred() -> f64 {
    100.0
}

impl Entry for Psi {
    const NAME: &'static str = "psi";
    const SUMMARY: &'static str =
        "the population stability index of two histograms, for changes of a whole distribution";
    const EXAMPLE: &'static str = "psi: {limit: {chance: 0.001}, samples: 10, least: 100}";
}

impl Detect for Psi {
    fn reads(&self) -> Reads {
        Reads::Classes
    }

    fn check(&self) -> Result<(), BadField> {
        match self.limit {
            PsiLimit::Chance(chance) => within("limit", chance, 1e-12, 0.999, "limit: {chance: 0.001}")?,
            PsiLimit::Fixed { warning, alarm } => {
                let example = "limit: {fixed: {warning: 0.1, alarm: 0.25}}";
                within("limit", warning, 0.0, f64::MAX, example)?;
                within("limit", alarm, warning, f64::MAX, example)?;
            }
        }
        within("samples", f64::from(self.samples), 1.0, 100_000.0, "samples: 10")?;
        within("least", self.least, 1.0, f64::MAX, "least: 100")
    }

    fn start(&self) -> Box<dyn Detector> {
        Box::new(Index { spec: self.clone(), window: VecDeque::new(), found: None })
    }

    fn assumes(&self) -> &'static str {
        "independent events, and a control that is not touched by the change"
    }

    fn cost(&self) -> &'static str {
        "the histograms of the window; O(classes times samples) a step"
    }

    fn pitfall(&self) -> &'static str {
        "fixed limits alarm by chance on few events and sleep on many; it does not know worse from better"
    }
}

/// What a look found.
#[derive(Clone, Copy, Debug)]
struct Found {
    index: f64,
    warning: f64,
    alarm: f64,
}

#[derive(Clone, Debug)]
struct Index {
    spec: Psi,
    window: VecDeque<(Vec<f64>, Vec<f64>)>,
    found: Option<Found>,
}

impl Index {
    fn take(&mut self, candidate: &[f64], control: &[f64]) -> State {
        // Histograms with other classes are of another metric: what came before does not go with them.
        if self.window.back().is_some_and(|(before, _)| before.len() != candidate.len()) {
            self.window.clear();
        }
        self.window.push_back((candidate.to_vec(), control.to_vec()));
        while self.window.len() > self.spec.samples.max(1) as usize {
            self.window.pop_front();
        }
        self.found = self.look();
        match self.found {
            None => State::Learning,
            Some(found) if found.index >= found.alarm => State::Alarm,
            Some(found) if found.index >= found.warning => State::Warning,
            Some(_) => State::Quiet,
        }
    }

    fn look(&self) -> Option<Found> {
        let classes = self.window.back()?.0.len();
        let together = |class: usize| {
            self.window.iter().fold((0.0, 0.0), |(p, q), sample| (p + sample.0[class], q + sample.1[class]))
        };
        let counts: Vec<(f64, f64)> = (0..classes).map(together).filter(|(p, q)| p + q > 0.0).collect();
        let (n, m) = counts.iter().fold((0.0, 0.0), |(n, m), (p, q)| (n + p, m + q));
        if counts.len() < 2 || n < self.spec.least || m < self.spec.least {
            return None;
        }
        let index = population_stability_index(&counts);
        let (warning, alarm) = match self.spec.limit {
            PsiLimit::Fixed { warning, alarm } => (warning, alarm),
            PsiLimit::Chance(chance) => {
                let limit = chance_limit(counts.len(), n, m, chance);
                (limit, limit)
            }
        };
        index.is_finite().then_some(Found { index, warning, alarm })
    }
}

/// The index of classes with these numbers of events on both sides, half an event added to each.
#[must_use]
pub fn population_stability_index(counts: &[(f64, f64)]) -> f64 {
    let (n, m) = counts.iter().fold((0.0, 0.0), |(n, m), (p, q)| (n + p + 0.5, m + q + 0.5));
    counts
        .iter()
        .map(|(p, q)| {
            let (p, q) = ((p + 0.5) / n, (q + 0.5) / m);
            (p - q) * libm::log(p / q)
        })
        .sum()
}

/// What the index of `classes` classes exceeds by chance with probability `chance`, with `n` and `m` events:
/// the quantile of `chi2(classes - 1)` times `1/n + 1/m`.
#[must_use]
pub fn chance_limit(classes: usize, n: f64, m: f64, chance: f64) -> f64 {
    let freedom = classes as f64 - 1.0;
    gamma_quantile(freedom, 0.5 * freedom, 1.0 - chance) * (1.0 / n + 1.0 / m)
}

impl Detector for Index {
    fn step(&mut self, sample: &Sample<'_>) -> State {
        match *sample {
            Sample::Classes { candidate, control }
                if candidate.len() > 1
                    && candidate.len() == control.len()
                    && candidate.iter().chain(control).all(|n| is_count(*n)) =>
            {
                self.take(candidate, control)
            }
            _ => State::Learning,
        }
    }

    fn reset(&mut self) {
        self.window.clear();
        self.found = None;
    }

    fn statistic(&self) -> Option<f64> {
        self.found.map(|found| found.index)
    }

    fn limit(&self) -> Option<f64> {
        self.found.map(|found| found.alarm)
    }

    fn boxed(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}

fn is_count(n: f64) -> bool {
    (0.0..1e300).contains(&n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_histogram_alarms_and_an_equal_one_does_not() {
        let mut index = Psi { limit: PsiLimit::default(), samples: 2, least: 100.0 }.start();
        let control = [500.0, 300.0, 150.0, 50.0];
        let step = |index: &mut dyn Detector, candidate: [f64; 4]| {
            index.step(&Sample::Classes { candidate: &candidate, control: &control })
        };
        assert_eq!(step(index.as_mut(), [10.0, 6.0, 3.0, 1.0]), State::Learning, "too few");
        assert_eq!(step(index.as_mut(), [50.0, 30.0, 15.0, 5.0]), State::Quiet);
        assert_eq!(step(index.as_mut(), [100.0, 200.0, 400.0, 300.0]), State::Alarm);
        assert_eq!(index.step(&Sample::Classes { candidate: &[100.0], control: &[100.0] }), State::Learning);
    }
}
