//! What a policy can do at all, and whom it looks at.

use std::collections::BTreeSet;

use super::super::support::judged::{Judged, acts};
use super::super::support::place::Spot;
use super::super::support::query::selectors;
use super::super::support::values::Reading;
use super::super::{Check, Example, Mistake, Rule, Subject};
use crate::policy::native::{OnTrouble, Then};
use crate::telemetry::naming::{Engine, Role};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "page-only",
        summary: "the policy only tells people, and nothing in it rolls back",
        effect: "Where the scenario has no `people:` to act on pages it is scored as `never`: how long they take is not known.",
        example: Example::file(
            r#"format: 1
triggers:
  - name: errors
    expr: >-
      sum(rate(http_requests_total{role="candidate",code=~"5.."}[2m]))
      / sum(rate(http_requests_total{role="candidate"}[2m])) > 0.05
    then: page
"#,
        ),
        check: Check::Policy(page_only),
    },
    Rule {
        id: "never-rolls-back",
        summary: "nothing in the policy can roll back",
        effect: "It is scored as `never`.",
        example: Example::file(
            r#"apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web}
spec:
  strategy:
    canary:
      steps:
        - setWeight: 10
        - pause: {duration: 5m}
"#,
        ),
        check: Check::Policy(never),
    },
    Rule {
        id: "dry-run-only",
        summary: "every metric of the policy is a dry run",
        effect: "Dry-run metrics are measured and never decide: the policy is scored as `never`.",
        example: Example::file(
            r#"apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: success-rate}
spec:
  dryRun: [{metricName: .*}]
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
        check: Check::Policy(dry_run),
    },
    Rule {
        id: "nothing-measured",
        summary: "no metric of the policy asks anything that is simulated",
        effect: "Jobs, web hooks and other providers are stand-ins with a fixed outcome, so the score says nothing.",
        example: Example::file(
            r#"apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: smoke}
spec:
  metrics:
    - name: smoke
      provider:
        web: {url: "http://smoke.example/"}
"#,
        ),
        check: Check::Policy(nothing_measured),
    },
    Rule {
        id: "stable-only",
        summary: "a check looks at the old revision only",
        effect: "What the new revision does is not in it, so it fires by chance or when both suffer.",
        example: Example::file(
            r#"format: 1
triggers:
  - name: errors
    expr: >-
      sum(rate(http_requests_total{role="stable",code=~"5.."}[2m]))
      / sum(rate(http_requests_total{role="stable"}[2m])) > 0.05
    then: roll_back
"#,
        ),
        check: Check::Policy(stable_only),
    },
];

/// The object the policy was made of; the triggers of a native file.
fn own_spot(subject: &Subject<'_>) -> Spot {
    let policy = subject.policy;
    let name = policy.identity.rsplit('/').next().unwrap_or_default();
    let kinds = ["Rollout", "Canary", "AnalysisTemplate", "ClusterAnalysisTemplate"];
    let named = subject.objects(&kinds).filter_map(|object| object.at("metadata.name"));
    let named = named.into_iter().find(|at| policy.engine != Engine::Native && at.raw() == name);
    let root = subject.own_file().map(|root| root.get("triggers").unwrap_or(root));
    named.or(root).map_or_else(|| Spot::of_source(&policy.source), |at| at.spot())
}

fn pages(judged: &Judged) -> bool {
    judged.trigger.as_ref().is_some_and(|trigger| {
        let then = match &trigger.then {
            Then::After(delayed) => &delayed.then,
            then => then,
        };
        matches!(then, Then::Page)
    })
}

/// Whether a native trigger rolls back, by firing or by trouble.
fn decides(judged: &Judged) -> bool {
    judged.trigger.as_ref().is_none_or(|trigger| {
        acts(&trigger.then)
            || trigger.on_error == OnTrouble::RollBack
            || trigger.on_no_data == OnTrouble::RollBack
    })
}

/// Whether the file decides by trees as well, of which nothing is claimed here.
fn has_trees(subject: &Subject<'_>) -> bool {
    subject.own_file().is_some_and(|root| root.get("decide").is_some())
}

fn page_only(subject: &Subject<'_>) -> Vec<Mistake> {
    let all = &subject.judged;
    let triggers_only_page = !has_trees(subject) && !all.iter().any(decides) && all.iter().any(pages);
    if subject.facts.people_act || !(triggers_only_page || subject.policy.tells_only) {
        return Vec::new();
    }
    let fact =
        format!("`{}` only pages: it is scored as a policy that never rolls back", subject.policy.name);
    let help = match subject.policy.engine {
        Engine::Prometheus => {
            "say what follows its alerts with `--alert NAME=roll_back`, or give the scenario `people:`"
        }
        _ => "write `then: investigate` for people who act on it, or give the scenario `people:`",
    };
    vec![own_spot(subject).mistake(fact, help)]
}

