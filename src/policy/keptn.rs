//! Keptn's analysis: objectives scored once, over a time frame (metrics-operator, `controllers/common/analysis`).
//!
//! Each objective has a value. If its failure criterion holds it scores nothing, if its warning criterion holds half of
//! its weight, else all of it. The sum against the sum of weights is the score in percent; a key objective that fails
//! fails the analysis whatever the score is.
//!
//! Traps: there is one look, at the end of the time frame, and what begins later is never seen; a missing value scores
//! nothing but does not count as a failed key objective, so an analysis without any data fails by its score only. Keptn
//! says pass or fail and rolls nothing back: here a failed analysis rolls back, as the pipelines around it do.

use std::sync::Arc;

use super::{CheckOutcome, Observation, Policy, QueryError, Start, Verdict};
use crate::promql::Value;
use crate::time::{SimDuration, SimTime};

/// A criterion of a target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Criterion {
    /// `lessThan`.
    Below(f64),
    /// `lessThanOrEqual`.
    AtMost(f64),
    /// `greaterThan`.
    Above(f64),
    /// `greaterThanOrEqual`.
    AtLeast(f64),
    /// `equalTo`.
    Equal(f64),
    /// `inRange`, both ends included.
    Within(f64, f64),
    /// `notInRange`.
    Outside(f64, f64),
}

impl Criterion {
    /// Whether a value meets it; NaN meets none.
    pub fn holds(self, value: f64) -> bool {
        match self {
            Criterion::Below(bound) => value < bound,
            Criterion::AtMost(bound) => value <= bound,
            Criterion::Above(bound) => value > bound,
            Criterion::AtLeast(bound) => value >= bound,
            Criterion::Equal(bound) => value == bound,
            Criterion::Within(low, high) => (low..=high).contains(&value),
            Criterion::Outside(low, high) => value < low || value > high,
        }
    }

    /// In words: `> 0.5`.
    pub fn words(self) -> String {
        match self {
            Criterion::Below(bound) => format!("< {bound}"),
            Criterion::AtMost(bound) => format!("<= {bound}"),
            Criterion::Above(bound) => format!("> {bound}"),
            Criterion::AtLeast(bound) => format!(">= {bound}"),
            Criterion::Equal(bound) => format!("= {bound}"),
            Criterion::Within(low, high) => format!("from {low} to {high}"),
            Criterion::Outside(low, high) => format!("below {low} or above {high}"),
        }
    }
}

/// An objective.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// The name of its value template.
    pub name: String,
    /// Its query; `None` if it has no value.
    pub query: Option<usize>,
    /// When it fails.
    pub failure: Option<Criterion>,
    /// When it is warned of.
    pub warning: Option<Criterion>,
    /// Its weight.
    pub weight: f64,
    /// Whether its failure fails the analysis.
    pub key: bool,
    /// The number of its check.
    pub check: usize,
}

/// An analysis as it was loaded.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// Its objectives.
    pub objectives: Vec<Objective>,
    /// The least score that passes, in percent.
    pub pass: f64,
    /// The least score that is only warned of, in percent.
    pub warning: f64,
    /// From the deploy to the evaluation.
    pub timeframe: SimDuration,
}

/// What an objective came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Graded {
    Pass,
    Warning,
    Fail,
    NoValue,
}

fn grade(objective: &Objective, value: Option<f64>) -> Graded {
    let Some(value) = value else { return Graded::NoValue };
    let holds = |criterion: Option<Criterion>| criterion.is_some_and(|criterion| criterion.holds(value));
    match (holds(objective.failure), holds(objective.warning)) {
        (true, _) => Graded::Fail,
        (false, true) => Graded::Warning,
        (false, false) => Graded::Pass,
    }
}

/// The score in percent of graded objectives; 0 where no weight is given.
fn score(graded: &[(f64, Graded)]) -> f64 {
    let of = |(weight, graded): &(f64, Graded)| match graded {
        Graded::Pass => *weight,
        Graded::Warning => 0.5 * weight,
        Graded::Fail | Graded::NoValue => 0.0,
    };
    let (achieved, most): (f64, f64) =
        (graded.iter().map(of).sum(), graded.iter().map(|(weight, _)| weight).sum());
    if most > 0.0 { 100.0 * achieved / most } else { 0.0 }
}

/// An analysis at work.
#[derive(Clone, Debug)]
pub struct Keptn {
    analysis: Arc<Analysis>,
    next: SimTime,
}

