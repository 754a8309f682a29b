//! Detectors of the change-detection literature: each says, sample by sample, whether something has changed.
//!
//! A detector knows nothing of rollouts, queries or time: it is shown what came in since the evaluation before
//! ([`Sample`]) and answers with a [`State`]. What it reads is fixed by its kind ([`Reads`]): one value, counts of bad
//! events and of all, or the same of two arms that run beside each other. Detectors that compare with what is normal
//! learn it from the past ([`Detector::learn`]) or from a number in the file ([`support::baseline::Baseline`]).
//!
//! Every member says what it assumes, what a step costs and what goes wrong with it ([`Detect::assumes`],
//! [`Detect::cost`], [`Detect::pitfall`]); figures published for it are reproduced by `tests/it/figures.rs`.
//!
//! Traps: a run length is counted in *samples*, so an evaluation every 15 s with an in-control run length of 500 raises
//! a false alarm every two hours; almost all published figures hold for independent samples, and metrics are not: at
//! lag-1 correlation 0.5 tuned charts lose nine tenths of the time between false alarms.

pub mod adwin;
pub mod bernoulli_cusum;
pub mod bocpd;
pub mod burn_rate;
pub mod confidence_sequence;
pub mod count_test;
pub mod cusum;
pub mod ddm;
pub mod eddm;
pub mod ewma;
pub mod hddm_a;
pub mod hddm_w;
pub mod kolmogorov_smirnov;
pub mod kswin;
pub mod mann_whitney;
pub mod mixture_sprt;
pub mod page_hinkley;
pub mod poisson_cusum;
pub mod poisson_sprt;
pub mod psi;
pub mod seasonal;
pub mod shewhart;
pub mod shiryaev_roberts;
pub mod sprt;
pub mod support;
pub mod two_proportions;
pub mod welch;

pub use support::sample::{Counts, Reads, Sample};

use std::fmt::Debug;

use crate::quantity::Ratio;

/// What a detector thinks after a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It has not seen enough to have an opinion.
    Learning,
    /// Nothing stands out.
    Quiet,
    /// Something may be changing (drift detectors with two limits).
    Warning,
    /// It has changed for the worse.
    Alarm,
    /// It is as it should be, and the test is over (tests that can also accept).
    Accepted,
}

