//! The catalogue of dialects: which metrics an exporter has, what they count, and what it writes into their labels.
//!
//! A dialect is data: a list of [`Family`], each with the parts that feed it. One family may have several parts:
//! `istio_requests_total` is written by the proxy of the server (`reporter="destination"`) and by those of the callers
//! (`reporter="source"`).
//!
//! Traps: latency histograms are not told apart by status here, so their `_bucket` and `_sum` series carry the status
//! of success and count every answer; `_count` series are told apart. Bucket bounds in labels are printed as Go's
//! `%g` prints them.

pub mod app;
pub mod cadvisor;
pub mod envoy;
pub mod istio;
pub mod kube_state;
pub mod linkerd;
pub mod nginx;
pub mod support;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use support::signal::{Buckets, Signal, Transform, Unit};
pub use support::text::Text;

/// A set of metrics under the names of one exporter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// Istio's standard metrics.
    Istio,
    /// Linkerd's proxy metrics.
    Linkerd,
    /// Envoy's cluster statistics, as mesh and ingress controllers export them.
    Envoy,
    /// The NGINX ingress controller.
    Nginx,
    /// What applications and the scraper itself say with the common client libraries.
    App,
    /// kube-state-metrics.
    KubeState,
    /// The kubelet's container statistics.
    Cadvisor,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Dialect; 7] = [
        Dialect::Istio,
        Dialect::Linkerd,
        Dialect::Envoy,
        Dialect::Nginx,
        Dialect::App,
        Dialect::KubeState,
        Dialect::Cadvisor,
    ];

    /// Its name in scenario files.
    pub const fn name(self) -> &'static str {
        match self {
            Dialect::Istio => "istio",
            Dialect::Linkerd => "linkerd",
            Dialect::Envoy => "envoy",
            Dialect::Nginx => "nginx",
            Dialect::App => "app",
            Dialect::KubeState => "kube_state",
            Dialect::Cadvisor => "cadvisor",
        }
    }

    /// One line on what it is, for listings.
    pub const fn summary(self) -> &'static str {
        match self {
            Dialect::Istio => "Istio standard metrics, reported by source and destination proxies",
            Dialect::Linkerd => "Linkerd proxy metrics, inbound and outbound",
            Dialect::Envoy => "Envoy cluster statistics as Contour, Gloo and App Mesh export them",
            Dialect::Nginx => "NGINX ingress controller, with its canary label",
            Dialect::App => "metrics of the applications themselves, `up` and `probe_success`",
            Dialect::KubeState => "kube-state-metrics: deployments, replica sets, pods",
            Dialect::Cadvisor => "container CPU and memory from the kubelet",
        }
    }

    /// Its metrics.
    pub const fn families(self) -> &'static [Family] {
        match self {
            Dialect::Istio => istio::FAMILIES,
            Dialect::Linkerd => linkerd::FAMILIES,
            Dialect::Envoy => envoy::FAMILIES,
            Dialect::Nginx => nginx::FAMILIES,
            Dialect::App => app::FAMILIES,
            Dialect::KubeState => kube_state::FAMILIES,
            Dialect::Cadvisor => cadvisor::FAMILIES,
        }
    }

    /// Whether labels may be added to its metrics when a query asks for them: true for the applications' own metrics,
    /// whose label names differ from house to house.
    pub const fn is_open(self) -> bool {
        matches!(self, Dialect::App)
    }
}

/// A metric of a dialect.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Its exact name.
    pub name: &'static str,
    /// What feeds it.
    pub parts: &'static [Part],
}

/// One source of a metric's series.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// What is counted.
    pub signal: Signal,
    /// How the stored value becomes the exported one.
    pub transform: Transform,
    /// Label names and what is written into them.
    pub labels: &'static [(&'static str, Text)],
}

/// The dialect that has a metric of this name.
pub fn owner(metric: &str) -> Option<(Dialect, &'static Family)> {
    let find = |dialect: Dialect| dialect.families().iter().find(|family| family.name == metric);
    Dialect::ALL.into_iter().find_map(|dialect| Some((dialect, find(dialect)?)))
}

const fn part(signal: Signal, labels: &'static [(&'static str, Text)]) -> Part {
    Part { signal, transform: Transform::Same, labels }
}

const fn changed(signal: Signal, transform: Transform, labels: &'static [(&'static str, Text)]) -> Part {
    Part { signal, transform, labels }
}

/// Label names and texts.
type Labels = &'static [(&'static str, Text)];

/// Two label lists as one; `N` is the sum of their lengths.
const fn join<const N: usize>(first: Labels, second: Labels) -> [(&'static str, Text); N] {
    let mut all = [("", Text::Word("")); N];
    let mut i = 0;
    while i < N {
        all[i] = if i < first.len() { first[i] } else { second[i - first.len()] };
        i += 1;
    }
    all
}

#[cfg(test)]
mod tests;
