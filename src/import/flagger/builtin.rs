//! Flagger's built-in metrics: which metrics of which provider they ask (pkg/metrics/observers).
//!
//! All of them are ratios of rates over the metric's interval: answers that are no server errors in per cent, and a
//! 99th percentile in milliseconds, except for NGINX, where it is the mean.

/// The metrics a provider writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Istio,
    Linkerd,
    Nginx,
    Contour,
    AppMesh,
}

/// The query of a built-in metric, with Flagger's placeholders in it.
///
/// # Errors
/// The provider is one whose metrics are not simulated.
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
        Dialect::Contour | Dialect::AppMesh => {
            let cluster = if dialect == Dialect::Contour {
                r#"envoy_cluster_name=~"{{ namespace }}_{{ target }}-canary_[0-9a-zA-Z-]+""#
            } else {
                r#"kubernetes_namespace="{{ namespace }}",kubernetes_pod_name=~"{{ target }}-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)""#
            };
            (
                format!(r#"envoy_cluster_upstream_rq{{{cluster},envoy_response_code!~"5.*"}}"#),
                format!("envoy_cluster_upstream_rq{{{cluster}}}"),
                format!("envoy_cluster_upstream_rq_time_bucket{{{cluster}}}"),
            )
        }
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
    } else {
        format!("histogram_quantile(0.99, sum(rate({latency}[{{{{ interval }}}}])) by (le))")
    })
}

fn dialect(provider: &str) -> Result<Dialect, String> {
    match provider {
        "istio" => Ok(Dialect::Istio),
        "linkerd" => Ok(Dialect::Linkerd),
        "nginx" => Ok(Dialect::Nginx),
        "contour" => Ok(Dialect::Contour),
        "appmesh" | "appmesh:v1beta1" | "appmesh:v1beta2" => Ok(Dialect::AppMesh),
        _ => Err(format!("the built-in metrics of provider `{provider}` are not simulated")),
    }
}

/// Providers whose built-in metrics can be asked, for messages.
pub(super) const PROVIDERS: &str = "istio, linkerd, nginx, contour, appmesh";

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
        assert!(query("traefik", "request-duration").unwrap_err().contains("traefik"));
    }
}
