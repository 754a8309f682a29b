//! Names: what a `bind:` block says, and selectors that mean nothing here.

use promql_parser::parser::Expr;

use super::super::support::place::{At, Spot};
use super::super::support::query::{bind, selectors, tree, walk};
use super::super::{Check, Example, Mistake, Rule, Subject};
use crate::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use crate::policy::loaded::Loaded;
use crate::telemetry::dialect;
use crate::telemetry::naming::Engine;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "query-matches-nothing",
        summary: "a selector can never match a series of the scenario",
        effect: "`score` refuses the policy; with --allow-missing-series the query is empty for ever.",
        example: Example::file(
            r#"format: 1
triggers:
  - name: errors
    expr: sum(rate(http_requests_total{role="canry",code=~"5.."}[2m])) > 1
    then: roll_back
"#,
        ),
        check: Check::Policy(nothing),
    },
    Rule {
        id: "bind-unused",
        summary: "a binding names a metric or a label that no query uses",
        effect: "It has no effect; most likely a name is misspelt.",
        example: Example::file(
            r#"format: 1
bind:
  metrics: [{metric: shop_failures, signal: errors}]
triggers:
  - name: errors
    expr: sum(rate(http_requests_total{role="candidate",code=~"5.."}[2m])) > 1
    then: roll_back
"#,
        ),
        check: Check::Policy(unused),
    },
    Rule {
        id: "bind-contradicts",
        summary: "one metric or label is bound twice, to different meanings",
        effect: "For a metric the first binding holds, for a label the last; the other one has no effect.",
        example: Example::file(
            r#"format: 1
bind:
  metrics:
    - {metric: shop_failures, signal: errors}
    - {metric: shop_failures, signal: requests}
triggers:
  - name: errors
    expr: sum(rate(shop_failures{role="candidate"}[2m])) > 1
    then: roll_back
"#,
        ),
        check: Check::Policy(contradicts),
    },
    Rule {
        id: "bind-overrides-exporter",
        summary: "a binding gives a well-known metric another meaning than its exporter does",
        effect: "The binding wins: the query reads something else than in production.",
        example: Example::file(
            r#"format: 1
bind:
  metrics: [{metric: http_requests_total, signal: errors}]
triggers:
  - name: errors
    expr: sum(rate(http_requests_total{role="candidate"}[2m])) > 1
    then: roll_back
"#,
        ),
        check: Check::Policy(overrides),
    },
    Rule {
        id: "bind-service-unlike-scenario",
        summary: "the bound service is another one of the scenario, or nearly the name of one",
        effect: "The name is given to the service that is rolled out, whatever the scenario calls it.",
        example: Example::file(
            r#"format: 1
bind: {service: wep}
triggers:
  - name: errors
    expr: sum(rate(http_requests_total{service="wep",role="candidate",code=~"5.."}[2m])) > 1
    then: roll_back
"#,
        ),
        check: Check::Policy(service),
    },
    Rule {
        id: "bind-label-tells-nothing",
        summary: "a label is bound to the same value for both revisions",
        effect: "It cannot tell stable from candidate, so a selector on it mixes them.",
        example: Example::file(
            r#"format: 1
bind:
  labels: [{label: track, stable: main, candidate: main}]
triggers:
  - name: errors
    expr: sum(rate(http_requests_total{track="main",code=~"5.."}[2m])) > 1
    then: roll_back
"#,
        ),
        check: Check::Policy(tells_nothing),
    },
];

fn nothing(subject: &Subject<'_>) -> Vec<Mistake> {
    let mut found = Vec::new();
    for judged in &subject.judged {
        let Some(tree) = &judged.tree else { continue };
        for (selector, _) in selectors(tree) {
            if let Err(error) = bind(selector, &subject.policy.naming, subject.facts) {
                let fact = format!("`{}`: {error}", judged.name);
                found.push(judged.query.mistake(fact, error.help()));
            }
        }
    }
    found
}

