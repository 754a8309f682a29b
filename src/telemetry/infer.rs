//! What a metric or label nobody declared most likely means.
//!
//! Only names whose meaning is a convention of the field are read, and every reading is reported so that `explain` can
//! print it. A name that could mean two things is not read at all: the user binds it by hand.

use crate::telemetry::dialect::{Buckets, Signal, Text, Unit};

/// What a metric name says by convention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) signal: Signal,
    pub(crate) unit: Unit,
}

/// The reading of a metric name, if its parts say what it is.
pub(crate) fn metric(name: &str) -> Option<Reading> {
    let name = name.to_ascii_lowercase();
    // A colon is a recording rule's name; sizes and microseconds have no counterpart here.
    if name.contains(':') || has(&name, &["size", "microseconds", "_us_", "nanoseconds", "_ns_"]) {
        return None;
    }
    let millis = has(&name, &["milliseconds", "_ms_", "millis"]) || name.ends_with("_ms");
    let unit = if millis { Unit::Milliseconds } else { Unit::Seconds };
    let client = has(&name, &["upstream", "ingress", "gateway", "traefik", "haproxy"]);
    let signal = latency(&name, client)
        .or_else(|| count(&name, client))
        .or_else(|| of_model(&name))
        .or_else(|| resource(&name))?;
    Some(Reading { signal, unit })
}

fn latency(name: &str, client: bool) -> Option<Signal> {
    let named = has(name, &["duration", "latency", "response_time", "request_time", "rq_time", "elapsed"])
        || (has(name, &["request", "http"]) && has(name, &["_seconds_", "milliseconds_", "_ms_"]));
    if !named {
        return None;
    }
    let either = |server, client_side| Some(if client { client_side } else { server });
    if name.ends_with("_bucket") {
        either(Signal::LatencyBuckets, Signal::ClientLatencyBuckets)
    } else if name.ends_with("_sum") {
        either(Signal::LatencySum, Signal::ClientLatencySum)
    } else if name.ends_with("_count") {
        either(Signal::Requests, Signal::ClientRequests)
    } else if name.ends_with("_total") || client {
        None
    } else {
        Some(Signal::LatencyMean)
    }
}

fn count(name: &str, client: bool) -> Option<Signal> {
    let either = |server, client_side| Some(if client { client_side } else { server });
    if has(name, &["in_flight", "inflight", "in_progress", "active_requests", "concurrent_requests"]) {
        return Some(Signal::InFlight);
    }
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    if ends(&[
        "errors_total",
        "_errors",
        "failures_total",
        "_failures",
        "error_count",
        "errors_count",
        "_5xx_total",
    ]) {
        return either(Signal::Errors, Signal::ClientErrors);
    }
    let counter = ends(&["_total", "_count", "requests", "responses", "_rq"]);
    let requests = has(name, &["request", "response", "_rq", "_calls", "handled", "http_hits"]);
    if counter && requests && !has(name, &["bytes", "error", "fail"]) {
        return either(Signal::Requests, Signal::ClientRequests);
    }
    None
}

/// What monitoring says of a model: predictions, those of them whose truth is known, thumbs, drift.
fn of_model(name: &str) -> Option<Signal> {
    let is_counter = name.ends_with("_total") || name.ends_with("_count");
    let known = has(name, &["labelled", "labeled", "ground_truth"]);
    match name {
        _ if is_counter && known => Some(Signal::LabelledPredictions),
        _ if is_counter && name.contains("prediction") => Some(Signal::Predictions),
        _ if is_counter && has(name, &["feedback", "thumbs"]) => Some(Signal::Feedback),
        _ if !is_counter && has(name, &["feature_drift", "input_drift", "data_drift", "_psi"]) => {
            Some(Signal::InputDrift)
        }
        _ => None,
    }
}

fn resource(name: &str) -> Option<Signal> {
    if has(name, &["limit", "quota", "request"]) {
        return None;
    }
    if name.contains("memory") && name.ends_with("_bytes") {
        return Some(Signal::Memory);
    }
    if name.contains("cpu") && name.ends_with("seconds_total") {
        return Some(Signal::Cpu);
    }
    if name.ends_with("restarts_total") {
        return Some(Signal::Restarts);
    }
    (name.contains("oom") && name.ends_with("_total")).then_some(Signal::OomKills)
}

fn has(name: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| name.contains(part))
}

