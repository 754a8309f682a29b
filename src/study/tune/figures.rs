//! What variants are compared by: six figures, less of each is better.
//!
//! * `detection_time`: first harm to decision, the mean restricted to the follow-up: a miss counts as the whole of it (Royston
//!   and Parmar 2011). A median would not feel misses, and a mean of those found would reward missing the hard ones.
//! * `false_rollback_rate`, `missed_rate`: as in scorecards.
//! * `user_impact`: users with a harmed request per bad release.
//! * `promotion_delay`: deploy to all traffic of healthy releases that were left alone; stuck ones count to the end.
//! * `cost`: per release at the base rate, at the prices of scorecards.
//!
//! Files are pooled by their weights. Differences are paired: the same replication under both variants, so that the luck of
//! a world is in neither.

use serde::{Deserialize, Serialize};

use crate::score::Estimate;
use crate::score::case::{Case, Fate, Promotion};
use crate::score::cost::KINDS;
use crate::score::efficacy::mixed_cost;
use crate::score::estimate::{Share, mean, weighted_shares};

/// Something to have less of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// First harm to decision, seconds.
    DetectionTime,
    /// Share of healthy releases rolled back.
    FalseRollbackRate,
    /// Share of harmful releases not decided in time.
    MissedRate,
    /// Users harmed per bad release.
    UserImpact,
    /// Deploy to all traffic, seconds.
    PromotionDelay,
    /// Failed requests per release, everything priced in.
    Cost,
}

impl Measure {
    /// All of them.
    pub const ALL: [Measure; 6] = [
        Measure::DetectionTime,
        Measure::FalseRollbackRate,
        Measure::MissedRate,
        Measure::UserImpact,
        Measure::PromotionDelay,
        Measure::Cost,
    ];

    /// Its name in commands and results.
    pub fn name(self) -> &'static str {
        match self {
            Measure::DetectionTime => "detection_time",
            Measure::FalseRollbackRate => "false_rollback_rate",
            Measure::MissedRate => "missed_rate",
            Measure::UserImpact => "user_impact",
            Measure::PromotionDelay => "promotion_delay",
            Measure::Cost => "cost",
        }
    }

    /// The measure of this name.
    pub fn named(name: &str) -> Option<Measure> {
        Measure::ALL.into_iter().find(|measure| measure.name() == name)
    }
}

/// One replication of one variant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Outcome {
    replication: u32,
    detection: Option<f64>,
    /// `None` for releases that did no harm.
    missed: Option<bool>,
    false_rollback: bool,
    users: f64,
    promotion: Option<f64>,
    cost: f64,
}

impl Outcome {
    pub(super) fn of(case: &Case, base_rate: f64, prices: &[f64; KINDS]) -> Self {
        Outcome {
            replication: case.replication,
            detection: case.detection.map(|time| time.seconds),
            missed: (case.fate != Fate::Harmless).then_some(case.fate == Fate::Missed),
            false_rollback: case.false_rollback,
            users: case.users,
            promotion: match case.promotion {
                Promotion::RolledBack => None,
                Promotion::LeftAlone { delay, .. } => Some(delay.seconds),
            },
            cost: mixed_cost(case, base_rate, prices),
        }
    }

    fn value(&self, measure: Measure) -> Option<f64> {
        match measure {
            Measure::DetectionTime => self.detection,
            Measure::FalseRollbackRate => Some(f64::from(self.false_rollback)),
            Measure::MissedRate => self.missed.map(f64::from),
            Measure::UserImpact => Some(self.users),
            Measure::PromotionDelay => self.promotion,
            Measure::Cost => Some(self.cost),
        }
    }
}

/// The figures of a variant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// First harm to decision in seconds, misses as the whole follow-up; those decided before the fault are left out.
    pub detection_time: Estimate,
    /// Share of healthy releases rolled back.
    pub false_rollback_rate: Estimate,
    /// Share of harmful releases not decided in time.
    pub missed_rate: Estimate,
    /// Users harmed per bad release.
    pub user_impact: Estimate,
    /// Deploy to all traffic in seconds.
    pub promotion_delay: Estimate,
    /// Failed requests per release at the base rate.
    pub cost: Estimate,
}

impl Figures {
    /// Of outcomes by scenario, with the shares of the scenarios.
    pub(super) fn of(outcomes: &[Vec<Outcome>], shares: &[f64]) -> Self {
        Figures::each(|measure| figure(outcomes, shares, measure))
    }

