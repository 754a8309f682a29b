//! A metric of an analysis template: what is written, what is valid, what is in force (argo-rollouts
//! `utils/analysis/factory.go`, `pkg/apis/rollouts/v1alpha1`).
//!
//! Traps: limits are "more than", so `failureLimit: 3` fails on the fourth failure; `count` 0 is no count; a
//! metric without count and interval is measured once, with an interval for ever.

use crate::expr::{Condition, go_duration};
use crate::time::SimDuration;

/// `consecutiveErrorLimit` where none is given.
pub const DEFAULT_CONSECUTIVE_ERROR_LIMIT: i64 = 4;

/// A metric as a file has it, after arguments are filled in and numbers in strings are read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricFields {
    /// `name`.
    pub name: String,
    /// `interval`, a Go duration.
    pub interval: Option<String>,
    /// `initialDelay`, a Go duration.
    pub initial_delay: Option<String>,
    /// `count`.
    pub count: Option<i64>,
    /// `failureLimit`.
    pub failure_limit: Option<i64>,
    /// `inconclusiveLimit`.
    pub inconclusive_limit: Option<i64>,
    /// `consecutiveErrorLimit`.
    pub consecutive_error_limit: Option<i64>,
    /// `consecutiveSuccessLimit`.
    pub consecutive_success_limit: Option<i64>,
    /// `successCondition`; an empty one is not set.
    pub success_condition: Option<String>,
    /// `failureCondition`; an empty one is not set.
    pub failure_condition: Option<String>,
    /// The keys below `provider`.
    pub providers: Vec<String>,
    /// Whether `dryRun` names this metric.
    pub dry_run: bool,
}

/// The field of a metric that makes it invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The list of metrics itself.
    Metrics,
    /// `name`.
    Name,
    /// `count`.
    Count,
    /// `interval`.
    Interval,
    /// `initialDelay`.
    InitialDelay,
    /// `failureLimit`.
    FailureLimit,
    /// `inconclusiveLimit`.
    InconclusiveLimit,
    /// `consecutiveErrorLimit`.
    ConsecutiveErrorLimit,
    /// `consecutiveSuccessLimit`.
    ConsecutiveSuccessLimit,
    /// `provider`.
    Provider,
}

/// Why Argo refuses a list of metrics. A run with such a list ends in phase `Error` at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", .index.map(|i| format!("metrics[{i}]: ")).unwrap_or_default())]
pub struct InvalidMetric {
    /// Which metric, counted from 0; `None` for the list itself.
    pub index: Option<usize>,
    /// Which of its fields.
    pub field: Field,
    /// Argo's words.
    pub message: String,
}

/// Argo's validation of the metrics of a run, in Argo's order; the first fault is returned.
///
/// # Errors
/// The first fault.
pub fn validate(metrics: &[MetricFields]) -> Result<(), InvalidMetric> {
    let fault = |index, field, message| Err(InvalidMetric { index, field, message });
    if metrics.is_empty() {
        return fault(None, Field::Metrics, "no metrics specified".to_owned());
    }
    for (i, metric) in metrics.iter().enumerate() {
        if metrics.iter().take(i).any(|earlier| earlier.name == metric.name) {
            return fault(Some(i), Field::Name, format!("duplicate name '{}'", metric.name));
        }
        if let Err((field, message)) = validate_one(metric) {
            return fault(Some(i), field, message);
        }
    }
    Ok(())
}

type Fault = Result<(), (Field, String)>;

fn validate_one(metric: &MetricFields) -> Fault {
    validate_count(metric)?;
    validate_durations(metric)?;
    validate_limits(metric)?;
    match metric.providers.len() {
        0 => Err((Field::Provider, "no provider specified".to_owned())),
        1 => Ok(()),
        _ => Err((Field::Provider, "multiple providers specified".to_owned())),
    }
}

