//! The NGINX ingress controller (`internal/ingress/metric/collectors/socket.go`).
//!
//! The controller is the caller of every pod: its series go on when pods come and go. Requests sent to the canary keep
//! the names of the main ingress and service and carry the alternative upstream in `canary`; on all others the label
//! is empty. Flagger's own queries ask for `canary!=""`.

use super::{Buckets, Family, Labels, Part, Signal, Text, join, part};

/// The old summary of upstream latencies has neither status nor path.
const UPSTREAM: Labels = &[
    ("namespace", Text::Namespace),
    ("exported_namespace", Text::Namespace),
    ("ingress", Text::Ingress),
    ("service", Text::Apex),
    ("exported_service", Text::Apex),
    ("canary", Text::CanaryUpstream),
    ("controller_class", Text::Word("k8s.io/ingress-nginx")),
    ("controller_namespace", Text::Word("ingress-nginx")),
    ("controller_pod", Text::Word("ingress-nginx-controller")),
    ("job", Text::Word("ingress-nginx-controller-metrics")),
    ("role", Text::RoleWord),
];
const PER_REQUEST: Labels = &[
    ("status", Text::Status),
    ("method", Text::Word("GET")),
    ("path", Text::Word("/")),
    ("host", Text::Apex),
];
const REQUEST: Labels = &join::<15>(UPSTREAM, PER_REQUEST);
const BUCKET: Labels = &join::<16>(REQUEST, &[("le", Text::BoundSeconds(Buckets::ClientDefault))]);

const COUNTS: &[Part] = &[part(Signal::ClientRequests, REQUEST), part(Signal::NoPod, REQUEST)];
const BUCKETS: &[Part] = &[part(Signal::ClientLatencyBuckets, BUCKET)];
const SUM: &[Part] = &[part(Signal::ClientLatencySum, REQUEST)];

/// The metrics.
pub const FAMILIES: &[Family] = &[
    Family { name: "nginx_ingress_controller_requests", parts: COUNTS },
    Family { name: "nginx_ingress_controller_request_duration_seconds_bucket", parts: BUCKETS },
    Family { name: "nginx_ingress_controller_request_duration_seconds_sum", parts: SUM },
    Family { name: "nginx_ingress_controller_request_duration_seconds_count", parts: COUNTS },
    Family { name: "nginx_ingress_controller_response_duration_seconds_bucket", parts: BUCKETS },
    Family { name: "nginx_ingress_controller_response_duration_seconds_sum", parts: SUM },
    Family { name: "nginx_ingress_controller_response_duration_seconds_count", parts: COUNTS },
    Family {
        name: "nginx_ingress_controller_ingress_upstream_latency_seconds_sum",
        parts: &[part(Signal::ClientLatencySum, UPSTREAM)],
    },
    Family {
        name: "nginx_ingress_controller_ingress_upstream_latency_seconds_count",
        parts: &[part(Signal::ClientRequests, UPSTREAM)],
    },
];