/// The entries of a list of the `bind:` block.
fn entries<'s>(subject: &'s Subject<'_>, list: &str) -> Vec<At<'s>> {
    if subject.policy.engine != Engine::Native {
        return Vec::new();
    }
    let block = subject.own_file().and_then(|root| root.get("bind"));
    block.and_then(|block| block.get(list)).into_iter().flat_map(|list| list.items()).collect()
}

fn text<'s>(entry: &At<'s>, key: &str) -> &'s str {
    entry.get(key).map_or("", |value| value.raw())
}

/// Bindings of the command line that no query of any policy uses.
pub fn unused_bindings<'w>(
    policies: &[&Loaded],
    metrics: impl Iterator<Item = &'w str>,
    labels: impl Iterator<Item = &'w str>,
) -> Diagnostics {
    let (mut used, mut used_labels) = (Vec::new(), Vec::new());
    for policy in policies {
        let (metrics, labels) = names(policy);
        used.extend(metrics);
        used_labels.extend(labels);
    }
    let metrics = metrics.map(|name| (name, name.to_owned(), &used));
    let labels = labels.map(|name| (name, format!("label.{name}"), &used_labels));
    let mut found = Diagnostics::new();
    for (name, key, used) in metrics.chain(labels) {
        if let Some(help) = left_over(name, used) {
            let fact = format!("no query uses what `--bind {key}=...` binds");
            found.push(Diagnostic::warning(fact).with_help(help).with_code("bind-unused"));
        }
    }
    found
}

/// What to do about a bound name that no query uses; nothing if one does.
fn left_over(name: &str, used: &[String]) -> Option<String> {
    // A regular expression on the metric's name is kept as it is written and may mean this one.
    if used.iter().any(|other| other == name || other.contains(['|', '*', '+'])) {
        return None;
    }
    let near: Vec<&str> = used.iter().map(String::as_str).collect();
    let meant = did_you_mean(name, &near).map(|near| format!("did you mean `{near}`? "));
    Some(format!("{}remove it, or use it in a query", meant.unwrap_or_default()))
}

/// Metric names, and the labels matched or grouped by, in all queries of a policy.
fn names(policy: &Loaded) -> (Vec<String>, Vec<String>) {
    let (mut metrics, mut labels) = (Vec::new(), Vec::new());
    for tree in policy.queries.iter().filter_map(|query| tree(&query.text)) {
        for (selector, _) in selectors(&tree) {
            metrics.extend(selector.name.clone());
            for matcher in &selector.matchers.matchers {
                if matcher.name == "__name__" {
                    metrics.push(matcher.value.clone());
                } else {
                    labels.push(matcher.name.clone());
                }
            }
        }
        walk(&tree, &mut |part| {
            if let Expr::Aggregate(aggregate) = part
                && let Some(by) = &aggregate.modifier
            {
                labels.extend(by.labels().labels.iter().cloned());
            }
        });
    }
    (metrics, labels)
}

fn unused(subject: &Subject<'_>) -> Vec<Mistake> {
    let (metrics, labels) = names(subject.policy);
    let mut found = Vec::new();
    for (list, key, used) in [("metrics", "metric", &metrics), ("labels", "label", &labels)] {
        for entry in entries(subject, list) {
            let name = text(&entry, key);
            let Some(help) = left_over(name, used) else { continue };
            let at = entry.get(key).unwrap_or(entry);
            found.push(at.spot().mistake(format!("no query uses the {key} `{name}`"), help));
        }
    }
    found
}