fn validate_count(metric: &MetricFields) -> Fault {
    let count = metric.count.unwrap_or(0);
    let failure = metric.failure_limit.unwrap_or(0);
    let success = metric.consecutive_success_limit.unwrap_or(0);
    if count > 0 {
        if failure >= 0 && success >= 0 && count < failure.saturating_add(success) {
            let message = format!(
                "count ({count}) must be >= failureLimit + consecutiveSuccessLimit ({failure} + {success}) if both >= 0"
            );
            return Err((Field::Count, message));
        }
        if count < metric.inconclusive_limit.unwrap_or(0) {
            return Err((Field::Count, "count must be >= inconclusiveLimit".to_owned()));
        }
    }
    if count > 1 && text(&metric.interval).is_none() {
        return Err((Field::Interval, "interval must be specified when count > 1".to_owned()));
    }
    Ok(())
}

fn validate_durations(metric: &MetricFields) -> Fault {
    duration(&metric.interval).map_err(|e| (Field::Interval, format!("invalid interval string: {e}")))?;
    duration(&metric.initial_delay)
        .map_err(|e| (Field::InitialDelay, format!("invalid startDelay string: {e}")))?;
    Ok(())
}

fn validate_limits(metric: &MetricFields) -> Fault {
    let failure = metric.failure_limit.unwrap_or(0);
    let success = metric.consecutive_success_limit.unwrap_or(0);
    let refuse = |field, message: &str| Err((field, message.to_owned()));
    if failure < -1 {
        return refuse(Field::FailureLimit, "failureLimit must be >= 0, or -1 to be disabled");
    }
    if success < 0 {
        return refuse(Field::ConsecutiveSuccessLimit, "consecutiveSuccessLimit must be >= 0");
    }
    if failure == -1 && success == 0 {
        let message = "failureLimit and consecutiveSuccessLimit cannot both be disabled";
        return refuse(Field::FailureLimit, message);
    }
    if metric.inconclusive_limit.unwrap_or(0) < 0 {
        return refuse(Field::InconclusiveLimit, "inconclusiveLimit must be >= 0");
    }
    if metric.consecutive_error_limit.unwrap_or(0) < 0 {
        return refuse(Field::ConsecutiveErrorLimit, "consecutiveErrorLimit must be >= 0");
    }
    Ok(())
}

/// A text that is set: Go cannot tell an empty one from a missing one.
fn text(field: &Option<String>) -> Option<&str> {
    field.as_deref().filter(|t| !t.is_empty())
}

fn duration(field: &Option<String>) -> Result<Option<SimDuration>, String> {
    text(field).map(go_duration).transpose()
}

/// A valid metric, ready to run.
#[derive(Clone, Debug)]
pub struct MetricSpec {
    /// The metric's name, unique in its run.
    pub name: String,
    /// Time between measurements; `None` is measured once (and again after an error).
    pub interval: Option<SimDuration>,
    /// Time from the start of the run to the first measurement.
    pub initial_delay: SimDuration,
    /// Measurements wanted; `None` and 0 are no count.
    pub count: Option<u32>,
    /// Failures that are still accepted; -1 accepts any number.
    pub failure_limit: i64,
    /// Inconclusive measurements that are still accepted.
    pub inconclusive_limit: i64,
    /// Errors in a row that are still accepted.
    pub consecutive_error_limit: i64,
    /// Successes in a row that end the metric well; 0 is off.
    pub consecutive_success_limit: i64,
    /// When a measurement is good.
    pub success_condition: Option<Condition>,
    /// When a measurement is bad.
    pub failure_condition: Option<Condition>,
    /// A metric that is measured and never decides.
    pub dry_run: bool,
}

impl Default for MetricSpec {
    fn default() -> Self {
        MetricSpec {
            name: String::new(),
            interval: None,
            initial_delay: SimDuration::ZERO,
            count: None,
            failure_limit: 0,
            inconclusive_limit: 0,
            consecutive_error_limit: DEFAULT_CONSECUTIVE_ERROR_LIMIT,
            consecutive_success_limit: 0,
            success_condition: None,
            failure_condition: None,
            dry_run: false,
        }
    }
}

impl MetricSpec {
    /// The metrics of a run. A condition that is no expression is kept and fails at every measurement.
    ///
    /// # Errors
    /// What [`validate`] finds.
    pub fn from_fields(metrics: &[MetricFields]) -> Result<Vec<MetricSpec>, InvalidMetric> {
        validate(metrics)?;
        Ok(metrics.iter().map(Self::of_valid).collect())
    }

