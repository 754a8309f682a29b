//! Linkerd's proxy metrics (linkerd.io, "Proxy Metrics").
//!
//! `direction="inbound"` is the proxy in the server's pod, `outbound` are the callers' proxies, whose labels name the
//! destination with `dst_`. Latencies are in milliseconds. The bounds are the simulator's, which are coarser than
//! Linkerd's own.

use super::{Buckets, Family, Labels, Signal, Text, changed, join, part};
use crate::telemetry::dialect::Transform;

const ANSWER: Labels = &[
    ("status_code", Text::Status),
    ("classification", Text::Classification),
    ("tls", Text::Word("true")),
    ("job", Text::Word("linkerd-proxy")),
    ("role", Text::RoleWord),
];
const IN: Labels = &[
    ("direction", Text::Word("inbound")),
    ("namespace", Text::Namespace),
    ("deployment", Text::Workload),
    ("pod", Text::Pod),
    ("instance", Text::Instance(4191)),
    ("pod_template_hash", Text::PodHash),
    ("rollouts_pod_template_hash", Text::PodHash),
    ("version", Text::Version),
    ("app", Text::Apex),
];
const OUT: Labels = &[
    ("direction", Text::Word("outbound")),
    ("dst_namespace", Text::Namespace),
    ("dst_deployment", Text::Workload),
    ("dst_service", Text::Service),
    ("authority", Text::ServiceHost),
];
const LE: Labels = &[("le", Text::BoundMillis(Buckets::All))];
const INBOUND: Labels = &join::<14>(ANSWER, IN);
const OUTBOUND: Labels = &join::<10>(ANSWER, OUT);
/// Requests are counted before there is an answer: no status and no classification.
const REQUESTED_IN: Labels = &join::<11>(&[("tls", Text::Word("true")), ("role", Text::RoleWord)], IN);
const REQUESTED_OUT: Labels = &join::<7>(&[("tls", Text::Word("true")), ("role", Text::RoleWord)], OUT);
const MILLISECONDS: Transform = Transform::Times(1000.0);

/// The metrics.
pub const FAMILIES: &[Family] = &[
    Family {
        name: "response_total",
        parts: &[
            part(Signal::Requests, INBOUND),
            part(Signal::ClientRequests, OUTBOUND),
            part(Signal::NoPod, OUTBOUND),
        ],
    },
    Family {
        name: "request_total",
        parts: &[
            part(Signal::Requests, REQUESTED_IN),
            part(Signal::ClientRequests, REQUESTED_OUT),
            part(Signal::NoPod, REQUESTED_OUT),
        ],
    },
    Family {
        name: "response_latency_ms_bucket",
        parts: &[
            part(Signal::LatencyBuckets, &join::<15>(INBOUND, LE)),
            part(Signal::ClientLatencyBuckets, &join::<11>(OUTBOUND, LE)),
        ],
    },
    Family {
        name: "response_latency_ms_sum",
        parts: &[
            changed(Signal::LatencySum, MILLISECONDS, INBOUND),
            changed(Signal::ClientLatencySum, MILLISECONDS, OUTBOUND),
        ],
    },
    Family {
        name: "response_latency_ms_count",
        parts: &[part(Signal::Requests, INBOUND), part(Signal::ClientRequests, OUTBOUND)],
    },
];
