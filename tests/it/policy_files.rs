//! Policy files: our own ones in full, other people's as they lie in the shared folder.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use backout::diagnostic::Source;
use backout::effect::ServiceId;
use backout::import::{ImportOptions, SourceText, load};
use backout::policy::loaded::Loaded;
use backout::promql::{Program, Selector};
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{Player, RunRecord};
use backout::study::{Progress, Replications, Study};
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
        (&["prom-01-istio-alerts.yml"], Ok(&["prom-01-istio-alerts"])),
        (&["prom-02-sloth-getting-started.yml"], Ok(&["prom-02-sloth-getting-started"])),
        (&["prom-05-rules-chain.yaml"], Err("there is no alert in these rules")),
        (&["kayenta-01-scratch-prometheus.json"], Ok(&["kayenta-01-scratch-prometheus"])),
        (&["kayenta-02-integration-prometheus-cpu.json"], Ok(&["kayenta-02-integration-prometheus-cpu"])),
        (&["kayenta-03-judge-test-config.json"], Ok(&["kayenta-03-judge-test-config"])),
        (&["aws-01-sam-linear.yaml"], Ok(&["aws-01-sam-linear"])),
        (&["aws-02-safe-lambda-template.yaml"], Ok(&["aws-02-safe-lambda-template"])),
        (&["keptn-01-analysisdefinition.yaml"], Ok(&["keptn-01-analysisdefinition"])),
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
    assert!(said.contains("stand-in (line 14): autoscaler podinfo (HorizontalPodAutoscaler)"), "{said}");
    assert!(!said.contains("unsupported"), "{said}");
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
        sets.push(vec![file("flagger-03-istio-abtest.yaml")]);
        sets.push(vec![
            file("flagger-04-gitops-istio-frontend-canary.yaml"),
            file("flagger-05-gitops-istio-metric-templates.yaml"),
        ]);
        sets.push(vec![file("argo-07-docs-success-rate-istio.yaml")]);
    }
    let world = WorldNames {
        services: vec!["web".to_owned(), "checkout".to_owned()],
        target: ServiceId(1),
        returns: false,
        model: Default::default(),
        released: Vec::new(),
    };
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