fn contradicts(subject: &Subject<'_>) -> Vec<Mistake> {
    let naming = &subject.policy.naming;
    let fallback = Spot::of_source(&subject.policy.source);
    let place = |list: &str, key: &str, name: &str| {
        let written = entries(subject, list).into_iter().rfind(|entry| text(entry, key) == name);
        written.and_then(|entry| entry.get(key)).map_or_else(|| fallback.clone(), |at| at.spot())
    };
    let mut found = Vec::new();
    for (index, one) in naming.bind.iter().enumerate() {
        let earlier = naming.bind.iter().take(index).find(|other| other.metric == one.metric);
        if let Some(other) = earlier.filter(|other| (other.signal, other.unit) != (one.signal, one.unit)) {
            let fact = format!(
                "`{}` is bound to both {} and {}: the first holds",
                one.metric,
                meaning(other.signal, other.unit),
                meaning(one.signal, one.unit)
            );
            found.push(place("metrics", "metric", &one.metric).mistake(fact, "keep one of them"));
        }
    }
    for (index, one) in naming.label_roles.iter().enumerate() {
        let earlier = naming.label_roles.iter().take(index).find(|other| other.label == one.label);
        if earlier.is_some_and(|other| other != one) {
            let fact =
                format!("the label `{}` is bound twice, to different values: the last holds", one.label);
            found.push(place("labels", "label", &one.label).mistake(fact, "keep one of them"));
        }
    }
    found
}

fn meaning(signal: dialect::Signal, unit: dialect::Unit) -> String {
    match unit {
        dialect::Unit::Seconds => signal.words().to_owned(),
        dialect::Unit::Milliseconds => format!("{} in milliseconds", signal.words()),
    }
}

fn overrides(subject: &Subject<'_>) -> Vec<Mistake> {
    let look = |entry: At<'_>| {
        let name = text(&entry, "metric");
        let bound = subject.policy.naming.bind.iter().find(|bound| bound.metric == name)?;
        let (owner, family) = dialect::owner(name)?;
        let theirs: Vec<dialect::Signal> = family.parts.iter().map(|part| part.signal).collect();
        (!theirs.contains(&bound.signal)).then(|| {
            let counts = theirs.first().map_or("something else", |signal| signal.words());
            let fact =
                format!("`{name}` of {} is {counts}, and is bound to {}", owner.name(), bound.signal.words());
            let at = entry.get("metric").unwrap_or(entry);
            at.spot().mistake(fact, "remove the binding, or give the house's metric another name")
        })
    };
    entries(subject, "metrics").into_iter().filter_map(look).collect()
}

fn service(subject: &Subject<'_>) -> Vec<Mistake> {
    let world = &subject.facts.world;
    let target = world.services.get(usize::from(world.target.0)).map_or("", String::as_str);
    let written = subject.own_file().and_then(|root| root.at("bind.service"));
    let (name, spot) = match (&written, &subject.said.service) {
        (Some(at), _) if subject.policy.engine == Engine::Native => (at.raw().to_owned(), at.spot()),
        (_, Some(said)) => (said.clone(), Spot::of_source(&subject.policy.source)),
        _ => return Vec::new(),
    };
    let names: Vec<&str> = world.services.iter().map(String::as_str).collect();
    if name == target {
        return Vec::new();
    }
    if names.contains(&name.as_str()) {
        let fact =
            format!("`{name}` is another service of the scenario: the one that is rolled out is `{target}`");
        return vec![spot.mistake(fact, format!("bind `{target}`, or roll out `{name}` in the scenario"))];
    }
    let Some(near) = did_you_mean(&name, &names) else { return Vec::new() };
    let fact = format!("the scenario has no service `{name}`: the one that is rolled out gets that name");
    vec![spot.mistake(fact, format!("did you mean `{near}`?"))]
}

fn tells_nothing(subject: &Subject<'_>) -> Vec<Mistake> {
    let look = |entry: At<'_>| {
        let same = text(&entry, "stable") == text(&entry, "candidate");
        same.then(|| {
            let at = entry.get("label").unwrap_or(entry);
            let fact = format!("the label `{}` has one value for both revisions", text(&entry, "label"));
            at.spot().mistake(fact, "say what it holds on series of the old and of the new revision")
        })
    };
    entries(subject, "labels").into_iter().filter_map(look).collect()
}
