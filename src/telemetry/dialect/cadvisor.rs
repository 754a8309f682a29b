//! The kubelet's container statistics (cAdvisor, `docs/storage/prometheus.md`).
//!
//! Throttling (`container_cpu_cfs_*`) is not simulated: pods that reach their limit are slow instead.

use super::{Family, Labels, Part, Signal, Text, Transform, changed, join, part};

const CONTAINER: Labels = &[
    ("namespace", Text::Namespace),
    ("pod", Text::Pod),
    ("container", Text::Apex),
    ("node", Text::Node),
    ("job", Text::Word("kubelet")),
    ("metrics_path", Text::Word("/metrics/cadvisor")),
    ("role", Text::RoleWord),
];
const CPU: Labels = &join::<8>(CONTAINER, &[("cpu", Text::Word("total"))]);
const MEMORY: &[Part] = &[part(Signal::Memory, CONTAINER)];
/// The scheduler's default period, in microseconds; the quota is the limit in cores times this.
const PERIOD: f64 = 100_000.0;

/// The metrics.
pub const FAMILIES: &[Family] = &[
    Family { name: "container_cpu_usage_seconds_total", parts: &[part(Signal::Cpu, CPU)] },
    Family { name: "container_memory_working_set_bytes", parts: MEMORY },
    Family { name: "container_memory_usage_bytes", parts: MEMORY },
    Family { name: "container_memory_rss", parts: MEMORY },
    Family { name: "container_spec_memory_limit_bytes", parts: &[part(Signal::MemoryLimit, CONTAINER)] },
    Family { name: "container_oom_events_total", parts: &[part(Signal::OomKills, CONTAINER)] },
    Family {
        name: "container_spec_cpu_quota",
        parts: &[changed(Signal::CpuLimit, Transform::Times(PERIOD), CONTAINER)],
    },
    Family {
        name: "container_spec_cpu_period",
        parts: &[changed(Signal::CpuLimit, Transform::Always(PERIOD), CONTAINER)],
    },
];