/// What a label of this name holds by convention, on series of this signal.
pub(crate) fn label(name: &str, signal: Signal, unit: Unit) -> Option<Text> {
    let name = name.to_ascii_lowercase();
    let text = match name.as_str() {
        "code"
        | "status"
        | "status_code"
        | "response_code"
        | "http_code"
        | "http_status"
        | "http_status_code"
        | "http_response_status_code"
        | "statuscode"
        | "envoy_response_code" => Text::Status,
        "status_class" | "code_class" | "http_status_class" | "status_code_class" => Text::StatusClass,
        "response_code_class" | "envoy_response_code_class" => Text::StatusDigit,
        "grpc_code" | "grpc_status" => Text::GrpcCode,
        "classification" => Text::Classification,
        "outcome" | "result" => Text::Outcome,
        "le" => unit.bounds(Buckets::ClientDefault),
        "namespace"
        | "kubernetes_namespace"
        | "exported_namespace"
        | "k8s_namespace_name"
        | "kube_namespace"
        | "destination_workload_namespace"
        | "destination_service_namespace"
        | "destination_namespace" => Text::Namespace,
        "pod" | "kubernetes_pod_name" | "pod_name" | "k8s_pod_name" | "kubernetes_pod" | "hostname" => {
            Text::Pod
        }
        "service"
        | "service_name"
        | "job"
        | "svc"
        | "destination_service_name"
        | "kubernetes_service_name"
        | "kubernetes_name"
        | "exported_service"
        | "exported_job"
        | "target" => Text::Service,
        "destination_service" | "host" | "authority" => Text::ServiceHost,
        "deployment"
        | "workload"
        | "destination_workload"
        | "workload_name"
        | "kubernetes_deployment"
        | "k8s_deployment_name"
        | "rollout" => Text::Workload,
        "app"
        | "application"
        | "app_name"
        | "app_kubernetes_io_name"
        | "kubernetes_app"
        | "container"
        | "component"
        | "destination_app" => Text::Apex,
        "rollouts_pod_template_hash" | "pod_template_hash" | "template_hash" => Text::PodHash,
        "version"
        | "app_version"
        | "revision"
        | "destination_version"
        | "release_version"
        | "app_kubernetes_io_version" => Text::Version,
        "replicaset" => Text::ReplicaSet,
        "role" => Text::RoleWord,
        "track" | "variant" | "deployment_type" => Text::TrackWord,
        "node" => Text::Node,
        "segment" | "cohort" | "customer_segment" | "slice" => Text::Segment,
        "prediction" | "predicted" | "predicted_class" | "class" => Text::Predicted,
        "label" | "actual" | "ground_truth" | "true_class" => Text::Actual,
        "correct" | "is_correct" => Text::Correct,
        "verdict" | "thumb" | "rating" | "sentiment" => Text::Liking,
        _ => return None,
    };
    fits(text, signal).then_some(text)
}

/// Other things a label of this kind may hold, tried when no series has the value a query asks for.
pub(crate) fn alternatives(text: Text) -> &'static [Text] {
    match text {
        Text::Status | Text::StatusClass | Text::StatusDigit | Text::Classification | Text::Outcome => &[
            Text::Status,
            Text::StatusClass,
            Text::StatusDigit,
            Text::Classification,
            Text::Outcome,
            Text::GrpcCode,
        ],
        Text::Service
        | Text::Apex
        | Text::Workload
        | Text::ServiceHost
        | Text::Version
        | Text::RoleWord
        | Text::TrackWord => &[
            Text::Service,
            Text::Workload,
            Text::ServiceHost,
            Text::Apex,
            Text::Object,
            Text::PodHash,
            Text::Version,
            Text::TrackWord,
            Text::RoleWord,
        ],
        _ => &[],
    }
}

/// What a text is in words, for `explain`.
pub(crate) fn words(text: Text) -> &'static str {
    match text {
        Text::Status => "the HTTP status",
        Text::StatusClass | Text::StatusDigit => "the class of the HTTP status",
        Text::GrpcCode => "the gRPC code",
        Text::Classification | Text::Outcome => "success or failure",
        Text::BoundSeconds(_) | Text::BoundMillis(_) => "the bucket's bound",
        Text::Namespace => "the namespace",
        Text::Pod => "the pod's name",
        Text::Service => "the service of the role",
        Text::ServiceHost => "the host name of the role's service",
        Text::Workload | Text::Deployment => "the workload of the role",
        Text::Apex => "the service in front of both roles",
        Text::Object => "the rollout's name",
        Text::PodHash => "the hash of the pod template",
        Text::Version => "the version",
        Text::RoleWord => "the role: stable or candidate",
        Text::Segment => "the segment of the requests",
        Text::Predicted => "the predicted class: positive or negative",
        Text::Actual => "the true class: positive or negative",
        Text::Correct => "whether the prediction was right",
        Text::Liking => "what users said: good or bad",
        Text::TrackWord => "the role: stable or canary",
        Text::Bound(_) => "the role, as bound by hand",
        _ => "what the exporter writes there",
    }
}

