//! The selectors of other people's policy files bind to the roles and instruments they mean.

use std::collections::BTreeSet;
use std::path::Path;

use backout::effect::{ServiceId, SetName};
use backout::replication::panel::{Panel, PanelError, PanelInput};
use backout::telemetry::binding::{Bound, WorldNames};
use backout::telemetry::dialect::Dialect;
use backout::telemetry::instrument::{Instrument, Target};
use backout::telemetry::naming::Naming;

use crate::shared;

fn world() -> WorldNames {
    WorldNames {
        services: vec!["web".into(), "checkout".into()],
        target: ServiceId(1),
        returns: false,
        model: Default::default(),
        released: Vec::new(),
    }
}

/// The block scalars under `query: |` or `expr: |` of a YAML file, in order.
fn queries(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = text.lines().peekable();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if line.trim() != "query: |" {
            continue;
        }
        let mut block = String::new();
        while let Some(next) =
            lines.peek().filter(|next| next.trim().is_empty() || indent(next) > indent(line))
        {
            block.push_str(next);
            block.push('\n');
            lines.next();
        }
        found.push(block);
    }
    found
}

fn filled(query: &str, values: &[(&str, &str)]) -> String {
    let mut text = query.to_owned();
    for (name, value) in values {
        text = text.replace(&format!("{{{{ {name} }}}}"), value).replace(&format!("{{{{{name}}}}}"), value);
    }
    assert!(!text.contains("{{"), "a placeholder is left in {text}");
    text
}

fn panel(naming: &Naming, texts: &[String]) -> Result<Panel, Vec<PanelError>> {
    let queries = texts.iter().map(String::as_str).collect();
    Panel::new(&[PanelInput { naming, queries, allow_missing: false }], &Dialect::ALL, &world())
}

fn bounds(naming: &Naming, texts: &[String]) -> Vec<Bound> {
    let panel = panel(naming, texts).unwrap_or_else(|errors| panic!("{errors:?}"));
    let selectors = (0..texts.len()).flat_map(|query| panel.selectors(0, query));
    selectors.map(|selector| selector.bound.clone()).collect()
}

/// Asserts that a selector reads the candidate of the rolled-out service only, from this side.
#[track_caller]
fn reads_candidate(bound: &Bound, side: Target) {
    assert!(!bound.feeds.is_empty());
    for feed in &bound.feeds {
        assert_eq!((feed.service, feed.set), (ServiceId(1), SetName::New), "{feed:?}");
        assert_eq!(feed.instrument.target(), side, "{feed:?}");
    }
}

#[test]
fn argos_documented_istio_query() {
    let Some(shared) = shared::folder() else { return };
    let naming = Naming::argo("demo", "checkout", "checkout-stable", "checkout-canary");
    let texts = queries(&shared.join("policies/argo-07-docs-success-rate-istio.yaml"));
    assert_eq!(texts.len(), 1);
    let host = "checkout-canary.demo.svc.cluster.local";
    let bounds = bounds(&naming, &[filled(&texts[0], &[("args.service-name", host)])]);
    assert_eq!(bounds.len(), 2);
    bounds.iter().for_each(|bound| reads_candidate(bound, Target::Proxy));
    // Only good answers pass `response_code!~"5.*"`.
    let counts: BTreeSet<usize> = bounds.iter().map(|bound| bound.feeds.len()).collect();
    assert_eq!(counts, BTreeSet::from([1, 5]), "{bounds:?}");
}

#[test]
fn argos_range_query_reads_a_mean() {
    let Some(shared) = shared::folder() else { return };
    let naming = Naming::argo("demo", "checkout", "checkout-stable", "checkout-canary");
    let text = "http_latency_ms{service=\"checkout-canary\"}".to_owned();
    let file = shared.join("policies/argo-08-docs-prometheus-range-query.yaml");
    assert!(std::fs::read_to_string(file).unwrap().contains("http_latency_ms{service="), "the file changed");
    let bounds = bounds(&naming, &[text]);
    assert_eq!(bounds[0].feeds.iter().map(|f| f.instrument).collect::<Vec<_>>(), [Instrument::ServerMean]);
}

#[test]
fn the_lab_templates_own_metrics() {
    let Some(shared) = shared::folder() else { return };
    let naming = Naming::argo("demo", "checkout", "checkout-stable", "checkout-canary");
    let texts = queries(&shared.join("policies/argo-09-lab-success-rate-p95.yaml"));
    assert_eq!(texts.len(), 2);
    let texts: Vec<String> =
        texts.iter().map(|text| filled(text, &[("args.canary-service", "checkout-canary")])).collect();
    for bound in bounds(&naming, &texts) {
        reads_candidate(&bound, Target::Pod);
        assert!(!bound.notes.is_empty(), "what is inferred is said");
    }
}

#[test]
fn flaggers_metric_templates() {
    let Some(shared) = shared::folder() else { return };
    let naming = Naming::flagger("prod", "frontend");
    let values = [
        ("namespace", "prod"),
        ("target", "frontend"),
        ("interval", "1m"),
        ("variables.direction", "inbound"),
    ];
    for file in
        ["flagger-05-gitops-istio-metric-templates.yaml", "flagger-06-docs-metric-templates-prometheus.yaml"]
    {
        let texts = queries(&shared.join("policies").join(file));
        assert!(texts.len() >= 2, "{file}");
        let texts: Vec<String> = texts.iter().map(|text| filled(text, &values)).collect();
        bounds(&naming, &texts).iter().for_each(|bound| reads_candidate(bound, Target::Pod));
    }
}

/// Flagger's builtin queries, with its placeholders' names as values: namespace `namespace`, target `target`.
#[test]
fn flaggers_builtin_queries() {
    let Some(shared) = shared::folder() else { return };
    let text = std::fs::read_to_string(shared.join("conformance/promql/real_queries_oracle.jsonl")).unwrap();
    let mut naming = Naming::flagger("namespace", "target");
    naming.ingress = "ingress".into();
    let (mut read, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for line in text.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        if row["file"] != "flagger-builtin" {
            continue;
        }
        let query =
            row["expr"].as_str().unwrap().replace("namespace_service-canary_", "namespace_target-canary_");
        let metric = query.split('{').next().unwrap().rsplit(['(', '\t', '\n', ' ']).find(|w| !w.is_empty());
        let metric = metric.unwrap().to_owned();
        match panel(&naming, std::slice::from_ref(&query)) {
            Ok(panel) => {
                for selector in panel.selectors(0, 0) {
                    let sides: BTreeSet<Target> =
                        selector.bound.feeds.iter().map(|feed| feed.instrument.target()).collect();
                    assert_eq!(sides.len(), 1, "{query}");
                    sides.into_iter().for_each(|side| reads_candidate(&selector.bound, side));
                }
                read.insert(metric);
            }
            Err(_) => {
                refused.insert(metric);
            }
        }
    }
    println!("read: {read:?}\nrefused: {refused:?}");
    for metric in [
        "istio_requests_total",
        "istio_request_duration_milliseconds_bucket",
        "nginx_ingress_controller_requests",
        "nginx_ingress_controller_response_duration_seconds_sum",
        "response_total",
        "response_latency_ms_bucket",
        "http_request_duration_seconds_count",
        "http_request_duration_seconds_bucket",
        "envoy_cluster_upstream_rq",
        "envoy_cluster_upstream_rq_time_bucket",
    ] {
        assert!(read.contains(metric), "{metric} is not among {read:?}");
    }
}
