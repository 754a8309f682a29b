//! Canary configurations of Kayenta: what its judge cannot see, and when it looks.

use std::collections::BTreeMap;

use super::super::support::place::{At, Spot};
use super::super::support::values::{Quantity, Reading};
use super::super::{Check, Example, Mistake, Rule, Subject};
use crate::telemetry::naming::Engine;

/// The judge's intervals end where a search stops: the absolute tolerance of R's `uniroot` in `wilcox.test`.
const TOLERANCE: f64 = 1e-4;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "judged-once",
        summary: "a Kayenta run is judged once, at its end",
        effect: "Without `analysisIntervalMins` Kayenta takes the whole lifetime: a release that is bad in the first minute stays to the last one.",
        example: Example {
            kayenta: &["lifetime=30m", "interval=30m"],
            ..Example::file(
                r#"{"name": "errors", "metrics": [
  {"name": "cpu", "groups": ["System"], "query": {"type": "prometheus", "customInlineTemplate":
    "PromQL:avg(rate(container_cpu_usage_seconds_total{pod=~\"${scope}-.*\"}[1m]))"}}],
 "classifier": {"groupWeights": {"System": 100}}}
"#,
            )
        },
        check: Check::Policy(once),
    },
    Rule {
        id: "baseline-is-candidate",
        summary: "a metric reads the same series for the baseline and the canary",
        effect: "Both sides are equal, so it passes whatever the release does, and adds its weight to every score.",
        example: Example::file(
            r#"{"name": "errors", "metrics": [
  {"name": "failures", "groups": ["Errors"], "query": {"type": "prometheus", "customInlineTemplate":
    "PromQL:sum(rate(http_requests_total{code=~\"5..\"}[1m]))"}}],
 "classifier": {"groupWeights": {"Errors": 100}}}
"#,
        ),
        check: Check::Policy(blind),
    },
    Rule {
        id: "ratio-below-tolerance",
        summary: "Kayenta judges a share of errors that is about as small as its tolerance",
        effect: "The ends of its interval are found to within 0.0001, absolutely: a share of a thousandth may double and be called equal.",
        example: Example::file(
            r#"{"name": "errors", "metrics": [
  {"name": "share of errors", "groups": ["Errors"], "query": {"type": "prometheus", "customInlineTemplate":
    "PromQL:sum(rate(http_requests_total{pod=~\"${scope}-.*\",code=~\"5..\"}[1m])) / sum(rate(http_requests_total{pod=~\"${scope}-.*\"}[1m]))"}}],
 "classifier": {"groupWeights": {"Errors": 100}}}
"#,
        ),
        check: Check::Policy(tiny),
    },
    Rule {
        id: "group-never-judged",
        summary: "no metric of a group can be judged, and the group counts as passed",
        effect: "Metrics without data and those that err are in no total: a group of nothing but those has the score 100, with its whole weight.",
        example: Example::file(
            r#"{"name": "errors", "metrics": [
  {"name": "cpu", "groups": ["System"], "query": {"type": "prometheus", "customInlineTemplate":
    "PromQL:avg(rate(container_cpu_usage_seconds_total{pod=~\"${scope}-.*\"}[1m]))"}},
  {"name": "rps", "groups": ["System"], "query": {"type": "prometheus", "customInlineTemplate":
    "PromQL:sum(rate(http_requests_total{pod=~\"${scope}-.*\"}[1m]))"}},
  {"name": "basket size", "groups": ["Business"], "query": {"type": "stackdriver", "metricType": "custom/basket"}}],
 "classifier": {"groupWeights": {"System": 50, "Business": 50}}}
"#,
        ),
        check: Check::Policy(dead_group),
    },
];

/// The configuration of the policy, if it is one of Kayenta's.
fn config<'s>(subject: &'s Subject<'_>) -> Option<At<'s>> {
    subject.own_file().filter(|_| subject.policy.engine == Engine::Kayenta)
}

fn metrics<'s>(subject: &'s Subject<'_>) -> impl Iterator<Item = At<'s>> {
    config(subject).and_then(|root| root.get("metrics")).into_iter().flat_map(|list| list.items())
}

fn name_of<'s>(metric: &At<'s>) -> &'s str {
    metric.get("name").map_or("", |name| name.raw())
}