/// Binds every selector of a policy; the first refusal.
fn bound(policy: &Loaded) -> Result<(), String> {
    let world = WorldNames {
        services: vec!["web".to_owned(), "checkout".to_owned()],
        target: ServiceId(1),
        returns: false,
        model: Default::default(),
        released: Vec::new(),
    };
    let mut program = Program::new();
    for query in &policy.queries {
        program.add(&query.text).unwrap();
    }
    for selector in program.selectors() {
        bind(&shape(selector), &policy.naming, &Dialect::ALL, &world).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn canary(provider: &str, metrics: &str) -> String {
    format!(
        "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {{name: podinfo, namespace: test}}\nspec:\n  \
         provider: {provider}\n  targetRef: {{kind: Deployment, name: podinfo}}\n  analysis:\n    stepWeight: 10\n    \
         metrics: [{metrics}]\n"
    )
}

#[test]
fn built_in_metrics_of_every_provider_can_match_or_are_refused_by_name() {
    let metrics = "{name: request-success-rate, thresholdRange: {min: 99}}, \
                   {name: request-duration, thresholdRange: {max: 500}}";
    let providers = ["istio", "linkerd", "nginx", "contour", "gloo", "appmesh:v1beta2", "kubernetes"];
    for provider in providers {
        let text = canary(provider, metrics);
        let sources = [SourceText { name: "c.yaml", text: &text }];
        let loaded = load(&sources, &ImportOptions::default()).unwrap();
        bound(&loaded[0]).unwrap_or_else(|error| panic!("{provider}: {error}"));
    }
    for provider in ["kuma", "osm", "skipper", "traefik", "gatewayapi:v1"] {
        let text = canary(provider, metrics);
        let sources = [SourceText { name: "c.yaml", text: &text }];
        let found = load(&sources, &ImportOptions::default()).err().unwrap();
        assert!(found[0].message.contains(provider) && found[0].location.is_some(), "{}", found[0]);
        let allowed = ImportOptions { allow_missing: true, ..ImportOptions::default() };
        let loaded = load(&sources, &allowed).unwrap();
        let assumed = loaded[0].stand_ins.iter().filter(|s| s.setting == "assumed to pass" && s.line > 0);
        assert_eq!(assumed.count(), 2, "{provider}");
    }
}

/// The templates of Flagger's docs decide nothing alone; a canary that uses them finds them, and what they need.
#[test]
fn public_metric_templates_are_used_or_refused_with_a_reason() {
    let Some(shared) = shared::folder() else { return };
    let name = "flagger-06-docs-metric-templates-prometheus.yaml";
    let templates = std::fs::read_to_string(shared.join("policies").join(name)).unwrap();
    let with = |metric: &str| {
        let text = canary("istio", metric);
        let sources =
            [SourceText { name: "c.yaml", text: &text }, SourceText { name: "t.yaml", text: &templates }];
        load(&sources, &ImportOptions::default())
            .map_err(|found| found.iter().map(|d| d.render(false)).collect::<Vec<_>>().join("\n"))
    };
    let istio = "{name: e, templateRef: {name: not-found-percentage, namespace: istio-system}, thresholdRange: {max: 5}}";
    assert_eq!(bound(&with(istio).unwrap()[0]), Ok(()));
    let direction = "{name: m, templateRef: {name: my-metric}, thresholdRange: {max: 5}, \
                     templateVariables: {direction: inbound}}";
    assert_eq!(bound(&with(direction).unwrap()[0]), Ok(()));
    let without = "{name: m, templateRef: {name: my-metric}, thresholdRange: {max: 5}}";
    let error = with(without).err().unwrap();
    assert!(error.contains("variables.direction") && error.contains("t.yaml"), "{error}");
    let grpc = "{name: g, templateRef: {name: grpc-error-rate-percentage, namespace: flagger}, \
                thresholdRange: {max: 5}}";
    assert_eq!(bound(&with(grpc).unwrap()[0]), Ok(()));
    let headless = "{name: h, templateRef: {name: my-metric, namespace: flagger}, thresholdRange: {max: 5}}";
    assert!(with(headless).err().unwrap().contains("query"));
}

#[test]
fn every_public_canary_can_be_played() {
    let Some(shared) = shared::folder() else { return };
    let file = backout::scenario::embedded::scenario("canary/error-regression").unwrap();
    let resolved = backout::scenario::read(file.name(), Source::new(file.path, file.text)).unwrap();
    let scenario = std::sync::Arc::new(resolved.scenario);
    for set in [
        &["flagger-01-istio-canary.yaml"][..],
        &["flagger-02-linkerd-canary-steps.yaml"],
        &["flagger-03-istio-abtest.yaml"],
        &["flagger-04-gitops-istio-frontend-canary.yaml", "flagger-05-gitops-istio-metric-templates.yaml"],
    ] {
        let paths: Vec<PathBuf> = set.iter().map(|file| shared.join("policies").join(file)).collect();
        let loaded = read(&paths).unwrap();
        let is_ab = loaded[0].summary.contains("A/B");
        let records = Study::new(std::slice::from_ref(&scenario), &loaded, 5, PrepareOptions::default())
            .unwrap()
            .with_replications(Replications { flow: 6, request: 1 })
            .play(&Progress::default())
            .unwrap();
        let runs = records.iter().map(|record| {
            let of = |runs: &[RunRecord]| {
                runs.iter().find(|run| matches!(run.player, Player::Policy(_))).cloned().unwrap()
            };
            of(&record.rollouts[0].bad.runs)
        });
        let runs: Vec<RunRecord> = runs.collect();
        assert!(runs.iter().all(|run| run.checks.iter().any(|check| check.evaluations > 0)), "{set:?}");
        let caught: Vec<&RunRecord> =
            runs.iter().filter(|run| run.decision.is_some() && run.promoted_at.is_none()).collect();
        assert!(!caught.is_empty(), "{set:?} never rolls back a bad release");
        let users: u64 = scenario.world.traffic.iter().map(|traffic| traffic.users).sum();
        // Only the matching tenth of the users can have met what was rolled back from an A/B test.
        for run in caught.iter().filter(|_| is_ab) {
            assert!(run.users_harmed <= 0.1 * users as f64, "{} of {users}", run.users_harmed);
        }
    }
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