impl Keptn {
    /// An analysis before its start.
    pub fn new(analysis: Analysis) -> Self {
        Keptn { analysis: Arc::new(analysis), next: SimTime::NEVER }
    }
}

/// The value of an objective: the first of the answer; NaN is none.
fn value_of(answer: Result<&Value, QueryError>) -> Option<f64> {
    let value = match answer {
        Ok(Value::Scalar(value)) => Some(*value),
        Ok(Value::Vector(samples)) => samples.first().map(|sample| sample.value),
        _ => None,
    };
    value.filter(|value| !value.is_nan())
}

impl Policy for Keptn {
    fn start(&mut self, start: &Start) {
        self.next = start.deploy_at + self.analysis.timeframe;
    }

    fn next_tick(&self) -> SimTime {
        self.next
    }

    fn observe(&mut self, o: &mut Observation<'_>) -> Verdict {
        self.next = SimTime::NEVER;
        let analysis = Arc::clone(&self.analysis);
        let (mut graded, mut key_failed) = (Vec::new(), None);
        for objective in &analysis.objectives {
            let value = objective.query.and_then(|query| value_of(o.queries.value(query)));
            let grade = grade(objective, value);
            o.found(
                objective.check,
                match (grade, value) {
                    (Graded::Fail, Some(value)) => CheckOutcome::Bad(value),
                    (_, Some(value)) => CheckOutcome::Good(value),
                    (_, None) => CheckOutcome::NoData,
                },
            );
            let shown = value.map_or_else(|| "no value".to_owned(), |value| value.to_string());
            o.say(|| format!("objective {}: {shown}: {grade:?}", objective.name));
            if grade == Graded::Fail && objective.key && key_failed.is_none() {
                key_failed = Some(objective.name.as_str());
            }
            graded.push((objective.weight, grade));
        }
        let score = score(&graded);
        let (word, why) = match key_failed {
            Some(name) => ("fail", format!(", the key objective {name} failed")),
            None if score >= analysis.pass => ("pass", String::new()),
            None if score >= analysis.warning => ("warning", String::new()),
            None => ("fail", String::new()),
        };
        let sentence = format!(
            "analysis: {word}, score {score} % (pass {} %, warning {} %){why}",
            analysis.pass, analysis.warning
        );
        o.say(|| sentence.clone());
        if word == "fail" { Verdict::RollBack { reasons: vec![sentence] } } else { Verdict::Continue }
    }

    fn may_resume(&self) -> bool {
        false
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::bench::{Bench, at, vector};

    fn objective(query: usize, key: bool) -> Objective {
        Objective {
            name: format!("o{query}"),
            query: Some(query),
            failure: Some(Criterion::Above(0.5)),
            warning: Some(Criterion::Above(0.3)),
            weight: 1.0,
            key,
            check: query,
        }
    }

    /// Whether the analysis of two objectives rolls back, the second being a key objective.
    fn fails(values: [&[f64]; 2], pass: f64, warning: f64) -> bool {
        let analysis = Analysis {
            objectives: vec![objective(0, false), objective(1, true)],
            pass,
            warning,
            timeframe: SimDuration::from_mins(10),
        };
        let mut bench = Bench::new(Box::new(Keptn::new(analysis)), false);
        let (when, verdict) = bench.tick(values.iter().map(|values| vector(values)).collect());
        assert_eq!(when, at(600));
        assert_eq!(bench.policy.next_tick(), SimTime::NEVER);
        verdict.is_decision()
    }

    #[test]
    fn scores_are_sums_of_weights_and_warnings_count_half() {
        assert!(!fails([&[0.1], &[0.1]], 100.0, 100.0));
        // 75 %.
        assert!(!fails([&[0.4], &[0.1]], 75.0, 75.0));
        assert!(fails([&[0.4], &[0.1]], 75.1, 75.1));
        // 50 % is warned of and not rolled back.
        assert!(!fails([&[0.9], &[0.1]], 60.0, 50.0));
        assert!(fails([&[0.9], &[0.1]], 60.0, 51.0));
        // The criterion itself is not met at its bound.
        assert!(!fails([&[0.3], &[0.3]], 100.0, 100.0));
    }

    #[test]
    fn a_key_objective_fails_all_but_not_for_want_of_a_value() {
        assert!(fails([&[0.1], &[0.9]], 0.0, 0.0));
        assert!(!fails([&[0.1], &[]], 50.0, 50.0));
        assert!(!fails([&[0.1], &[f64::NAN]], 50.0, 50.0));
        assert!(fails([&[], &[]], 50.0, 50.0));
    }
}
