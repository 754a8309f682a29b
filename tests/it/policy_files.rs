//! Policy files: our own ones in full, other people's as they lie in the shared folder.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use backout::effect::ServiceId;
use backout::import::{ImportOptions, SourceText, load};
use backout::policy::loaded::Loaded;
use backout::promql::{Program, Selector};
use backout::telemetry::binding::{WorldNames, bind};
use backout::telemetry::dialect::Dialect;
use backout::telemetry::matcher::{MatchOp, SelectorShape};

use crate::shared;

fn read(paths: &[PathBuf]) -> Result<Vec<Loaded>, String> {
    let texts: Vec<(String, String)> = paths
        .iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    let sources: Vec<SourceText<'_>> = texts.iter().map(|(name, text)| SourceText { name, text }).collect();
    load(&sources, &ImportOptions::default())
        .map_err(|found| found.iter().map(|d| d.render(false)).collect::<Vec<_>>().join("\n\n"))
}

/// Everything a report says about policies, as text.
fn told(loaded: &[Loaded]) -> String {
    let mut out = String::new();
    for policy in loaded {
        writeln!(
            out,
            "== {} [{}] {} ({})",
            policy.name,
            policy.engine.name(),
            policy.summary,
            policy.identity
        )
        .unwrap();
        for line in &policy.reading {
            writeln!(out, "{line}").unwrap();
        }
        for check in &policy.checks {
            writeln!(out, "check {} (line {}): {} {:?}", check.name, check.line, check.good, check.limits)
                .unwrap();
        }
        for query in &policy.queries {
            let text: Vec<&str> = query.text.split_whitespace().collect();
            writeln!(out, "query (line {}): {}", query.line, text.join(" ")).unwrap();
        }
        for stand_in in &policy.stand_ins {
            writeln!(out, "stand-in (line {}): {} -> {}", stand_in.line, stand_in.what, stand_in.setting)
                .unwrap();
        }
        for unsupported in &policy.unsupported {
            writeln!(
                out,
                "unsupported (line {}): {}: {}",
                unsupported.line, unsupported.path, unsupported.note
            )
            .unwrap();
        }
        if let Some(rollout) = &policy.rollout {
            writeln!(out, "rollout: {}", serde_json::to_string(rollout).unwrap()).unwrap();
        }
        if let Some(rollback) = &policy.rollback {
            writeln!(out, "rollback: {}", serde_json::to_string(rollback).unwrap()).unwrap();
        }
    }
    out
}

fn own(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/policies").join(name)
}

/// The files these tests were written for; every shipped file is read by the tests of the shipped files.
const OWN: [&str; 9] = [
    "argo-checkout.yaml",
    "cpu-95pct-5m.yaml",
    "error-5pct-or-latency-1s.yaml",
    "five-xx-10pct-2m.yaml",
    "flagger-checkout.yaml",
    "health-check-3-fails.yaml",
    "named-reasons.yaml",
    "oom-kill-seen.yaml",
    "p95-5x-stable.yaml",
];