/// A detector at work.
pub trait Detector: Send + Sync + Debug {
    /// Takes in what is normal, before the first step; detectors that need no past ignore it. For drift detectors it is what
    /// came before: without it they can find only changes after the deploy.
    fn learn(&mut self, _sample: &Sample<'_>) {}
    /// Takes in what came since the evaluation before. A sample of another kind than [`Detect::reads`] says, or with a
    /// number that is not finite, changes nothing; where samples are the clock ([`seasonal`]), a value that is no number
    /// still counts as time that passed.
    ///
    /// After an alarm or an acceptance the detector goes on from where it is; whoever wants a fresh start says
    /// [`Detector::reset`].
    fn step(&mut self, sample: &Sample<'_>) -> State;
    /// Forgets all steps; what it learned of the past stays.
    fn reset(&mut self);
    /// The number that is compared, for timelines; `None` while there is none.
    fn statistic(&self) -> Option<f64>;
    /// What the number is compared with: an alarm is at or beyond it.
    fn limit(&self) -> Option<f64>;
    /// The natural logarithm of its evidence against "nothing has changed" (an e-value: a likelihood ratio, a mixture of
    /// them), for detectors that measure it; evidence of several may be pooled.
    fn evidence(&self) -> Option<f64> {
        None
    }
    /// A copy for another branch or replication.
    fn boxed(&self) -> Box<dyn Detector>;
}

impl Clone for Box<dyn Detector> {
    fn clone(&self) -> Self {
        self.boxed()
    }
}

/// A field that cannot have its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadField {
    /// The field's path below the detector's name.
    pub field: &'static str,
    /// What is wrong.
    pub fact: String,
    /// What to do.
    pub help: String,
}

impl BadField {
    /// A field that cannot have its value.
    pub fn new(field: &'static str, fact: impl Into<String>, help: impl Into<String>) -> Self {
        BadField { field, fact: fact.into(), help: help.into() }
    }
}

/// A kind of detector with its parameters.
pub trait Detect: Send + Sync {
    /// What it is shown.
    fn reads(&self) -> Reads;
    /// Whether the parameters make sense together; those that a type rules out need no check.
    ///
    /// # Errors
    /// The first field that does not.
    fn check(&self) -> Result<(), BadField>;
    /// A detector before its first sample; parameters that [`Detect::check`] refuses give one that is always quiet.
    fn start(&self) -> Box<dyn Detector>;
    /// The same with this probability of ever raising a false alarm, for kinds that have one among their parameters.
    fn at_level(&self, _alpha: Ratio) -> Option<DetectorSpec> {
        None
    }
    /// Mean number of samples until the alarm where values are independent, normal and `shift` standard deviations above
    /// what is normal from the first one on (see [`crate::stats::run_length`]): the time between false alarms at 0, the delay at
    /// others. `None` for detectors that are not charts of a mean, and for charts it is not computed for.
    fn run_length(&self, _shift: f64) -> Option<f64> {
        None
    }
    /// What its guarantees rest on, in one sentence.
    fn assumes(&self) -> &'static str;
    /// Memory and time of a step, in one sentence.
    fn cost(&self) -> &'static str;
    /// What most often goes wrong with it, in one sentence.
    fn pitfall(&self) -> &'static str;
}

crate::catalogue! {
    /// A detector.
    pub enum DetectorSpec: Detect {
        adwin => adwin::Adwin,
        bernoulli_cusum => bernoulli_cusum::BernoulliCusum,
        bocpd => bocpd::Bocpd,
        cusum => cusum::Cusum,
        burn_rate => burn_rate::BurnRate,
        sprt => sprt::Sprt,
        poisson_sprt => poisson_sprt::PoissonSprt,
        mixture_sprt => mixture_sprt::MixtureSprt,
        confidence_sequence => confidence_sequence::ConfidenceSequence,
        count_test => count_test::CountTest,
        mann_whitney => mann_whitney::MannWhitney,
        kolmogorov_smirnov => kolmogorov_smirnov::KolmogorovSmirnov,
        welch => welch::Welch,
        two_proportions => two_proportions::TwoProportions,
        ddm => ddm::Ddm,
        eddm => eddm::Eddm,
        ewma => ewma::Ewma,
        hddm_a => hddm_a::HddmA,
        hddm_w => hddm_w::HddmW,
        kswin => kswin::Kswin,
        page_hinkley => page_hinkley::PageHinkley,
        poisson_cusum => poisson_cusum::PoissonCusum,
        psi => psi::Psi,
        seasonal => seasonal::Seasonal,
        shewhart => shewhart::Shewhart,
        shiryaev_roberts => shiryaev_roberts::ShiryaevRoberts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{Catalogue as _, check_examples};
    use crate::document::parse_typed;

    /// A level that is asked for is the level: what has one says so, and measures evidence against the same limit.
    #[test]
    fn levels_are_taken_over() {
        let with_level = [
            "sprt",
            "poisson_sprt",
            "mixture_sprt",
            "confidence_sequence",
            "count_test",
            "two_proportions",
            "welch",
        ];
        let level = Ratio::new(0.003).unwrap();
        for card in DetectorSpec::CARDS {
            let spec: DetectorSpec = parse_typed(card.name, card.example).unwrap();
            let at_level = spec.as_dyn().at_level(level);
            assert_eq!(at_level.is_some(), with_level.contains(&card.name), "{}", card.name);
            let Some(at_level) = at_level else { continue };
            let text = serde_json::to_value(&at_level).unwrap();
            assert_eq!(text[card.name]["alpha"], serde_json::to_value(level).unwrap(), "{}", card.name);
        }
    }

    /// Nothing has been seen: the evidence is 1.
    #[test]
    fn evidence_begins_at_one() {
        for card in DetectorSpec::CARDS {
            let spec: DetectorSpec = parse_typed(card.name, card.example).unwrap();
            if let Some(evidence) = spec.as_dyn().start().evidence() {
                assert_eq!(evidence, 0.0, "{}", card.name);
            }
        }
    }

    #[test]
    fn examples_read_and_check() {
        check_examples::<DetectorSpec>().unwrap();
        for card in DetectorSpec::CARDS {
            let spec: DetectorSpec = parse_typed(card.name, card.example).unwrap();
            assert_eq!(spec.as_dyn().check(), Ok(()), "{}", card.name);
        }
    }

    /// The candidate is bad from its first request on; nothing changes but from what came before.
    #[test]
    fn drift_detectors_find_what_is_worse_than_the_past() {
        use crate::detect::support::sample::Counts;
        // hddm_w forgets too quickly for events that are spread evenly.
        for text in ["adwin: {}", "page_hinkley: {}", "ddm: {}", "hddm_a: {}", "eddm: {}"] {
            let spec: DetectorSpec = parse_typed("drift", text).unwrap();
            let good = Sample::Counts(Counts { bad: 2.0, total: 200.0 });
            let bad = Sample::Counts(Counts { bad: 60.0, total: 200.0 });
            let mut alone = spec.as_dyn().start();
            let mut taught = spec.as_dyn().start();
            (0..40).for_each(|_| taught.learn(&good));
            let alarms =
                |detector: &mut Box<dyn Detector>| (0..30).any(|_| detector.step(&bad) == State::Alarm);
            assert!(alarms(&mut taught), "{text}");
            taught.reset();
            assert!(alarms(&mut taught), "{text}: what was learned stays");
            if text != "eddm: {}" && text != "ddm: {}" {
                assert!(!alarms(&mut alone), "{text}: a constant share is no change");
            }
        }
    }

    #[test]
    fn samples_of_other_kinds_and_numbers_that_are_none_change_nothing() {
        for card in DetectorSpec::CARDS {
            let spec: DetectorSpec = parse_typed(card.name, card.example).unwrap();
            let mut detector = spec.as_dyn().start();
            for sample in Sample::odd_ones() {
                let before = format!("{detector:?}");
                assert_ne!(detector.step(&sample), State::Alarm, "{}: {sample:?}", card.name);
                detector.learn(&sample);
                if sample.reads() != spec.as_dyn().reads() {
                    assert_eq!(format!("{detector:?}"), before, "{}: {sample:?}", card.name);
                }
            }
        }
    }
}
