//! Arguments of Argo's templates: declared, given, used.

use std::collections::BTreeSet;

use super::super::support::place::{At, Spot};
use super::super::{Check, Example, Mistake, Rule, Subject};
use crate::telemetry::naming::Engine;

const TEMPLATES: &[&str] = &["AnalysisTemplate", "ClusterAnalysisTemplate"];

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "argument-missing",
        summary: "a template has an argument that nobody gives",
        effect: "Argo does not start the analysis; here a value is guessed from the argument's name.",
        example: Example::file(
            r#"apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: success-rate}
spec:
  args: [{name: revision}]
  metrics:
    - name: success-rate
      interval: 2m
      failureLimit: 1
      successCondition: len(result) == 0 || isNaN(result[0]) || result[0] >= 0.95
      provider:
        prometheus:
          query: |
            sum(rate(http_requests_total{version="v2",service="{{args.revision}}",code!~"5.."}[2m]))
            / sum(rate(http_requests_total{version="v2",service="{{args.revision}}"}[2m]))
"#,
        ),
        check: Check::Policy(missing),
    },
    Rule {
        id: "argument-unused",
        summary: "a template declares an argument and does not use it",
        effect: "What is given for it changes nothing; most likely the query should depend on it.",
        example: Example::file(
            r#"apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: success-rate}
spec:
  args: [{name: service-name, value: web}]
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
        check: Check::Policy(unused),
    },
    Rule {
        id: "argument-undeclared",
        summary: "a rollout gives an argument that none of its templates declares",
        effect: "It reaches no query; Argo passes it over in silence.",
        example: Example::file(
            r#"apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web}
spec:
  strategy:
    canary:
      analysis:
        templates: [{templateName: success-rate}]
        args: [{name: servicename, value: web}]
      steps:
        - setWeight: 10
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
        check: Check::Policy(undeclared),
    },
    Rule {
        id: "argument-left-over",
        summary: "a value is given with --arg that no file asks for",
        effect: "It has no effect; most likely its name is misspelt.",
        example: Example {
            file: r#"apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: success-rate}
spec:
  args: [{name: service-name, value: app}]
  metrics:
    - name: success-rate
      interval: 2m
      failureLimit: 1
      successCondition: len(result) == 0 || isNaN(result[0]) || result[0] >= 0.95
      provider:
        prometheus:
          query: |
            sum(rate(http_requests_total{version="v2",service="{{args.service-name}}",code!~"5.."}[2m]))
            / sum(rate(http_requests_total{version="v2",service="{{args.service-name}}"}[2m]))
"#,
            args: &["service=app"],
            ..Example::file("")
        },
        check: Check::Policy(left_over),
    },
];

fn name<'s>(item: &At<'s>) -> &'s str {
    item.get("name").map_or("", |name| name.raw())
}

fn declared<'s>(template: &At<'s>) -> Vec<At<'s>> {
    template.at("spec.args").into_iter().flat_map(|list| list.items()).collect()
}

/// Every analysis of a rollout: in the background and in steps.
fn analyses<'s>(rollout: &At<'s>) -> Vec<At<'s>> {
    let steps = rollout.at("spec.strategy.canary.steps").into_iter().flat_map(|steps| steps.items());
    let in_steps = steps.filter_map(|step| step.get("analysis"));
    let paths = [
        "spec.strategy.canary.analysis",
        "spec.strategy.blueGreen.prePromotionAnalysis",
        "spec.strategy.blueGreen.postPromotionAnalysis",
    ];
    paths.iter().filter_map(|path| rollout.at(path)).chain(in_steps).collect()
}

fn missing(subject: &Subject<'_>) -> Vec<Mistake> {
    if subject.policy.engine != Engine::Argo {
        return Vec::new();
    }
    let mut given: BTreeSet<&str> = subject.said.args.keys().map(String::as_str).collect();
    let rollouts: Vec<At<'_>> = subject.objects(&["Rollout"]).collect();
    for analysis in rollouts.iter().flat_map(analyses) {
        given.extend(analysis.get("args").into_iter().flat_map(|list| list.items()).map(|item| name(&item)));
    }
    let mut found = Vec::new();
    for template in subject.objects(TEMPLATES) {
        for item in declared(&template) {
            let has_value = item.get("value").is_some() || item.get("valueFrom").is_some();
            let wanted = name(&item);
            if !has_value && !given.contains(wanted) {
                let fact = format!("nobody gives the argument `{wanted}`");
                let help =
                    format!("write `--arg {wanted}=...`, or give the rollout that uses the template as well");
                found.push(item.get("name").unwrap_or(item).spot().mistake(fact, help));
            }
        }
    }
    found
}