fn spot_of(metric: &At<'_>) -> Spot {
    metric.get("name").unwrap_or(*metric).spot()
}

fn once(subject: &Subject<'_>) -> Vec<Mistake> {
    let Some(root) = config(subject) else { return Vec::new() };
    let once = subject.said.canary_run.filter(|(lifetime, interval)| interval >= lifetime);
    once.map(|(lifetime, _)| {
        let fact = format!("the run is judged once, {lifetime} after it begins: nothing is rolled back before");
        let help = "say how often: `--kayenta interval=5m`, and `analysisIntervalMins` in the request that starts the run";
        root.get("name").unwrap_or(root).spot().mistake(fact, help)
    })
    .into_iter()
    .collect()
}

/// The template a metric's query is made from, if it is a whole expression.
fn template<'s>(subject: &'s Subject<'_>, metric: &At<'s>) -> Option<At<'s>> {
    let query = metric.get("query")?;
    let inline = query.get("customInlineTemplate").filter(|text| !text.raw().trim().is_empty());
    let named = || config(subject)?.get("templates")?.get(query.get("customFilterTemplate")?.raw());
    let text = inline.or_else(named)?;
    text.raw().trim_start().starts_with("PromQL:").then_some(text)
}

fn blind(subject: &Subject<'_>) -> Vec<Mistake> {
    let look = |metric: At<'_>| {
        let text = template(subject, &metric)?;
        (!text.raw().contains("${")).then(|| {
            let fact = format!(
                "`{}` has no `${{scope}}`: baseline and canary are the same series",
                name_of(&metric)
            );
            text.spot().mistake(fact, "select by the side that is judged, like `{pod=~\"${scope}-.*\"}`")
        })
    };
    metrics(subject).filter_map(look).collect()
}

fn tiny(subject: &Subject<'_>) -> Vec<Mistake> {
    if subject.policy.engine != Engine::Kayenta {
        return Vec::new();
    }
    let reading = Reading { naming: &subject.policy.naming, facts: subject.facts };
    let mut found = Vec::new();
    for (judged, check) in subject.judged.iter().zip(&subject.policy.checks) {
        let Some(tree) = &judged.tree else { continue };
        let values = reading.values(tree);
        let usual = subject.facts.errors * values.scale;
        if values.quantity != (Quantity::Share { good: false }) || usual <= 0.0 || usual > 10.5 * TOLERANCE {
            continue;
        }
        let fact =
            format!("`{}` is about {usual}, and what Kayenta compares is good to {TOLERANCE}", check.name);
        let help = "judge percent instead of shares, `100 * ...`, or the number of errors";
        let metric = metrics(subject).find(|metric| name_of(metric) == check.name);
        found.push(metric.map_or_else(|| judged.spot.clone(), |metric| spot_of(&metric)).mistake(fact, help));
    }
    found
}

fn dead_group(subject: &Subject<'_>) -> Vec<Mistake> {
    let never = |metric: &At<'_>| {
        let what = format!("metric {}", name_of(metric));
        subject.policy.stand_ins.iter().any(|stand_in| {
            let is_it = stand_in
                .what
                .strip_prefix(&what)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(" ("));
            let words = ["no data at", "Nodata at", "Error at"];
            is_it && words.iter().any(|word| stand_in.setting.starts_with(word))
        })
    };
    let mut groups: BTreeMap<&str, (usize, Vec<At<'_>>)> = BTreeMap::new();
    for metric in metrics(subject) {
        for group in metric.get("groups").into_iter().flat_map(|list| list.items()) {
            let (all, dead) = groups.entry(group.raw()).or_default();
            *all += 1;
            if never(&metric) {
                dead.push(metric);
            }
        }
    }
    let dead = groups.into_iter().filter(|(_, (all, dead))| *all == dead.len());
    dead.filter_map(|(group, (_, metrics))| {
        let first = metrics.first()?;
        let fact = format!("no metric of the group `{group}` can be judged: the group counts as passed");
        let help = "say what stands for its metrics (`--bind provider.METRIC=SIGNAL`), or give them `mustHaveData` or `critical`";
        Some(spot_of(first).mistake(fact, help))
    })
    .collect()
}
