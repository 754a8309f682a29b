//! kube-state-metrics: the API's objects as metrics (its `docs/metrics/`).
//!
//! Traps: an Argo rollout is no Deployment, so under Argo's names the rolled-out service has `kube_replicaset_*` and
//! no `kube_deployment_*` series. Where both revisions share one Deployment, its replicas are the sum over both, surge
//! included, also for `kube_deployment_spec_replicas`. `last_terminated_reason` exists only for the reason in force.

use super::{Family, Labels, Signal, Text, Transform, changed, join, part};

const CLUSTER: Labels = &[
    ("namespace", Text::Namespace),
    ("job", Text::Word("kube-state-metrics")),
    ("instance", Text::Word("kube-state-metrics:8080")),
    ("role", Text::RoleWord),
];
const DEPLOYMENT: Labels = &join::<5>(CLUSTER, &[("deployment", Text::Deployment)]);
const REPLICA_SET: Labels = &join::<5>(CLUSTER, &[("replicaset", Text::ReplicaSet)]);
const POD: Labels = &join::<5>(CLUSTER, &[("pod", Text::Pod)]);
const CONTAINER: Labels = &join::<6>(POD, &[("container", Text::Apex)]);
const READY: Labels = &join::<6>(POD, &[("condition", Text::Word("true"))]);
const NOT_READY: Labels = &join::<6>(POD, &[("condition", Text::Word("false"))]);
const OOM_KILLED: Labels = &join::<7>(CONTAINER, &[("reason", Text::Word("OOMKilled"))]);
const EXITED: Labels = &join::<7>(CONTAINER, &[("reason", Text::Word("Error"))]);
const MEMORY: Labels =
    &join::<8>(CONTAINER, &[("resource", Text::Word("memory")), ("unit", Text::Word("byte"))]);
const CPU: Labels = &join::<8>(CONTAINER, &[("resource", Text::Word("cpu")), ("unit", Text::Word("core"))]);

/// The metrics.
pub const FAMILIES: &[Family] = &[
    Family { name: "kube_deployment_spec_replicas", parts: &[part(Signal::ReplicasDesired, DEPLOYMENT)] },
    Family { name: "kube_deployment_status_replicas", parts: &[part(Signal::Replicas, DEPLOYMENT)] },
    Family {
        name: "kube_deployment_status_replicas_ready",
        parts: &[part(Signal::ReplicasReady, DEPLOYMENT)],
    },
    Family {
        name: "kube_deployment_status_replicas_available",
        parts: &[part(Signal::ReplicasAvailable, DEPLOYMENT)],
    },
    Family {
        name: "kube_deployment_status_replicas_unavailable",
        parts: &[part(Signal::ReplicasUnavailable, DEPLOYMENT)],
    },
    Family { name: "kube_replicaset_spec_replicas", parts: &[part(Signal::ReplicasDesired, REPLICA_SET)] },
    Family { name: "kube_replicaset_status_replicas", parts: &[part(Signal::Replicas, REPLICA_SET)] },
    Family {
        name: "kube_replicaset_status_ready_replicas",
        parts: &[part(Signal::ReplicasReady, REPLICA_SET)],
    },
    Family {
        name: "kube_pod_status_ready",
        parts: &[part(Signal::Ready, READY), changed(Signal::Ready, Transform::Complement, NOT_READY)],
    },
    Family { name: "kube_pod_container_status_ready", parts: &[part(Signal::Ready, CONTAINER)] },
    Family { name: "kube_pod_container_status_restarts_total", parts: &[part(Signal::Restarts, CONTAINER)] },
    Family {
        name: "kube_pod_container_status_last_terminated_reason",
        parts: &[
            changed(Signal::LastKilledByMemory, Transform::OneWhile(1.0), OOM_KILLED),
            changed(Signal::LastKilledByMemory, Transform::OneWhile(0.0), EXITED),
        ],
    },
    Family {
        name: "kube_pod_container_resource_limits",
        parts: &[part(Signal::MemoryLimit, MEMORY), part(Signal::CpuLimit, CPU)],
    },
];
