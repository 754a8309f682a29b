//! What applications say of themselves with the common client libraries, and what the scraper adds.
//!
//! Names and labels differ from house to house. The base here is the Go client's (`code`) with the labels a pod scrape
//! attaches; when a query of the same file asks for a label under another well-known name (`status`, `app`,
//! `kubernetes_pod_name` ...), binding adds it and says so. Buckets are the client libraries' default, 5 ms to 10 s.

use super::{Buckets, Family, Labels, Part, Signal, Text, Transform, changed, join, part};

/// What service discovery writes on every series of a pod.
pub(crate) const SCRAPED: Labels = &[
    ("namespace", Text::Namespace),
    ("service", Text::Service),
    ("job", Text::Service),
    ("instance", Text::Instance(8080)),
    ("pod", Text::Pod),
    ("deployment", Text::Workload),
    ("version", Text::Version),
    ("app", Text::Apex),
    ("role", Text::RoleWord),
];
const CODE: Labels = &[("code", Text::Status)];
pub(crate) const WITH_CODE: Labels = &join::<10>(SCRAPED, CODE);
const SECONDS_LE: Labels = &join::<11>(WITH_CODE, &[("le", Text::BoundSeconds(Buckets::ClientDefault))]);
const SPRING: Labels = &join::<11>(SCRAPED, &[("status", Text::Status), ("outcome", Text::Outcome)]);
const SPRING_LE: Labels = &join::<12>(SPRING, &[("le", Text::BoundSeconds(Buckets::ClientDefault))]);
const GRPC: Labels = &join::<12>(
    SCRAPED,
    &[
        ("grpc_code", Text::GrpcCode),
        ("kubernetes_namespace", Text::Namespace),
        ("kubernetes_pod_name", Text::Pod),
    ],
);
const GRPC_STARTED: Labels =
    &join::<11>(SCRAPED, &[("kubernetes_namespace", Text::Namespace), ("kubernetes_pod_name", Text::Pod)]);
/// The black-box exporter asks the service, not a pod.
const PROBED: Labels = &[
    ("instance", Text::ServiceUrl),
    ("job", Text::Word("blackbox")),
    ("namespace", Text::Namespace),
    ("service", Text::Service),
    ("role", Text::RoleWord),
];

/// A job of its own compares the table with its source; it knows the service, no pod and no revision.
const COMPARED: Labels =
    &[("namespace", Text::Namespace), ("job", Text::Word("reconciliation")), ("app", Text::Apex)];

/// A job of its own reads the log of predictions; it knows the version that answered, and no pod.
const MODEL: Labels = &[
    ("namespace", Text::Namespace),
    ("job", Text::Word("model-monitoring")),
    ("model", Text::Apex),
    ("service", Text::Service),
    ("deployment", Text::Workload),
    ("version", Text::Version),
    ("role", Text::RoleWord),
];
const PREDICTIONS: Labels = &join::<9>(MODEL, &[("segment", Text::Segment), ("prediction", Text::Predicted)]);
const LABELLED: Labels = &join::<11>(PREDICTIONS, &[("label", Text::Actual), ("correct", Text::Correct)]);
const HEARD: Labels = &join::<8>(MODEL, &[("verdict", Text::Liking)]);
/// Inputs are the same whoever answers.
const INPUTS: Labels =
    &[("namespace", Text::Namespace), ("job", Text::Word("model-monitoring")), ("model", Text::Apex)];

const COUNTS: &[Part] = &[part(Signal::Requests, WITH_CODE)];

/// The metrics.
pub const FAMILIES: &[Family] = &[
    Family { name: "http_requests_total", parts: COUNTS },
    Family {
        name: "http_request_duration_seconds_bucket",
        parts: &[part(Signal::LatencyBuckets, SECONDS_LE)],
    },
    Family { name: "http_request_duration_seconds_sum", parts: &[part(Signal::LatencySum, WITH_CODE)] },
    Family { name: "http_request_duration_seconds_count", parts: COUNTS },
    Family { name: "http_server_requests_seconds_bucket", parts: &[part(Signal::LatencyBuckets, SPRING_LE)] },
    Family { name: "http_server_requests_seconds_sum", parts: &[part(Signal::LatencySum, SPRING)] },
    Family { name: "http_server_requests_seconds_count", parts: &[part(Signal::Requests, SPRING)] },
    Family { name: "http_requests_in_flight", parts: &[part(Signal::InFlight, SCRAPED)] },
    Family { name: "grpc_server_handled_total", parts: &[part(Signal::Requests, GRPC)] },
    Family { name: "grpc_server_started_total", parts: &[part(Signal::Requests, GRPC_STARTED)] },
    Family { name: "process_cpu_seconds_total", parts: &[part(Signal::Cpu, SCRAPED)] },
    Family { name: "process_resident_memory_bytes", parts: &[part(Signal::Memory, SCRAPED)] },
    Family { name: "up", parts: &[part(Signal::Up, SCRAPED)] },
    Family { name: "backout_reconciliation_mismatches", parts: &[part(Signal::RowMismatches, COMPARED)] },
    Family { name: "model_predictions_total", parts: &[part(Signal::Predictions, PREDICTIONS)] },
    Family {
        name: "model_labelled_predictions_total",
        parts: &[part(Signal::LabelledPredictions, LABELLED)],
    },
    Family { name: "model_feedback_total", parts: &[part(Signal::Feedback, HEARD)] },
    Family { name: "model_input_drift", parts: &[part(Signal::InputDrift, INPUTS)] },
    Family { name: "probe_success", parts: &[changed(Signal::ReplicasReady, Transform::Positive, PROBED)] },
];
