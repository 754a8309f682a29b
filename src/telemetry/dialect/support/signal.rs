//! Signals: families of instruments that one metric name stands for, and how values are changed on the way out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::telemetry::instrument::{BUCKETS, Instrument};
use crate::telemetry::store::{STALE_BITS, is_stale};
use crate::world::instruments::Code;

/// What a metric counts or shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Answers by status, as pods count them.
    Requests,
    /// Answers that were not good, as pods count them.
    Errors,
    /// Cumulative latency buckets, as pods count them.
    LatencyBuckets,
    /// Sum of latencies, as pods count them.
    LatencySum,
    /// Mean latency since the last scrape, as a gauge.
    LatencyMean,
    /// Answers by status, as callers count them.
    ClientRequests,
    /// Answers that were not good, as callers count them.
    ClientErrors,
    /// Cumulative latency buckets, as callers count them.
    ClientLatencyBuckets,
    /// Sum of latencies, as callers count them.
    ClientLatencySum,
    /// Requests that found no pod, as callers count them.
    NoPod,
    /// CPU seconds used.
    Cpu,
    /// CPU limit in cores.
    CpuLimit,
    /// Memory in use, in bytes.
    Memory,
    /// Memory limit, in bytes.
    MemoryLimit,
    /// Container restarts.
    Restarts,
    /// Restarts because of the memory limit.
    OomKills,
    /// Whether the last restart was because of the memory limit.
    LastKilledByMemory,
    /// Whether a pod is ready.
    Ready,
    /// Whether the scrape of a pod succeeded.
    Up,
    /// Requests being served.
    InFlight,
    /// Pods asked for.
    ReplicasDesired,
    /// Pods that exist.
    Replicas,
    /// Pods that are ready.
    ReplicasReady,
    /// Pods that are available.
    ReplicasAvailable,
    /// Pods that are not available.
    ReplicasUnavailable,
    /// Rows that the last comparison of the table with its source found wrong.
    RowMismatches,
    /// Predictions by segment and class.
    Predictions,
    /// Predictions whose label is known, by segment, class and truth.
    LabelledPredictions,
    /// What users said of answers.
    Feedback,
    /// Drift of the inputs of a model.
    InputDrift,
}

impl Signal {
    /// The instruments that feed it.
    pub fn instruments(self) -> Vec<Instrument> {
        let buckets = 0..BUCKETS as u8;
        match self {
            Signal::Requests => Code::ALL.into_iter().map(Instrument::ServerRequests).collect(),
            Signal::ClientRequests => Code::ALL.into_iter().map(Instrument::ClientRequests).collect(),
            Signal::LatencyBuckets => buckets.map(Instrument::ServerBucket).collect(),
            Signal::ClientLatencyBuckets => buckets.map(Instrument::ClientBucket).collect(),
            Signal::Errors => vec![Instrument::ServerErrors],
            Signal::LatencySum => vec![Instrument::ServerSum],
            Signal::LatencyMean => vec![Instrument::ServerMean],
            Signal::ClientErrors => vec![Instrument::ClientErrors],
            Signal::ClientLatencySum => vec![Instrument::ClientSum],
            Signal::NoPod => vec![Instrument::ClientNoPod],
            Signal::Cpu => vec![Instrument::CpuSeconds],
            Signal::CpuLimit => vec![Instrument::CpuLimit],
            Signal::Memory => vec![Instrument::MemoryBytes],
            Signal::MemoryLimit => vec![Instrument::MemoryLimit],
            Signal::Restarts => vec![Instrument::Restarts],
            Signal::OomKills => vec![Instrument::OomKills],
            Signal::LastKilledByMemory => vec![Instrument::LastKilledByMemory],
            Signal::Ready => vec![Instrument::PodReady],
            Signal::Up => vec![Instrument::Up],
            Signal::InFlight => vec![Instrument::InFlight],
            Signal::ReplicasDesired => vec![Instrument::SetDesired],
            Signal::Replicas => vec![Instrument::SetCreated],
            Signal::ReplicasReady => vec![Instrument::SetReady],
            Signal::ReplicasAvailable => vec![Instrument::SetAvailable],
            Signal::ReplicasUnavailable => vec![Instrument::SetUnavailable],
            Signal::RowMismatches => vec![Instrument::RowMismatches],
            Signal::InputDrift => vec![Instrument::InputDrift],
            Signal::Predictions | Signal::LabelledPredictions | Signal::Feedback => {
                let feeds = |instrument: &Instrument| match instrument {
                    Instrument::Predictions { .. } => self == Signal::Predictions,
                    Instrument::Labelled { .. } => self == Signal::LabelledPredictions,
                    Instrument::Feedback { .. } => self == Signal::Feedback,
                    _ => false,
                };
                Instrument::all().filter(feeds).collect()
            }
        }
    }

