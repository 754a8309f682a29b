//! What the numbers of each format mean, by the path of their field.
//!
//! Sources: Flagger's `Canary` and `MetricTemplate` (v1beta1), Argo Rollouts' `Rollout` and analysis templates (v1alpha1),
//! Prometheus' rule files and `PrometheusRule`, Kayenta's canary configuration, and native triggers
//! ([`crate::policy::native`]).

use crate::document::{Node, NodeValue};

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Document {
    Canary,
    MetricTemplate,
    Analysis,
    Rollout,
    Rules,
    Native,
    Kayenta,
    /// A policy of another format: its numbers have to be named.
    Other,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Query,
    Condition,
    Number(Meaning),
    /// A number nobody turns unasked.
    Other,
    None,
}

/// What a number is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A time that may be left out.
    Wait,
    /// A time between two looks.
    Pace,
    /// How far a look reaches back.
    Window,
    /// How often something happens.
    Count {
        /// The fewest that make sense.
        least: u32,
    },
    /// Percent of the traffic.
    Weight,
    /// A score from 0 to 100.
    Score,
    /// What a value is compared with.
    Threshold,
    /// Any other number, from its text alone.
    Plain,
}

use Meaning::{Count, Pace, Plain, Score, Threshold, Wait, Weight, Window};
use Role::{Condition, Number, Other, Query};

impl Document {
    /// What the document is; `None` for objects that stand beside a policy.
    pub(super) fn of(root: &Node) -> Option<Self> {
        let text = |key: &str| root.get(key).map_or("", |node| node.raw.as_str());
        if root.get("apiVersion").is_none() {
            let has = |key: &str| root.get(key).is_some();
            return Some(match () {
                () if has("triggers") || has("decide") => Document::Native,
                () if has("groups") && !has("classifier") => Document::Rules,
                () if has("metrics") && (has("classifier") || has("judge")) => Document::Kayenta,
                () => Document::Other,
            });
        }
        let group = text("apiVersion").split('/').next().unwrap_or_default();
        match (group, text("kind")) {
            ("flagger.app", "Canary") => Some(Document::Canary),
            ("flagger.app", "MetricTemplate") => Some(Document::MetricTemplate),
            ("argoproj.io", "Rollout") => Some(Document::Rollout),
            ("argoproj.io", "AnalysisTemplate" | "ClusterAnalysisTemplate" | "AnalysisRun") => {
                Some(Document::Analysis)
            }
            ("monitoring.coreos.com", "PrometheusRule") => Some(Document::Rules),
            ("metrics.keptn.sh" | "openslo", _) => Some(Document::Other),
            _ => None,
        }
    }

    /// Whether the key is left out of paths: it is the same in every object of the kind.
    pub(super) fn hides(self, above: &[String], key: &str) -> bool {
        let above: Vec<&str> = above.iter().map(String::as_str).collect();
        match self {
            Document::Native | Document::Kayenta | Document::Other => false,
            _ => matches!(
                (above.as_slice(), key),
                ([], "spec") | (["spec"], "strategy") | (["spec", "strategy"], "canary" | "blueGreen")
            ),
        }
    }

    /// What stands under these keys, `*` for items.
    pub(super) fn role(self, keys: &[&str]) -> Role {
        if matches!(keys, ["metadata" | "status" | "apiVersion" | "kind" | "format", ..]) {
            return Role::None;
        }
        match self {
            Document::Canary => canary(keys),
            Document::MetricTemplate if keys == ["spec", "query"] => Query,
            Document::Analysis => analysis(keys),
            Document::Rollout => rollout(keys),
            Document::Rules => rules(keys),
            Document::Native => native(keys),
            Document::Kayenta => kayenta(keys),
            Document::MetricTemplate | Document::Other => Other,
        }
    }
}

fn canary(keys: &[&str]) -> Role {
    let ["spec", "analysis" | "canaryAnalysis", rest @ ..] = keys else { return Other };
    match rest {
        ["interval"] => Number(Pace),
        ["threshold" | "iterations"] => Number(Count { least: 1 }),
        ["maxWeight" | "stepWeight" | "stepWeightPromotion" | "mirrorWeight"] | ["stepWeights", "*"] => {
            Number(Weight)
        }
        ["metrics", "*", "thresholdRange", "min" | "max"] | ["metrics", "*", "threshold"] => {
            Number(Threshold)
        }
        ["metrics", "*", "interval"] => Number(Window),
        ["metrics", "*", "query"] => Query,
        _ => Other,
    }
}

