//! Policy files: our own ones in full, other people's as they lie in the shared folder.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use backout::import::{ImportOptions, SourceText, load};
use backout::policy::loaded::Loaded;

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
        writeln!(out, "== {} [{}] {} ({})", policy.name, policy.engine.name(), policy.summary, policy.identity).unwrap();
        for line in &policy.reading {
            writeln!(out, "{line}").unwrap();
        }
        for check in &policy.checks {
            writeln!(out, "check {} (line {}): {} {:?}", check.name, check.line, check.good, check.limits).unwrap();
        }
        for query in &policy.queries {
            let text: Vec<&str> = query.text.split_whitespace().collect();
            writeln!(out, "query (line {}): {}", query.line, text.join(" ")).unwrap();
        }
        for stand_in in &policy.stand_ins {
            writeln!(out, "stand-in (line {}): {} -> {}", stand_in.line, stand_in.what, stand_in.setting).unwrap();
        }
        for unsupported in &policy.unsupported {
            writeln!(out, "unsupported (line {}): {}: {}", unsupported.line, unsupported.path, unsupported.note).unwrap();
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

#[test]
fn our_own_files_are_read_without_anything_unsaid() {
    let mut names: Vec<String> = std::fs::read_dir(own(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    names.sort();
    let mut out = String::new();
    for name in &names {
        let text = std::fs::read_to_string(own(name)).unwrap();
        assert!(text.starts_with("# ") && text.contains("\n# Source: "), "{name} says what it does and where from");
        let loaded = read(&[own(name)]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(loaded.len(), 1, "{name}");
        assert_eq!(loaded[0].name, name.trim_end_matches(".yaml"));
        assert!(loaded[0].unsupported.iter().all(|u| u.path == "spec.replicas"), "{:?}", loaded[0].unsupported);
        out.push_str(&told(&loaded));
        out.push('\n');
    }
    assert!(names.len() >= 9, "{names:?}");
    insta::assert_snapshot!("own_policy_files", out);
}

/// What becomes of other people's files given together: names of the policies, or a word of the refusal.
#[test]
fn other_peoples_files_are_read_or_refused_by_name() {
    let Some(shared) = shared::folder() else { return };
    let templates = "argo-01-analysis-templates-job.yaml";
    let cluster = "argo-02-cluster-analysis-templates.yaml";
    let cases: &[(&[&str], Result<&[&str], &str>)] = &[
        (&[templates], Ok(&["pass", "random-fail"])),
        (&[cluster], Ok(&["argo-02-cluster-analysis-templates"])),
        (&["argo-03-rollout-analysis-step.yaml"], Err("`random-fail` is not in the files given")),
        (&["argo-03-rollout-analysis-step.yaml", templates, cluster], Ok(&["argo-03-rollout-analysis-step", "argo-01-analysis-templates-job"])),
        (&["argo-04-rollout-background-analysis.yaml", templates], Ok(&["argo-04-rollout-background-analysis", "argo-01-analysis-templates-job"])),
        (&["argo-05-rollout-canary.yaml"], Ok(&["argo-05-rollout-canary"])),
        (&["argo-06-rollout-bluegreen.yaml"], Err("blue-green rollouts of Argo are not simulated")),
        (&["argo-07-docs-success-rate-istio.yaml"], Ok(&["argo-07-docs-success-rate-istio"])),
        (&["argo-08-docs-prometheus-range-query.yaml"], Ok(&["success-rate", "range-query-example", "success-rate#2", "success-rate#3"])),
        (&["argo-09-lab-success-rate-p95.yaml", "argo-10-lab-rollout-alb-anchors.yaml"], Ok(&["argo-10-lab-rollout-alb-anchors"])),
        (&["flagger-01-istio-canary.yaml"], Ok(&["flagger-01-istio-canary"])),
        (&["flagger-02-linkerd-canary-steps.yaml"], Ok(&["flagger-02-linkerd-canary-steps"])),
        (&["flagger-03-istio-abtest.yaml"], Ok(&["flagger-03-istio-abtest"])),
        (&["flagger-04-gitops-istio-frontend-canary.yaml"], Err("metric template `error-rate.istio-system`")),
        (&["flagger-04-gitops-istio-frontend-canary.yaml", "flagger-05-gitops-istio-metric-templates.yaml"], Ok(&["flagger-04-gitops-istio-frontend-canary"])),
        (&["flagger-06-docs-metric-templates-prometheus.yaml"], Err("a MetricTemplate decides nothing by itself")),
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
    assert!(said.contains(r#"istio_requests_total{reporter="destination",destination_workload_namespace="test""#));
}