/// Whether series of this signal can carry the text at all.
fn fits(text: Text, signal: Signal) -> bool {
    let answers = matches!(
        signal,
        Signal::Requests
            | Signal::LatencyBuckets
            | Signal::LatencySum
            | Signal::ClientRequests
            | Signal::ClientLatencyBuckets
            | Signal::ClientLatencySum
            | Signal::NoPod
    );
    match text {
        Text::Status
        | Text::StatusClass
        | Text::StatusDigit
        | Text::GrpcCode
        | Text::Classification
        | Text::Outcome => answers,
        Text::BoundSeconds(_) | Text::BoundMillis(_) => {
            matches!(signal, Signal::LatencyBuckets | Signal::ClientLatencyBuckets)
        }
        Text::Segment | Text::Predicted => {
            matches!(signal, Signal::Predictions | Signal::LabelledPredictions)
        }
        Text::Actual | Text::Correct => signal == Signal::LabelledPredictions,
        Text::Liking => signal == Signal::Feedback,
        Text::Pod | Text::Node => !signal.is_client_side() && !signal.needs_model(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conventional_names_are_read_and_others_are_not() {
        let read = |name| metric(name).map(|reading| (reading.signal, reading.unit));
        let seconds = |signal| Some((signal, Unit::Seconds));
        let millis = |signal| Some((signal, Unit::Milliseconds));
        for (name, expected) in [
            ("demo_http_requests_total", seconds(Signal::Requests)),
            ("shop_requests", seconds(Signal::Requests)),
            ("osm_request_total", seconds(Signal::Requests)),
            ("demo_http_request_duration_seconds_bucket", seconds(Signal::LatencyBuckets)),
            ("osm_request_duration_ms_bucket", millis(Signal::LatencyBuckets)),
            ("shop_latency_milliseconds_sum", millis(Signal::LatencySum)),
            ("http_request_time_seconds_count", seconds(Signal::Requests)),
            ("http_latency_ms", millis(Signal::LatencyMean)),
            ("payment_errors_total", seconds(Signal::Errors)),
            ("traefik_service_request_duration_seconds_bucket", seconds(Signal::ClientLatencyBuckets)),
            ("http_requests_in_progress", seconds(Signal::InFlight)),
            ("jvm_memory_used_bytes", seconds(Signal::Memory)),
            ("node_cpu_seconds_total", seconds(Signal::Cpu)),
            ("queue_depth", None),
            ("job:http_requests:rate1m", None),
            ("http_response_size_bytes_sum", None),
            ("orders_created_total", None),
            ("fraud_predictions_total", seconds(Signal::Predictions)),
            ("fraud_labeled_predictions_total", seconds(Signal::LabelledPredictions)),
            ("assistant_thumbs_total", seconds(Signal::Feedback)),
            ("fraud_feature_drift", seconds(Signal::InputDrift)),
            ("prediction_requests_total", seconds(Signal::Requests)),
            ("prediction_latency_seconds_bucket", seconds(Signal::LatencyBuckets)),
            ("grpc_latency_us_bucket", None),
        ] {
            assert_eq!(read(name), expected, "{name}");
        }
    }

    #[test]
    fn labels_are_read_where_they_make_sense() {
        let read = |name, signal| label(name, signal, Unit::Seconds);
        assert_eq!(read("status_code", Signal::Requests), Some(Text::Status));
        assert_eq!(read("status_code", Signal::Up), None);
        assert_eq!(read("pod", Signal::ClientRequests), None);
        assert_eq!(read("kubernetes_pod_name", Signal::Requests), Some(Text::Pod));
        assert_eq!(read("colour", Signal::Requests), None);
        assert_eq!(read("segment", Signal::Predictions), Some(Text::Segment));
        assert_eq!(read("segment", Signal::Requests), None);
        assert_eq!(read("ground_truth", Signal::Predictions), None);
        assert_eq!(read("pod", Signal::Predictions), None);
    }
}
