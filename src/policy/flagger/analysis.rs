//! What an analysis is made of: the file's settings with Flagger's defaults filled in.

use super::alert::Alert;
use super::webhook::Webhook;
use crate::quantity::Weight;
use crate::time::SimDuration;

/// A canary's analysis as its file has it, with Flagger's defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// Name of the Canary.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The workload it targets.
    pub target: String,
    /// The provider its built-in metrics ask.
    pub provider: String,
    /// Time between ticks.
    pub interval: SimDuration,
    /// Failed checks that lead to the rollback.
    pub threshold: u32,
    /// Time without progress after which a canary that is not ready is rolled back.
    pub progress_deadline: SimDuration,
    /// Whether there is no analysis at all.
    pub skip_analysis: bool,
    /// Whether the controller leaves the canary alone.
    pub suspend: bool,
    /// Share of the primary's pods that must be ready.
    pub primary_ready: Weight,
    /// Share of the canary's pods that must be ready.
    pub canary_ready: Weight,
    /// The webhooks in the order of the file.
    pub webhooks: Vec<Webhook>,
    /// Who is told of what.
    pub alerts: Vec<Alert>,
    /// Whether each step of the rollout gives the canary more weight, so that somebody may be asked before.
    pub increases: bool,
    /// Steps after which the promotion has to be confirmed, if anybody is asked.
    pub confirmed_from: usize,
    /// The metrics in the order of the file; their indices are those of the checks.
    pub metrics: Vec<Metric>,
    /// What the controller says when it takes its successive steps, without the leading "Advance name.namespace".
    pub steps: Vec<String>,
}

/// One metric of an analysis.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// What kind of metric it is.
    pub kind: MetricKind,
    /// Index of its query; `None` makes every check fail.
    pub query: Option<usize>,
    /// Which values pass.
    pub band: Band,
}

/// The kinds of metrics, which differ in order and in their sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// `request-success-rate`, in per cent.
    SuccessRate,
    /// `request-duration`, cut to whole milliseconds.
    Duration,
    /// A query in the Canary itself.
    Inline,
    /// A MetricTemplate; checked after all the others.
    Template,
    /// Neither a built-in name nor a query nor a template.
    Undefined,
}

/// Which values pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Band {
    /// `thresholdRange`: both ends pass.
    Range {
        /// Below it fails.
        min: Option<f64>,
        /// Above it fails.
        max: Option<f64>,
    },
    /// The old `threshold`: a lower bound for the success rate, an upper bound for everything else.
    Threshold(f64),
}

/// Which end of the band a value is beyond.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Beyond {
    Below(f64),
    Above(f64),
}

impl Metric {
    /// The bounds in force, (lower, upper).
    pub fn bounds(&self) -> (Option<f64>, Option<f64>) {
        match (self.band, self.kind) {
            (Band::Range { min, max }, _) => (min, max),
            (Band::Threshold(min), MetricKind::SuccessRate) => (Some(min), None),
            (Band::Threshold(max), _) => (None, Some(max)),
        }
    }

    /// The value that is compared: durations lose their fraction of a millisecond, as do their bounds.
    pub(super) fn compared(&self, value: f64) -> f64 {
        if self.kind == MetricKind::Duration { value.trunc() } else { value }
    }

    pub(super) fn judge(&self, value: f64) -> Option<Beyond> {
        let (min, max) = self.bounds();
        let value = self.compared(value);
        let below = min.map(|min| self.compared(min)).filter(|min| value < *min);
        let above = max.map(|max| self.compared(max)).filter(|max| value > *max);
        below.map(Beyond::Below).or(above.map(Beyond::Above))
    }

    pub(super) fn is_template(&self) -> bool {
        matches!(self.kind, MetricKind::Template | MetricKind::Undefined)
    }
}

impl Analysis {
    pub(super) fn id(&self) -> String {
        format!("{}.{}", self.name, self.namespace)
    }

    pub(super) fn target_id(&self) -> String {
        format!("{}.{}", self.target, self.namespace)
    }
}
