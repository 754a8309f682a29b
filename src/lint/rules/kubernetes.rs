//! Fields that do not exist, and objects that do less than people think.

use super::super::support::place::At;
use super::super::{Check, Example, Mistake, Rule, Subject};
use crate::diagnostic::did_you_mean;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "field-does-not-exist",
        summary: "a metric or an analysis has a field its kind does not have",
        effect: "The API server drops it in silence, so what it was meant to say is not said.",
        example: Example::file(
            r#"apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: success-rate}
spec:
  metrics:
    - name: success-rate
      interval: 2m
      failureLimit: 1
      successCondition: len(result) == 0 || isNaN(result[0]) || result[0] >= 0.95
      inconclusiveCondition: result[0] < 0.97
      provider:
        prometheus:
          query: |
            sum(rate(http_requests_total{version="v2",code!~"5.."}[2m]))
            / sum(rate(http_requests_total{version="v2"}[2m]))
"#,
        ),
        check: Check::Policy(fields),
    },
    Rule {
        id: "deployment-deadline",
        summary: "a Deployment has a progress deadline, which rolls nothing back",
        effect: "At the deadline a Deployment is marked as failed and stays as it is.",
        example: Example::file(
            r#"apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  progressDeadlineSeconds: 60
---
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: web}
spec:
  provider: istio
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  analysis:
    interval: 1m
    threshold: 5
    stepWeight: 5
    maxWeight: 50
    metrics: [{name: request-duration, interval: 1m, thresholdRange: {max: 500}}]
"#,
        ),
        check: Check::Policy(deployment),
    },
];

/// Fields of a metric in `AnalysisTemplate`: those the importer knows.
const ARGO_METRIC: &[&str] = &[
    "name",
    "interval",
    "initialDelay",
    "count",
    "successCondition",
    "failureCondition",
    "failureLimit",
    "inconclusiveLimit",
    "consecutiveErrorLimit",
    "consecutiveSuccessLimit",
    "provider",
];
/// Fields of a metric in a Canary: those the importer knows.
const FLAGGER_METRIC: &[&str] =
    &["name", "interval", "threshold", "thresholdRange", "query", "templateRef", "templateVariables"];
/// Fields of the analysis of a Canary: those the importer honours or lists by name.
const FLAGGER_ANALYSIS: &[&str] = &[
    "interval",
    "threshold",
    "maxWeight",
    "stepWeight",
    "stepWeights",
    "stepWeightPromotion",
    "iterations",
    "match",
    "metrics",
    "webhooks",
    "alerts",
    "mirror",
    "mirrorWeight",
    "sessionAffinity",
    "primaryReadyThreshold",
    "canaryReadyThreshold",
];

fn fields(subject: &Subject<'_>) -> Vec<Mistake> {
    let mut found = Vec::new();
    for document in subject.objects(&["AnalysisTemplate", "ClusterAnalysisTemplate"]) {
        for metric in document.at("spec.metrics").into_iter().flat_map(|list| list.items()) {
            unknown(&metric, "a metric of an analysis template", ARGO_METRIC, &mut found);
        }
    }
    for canary in subject.objects(&["Canary"]) {
        let Some(analysis) = canary.at("spec.analysis").or_else(|| canary.at("spec.canaryAnalysis")) else {
            continue;
        };
        unknown(&analysis, "the analysis of a canary", FLAGGER_ANALYSIS, &mut found);
        for metric in analysis.get("metrics").into_iter().flat_map(|list| list.items()) {
            unknown(&metric, "a metric of a canary", FLAGGER_METRIC, &mut found);
        }
    }
    found
}

fn unknown(at: &At<'_>, what: &str, known: &[&str], found: &mut Vec<Mistake>) {
    for (key, place) in at.keys().filter(|(key, _)| !known.contains(key)) {
        let help = match did_you_mean(key, known) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("its fields are {}", known.join(", ")),
        };
        found.push(at.spot_at(place).mistake(format!("{what} has no field `{key}`"), help));
    }
}

fn deployment(subject: &Subject<'_>) -> Vec<Mistake> {
    let with =
        subject.objects(&["Deployment"]).filter_map(|object| object.at("spec.progressDeadlineSeconds"));
    let mut found: Vec<Mistake> = with
        .map(|at| {
            let fact = "a Deployment that misses its progress deadline is marked, and not rolled back";
            let help = "let the canary's own deadline decide, or an automation that undoes the rollout";
            at.spot().mistake(fact, help)
        })
        .collect();
    found.extend(subject.objects(&["Deployment"]).filter_map(|object| too_early(&object)));
    found
}

/// A deadline before a pod can be available: progress is a pod that becomes available, after its probe's initial delay and
/// the minimum ready time.
fn too_early(object: &At<'_>) -> Option<Mistake> {
    let seconds = |at: Option<At<'_>>| at.map_or(Some(0.0), |at| at.raw().parse::<f64>().ok());
    let deadline = object.at("spec.progressDeadlineSeconds")?;
    let containers = object.at("spec.template.spec.containers");
    let delays = containers.into_iter().flat_map(|list| list.items().collect::<Vec<_>>());
    let delays = delays.map(|container| seconds(container.at("readinessProbe.initialDelaySeconds")));
    let delay = delays.collect::<Option<Vec<f64>>>()?.into_iter().fold(0.0, f64::max);
    let takes = delay + seconds(object.at("spec.minReadySeconds"))?;
    let after = deadline.raw().parse::<f64>().ok()?;
    if after > takes {
        return None;
    }
    let fact = format!("the deadline of {after} s is over before a pod can be available, after {takes} s");
    Some(deadline.spot().mistake(fact, "give it the time a pod takes to start as well"))
}