    /// Whether only a service with a model has it.
    pub const fn needs_model(self) -> bool {
        matches!(
            self,
            Signal::Predictions | Signal::LabelledPredictions | Signal::Feedback | Signal::InputDrift
        )
    }

    /// Whether its series are kept by the callers' side.
    pub const fn is_client_side(self) -> bool {
        matches!(
            self,
            Signal::ClientRequests
                | Signal::ClientErrors
                | Signal::ClientLatencyBuckets
                | Signal::ClientLatencySum
                | Signal::NoPod
        )
    }

    /// What it is in words, for `explain`.
    pub const fn words(self) -> &'static str {
        match self {
            Signal::Requests => "answers by status",
            Signal::Errors => "failed answers",
            Signal::LatencyBuckets => "latency buckets",
            Signal::LatencySum => "sum of latencies",
            Signal::LatencyMean => "mean latency since the last scrape",
            Signal::ClientRequests => "answers by status, seen by callers",
            Signal::ClientErrors => "failed answers, seen by callers",
            Signal::ClientLatencyBuckets => "latency buckets, seen by callers",
            Signal::ClientLatencySum => "sum of latencies, seen by callers",
            Signal::NoPod => "requests that found no pod",
            Signal::Cpu => "CPU seconds",
            Signal::CpuLimit => "CPU limit",
            Signal::Memory => "memory in use",
            Signal::MemoryLimit => "memory limit",
            Signal::Restarts => "container restarts",
            Signal::OomKills => "restarts by the memory limit",
            Signal::LastKilledByMemory => "whether memory ended the container last",
            Signal::Ready => "readiness",
            Signal::Up => "whether the scrape succeeded",
            Signal::InFlight => "requests being served",
            Signal::ReplicasDesired => "pods asked for",
            Signal::Replicas => "pods",
            Signal::ReplicasReady => "ready pods",
            Signal::ReplicasAvailable => "available pods",
            Signal::ReplicasUnavailable => "unavailable pods",
            Signal::RowMismatches => "rows found wrong by a comparison",
            Signal::Predictions => "predictions by segment and class",
            Signal::LabelledPredictions => "labelled predictions by segment, class and truth",
            Signal::Feedback => "what users said of answers",
            Signal::InputDrift => "drift of the model's inputs",
        }
    }
}

/// The unit of a latency metric.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Seconds; also for metrics that are no latencies.
    #[default]
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

impl Unit {
    /// How stored seconds become this unit.
    pub const fn transform(self) -> Transform {
        match self {
            Unit::Seconds => Transform::Same,
            Unit::Milliseconds => Transform::Times(1000.0),
        }
    }

    /// The `le` label in this unit.
    pub const fn bounds(self, buckets: Buckets) -> super::text::Text {
        match self {
            Unit::Seconds => super::text::Text::BoundSeconds(buckets),
            Unit::Milliseconds => super::text::Text::BoundMillis(buckets),
        }
    }
}

/// Which buckets a histogram has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Buckets {
    /// All the simulator keeps: 0.5 ms to 5 min.
    All,
    /// The default of the client libraries: 5 ms to 10 s (`prometheus.DefBuckets`).
    ClientDefault,
}

impl Buckets {
    /// Whether the histogram has the bucket of this index.
    pub const fn has(self, bucket: usize) -> bool {
        match self {
            Buckets::All => true,
            Buckets::ClientDefault => (bucket >= 2 && bucket <= 12) || bucket + 1 == BUCKETS,
        }
    }
}

/// How a stored value becomes the exported one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Transform {
    /// As it is.
    Same,
    /// Times a factor, for units.
    Times(f64),
    /// One less the value, for the other condition of a flag.
    Complement,
    /// 1 while the value is this, no series otherwise.
    OneWhile(f64),
    /// 1 while the value is above zero, else 0.
    Positive,
    /// This value as long as the series exists.
    Always(f64),
}

impl Transform {
    /// The exported value; the stale marker stays what it is.
    #[inline]
    pub fn apply(self, value: f64) -> f64 {
        if is_stale(value) {
            return value;
        }
        match self {
            Transform::Same => value,
            Transform::Times(factor) => value * factor,
            Transform::Complement => 1.0 - value,
            Transform::OneWhile(wanted) if value == wanted => 1.0,
            Transform::OneWhile(_) => f64::from_bits(STALE_BITS),
            Transform::Positive => f64::from(u8::from(value > 0.0)),
            Transform::Always(constant) => constant,
        }
    }

    /// Whether samples stay samples and keep their order, so that a counter is reset where the stored one is.
    pub fn keeps_order(self) -> bool {
        match self {
            Transform::Same => true,
            Transform::Times(factor) => factor > 0.0,
            _ => false,
        }
    }
}
