//! Metric providers the simulation does not have, and what is assumed of them.
//!
//! Unless the user says otherwise they succeed at every measurement; a job is read for how its script ends. What the
//! user says is an end, a share of successes, a result for the conditions, or that there is no data, which each
//! provider shows in its own way: an empty list, nil, or an error.

use regex::Regex;

use super::{Draft, line};
use crate::document::{Node, NodeValue, Reader};
use crate::expr::Value;
use crate::import::Answer;
use crate::policy::argo::engine::Assumption;
use crate::policy::argo::measurement::Phase;

/// What is assumed of the provider of metric `name`, and printed.
pub(super) fn assumed(draft: &mut Draft<'_, '_>, name: &str, provider: &Reader<'_>) -> Assumption {
    let kind = provider.peek().entries().first().map_or("no", |entry| entry.key.as_str()).to_owned();
    let said = draft.options.providers.get(name).or_else(|| draft.options.providers.get(&kind)).cloned();
    let (assumption, setting) = match said {
        None => unsaid(&kind, provider),
        Some(Answer::NoData) => {
            let assumption = no_data(&kind);
            let setting = format!("has no data: {}", words(&assumption));
            (assumption, setting)
        }
        Some(Answer::Assumed(Assumption::Value(Value::Float(score)))) if kind == "kayenta" => {
            let phase = judged(provider, score);
            (Assumption::Phase(phase), format!("a score of {score} at every measurement: {phase}"))
        }
        Some(Answer::Assumed(assumption)) => {
            let setting = words(&assumption);
            (assumption, setting)
        }
    };
    provider.whole();
    draft.stand_in(format!("metric {name} ({kind} provider)"), line(provider), setting);
    assumption
}

fn words(assumption: &Assumption) -> String {
    match assumption {
        Assumption::Phase(phase) => format!("every measurement is {phase}"),
        Assumption::Share(share) => format!("{} % of the measurements succeed", share * 100.0),
        Assumption::Value(Value::Nil) => "the result is nil at every measurement".to_owned(),
        Assumption::Value(value) => format!("the result is {} at every measurement", shown(value)),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Float(number) => number.to_string(),
        Value::Str(text) => format!("{text:?}"),
        Value::Bool(truth) => truth.to_string(),
        Value::List(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        Value::Map(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(key, value)| format!("{key}: {}", shown(value))).collect();
            format!("{{{}}}", fields.join(", "))
        }
        _ => "nil".to_owned(),
    }
}

/// What a provider without data gives (metricproviders/*).
fn no_data(kind: &str) -> Assumption {
    match kind {
        "datadog" => Assumption::Value(Value::Nil),
        "cloudWatch" => Assumption::Value(Value::List(Vec::new())),
        "skywalking" => Assumption::Value(Value::Map(std::collections::BTreeMap::new())),
        "job" => Assumption::Phase(Phase::Inconclusive),
        _ => Assumption::Phase(Phase::Error),
    }
}

/// Kayenta's judgement of a score by the thresholds of the metric.
fn judged(provider: &Reader<'_>, score: f64) -> Phase {
    let threshold = |key: &str| {
        let node = provider.peek().get("kayenta")?.get("threshold")?.get(key)?;
        node.raw.parse::<f64>().ok()
    };
    // The score is cut to a whole number before it is compared.
    let score = score.trunc();
    if threshold("pass").is_some_and(|pass| score >= pass) {
        Phase::Successful
    } else if threshold("marginal").is_some_and(|marginal| score >= marginal) {
        Phase::Inconclusive
    } else {
        Phase::Failed
    }
}

/// What is assumed when the user says nothing.
fn unsaid(kind: &str, provider: &Reader<'_>) -> (Assumption, String) {
    let succeeds = |how: &str| (Assumption::Phase(Phase::Successful), how.to_owned());
    if kind != "job" {
        return succeeds("assumed to succeed at every measurement");
    }
    let mut script = String::new();
    if let Some(job) = provider.peek().get("job") {
        commands(job, &mut script);
    }
    let exits = Regex::new(r"\bexit\s+([0-9]+|\$)").ok();
    let last = exits.and_then(|exits| exits.captures_iter(&script).last().map(|found| found[1].to_owned()));
    match last.as_deref() {
        Some("0") => succeeds("succeeds at every measurement (`exit 0`)"),
        Some("$") if script.contains("RANDOM") => {
            (Assumption::Share(0.5), "half of the measurements succeed (its script throws dice)".to_owned())
        }
        Some("$") | None => succeeds("assumed to succeed at every measurement"),
        Some(_) => {
            let setting = "fails at every measurement (`exit` with another number than 0)";
            (Assumption::Phase(Phase::Failed), setting.to_owned())
        }
    }
}

/// The texts of every `command` and `args` below a node.
fn commands(node: &Node, words: &mut String) {
    for entry in node.entries() {
        if matches!(entry.key.as_str(), "command" | "args") {
            for item in entry.value.items() {
                words.push_str(&item.raw);
                words.push('\n');
            }
        } else if matches!(entry.value.value, NodeValue::Map(_) | NodeValue::Seq(_)) {
            commands(&entry.value, words);
        }
    }
    for item in node.items() {
        commands(item, words);
    }
}