fn never(subject: &Subject<'_>) -> Vec<Mistake> {
    let policy = subject.policy;
    let dead = match policy.engine {
        Engine::Native => {
            !has_trees(subject)
                && !subject.judged.iter().any(decides)
                && !subject.judged.iter().any(pages)
                && !subject.judged.is_empty()
        }
        Engine::Argo => policy.checks.is_empty(),
        _ => subject.objects(&["Canary"]).any(|canary| {
            let skips = canary.at("spec.skipAnalysis").is_some_and(|skip| skip.raw() == "true");
            let named = canary.at("metadata.name").is_some_and(|name| policy.identity.ends_with(name.raw()));
            skips && named
        }),
    };
    let help = "write `then: roll_back`, or give the rollout an analysis";
    let fact = format!("nothing in `{}` can roll back: it is scored as `never`", policy.name);
    if dead { vec![own_spot(subject).mistake(fact, help)] } else { Vec::new() }
}

fn dry_run(subject: &Subject<'_>) -> Vec<Mistake> {
    if subject.policy.engine != Engine::Argo || subject.judged.is_empty() {
        return Vec::new();
    }
    let mut lists = Vec::new();
    for document in subject.objects(&["AnalysisTemplate", "ClusterAnalysisTemplate", "Rollout"]) {
        lists.extend(document.at("spec.dryRun"));
        lists.extend(document.at("spec.strategy.canary.analysis.dryRun"));
        for step in document.at("spec.strategy.canary.steps").into_iter().flat_map(|steps| steps.items()) {
            lists.extend(step.at("analysis.dryRun"));
        }
    }
    let rules: Vec<String> = lists
        .iter()
        .flat_map(|list| list.items())
        .filter_map(|item| item.get("metricName").map(|name| name.raw().to_owned()))
        .collect();
    let is_dry = |judged: &Judged| {
        rules.iter().any(|rule| {
            let whole = regex::Regex::new(&format!("^(?:{rule})$"));
            whole.is_ok_and(|whole| whole.is_match(&judged.name))
        })
    };
    match lists.first() {
        Some(list) if subject.judged.iter().all(is_dry) => {
            let fact = format!("every metric of `{}` is a dry run: it never rolls back", subject.policy.name);
            vec![list.spot().mistake(fact, "take the metrics that shall decide out of `dryRun`")]
        }
        _ => Vec::new(),
    }
}

fn nothing_measured(subject: &Subject<'_>) -> Vec<Mistake> {
    let policy = subject.policy;
    // Swarm looks at the tasks themselves, which are simulated.
    let watches_pods = policy.engine == Engine::Swarm;
    if watches_pods || !policy.queries.is_empty() || policy.checks.is_empty() {
        return Vec::new();
    }
    let fact = format!("no metric of `{}` is simulated: all of them are stand-ins", policy.name);
    vec![
        own_spot(subject)
            .mistake(fact, "score the metrics it asks in production; `backout explain` lists the stand-ins"),
    ]
}

fn stable_only(subject: &Subject<'_>) -> Vec<Mistake> {
    let reading = Reading { naming: &subject.policy.naming, facts: subject.facts };
    let look = |judged: &Judged| {
        let bounds: Vec<_> = selectors(judged.tree.as_ref()?)
            .into_iter()
            .map(|(selector, _)| reading.bind(selector))
            .collect();
        let bounds: Option<Vec<_>> = bounds.into_iter().collect();
        let bounds = bounds.filter(|bounds| !bounds.is_empty())?;
        let target = subject.facts.world.target;
        let of_target = bounds.iter().flat_map(|b| &b.feeds).all(|feed| feed.service == target);
        let roles: BTreeSet<Role> =
            bounds.iter().flat_map(|bound| bound.roles(&subject.facts.world)).collect();
        (of_target && roles.len() == 1 && roles.contains(&Role::Stable)).then(|| {
            let fact = format!("`{}` looks at the old revision only", judged.name);
            judged.query.mistake(fact, "select the new revision, or both to compare them")
        })
    };
    subject.judged.iter().filter(|judged| judged.acts).filter_map(look).collect()
}
