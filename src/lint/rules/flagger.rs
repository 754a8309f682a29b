//! Flagger canaries: ranges, weights, intervals, deadlines.

use super::super::support::place::At;
use super::super::{Check, Example, Mistake, Rule, Subject};
use crate::strategy::StrategySpec;
use crate::telemetry::naming::Engine;
use crate::time::SimDuration;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "metric-without-range",
        summary: "a metric of a canary has neither `thresholdRange` nor `threshold`",
        effect: "Flagger takes a threshold of 0: any latency is too long, and no success rate too low.",
        example: Example::file(
            r#"apiVersion: flagger.app/v1beta1
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
    metrics: [{name: request-duration, interval: 1m}]
"#,
        ),
        check: Check::Policy(without_range),
    },
    Rule {
        id: "range-is-empty",
        summary: "a threshold range has a minimum above its maximum",
        effect: "No value is in it: every check fails, and every release is rolled back.",
        example: Example::file(
            r#"apiVersion: flagger.app/v1beta1
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
    metrics: [{name: request-duration, interval: 1m, thresholdRange: {min: 500, max: 100}}]
"#,
        ),
        check: Check::Policy(empty_range),
    },
    Rule {
        id: "no-step-weight",
        summary: "a canary has neither step weights nor iterations",
        effect: "It stays at 0 % for ever: nothing is tested and nothing is promoted.",
        example: Example::file(
            r#"apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: web}
spec:
  provider: istio
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  analysis:
    interval: 1m
    threshold: 5
    maxWeight: 50
    metrics: [{name: request-duration, interval: 1m, thresholdRange: {max: 500}}]
"#,
        ),
        check: Check::Policy(no_weight),
    },
    Rule {
        id: "interval-unreadable",
        summary: "the interval of an analysis is no duration Flagger reads, or below its minimum",
        effect: "Without a unit Flagger takes 60s instead, and below 10s it takes 10s, in silence.",
        example: Example::file(
            r#"apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: web}
spec:
  provider: istio
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  analysis:
    interval: 30
    threshold: 5
    stepWeight: 5
    maxWeight: 50
    metrics: [{name: request-duration, interval: 1m, thresholdRange: {max: 500}}]
"#,
        ),
        check: Check::Policy(interval),
    },
    Rule {
        id: "deadline-below-startup",
        summary: "the progress deadline is shorter than pods take to start",
        effect: "The canary is rolled back before it is ready, however good it is.",
        example: Example::file(
            r#"apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: web}
spec:
  provider: istio
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  progressDeadlineSeconds: 1
  analysis:
    interval: 1m
    threshold: 5
    stepWeight: 5
    maxWeight: 50
    metrics: [{name: request-duration, interval: 1m, thresholdRange: {max: 500}}]
"#,
        ),
        check: Check::Policy(deadline),
    },
];

/// The canary of the policy, if it is one.
fn canary<'s>(subject: &'s Subject<'_>) -> Option<At<'s>> {
    if subject.policy.engine != Engine::Flagger {
        return None;
    }
    let (_, wanted) = subject.policy.identity.rsplit_once('/')?;
    subject
        .objects(&["Canary"])
        .find(|canary| canary.at("metadata.name").is_some_and(|name| name.raw() == wanted))
}

fn analysis<'s>(subject: &'s Subject<'_>) -> Option<At<'s>> {
    let canary = canary(subject)?;
    canary.at("spec.analysis").or_else(|| canary.at("spec.canaryAnalysis"))
}

fn metrics<'s>(subject: &'s Subject<'_>) -> impl Iterator<Item = (&'s str, At<'s>)> {
    let list = analysis(subject).and_then(|analysis| analysis.get("metrics"));
    let named = |item: At<'s>| (item.get("name").map_or("", |name| name.raw()), item);
    list.into_iter().flat_map(|list| list.items()).map(named)
}

fn without_range(subject: &Subject<'_>) -> Vec<Mistake> {
    let bare = metrics(subject)
        .filter(|(_, item)| item.get("thresholdRange").is_none() && item.get("threshold").is_none());
    bare.map(|(name, item)| {
        let fact = format!("`{name}` has no range: Flagger takes a threshold of 0");
        item.get("name")
            .unwrap_or(item)
            .spot()
            .mistake(fact, "write `thresholdRange: {max: 500}`, or `{min: 99}`")
    })
    .collect()
}

fn empty_range(subject: &Subject<'_>) -> Vec<Mistake> {
    let number = |at: Option<At<'_>>| at.and_then(|at| at.raw().trim().parse::<f64>().ok());
    let look = |(name, item): (&str, At<'_>)| {
        let range = item.get("thresholdRange")?;
        let (min, max) = (number(range.get("min"))?, number(range.get("max"))?);
        (min > max).then(|| {
            let fact = format!("no value of `{name}` is both at least {min} and at most {max}");
            range.spot().mistake(fact, "swap them, or keep one")
        })
    };
    metrics(subject).filter_map(look).collect()
}

fn no_weight(subject: &Subject<'_>) -> Vec<Mistake> {
    let stuck =
        matches!(&subject.policy.rollout, Some(StrategySpec::Flagger(f)) if !f.promotes && !f.skip_analysis);
    match analysis(subject).filter(|_| stuck) {
        Some(analysis) => {
            let fact = format!("`{}` has no step weight: it stays at 0 % for ever", subject.policy.name);
            vec![
                analysis
                    .spot()
                    .mistake(fact, "write `stepWeight: 5`, `stepWeights: [...]` or `iterations: 10`"),
            ]
        }
        None => Vec::new(),
    }
}

fn interval(subject: &Subject<'_>) -> Vec<Mistake> {
    let Some(at) = analysis(subject).and_then(|analysis| analysis.get("interval")) else { return Vec::new() };
    let text = at.raw();
    match crate::expr::go_duration(text) {
        Ok(span) if span >= SimDuration::from_secs(10) => Vec::new(),
        Ok(span) => {
            let fact = format!("an interval of {span} is below Flagger's minimum: it takes 10s");
            vec![at.spot().mistake(fact, "write `interval: 10s` or more")]
        }
        Err(_) => {
            let fact = format!("`{text}` is no duration: Flagger takes 60s instead");
            let help = if text.trim().parse::<f64>().is_ok() {
                format!("add the unit: `interval: {}s`", text.trim())
            } else {
                "write it like `30s` or `1m`".to_owned()
            };
            vec![at.spot().mistake(fact, help)]
        }
    }
}

fn deadline(subject: &Subject<'_>) -> Vec<Mistake> {
    let Some(StrategySpec::Flagger(flagger)) = &subject.policy.rollout else { return Vec::new() };
    let (deadline, startup) = (flagger.progress_deadline, subject.facts.startup);
    if deadline >= startup {
        return Vec::new();
    }
    let canary = canary(subject);
    let Some(at) = canary.and_then(|canary| canary.at("spec.progressDeadlineSeconds")) else {
        return Vec::new();
    };
    let fact = format!("the deadline is {deadline}, and a pod takes {:.0}s to start", startup.as_secs_f64());
    vec![at.spot().mistake(fact, "leave it out: the default is 600 seconds")]
}