fn unused(subject: &Subject<'_>) -> Vec<Mistake> {
    let mut found = Vec::new();
    for template in subject.objects(TEMPLATES) {
        let mut texts = Vec::new();
        template.get("spec").into_iter().for_each(|spec| spec.texts(&mut texts));
        // Arguments are handed on to the templates a template refers to.
        if template.at("spec.templates").is_some() {
            continue;
        }
        for item in declared(&template) {
            let wanted = name(&item);
            if !texts.iter().any(|text| uses(text, wanted)) {
                let fact = format!("the template does not use its argument `{wanted}`");
                found.push(
                    item.spot().mistake(
                        fact,
                        format!("write `{{{{args.{wanted}}}}}` where it belongs, or remove it"),
                    ),
                );
            }
        }
    }
    found
}

/// Whether a text has the placeholder of an argument.
fn uses(text: &str, argument: &str) -> bool {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("{{") {
        let (action, behind) = after.split_once("}}").unwrap_or((after, ""));
        let action = action.trim_matches(|c: char| c == '-' || c.is_whitespace());
        let used = action.strip_prefix("args.").or_else(|| action.strip_prefix("inputs."));
        if used.is_some_and(|used| used.trim() == argument) {
            return true;
        }
        rest = behind;
    }
    false
}

fn undeclared(subject: &Subject<'_>) -> Vec<Mistake> {
    let templates: Vec<At<'_>> = subject.objects(TEMPLATES).collect();
    let mut found = Vec::new();
    for rollout in subject.objects(&["Rollout"]) {
        for analysis in analyses(&rollout) {
            let named: Vec<&str> = analysis
                .get("templates")
                .into_iter()
                .flat_map(|list| list.items())
                .filter_map(|item| item.get("templateName").map(|name| name.raw()))
                .collect();
            let of = |named: &&str| {
                templates.iter().find(|t| t.at("metadata.name").is_some_and(|n| n.raw() == *named))
            };
            let used: Vec<&At<'_>> = named.iter().filter_map(of).collect();
            let hands_on = used.iter().any(|template| template.at("spec.templates").is_some());
            if used.len() != named.len() || hands_on {
                continue;
            }
            let known: Vec<&str> =
                used.iter().flat_map(|template| declared(template)).map(|item| name(&item)).collect();
            for item in analysis.get("args").into_iter().flat_map(|list| list.items()) {
                let given = name(&item);
                if !known.contains(&given) {
                    let meant = crate::diagnostic::did_you_mean(given, &known);
                    let meant = meant.map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default();
                    let fact = format!("no template of this analysis has an argument `{given}`");
                    let help = format!("{meant}declare it under `args:` of the template, or remove it");
                    found.push(item.get("name").unwrap_or(item).spot().mistake(fact, help));
                }
            }
        }
    }
    found
}

fn left_over(subject: &Subject<'_>) -> Vec<Mistake> {
    if subject.said.args.is_empty() {
        return Vec::new();
    }
    let mut texts = Vec::new();
    subject.documents().for_each(|document| document.texts(&mut texts));
    let declared: Vec<&str> =
        subject.objects(TEMPLATES).flat_map(|template| declared(&template)).map(|item| name(&item)).collect();
    let left =
        subject.said.args.keys().filter(|given| {
            !declared.contains(&given.as_str()) && !texts.iter().any(|text| uses(text, given))
        });
    left.map(|given| {
        let meant = crate::diagnostic::did_you_mean(given, &declared);
        let help = match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "remove it".to_owned(),
        };
        Spot::of_source(&subject.policy.source).mistake(format!("nothing asks for `--arg {given}=...`"), help)
    })
    .collect()
}
