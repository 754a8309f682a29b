//! Detection probability against severity: the same releases, one severity after another.
//!
//! The scenario keeps its name, so all severities meet the same traffic, noise and scrapes; only the fault grows. The
//! curve of a policy is the share of bad releases that it decided against after the fault began and within the
//! follow-up. Decisions before the fault are false alarms, they count neither for it nor against it.

use std::num::NonZeroUsize;
use std::sync::Arc;

use serde::Serialize;

use crate::fault::FaultSpec;
use crate::fault::error_burst::ErrorBurst;
use crate::fault::latency_regression::LatencyRegression;
use crate::policy::loaded::Loaded;
use crate::replication::prepared::PrepareOptions;
use crate::replication::record::Player;
use crate::rng::Distribution;
use crate::scenario::Scenario;
use crate::score::{CostWeights, Input, scorecard};
use crate::stats::Estimate;
use crate::stats::estimate::wilson_modified;
use crate::study::{Progress, Replications, Study, StudyError, scenario_meta};

/// What is wrong with the release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// A share of its requests fails, beyond the normal; the severity is the share.
    Errors,
    /// All of its requests take longer; the severity is the factor.
    Latency,
}

impl Effect {
    /// Severities to try where none are given.
    pub fn usual(self) -> &'static [f64] {
        match self {
            Effect::Errors => &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5],
            Effect::Latency => &[1.1, 1.2, 1.5, 2.0, 3.0, 5.0, 8.0],
        }
    }

    /// Whether something can be that severe.
    pub fn can_be(self, severity: f64) -> bool {
        match self {
            Effect::Errors => severity > 0.0 && severity <= 1.0,
            Effect::Latency => severity > 1.0 && severity.is_finite(),
        }
    }

    fn fault(self, severity: f64) -> FaultSpec {
        let after = Distribution::certain(0.0);
        match self {
            Effect::Errors => {
                FaultSpec::ErrorBurst(ErrorBurst { share: Distribution::certain(severity), after })
            }
            Effect::Latency => FaultSpec::LatencyRegression(LatencyRegression {
                factor: Distribution::certain(severity),
                share: Distribution::certain(1.0),
                after,
            }),
        }
    }
}

/// How a policy does at one severity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// The severity.
    pub severity: f64,
    /// Share of bad releases it decided against, of those it had not decided against before the fault.
    pub caught: Estimate,
    /// Median time from first harm to decision in seconds, where at least half are caught.
    pub median_s: Option<f64>,
}

/// The curve of one policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curve {
    /// Its name.
    pub policy: String,
    /// By severity, ascending.
    pub points: Vec<Point>,
    /// The severity from which on it catches the wanted share, between two that were played by their logarithm; `None`
    /// where it never does.
    pub reliable_from: Option<f64>,
    /// Share of healthy releases it rolls back.
    pub false_rollbacks: Estimate,
}

/// What is asked.
pub struct Question<'q> {
    /// The scenario; its faults are replaced.
    pub scenario: &'q Arc<Scenario>,
    /// Who watches.
    pub policies: &'q [Loaded],
    /// What is wrong.
    pub effect: Effect,
    /// How much, ascending.
    pub severities: &'q [f64],
    /// The share that is reliable.
    pub power: f64,
    /// Seed of all randomness.
    pub seed: u64,
    /// Releases of each severity.
    pub replications: u32,
    /// Threads.
    pub jobs: NonZeroUsize,
    /// How policies are bound.
    pub prepare: PrepareOptions,
}

impl Question<'_> {
    /// Replications in all.
    pub fn total(&self) -> u64 {
        self.severities.len() as u64 * u64::from(self.replications)
    }

    /// Plays all severities.
    ///
    /// # Errors
    /// When a policy cannot be bound to the scenario, or threads do not start.
    pub fn answer(&self, progress: &Progress) -> Result<Vec<Curve>, StudyError> {
        let mut curves: Vec<Curve> = Vec::new();
        for &severity in self.severities {
            let mut scenario = Scenario::clone(self.scenario);
            scenario.faults = vec![("change.faults[0]".to_owned(), self.effect.fault(severity))];
            self.play(&Arc::new(scenario), severity, progress, &mut curves)?;
        }
        for curve in &mut curves {
            curve.reliable_from = reliable_from(&curve.points, self.power);
        }
        Ok(curves)
    }

    fn play(
        &self,
        scenario: &Arc<Scenario>,
        severity: f64,
        progress: &Progress,
        curves: &mut Vec<Curve>,
    ) -> Result<(), StudyError> {
        let count = Replications { flow: self.replications, request: self.replications };
        let study = Study::new(&[Arc::clone(scenario)], self.policies, self.seed, self.prepare)?
            .with_jobs(self.jobs)
            .with_replications(count);
        let records = study.play(progress)?;
        let scenarios = [scenario_meta(scenario, &scenario.name)];
        let weights = CostWeights::default();
        let input = Input {
            records: &records,
            scenarios: &scenarios,
            policies: study.policy_metas(),
            weights: &weights,
        };
        let card = scorecard(&input)?;
        for row in card.rows.iter().filter(|row| row.scenario.is_none()) {
            let Player::Policy(name) = &row.player else { continue };
            let outcomes = row.detection.outcomes;
            let caught = outcomes.prevented + outcomes.detected;
            let all = caught + outcomes.missed + outcomes.harmless;
            let point = Point {
                severity,
                caught: wilson_modified(caught, all, 0.95),
                median_s: row.detection.detection_time.median.value,
            };
            match curves.iter_mut().find(|curve| *curve.policy == **name) {
                Some(curve) => curve.points.push(point),
                None => curves.push(Curve {
                    policy: name.to_string(),
                    points: vec![point],
                    reliable_from: None,
                    false_rollbacks: wilson_modified(outcomes.false_rollbacks, outcomes.healthy, 0.95),
                }),
            }
        }
        Ok(())
    }
}

/// Where the curve crosses the wanted share for the last time.
fn reliable_from(points: &[Point], wanted: f64) -> Option<f64> {
    let share = |point: &Point| point.caught.value;
    let first = points.iter().rposition(|point| share(point) < wanted).map_or(0, |last_below| last_below + 1);
    let point = points.get(first)?;
    let Some(before) = first.checked_sub(1).and_then(|before| points.get(before)) else {
        return Some(point.severity);
    };
    let rise = share(point) - share(before);
    let part = if rise > 0.0 { (wanted - share(before)) / rise } else { 1.0 };
    let (low, high) = (libm::log(before.severity), libm::log(point.severity));
    Some(libm::exp(low + part * (high - low)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(shares: &[(f64, u64)]) -> Vec<Point> {
        let point = |&(severity, caught): &(f64, u64)| Point {
            severity,
            caught: wilson_modified(caught, 100, 0.95),
            median_s: None,
        };
        shares.iter().map(point).collect()
    }

    #[test]
    fn reliable_is_where_the_curve_stays_above() {
        let from = |shares: &[(f64, u64)]| reliable_from(&curve(shares), 0.9);
        assert_eq!(from(&[(0.01, 95), (0.02, 100)]), Some(0.01), "already at the first");
        assert_eq!(from(&[(0.01, 10), (0.02, 50)]), None);
        let between = from(&[(0.01, 80), (0.04, 100)]).unwrap();
        assert!((between - 0.02).abs() < 1e-12, "half of the way by logarithm: {between}");
        assert_eq!(from(&[(0.01, 95), (0.02, 80), (0.04, 80)]), None, "it does not stay there");
        assert_eq!(from(&[]), None);
    }
}
