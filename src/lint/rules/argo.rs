//! Metrics of Argo's analyses: counts, limits, steps that do not end.

use promql_parser::parser::{Expr, LabelModifier, token};

use super::super::support::judged::Judged;
use super::super::support::query::{bare, number};
use super::super::{Check, Example, Mistake, Rule, Subject};
use crate::telemetry::naming::Engine;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "limit-never-exceeded",
        summary: "`failureLimit` is not below `count`",
        effect: "An analysis fails when the limit is exceeded: with as few measurements it never does.",
        example: Example::file(
            r#"apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: success-rate}
spec:
  metrics:
    - name: success-rate
      interval: 2m
      count: 3
      failureLimit: 3
      successCondition: len(result) == 0 || isNaN(result[0]) || result[0] >= 0.95
      provider:
        prometheus:
          query: |
            sum(rate(http_requests_total{version="v2",code!~"5.."}[2m]))
            / sum(rate(http_requests_total{version="v2"}[2m]))
"#,
        ),
        check: Check::Policy(limit),
    },
    Rule {
        id: "analysis-never-ends",
        summary: "the analysis of a step has a metric with an interval and no count",
        effect: "Such a metric is measured until the analysis is stopped: the step never ends, nothing is promoted.",
        example: Example::file(
            r#"apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web}
spec:
  strategy:
    canary:
      steps:
        - setWeight: 10
        - analysis: {templates: [{templateName: success-rate}]}
        - pause: {duration: 5m}
---
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: success-rate}
spec:
  metrics:
    - name: success-rate
      interval: 2m
      failureLimit: 1
      successCondition: len(result) == 0 || isNaN(result[0]) || result[0] >= 0.95
      provider:
        prometheus:
          query: |
            sum(rate(http_requests_total{version="v2",code!~"5.."}[2m]))
            / sum(rate(http_requests_total{version="v2"}[2m]))
"#,
        ),
        check: Check::Policy(endless),
    },
    Rule {
        id: "one-series-decides",
        summary: "a query can have several series, and one of them decides",
        effect: "Argo's `result[0]` is the first and Flagger takes the last, in no order that means anything.",
        example: Example::file(
            r#"apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: errors}
spec:
  metrics:
    - name: errors
      interval: 2m
      failureLimit: 1
      failureCondition: len(result) > 0 && result[0] > 5
      provider:
        prometheus:
          query: sum by (pod) (rate(http_requests_total{version="v2",code=~"5.."}[2m]))
"#,
        ),
        check: Check::Policy(series),
    },
];

fn limit(subject: &Subject<'_>) -> Vec<Mistake> {
    let look = |judged: &Judged| {
        let metric = judged.metric.as_ref()?;
        let count = metric.count.filter(|count| *count > 0)?;
        (metric.failure_limit >= count).then(|| {
            let fact = format!(
                "`{}` fails when {} measurements have failed, and there are no more than {count}",
                judged.name,
                metric.failure_limit + 1
            );
            let help = format!("`failureLimit: {}` fails when all of them fail", count - 1);
            metric.limit_spot.mistake(fact, help)
        })
    };
    subject.judged.iter().filter_map(look).collect()
}

fn endless(subject: &Subject<'_>) -> Vec<Mistake> {
    let mut found = Vec::new();
    let templates: Vec<_> = subject.objects(&["AnalysisTemplate", "ClusterAnalysisTemplate"]).collect();
    for rollout in subject.objects(&["Rollout"]) {
        for step in rollout.at("spec.strategy.canary.steps").into_iter().flat_map(|steps| steps.items()) {
            let named = step.at("analysis.templates").into_iter().flat_map(|list| list.items());
            for reference in named {
                let name = reference.get("templateName").map_or("", |name| name.raw());
                let template =
                    templates.iter().find(|t| t.at("metadata.name").is_some_and(|n| n.raw() == name));
                let metrics = template.and_then(|t| t.at("spec.metrics"));
                for metric in metrics.into_iter().flat_map(|list| list.items()) {
                    if metric.get("interval").is_some() && metric.get("count").is_none() {
                        let what = metric.get("name").map_or("", |name| name.raw());
                        let fact =
                            format!("the step of `{name}` never ends: `{what}` has an interval and no count");
                        found.push(
                            reference
                                .spot()
                                .mistake(fact, "give the metric a `count`, or run it in the background"),
                        );
                    }
                }
            }
        }
    }
    found
}

fn series(subject: &Subject<'_>) -> Vec<Mistake> {
    let engine = subject.policy.engine;
    let look = |judged: &Judged| {
        let takes_one = match (&judged.metric, engine) {
            (Some(metric), _) => [&metric.success, &metric.failure].into_iter().flatten().any(|(text, _)| {
                text.contains("[0]")
                    && !["all(", "any(", "len(result) == 1", "len(result) <= 1"]
                        .iter()
                        .any(|s| text.contains(s))
            }),
            (None, Engine::Flagger) => true,
            _ => false,
        };
        let several = judged.tree.as_ref().is_some_and(|tree| !is_single(tree));
        (takes_one && several).then(|| {
            let which = if engine == Engine::Flagger { "the last" } else { "the first" };
            let fact = format!("`{}` can have several series, and {which} of them decides", judged.name);
            judged.query.mistake(fact, "aggregate them: `sum(...)`, `max(...)`")
        })
    };
    subject.judged.iter().filter_map(look).collect()
}

/// Whether an expression has one series at most.
fn is_single(expr: &Expr) -> bool {
    match bare(expr) {
        Expr::NumberLiteral(_) => true,
        Expr::Aggregate(aggregate) => {
            let many = [token::T_TOPK, token::T_BOTTOMK, token::T_COUNT_VALUES].contains(&aggregate.op.id());
            let grouped = match &aggregate.modifier {
                None => false,
                Some(LabelModifier::Include(labels)) => !labels.labels.is_empty(),
                Some(LabelModifier::Exclude(_)) => true,
            };
            !many && !grouped
        }
        Expr::Call(call) => match (call.func.name, call.args.args.as_slice()) {
            ("vector" | "scalar" | "time" | "absent" | "absent_over_time", _) => true,
            ("histogram_quantile", [_, histogram]) => is_single_histogram(histogram),
            (_, [first, ..]) => is_single(first),
            _ => false,
        },
        Expr::Binary(binary) if binary.op.id() == token::T_LAND || binary.op.id() == token::T_LUNLESS => {
            is_single(&binary.lhs)
        }
        Expr::Binary(binary) => {
            (number(&binary.lhs).is_some() || is_single(&binary.lhs))
                && (number(&binary.rhs).is_some() || is_single(&binary.rhs))
        }
        Expr::Unary(unary) => is_single(&unary.expr),
        _ => false,
    }
}

/// Whether the buckets are those of one histogram: grouped by their bound and nothing else.
fn is_single_histogram(expr: &Expr) -> bool {
    match bare(expr) {
        Expr::Aggregate(aggregate) => match &aggregate.modifier {
            Some(LabelModifier::Include(labels)) => labels.labels.iter().all(|label| label == "le"),
            _ => false,
        },
        _ => false,
    }
}