#[test]
fn our_own_files_are_read_without_anything_unsaid() {
    let mut out = String::new();
    for name in OWN {
        let text = std::fs::read_to_string(own(name)).unwrap();
        assert!(
            text.starts_with("# ") && text.contains("\n# Source: "),
            "{name} says what it does and where from"
        );
        let loaded = read(&[own(name)]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(loaded.len(), 1, "{name}");
        assert_eq!(loaded[0].name, name.trim_end_matches(".yaml"));
        assert!(
            loaded[0].unsupported.iter().all(|u| u.path == "spec.replicas"),
            "{:?}",
            loaded[0].unsupported
        );
        out.push_str(&told(&loaded));
        out.push('\n');
    }
    insta::assert_snapshot!("own_policy_files", out);
}

/// Files given together, and the names of the policies in them or a word of the refusal.
type Case<'a> = (&'a [&'a str], Result<&'a [&'a str], &'a str>);

#[test]
fn other_peoples_files_are_read_or_refused_by_name() {
    let Some(shared) = shared::folder() else { return };
    let templates = "argo-01-analysis-templates-job.yaml";
    let cluster = "argo-02-cluster-analysis-templates.yaml";
    let cases: &[Case<'_>] = &[
        (&[templates], Ok(&["pass", "random-fail"])),
        (&[cluster], Ok(&["argo-02-cluster-analysis-templates"])),
        (&["argo-03-rollout-analysis-step.yaml"], Err("`random-fail` is not in the files given")),
        (
            &["argo-03-rollout-analysis-step.yaml", templates, cluster],
            Ok(&["argo-03-rollout-analysis-step", "argo-01-analysis-templates-job"]),
        ),
        (
            &["argo-04-rollout-background-analysis.yaml", templates],
            Ok(&["argo-04-rollout-background-analysis", "argo-01-analysis-templates-job"]),
        ),
        (&["argo-05-rollout-canary.yaml"], Ok(&["argo-05-rollout-canary"])),
        (&["argo-06-rollout-bluegreen.yaml"], Ok(&["argo-06-rollout-bluegreen"])),
        (&["argo-07-docs-success-rate-istio.yaml"], Ok(&["argo-07-docs-success-rate-istio"])),
        (
            &["argo-08-docs-prometheus-range-query.yaml"],
            Ok(&["success-rate", "range-query-example", "success-rate#2", "success-rate#3"]),
        ),
        (
            &["argo-09-lab-success-rate-p95.yaml", "argo-10-lab-rollout-alb-anchors.yaml"],
            Ok(&["argo-10-lab-rollout-alb-anchors"]),
        ),
        (&["k8s-01-podinfo-deployment.yaml"], Ok(&["k8s-01-podinfo-deployment"])),
        (&["k8s-02-boutique-frontend.yaml"], Ok(&["k8s-02-boutique-frontend"])),
        (&["flagger-01-istio-canary.yaml"], Ok(&["flagger-01-istio-canary"])),
        (&["flagger-02-linkerd-canary-steps.yaml"], Ok(&["flagger-02-linkerd-canary-steps"])),
        (&["flagger-03-istio-abtest.yaml"], Ok(&["flagger-03-istio-abtest"])),
        (&["flagger-04-gitops-istio-frontend-canary.yaml"], Err("metric template `error-rate.istio-system`")),
        (
            &[
                "flagger-04-gitops-istio-frontend-canary.yaml",
                "flagger-05-gitops-istio-metric-templates.yaml",
            ],
            Ok(&["flagger-04-gitops-istio-frontend-canary"]),
        ),
        (
            &["flagger-06-docs-metric-templates-prometheus.yaml"],
            Err("a MetricTemplate decides nothing by itself"),
        ),
        (&["prom-01-istio-alerts.yml"], Err("Prometheus rules")),
        (&["kayenta-01-scratch-prometheus.json"], Err("Kayenta")),
        (&["aws-01-sam-linear.yaml"], Err("CloudFormation")),
    ];
    for (files, wanted) in cases {
        let paths: Vec<PathBuf> = files.iter().map(|file| shared.join("policies").join(file)).collect();
        match (read(&paths), wanted) {
            (Ok(loaded), Ok(names)) => {
                assert_eq!(loaded.iter().map(|l| l.name.as_str()).collect::<Vec<_>>(), *names, "{files:?}");
            }
            (Err(error), Err(word)) => assert!(error.contains(word), "{files:?}: {error}"),
            (Ok(_), Err(word)) => panic!("{files:?} was read, expected: {word}"),
            (Err(error), Ok(_)) => panic!("{files:?}: {error}"),
        }
    }
}

/// The 20 requests a second of `hey -q 10 -c 2` in a public file.
#[test]
fn stand_ins_of_a_public_canary_are_named() {
    let Some(shared) = shared::folder() else { return };
    let loaded = read(&[shared.join("policies/flagger-01-istio-canary.yaml")]).unwrap();
    let said = told(&loaded);
    assert!(said.contains("20/s synthetic requests"), "{said}");
    assert!(said.contains("unsupported (line 13): spec.autoscalerRef: not yet honoured"), "{said}");
    assert!(
        said.contains(r#"istio_requests_total{reporter="destination",destination_workload_namespace="test""#)
    );
}

/// Every selector of our own files, and of other people's that use well-known metrics, means something that is simulated.
#[test]
fn every_query_of_our_own_files_can_match() {
    let mut sets: Vec<Vec<PathBuf>> = OWN.into_iter().map(|name| vec![own(name)]).collect();
    if let Some(shared) = shared::folder() {
        let file = |name: &str| shared.join("policies").join(name);
        sets.push(vec![file("flagger-01-istio-canary.yaml")]);
        sets.push(vec![file("flagger-02-linkerd-canary-steps.yaml")]);
        sets.push(vec![
            file("flagger-04-gitops-istio-frontend-canary.yaml"),
            file("flagger-05-gitops-istio-metric-templates.yaml"),
        ]);
        sets.push(vec![file("argo-07-docs-success-rate-istio.yaml")]);
    }
    let world = WorldNames { services: vec!["web".to_owned(), "checkout".to_owned()], target: ServiceId(1) };
    let mut bound = 0;
    for set in sets {
        for policy in read(&set).unwrap_or_else(|error| panic!("{error}")) {
            let mut program = Program::new();
            for query in &policy.queries {
                program.add(&query.text).unwrap();
            }
            for selector in program.selectors() {
                let shape = shape(selector);
                bind(&shape, &policy.naming, &Dialect::ALL, &world)
                    .unwrap_or_else(|error| panic!("{}: {shape}: {error}", policy.name));
                bound += 1;
            }
        }
    }
    assert!(bound >= 20, "{bound}");
}

fn shape(selector: &Selector) -> SelectorShape {
    let mut shape = SelectorShape { name: selector.name().map(str::to_owned), matchers: Vec::new() };
    for matcher in selector.matchers().iter().filter(|matcher| matcher.name() != "__name__") {
        let op = match matcher.op().symbol() {
            "=" => MatchOp::Equal,
            "!=" => MatchOp::NotEqual,
            "=~" => MatchOp::Regex,
            _ => MatchOp::NotRegex,
        };
        shape = shape.with(matcher.name(), op, matcher.value()).unwrap();
    }
    shape
}
