//! Envoy's cluster statistics, as Contour, Gloo and App Mesh let Prometheus scrape them.
//!
//! An ingress's Envoy is the caller: it names the upstream cluster (`namespace_service_port`). An App Mesh sidecar is
//! scraped with the labels of the pod it belongs to (`kubernetes_namespace`, `kubernetes_pod_name`) and reports what
//! reaches that pod. Latencies are in milliseconds.

use super::{Buckets, Family, Labels, Signal, Text, Transform, changed, join, part};

const LE: Labels = &[("le", Text::BoundMillis(Buckets::All))];
const CODE: Labels =
    &[("envoy_response_code", Text::Status), ("envoy_response_code_class", Text::StatusDigit)];
const UPSTREAM: Labels =
    &[("envoy_cluster_name", Text::EnvoyCluster), ("job", Text::Word("envoy")), ("role", Text::RoleWord)];
const SIDECAR: Labels = &[
    ("kubernetes_namespace", Text::Namespace),
    ("kubernetes_pod_name", Text::Pod),
    ("app", Text::Apex),
    ("version", Text::Version),
    ("pod_template_hash", Text::PodHash),
    ("instance", Text::Instance(9901)),
    ("job", Text::Word("appmesh-envoy")),
    ("role", Text::RoleWord),
];
const UPSTREAM_CODE: Labels = &join::<5>(UPSTREAM, CODE);
const SIDECAR_CODE: Labels = &join::<10>(SIDECAR, CODE);
const MILLISECONDS: Transform = Transform::Times(1000.0);

/// The metrics.
pub const FAMILIES: &[Family] = &[
    Family {
        name: "envoy_cluster_upstream_rq",
        parts: &[
            part(Signal::ClientRequests, UPSTREAM_CODE),
            part(Signal::NoPod, UPSTREAM_CODE),
            part(Signal::Requests, SIDECAR_CODE),
        ],
    },
    Family {
        name: "envoy_cluster_upstream_rq_total",
        parts: &[
            part(Signal::ClientRequests, UPSTREAM),
            part(Signal::NoPod, UPSTREAM),
            part(Signal::Requests, SIDECAR),
        ],
    },
    Family {
        name: "envoy_cluster_upstream_rq_time_bucket",
        parts: &[
            part(Signal::ClientLatencyBuckets, &join::<4>(UPSTREAM, LE)),
            part(Signal::LatencyBuckets, &join::<9>(SIDECAR, LE)),
        ],
    },
    Family {
        name: "envoy_cluster_upstream_rq_time_sum",
        parts: &[
            changed(Signal::ClientLatencySum, MILLISECONDS, UPSTREAM),
            changed(Signal::LatencySum, MILLISECONDS, SIDECAR),
        ],
    },
    Family {
        name: "envoy_cluster_upstream_rq_time_count",
        parts: &[part(Signal::ClientRequests, UPSTREAM), part(Signal::Requests, SIDECAR)],
    },
];