    /// First less second, paired.
    pub(super) fn less(first: &[Vec<Outcome>], second: &[Vec<Outcome>], shares: &[f64]) -> Self {
        Figures::each(|measure| difference(first, second, shares, measure))
    }

    fn each(figure: impl Fn(Measure) -> Estimate) -> Self {
        Figures {
            detection_time: figure(Measure::DetectionTime),
            false_rollback_rate: figure(Measure::FalseRollbackRate),
            missed_rate: figure(Measure::MissedRate),
            user_impact: figure(Measure::UserImpact),
            promotion_delay: figure(Measure::PromotionDelay),
            cost: figure(Measure::Cost),
        }
    }

    /// The figure of a measure.
    pub fn get(&self, measure: Measure) -> &Estimate {
        match measure {
            Measure::DetectionTime => &self.detection_time,
            Measure::FalseRollbackRate => &self.false_rollback_rate,
            Measure::MissedRate => &self.missed_rate,
            Measure::UserImpact => &self.user_impact,
            Measure::PromotionDelay => &self.promotion_delay,
            Measure::Cost => &self.cost,
        }
    }

    /// The number to compare by; one that is not there is the worst.
    pub(super) fn value(&self, measure: Measure) -> f64 {
        self.get(measure).value.unwrap_or(f64::INFINITY)
    }
}

fn figure(outcomes: &[Vec<Outcome>], shares: &[f64], measure: Measure) -> Estimate {
    let values = |of: &[Outcome]| -> Vec<f64> { of.iter().filter_map(|one| one.value(measure)).collect() };
    let strata = outcomes.iter().zip(shares);
    if matches!(measure, Measure::FalseRollbackRate | Measure::MissedRate) {
        let share = |(of, weight): (&Vec<Outcome>, &f64)| {
            let all = values(of);
            let k = all.iter().filter(|hit| **hit > 0.5).count() as u64;
            Share { coefficient: *weight, k, n: all.len() as u64 }
        };
        return weighted_shares(&strata.map(share).collect::<Vec<_>>());
    }
    mean(&strata.map(|(of, weight)| (*weight, values(of))).collect::<Vec<_>>())
}

/// First minus second, replication by replication; those in which one of them has no value are left out.
pub(super) fn difference(
    first: &[Vec<Outcome>],
    second: &[Vec<Outcome>],
    shares: &[f64],
    measure: Measure,
) -> Estimate {
    let pairs = |a: &[Outcome], b: &[Outcome]| -> Vec<f64> {
        let delta = |x: &Outcome| {
            let at = b.binary_search_by_key(&x.replication, |y| y.replication).ok()?;
            Some(x.value(measure)? - b.get(at)?.value(measure)?)
        };
        a.iter().filter_map(delta).collect()
    };
    let strata = first.iter().zip(second).zip(shares);
    mean(&strata.map(|((a, b), weight)| (*weight, pairs(a, b))).collect::<Vec<_>>())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An outcome of which only these matter.
    pub(in crate::study::tune) fn outcome(
        replication: u32,
        detection: Option<f64>,
        false_rollback: bool,
    ) -> Outcome {
        Outcome {
            replication,
            detection,
            missed: Some(detection == Some(1800.0)),
            false_rollback,
            users: 10.0,
            promotion: Some(600.0),
            cost: 5.0,
        }
    }

    #[test]
    fn figures_are_those_of_the_outcomes() {
        let one = vec![outcome(0, Some(60.0), false), outcome(1, Some(1800.0), true), outcome(2, None, true)];
        let figures = Figures::of(&[one], &[1.0]);
        assert_eq!(figures.detection_time.value, Some(930.0));
        assert_eq!(figures.detection_time.n, 2);
        assert!((figures.false_rollback_rate.value.unwrap() - 2.0 / 3.0).abs() < 1e-12);
        assert!((figures.missed_rate.value.unwrap() - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(Figures::of(&[vec![]], &[1.0]).value(Measure::Cost), f64::INFINITY);
    }

    #[test]
    fn differences_are_paired_and_pooled_by_weight() {
        let first = vec![
            vec![outcome(0, Some(100.0), true), outcome(2, Some(500.0), true)],
            vec![outcome(0, Some(10.0), false)],
        ];
        let second = vec![
            vec![outcome(0, Some(40.0), false), outcome(1, Some(1.0), true)],
            vec![outcome(0, Some(30.0), false)],
        ];
        let d = difference(&first, &second, &[3.0, 1.0], Measure::DetectionTime);
        assert_eq!(d.value, Some((3.0 * 60.0 - 20.0) / 4.0));
    }
}
