//! Istio's standard metrics (istio.io, "Istio Standard Metrics"; labels of proxy-wasm `stats`).
//!
//! `reporter="destination"` is the proxy in the server's pod: it is gone with the pod and sees what the pod answered.
//! `reporter="source"` are the callers' proxies: they also see rejections, time-outs and requests without any healthy
//! pod (`response_flags="UH"`, `destination_workload="unknown"`). Callers are not told apart: `source_workload` is
//! `unknown`, as for callers outside the mesh. Latencies are in milliseconds.

use super::{Buckets, Family, Labels, Part, Signal, Text, Transform, changed, join, part};

const CALLER: Labels = &[
    ("source_workload", Text::Word("unknown")),
    ("source_workload_namespace", Text::Word("unknown")),
    ("source_app", Text::Word("unknown")),
    ("source_version", Text::Word("unknown")),
    ("destination_service", Text::ServiceHost),
    ("destination_service_name", Text::Service),
    ("destination_service_namespace", Text::Namespace),
    ("request_protocol", Text::Word("http")),
    ("response_code", Text::Status),
    ("response_flags", Text::ResponseFlags),
    ("job", Text::Word("kubernetes-pods")),
    ("role", Text::RoleWord),
];
const SERVER: Labels = &[
    ("destination_workload", Text::Workload),
    ("destination_workload_namespace", Text::Namespace),
    ("destination_app", Text::Apex),
    ("destination_version", Text::Version),
    ("destination_canonical_service", Text::Apex),
    ("destination_canonical_revision", Text::Version),
];
const NOBODY: Labels = &[
    ("destination_workload", Text::Word("unknown")),
    ("destination_workload_namespace", Text::Word("unknown")),
    ("destination_app", Text::Word("unknown")),
    ("destination_version", Text::Word("unknown")),
    ("destination_canonical_service", Text::Word("unknown")),
    ("destination_canonical_revision", Text::Word("unknown")),
];
const SCRAPED: Labels = &[
    ("reporter", Text::Word("destination")),
    ("connection_security_policy", Text::Word("mutual_tls")),
    ("namespace", Text::Namespace),
    ("pod", Text::Pod),
    ("instance", Text::Instance(15020)),
    ("app", Text::Apex),
    ("version", Text::Version),
    ("pod_template_hash", Text::PodHash),
    ("rollouts_pod_template_hash", Text::PodHash),
];
const BY_CALLER: Labels =
    &[("reporter", Text::Word("source")), ("connection_security_policy", Text::Word("unknown"))];
const LE: Labels = &[("le", Text::BoundMillis(Buckets::All))];

const BOTH: Labels = &join::<18>(CALLER, SERVER);
const DESTINATION: Labels = &join::<27>(BOTH, SCRAPED);
const DESTINATION_LE: Labels = &join::<28>(DESTINATION, LE);
const SOURCE: Labels = &join::<20>(BOTH, BY_CALLER);
const SOURCE_LE: Labels = &join::<21>(SOURCE, LE);
const NO_POD: Labels = &join::<20>(&join::<18>(CALLER, NOBODY), BY_CALLER);

const MILLISECONDS: Transform = Transform::Times(1000.0);

const COUNTS: &[Part] =
    &[part(Signal::Requests, DESTINATION), part(Signal::ClientRequests, SOURCE), part(Signal::NoPod, NO_POD)];

/// The metrics.
pub const FAMILIES: &[Family] = &[
    Family { name: "istio_requests_total", parts: COUNTS },
    Family {
        name: "istio_request_duration_milliseconds_bucket",
        parts: &[part(Signal::LatencyBuckets, DESTINATION_LE), part(Signal::ClientLatencyBuckets, SOURCE_LE)],
    },
    Family {
        name: "istio_request_duration_milliseconds_sum",
        parts: &[
            changed(Signal::LatencySum, MILLISECONDS, DESTINATION),
            changed(Signal::ClientLatencySum, MILLISECONDS, SOURCE),
        ],
    },
    Family { name: "istio_request_duration_milliseconds_count", parts: COUNTS },
];
