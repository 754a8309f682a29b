//! Why a selector cannot be bound, and what to do about it.

use crate::telemetry::dialect::Dialect;

/// Why nothing can ever match a selector, or why its meaning is not clear.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// No exporter has the metric and its name says nothing.
    #[error("no simulated metric is called `{metric}`")]
    UnknownMetric {
        /// The name, or the whole selector if it has none.
        metric: String,
        /// A metric with a similar name.
        suggestion: Option<String>,
    },
    /// The metric belongs to an exporter the scenario does not have.
    #[error("`{metric}` is a metric of `{}`, which the scenario's `telemetry: dialects:` does not list", dialect.name())]
    OtherDialect {
        /// The metric.
        metric: String,
        /// Whose it is.
        dialect: Dialect,
    },
    /// The metric has no such label.
    #[error("`{metric}` has no label `{label}`")]
    UnknownLabel {
        /// The metric.
        metric: String,
        /// The label.
        label: String,
        /// A label with a similar name.
        suggestion: Option<String>,
        /// The labels it has.
        labels: Vec<String>,
    },
    /// No series of the metric has such a value.
    #[error("no series of `{metric}` passes `{matcher}`")]
    NoValue {
        /// The metric.
        metric: String,
        /// The matcher as written.
        matcher: String,
        /// A value like the one asked for.
        suggestion: Option<String>,
        /// Values the label has, at most twelve.
        values: Vec<String>,
    },
    /// The metric is about predictions, and nothing predicts; or about feedback, and nobody asks for any.
    #[error(
        "`{metric}` is a metric of a model, and the scenario has no {}",
        if *feedback { "`feedback:` in its `model:`" } else { "`model:`" }
    )]
    NoModel {
        /// The metric.
        metric: String,
        /// Whether there is a model and only its feedback is missing.
        feedback: bool,
    },
    /// Each matcher passes somewhere, but nothing passes all of them.
    #[error("no series passes all matchers of `{selector}` together")]
    NoCombination {
        /// The selector.
        selector: String,
    },
    /// A label could mean several things.
    #[error("`{matcher}` of `{metric}` could mean {}", readings.join(" or "))]
    Ambiguous {
        /// The metric.
        metric: String,
        /// The matcher as written.
        matcher: String,
        /// The meanings.
        readings: Vec<String>,
    },
    /// Two selectors of one file need a label to mean different things.
    #[error("label `{label}` of `{metric}` would have to be both {} and {}", readings[0], readings[1])]
    Conflict {
        /// The metric.
        metric: String,
        /// The label.
        label: String,
        /// The meanings.
        readings: [String; 2],
    },
}

impl BindError {
    /// What to do about it, in one sentence or two.
    pub fn help(&self) -> String {
        let meant = |suggestion: &Option<String>| {
            suggestion.as_ref().map(|name| format!("did you mean `{name}`? ")).unwrap_or_default()
        };
        match self {
            BindError::UnknownMetric { suggestion, .. } => {
                format!("{}Say what it counts under `bind: metrics:`.", meant(suggestion))
            }
            BindError::OtherDialect { dialect, .. } => {
                format!("add `{}` to the scenario's dialects, or bind the metric by hand", dialect.name())
            }
            BindError::UnknownLabel { suggestion, labels, .. } => {
                format!("{}its labels are {}", meant(suggestion), labels.join(", "))
            }
            BindError::NoValue { suggestion, values, .. } => {
                format!("{}it has {}", meant(suggestion), values.join(", "))
            }
            BindError::NoModel { feedback: true, .. } => {
                "add what users say to the model, like `feedback: {share: 5%, good: 70%}`".to_owned()
            }
            BindError::NoModel { .. } => {
                "add a block like `model: {accuracy: 95%, labels: {delay: 5m}}` to the scenario".to_owned()
            }
            BindError::NoCombination { .. } => {
                "check which side of the rollout each matcher names".to_owned()
            }
            BindError::Ambiguous { .. } | BindError::Conflict { .. } => {
                "say what the label means under `bind: labels:`".to_owned()
            }
        }
    }
}
