//! Flagger's built-in metrics: which metrics of which provider they ask (pkg/metrics/observers).
//!
//! All of them are ratios of rates over the metric's interval: answers that are no server errors in per cent, and a
//! 99th percentile in milliseconds, except for NGINX, where it is the mean. The provider `kubernetes` asks the
//! applications themselves, in seconds.

use crate::telemetry::naming::EnvoyClusters;

/// The metrics a provider writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Istio,
    Linkerd,
    Nginx,
    Contour,
    Gloo,
    AppMesh,
    Http,
}

/// The query of a built-in metric, with Flagger's placeholders in it.
///
/// # Errors
/// Why the metrics of the provider cannot be asked.
pub(super) fn query(provider: &str, metric: &str) -> Result<String, String> {
    let dialect = dialect(provider)?;
    let (good, all, latency) = match dialect {
        Dialect::Istio => {
            let workload = r#"reporter="destination",destination_workload_namespace="{{ namespace }}",destination_workload=~"{{ target }}""#;
            (
                format!(r#"istio_requests_total{{{workload},response_code!~"5.*"}}"#),
                format!("istio_requests_total{{{workload}}}"),
                format!("istio_request_duration_milliseconds_bucket{{{workload}}}"),
            )
        }
        Dialect::Linkerd => {
            let inbound = r#"namespace="{{ namespace }}",deployment=~"{{ target }}""#;
            (
                format!(r#"response_total{{{inbound},classification!="failure",direction="inbound"}}"#),
                format!(r#"response_total{{{inbound},direction="inbound"}}"#),
                format!(r#"response_latency_ms_bucket{{{inbound},direction="inbound"}}"#),
            )
        }
        Dialect::Contour | Dialect::Gloo | Dialect::AppMesh => {
            let cluster = match dialect {
                Dialect::Contour => {
                    r#"envoy_cluster_name=~"{{ namespace }}_{{ target }}-canary_[0-9a-zA-Z-]+""#
                }
                Dialect::Gloo => {
                    r#"envoy_cluster_name=~"{{ namespace }}-{{ target }}-canary-[0-9a-zA-Z-]+_[0-9a-zA-Z-]+""#
                }
                _ => PODS,
            };
            (
                format!(r#"envoy_cluster_upstream_rq{{{cluster},envoy_response_code!~"5.*"}}"#),
                format!("envoy_cluster_upstream_rq{{{cluster}}}"),
                format!("envoy_cluster_upstream_rq_time_bucket{{{cluster}}}"),
            )
        }
        Dialect::Http => (
            format!(r#"http_request_duration_seconds_count{{{PODS},status!~"5.*"}}"#),
            format!("http_request_duration_seconds_count{{{PODS}}}"),
            format!("http_request_duration_seconds_bucket{{{PODS}}}"),
        ),
        Dialect::Nginx => {
            let ingress = r#"namespace="{{ namespace }}",ingress="{{ ingress }}",canary!="""#;
            (
                format!(r#"nginx_ingress_controller_requests{{{ingress},status!~"5.*"}}"#),
                format!("nginx_ingress_controller_requests{{{ingress}}}"),
                format!("nginx_ingress_controller_response_duration_seconds_{{part}}{{{ingress}}}"),
            )
        }
    };
    let rate = |selector: &str| format!("sum(rate({selector}[{{{{ interval }}}}]))");
    Ok(if metric == "request-success-rate" {
        format!("{} / {} * 100", rate(&good), rate(&all))
    } else if dialect == Dialect::Nginx {
        let part = |name| rate(&latency.replace("{part}", name));
        format!("{} / {} * 1000", part("sum"), part("count"))
    } else if dialect == Dialect::Http {
        format!("histogram_quantile(0.99, sum(rate({latency}[{{{{ interval }}}}])) by (le)) * 1000")
    } else {
        format!("histogram_quantile(0.99, sum(rate({latency}[{{{{ interval }}}}])) by (le))")
    })
}

/// The pods of the canary's workload, as scrape configurations with Kubernetes' discovery label them.
const PODS: &str = r#"kubernetes_namespace="{{ namespace }}",kubernetes_pod_name=~"{{ target }}-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)""#;

fn dialect(provider: &str) -> Result<Dialect, String> {
    let (family, _) = provider.split_once(':').unwrap_or((provider, ""));
    let reason = match family {
        "istio" => return Ok(Dialect::Istio),
        "linkerd" => return Ok(Dialect::Linkerd),
        "nginx" => return Ok(Dialect::Nginx),
        "contour" => return Ok(Dialect::Contour),
        "gloo" => return Ok(Dialect::Gloo),
        "appmesh" => return Ok(Dialect::AppMesh),
        "kubernetes" => return Ok(Dialect::Http),
        "gatewayapi" => {
            "the implementation behind the gateway has metrics of its own, and Flagger knows none"
        }
        "kuma" => "Kuma names Envoy's clusters by a `service` label that is not simulated",
        "osm" | "skipper" | "traefik" | "apisix" | "knative" => "its own metric names are not simulated",
        _ => "it is not known",
    };
    Err(format!("the built-in metrics of provider `{provider}` are not simulated: {reason}"))
}

/// How Envoy's clusters are called under a provider.
pub(super) fn envoy_clusters(provider: &str) -> EnvoyClusters {
    if provider.starts_with("gloo") { EnvoyClusters::Gloo } else { EnvoyClusters::Contour }
}

/// Providers whose built-in metrics can be asked, for messages.
pub(super) const PROVIDERS: &str = "istio, linkerd, nginx, contour, gloo, appmesh, kubernetes";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::placeholder;
    use crate::promql::Program;

    #[test]
    fn every_query_is_promql_once_filled_in() {
        for provider in PROVIDERS.split(", ") {
            for metric in ["request-success-rate", "request-duration"] {
                let query = query(provider, metric).unwrap();
                let value = |name: &str| Some(if name == "interval" { "1m" } else { "podinfo" }.to_owned());
                let filled = placeholder::fill(&query, value).unwrap();
                Program::new()
                    .add(&filled)
                    .unwrap_or_else(|error| panic!("{provider} {metric}: {error}: {filled}"));
            }
        }
        for provider in ["kuma", "osm", "skipper", "traefik", "gatewayapi:v1", "apisix", "knative", "smi:x"] {
            let reason = query(provider, "request-duration").unwrap_err();
            assert!(reason.contains(provider) && reason.contains("not simulated: "), "{reason}");
        }
        let aliases = [("appmesh:v1beta2", "appmesh"), ("gloo:v1", "gloo")];
        for (provider, plain) in aliases {
            assert_eq!(query(provider, "request-duration"), query(plain, "request-duration"));
        }
    }
}