fn analysis(keys: &[&str]) -> Role {
    let ["spec", "metrics", "*", rest @ ..] = keys else { return Other };
    match rest {
        ["interval"] | ["provider", "prometheus", "rangeQuery", "step"] => Number(Pace),
        ["initialDelay"] => Number(Wait),
        ["count" | "consecutiveSuccessLimit"] => Number(Count { least: 1 }),
        ["failureLimit" | "inconclusiveLimit" | "consecutiveErrorLimit"] => Number(Count { least: 0 }),
        ["successCondition" | "failureCondition"] => Condition,
        ["provider", "prometheus", "query"] => Query,
        _ => Other,
    }
}

fn rollout(keys: &[&str]) -> Role {
    match keys {
        ["spec", "template", ..] => Role::None,
        ["spec", "strategy", "canary", "steps", "*", "setWeight"] => Number(Weight),
        ["spec", "strategy", "canary", "steps", "*", "pause", "duration"] => Number(Wait),
        _ => Other,
    }
}

fn rules(keys: &[&str]) -> Role {
    let groups = keys.iter().position(|key| *key == "groups").map_or(&[][..], |at| &keys[at..]);
    match groups {
        ["groups", "*", "interval"] => Number(Pace),
        ["groups", "*", "rules", "*", "expr"] => Query,
        ["groups", "*", "rules", "*", "for" | "keep_firing_for"] => Number(Wait),
        ["groups", "*", "rules", "*", "labels" | "annotations", ..] => Role::None,
        _ => Other,
    }
}

fn native(keys: &[&str]) -> Role {
    if let Some(by) = keys.iter().position(|key| *key == "by") {
        return if keys.len() > by + 1 { Number(Plain) } else { Role::None };
    }
    match keys {
        [.., "expr" | "bad" | "total" | "value" | "buckets" | "counter"] | [.., "at_least", "of"] => Query,
        [.., "for" | "keep_firing_for" | "start_after"] => Number(Wait),
        [.., "every"] => Number(Pace),
        [.., "past" | "lasts"] => Number(Window),
        [.., "consecutive" | "cumulative" | "k" | "n"] => Number(Count { least: 1 }),
        [.., "alpha" | "events"] => Number(Plain),
        ["bind" | "summary", ..] => Role::None,
        _ => Other,
    }
}

fn kayenta(keys: &[&str]) -> Role {
    match keys {
        ["classifier", "scoreThresholds", "pass" | "marginal"] => Number(Score),
        _ => Other,
    }
}

/// Whether the values of the list go up step by step.
pub(super) fn is_ladder(keys: &[&str]) -> bool {
    matches!(keys, [.., "stepWeights", "*"] | [.., "steps", "*", "setWeight"])
}

/// The name of an object.
pub(super) fn name_of(root: &Node) -> Option<String> {
    let name = root.get("metadata")?.get("name")?;
    Some(name.raw.clone()).filter(|name| !name.is_empty())
}

/// What an item of a list is called.
pub(super) fn item_name(item: &Node) -> Option<&str> {
    let named = ["name", "alert", "record"].iter().find_map(|key| item.get(key))?;
    Some(named.raw.as_str()).filter(|name| !name.is_empty() && !name.contains(['[', ']', '=', '\n']))
}

/// What is known of the value that a number is compared with: the name and the query of the nearest metric.
pub(super) fn about(above: &[&Node]) -> String {
    let mut words = String::new();
    for node in above.iter().rev().filter(|node| matches!(node.value, NodeValue::Map(_))) {
        let query = node.get("query").or_else(|| node.get("provider")?.get("prometheus")?.get("query"));
        let named =
            [node.get("name"), query, node.get("templateRef").and_then(|template| template.get("name"))];
        for known in named.into_iter().flatten() {
            words.push_str(&known.raw);
            words.push(' ');
        }
        if !words.is_empty() {
            break;
        }
    }
    words
}