    fn of_valid(fields: &MetricFields) -> MetricSpec {
        let condition = |field| text(field).map(Condition::parse_or_failing);
        MetricSpec {
            name: fields.name.clone(),
            interval: duration(&fields.interval).ok().flatten(),
            initial_delay: duration(&fields.initial_delay).ok().flatten().unwrap_or(SimDuration::ZERO),
            count: fields.count.and_then(|n| u32::try_from(n).ok()),
            failure_limit: fields.failure_limit.unwrap_or(0),
            inconclusive_limit: fields.inconclusive_limit.unwrap_or(0),
            consecutive_error_limit: fields
                .consecutive_error_limit
                .unwrap_or(DEFAULT_CONSECUTIVE_ERROR_LIMIT),
            consecutive_success_limit: fields.consecutive_success_limit.unwrap_or(0),
            success_condition: condition(&fields.success_condition),
            failure_condition: condition(&fields.failure_condition),
            dry_run: fields.dry_run,
        }
    }

    /// How many measurements (errors not counted) complete the metric: `count`, or 1 without an interval, or
    /// never.
    pub fn effective_count(&self) -> Option<u32> {
        match (self.count, self.interval) {
            (None | Some(0), None) => Some(1),
            (None | Some(0), Some(_)) => None,
            (count, _) => count,
        }
    }
}

/// Which of the metrics called `names` the `dryRun` rules select. A rule is a Go regular expression that may match
/// anywhere in a name, so `*` alone is none.
///
/// # Errors
/// A rule that selects nothing, or a metric selected twice: the run ends in phase `Error`.
pub fn dry_run_flags(rules: &[String], names: &[String]) -> Result<Vec<bool>, String> {
    let mut flags = vec![false; names.len()];
    for (i, rule) in rules.iter().enumerate() {
        let mut matched = false;
        // A rule that is no regular expression matches nothing.
        if let Ok(regex) = regex::Regex::new(rule) {
            for (flag, name) in flags.iter_mut().zip(names).filter(|(_, name)| regex.is_match(name)) {
                if std::mem::replace(flag, true) {
                    return Err(format!("dryRun[{i}]: metric '{name}' is selected by more than one rule"));
                }
                matched = true;
            }
        }
        if !matched {
            return Err(format!("dryRun[{i}]: rule '{rule}' matches no metric name"));
        }
    }
    Ok(flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn valid(change: impl Fn(&mut MetricFields)) -> Result<(), Field> {
        let mut metric = MetricFields {
            name: "m".to_owned(),
            providers: vec!["web".to_owned()],
            ..MetricFields::default()
        };
        change(&mut metric);
        validate(&[metric]).map_err(|e| e.field)
    }

    #[test]
    fn numbers_at_the_edge() {
        assert_eq!(valid(|_| ()), Ok(()));
        assert_eq!(valid(|m| m.failure_limit = Some(-1)), Err(Field::FailureLimit));
        assert_eq!(valid(|m| m.count = Some(i64::MAX)), Err(Field::Interval));
        let both =
            |m: &mut MetricFields| (m.failure_limit, m.consecutive_success_limit) = (Some(-1), Some(3));
        assert_eq!(valid(both), Ok(()));
        assert_eq!(valid(|m| m.interval = Some("1d".to_owned())), Err(Field::Interval));
    }

    #[test]
    fn count_zero_is_no_count() {
        let mut spec = MetricSpec { count: Some(0), ..MetricSpec::default() };
        assert_eq!(spec.effective_count(), Some(1));
        spec.interval = Some(SimDuration::from_secs(60));
        assert_eq!(spec.effective_count(), None);
    }

    #[test]
    fn dry_run_rules_must_match_each_metric_once() {
        let names = ["errors".to_owned(), "latency".to_owned()];
        let flags = |rules: &[&str]| {
            dry_run_flags(&rules.iter().map(|r| (*r).to_owned()).collect::<Vec<_>>(), &names)
        };
        assert_eq!(flags(&["lat.*"]), Ok(vec![false, true]));
        assert_eq!(flags(&[".*"]), Ok(vec![true, true]));
        assert!(flags(&["*"]).is_err());
        assert!(flags(&["errors", ".*"]).is_err());
    }
}
