//! One measurement: from a provider's result to a phase (argo-rollouts `utils/evaluate/evaluate.go`).
//!
//! Traps: a failure condition wins even when the success condition holds too; with only a success condition
//! everything else is a failure, NaN included; with neither, everything is a success; an error in either
//! condition is the phase `Error`, which is counted apart from failures.

use crate::expr::{Condition, ExprError, Value};

/// The phase of a measurement, a metric or a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Not begun.
    Pending,
    /// Begun, without a verdict.
    Running,
    /// The verdict is good.
    Successful,
    /// The verdict is bad: the rollout aborts.
    Failed,
    /// Neither good nor bad: the rollout pauses until a person resumes it.
    Inconclusive,
    /// No verdict could be had: as bad as failed for a rollout, once there are too many in a row.
    Error,
}

impl Phase {
    /// Whether nothing more will happen.
    pub fn is_completed(self) -> bool {
        !matches!(self, Phase::Pending | Phase::Running)
    }

    /// Whether this verdict of one metric ends the run.
    pub fn ends_run(self) -> bool {
        matches!(self, Phase::Failed | Phase::Error | Phase::Inconclusive)
    }

    /// Place in Argo's order from best to worst: successful, running, pending, inconclusive, error, failed.
    pub fn badness(self) -> u8 {
        match self {
            Phase::Successful => 0,
            Phase::Running => 1,
            Phase::Pending => 2,
            Phase::Inconclusive => 3,
            Phase::Error => 4,
            Phase::Failed => 5,
        }
    }

    /// Argo's name.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Pending => "Pending",
            Phase::Running => "Running",
            Phase::Successful => "Successful",
            Phase::Failed => "Failed",
            Phase::Inconclusive => "Inconclusive",
            Phase::Error => "Error",
        }
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Which condition of a metric could not be evaluated, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}could not evaluate {which} '{source_text}': {error}", if *.empty { "metric result is nil or empty, " } else { "" })]
pub struct MeasurementError {
    /// `successCondition` or `failureCondition`.
    pub which: &'static str,
    /// The condition as written.
    pub source_text: String,
    /// Whether the result was nil or an empty list, the usual reason.
    pub empty: bool,
    /// What went wrong.
    pub error: ExprError,
}

/// The phase of a measurement whose provider returned `result`; `None` is a condition that is not set.
///
/// # Errors
/// When a condition cannot be evaluated; the phase is then [`Phase::Error`].
pub fn assess(
    result: &Value,
    success: Option<&Condition>,
    failure: Option<&Condition>,
) -> Result<Phase, MeasurementError> {
    let evaluate = |condition: Option<&Condition>, which| match condition {
        None => Ok(None),
        Some(c) => c.evaluate(result).map(Some).map_err(|error| MeasurementError {
            which,
            source_text: c.source().to_owned(),
            empty: result.is_nil_or_empty(),
            error,
        }),
    };
    let succeeded = evaluate(success, "successCondition")?;
    let failed = evaluate(failure, "failureCondition")?;
    let (succeeded, failed) = match (succeeded, failed) {
        (None, None) => (true, false),
        (Some(s), None) => (s, !s),
        (None, Some(f)) => (!f, f),
        (Some(s), Some(f)) => (s, f),
    };
    Ok(match (failed, succeeded) {
        (true, _) => Phase::Failed,
        (false, true) => Phase::Successful,
        (false, false) => Phase::Inconclusive,
    })
}

/// [`assess`] with its error as the phase it stands for.
pub fn phase(result: &Value, success: Option<&Condition>, failure: Option<&Condition>) -> Phase {
    assess(result, success, failure).unwrap_or(Phase::Error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(success: &str, failure: &str, result: &Value) -> Phase {
        let condition = |text: &str| (!text.is_empty()).then(|| Condition::parse(text).unwrap());
        phase(result, condition(success).as_ref(), condition(failure).as_ref())
    }

    #[test]
    fn failure_wins_and_the_gap_between_is_inconclusive() {
        let (success, failure) = ("result[0] >= 0.95", "result[0] < 0.9");
        let phase = |x: f64| of(success, failure, &Value::Floats(vec![x]));
        assert_eq!(phase(0.99), Phase::Successful);
        assert_eq!(phase(0.92), Phase::Inconclusive);
        assert_eq!(phase(0.5), Phase::Failed);
        assert_eq!(phase(f64::NAN), Phase::Inconclusive);
        assert_eq!(of("true", "true", &Value::Nil), Phase::Failed);
    }

    #[test]
    fn an_empty_result_is_named_in_the_message() {
        let condition = Condition::parse("result[0] >= 0.95").unwrap();
        let error = assess(&Value::Floats(vec![]), Some(&condition), None).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("metric result is nil or empty, could not evaluate successCondition")
        );
    }
}
