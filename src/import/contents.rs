//! What a text of unknown kind holds, by its keys alone: nothing of it is checked.

use super::chaos;
use super::{cloudformation, compose, kayenta};
use crate::diagnostic::Source;
use crate::document::{Reader, parse_documents};

/// What a text holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// A policy, or an object that belongs to one.
    Policy,
    /// A file of a chaos tool.
    Chaos,
    /// Something else.
    Other,
    /// Nothing that could be parsed.
    Unreadable,
}

/// Kinds of objects that are policies or parts of them.
const KINDS: &[(&str, &[&str])] = &[
    ("metrics.keptn.sh", &["AnalysisDefinition", "AnalysisValueTemplate", "Analysis"]),
    ("flagger.app", &["Canary", "MetricTemplate", "AlertProvider"]),
    ("argoproj.io", &["Rollout", "AnalysisTemplate", "ClusterAnalysisTemplate", "AnalysisRun"]),
    ("apps", &["Deployment"]),
    (
        "openslo",
        &["SLO", "SLI", "AlertPolicy", "AlertCondition", "AlertNotificationTarget", "DataSource", "Service"],
    ),
    ("monitoring.coreos.com", &["PrometheusRule"]),
    ("pyrra.dev", &["ServiceLevelObjective"]),
    ("sloth.slok.dev", &["PrometheusServiceLevel"]),
];

/// What this text holds: a policy if any of its documents is one.
pub fn contents(name: &str, text: &str) -> Contents {
    let Ok(documents) = parse_documents(name, text) else { return Contents::Unreadable };
    let source = Source::new(name, text);
    let mut found = Contents::Other;
    for document in &documents {
        let root = Reader::new(source, document);
        if is_policy(&root) {
            return Contents::Policy;
        }
        if chaos::is_of_a_tool(&root) {
            found = Contents::Chaos;
        }
    }
    found
}

fn is_policy(root: &Reader<'_>) -> bool {
    if !root.has("apiVersion") {
        let native = root.has("triggers") || (root.has("format") && root.has("process"));
        let scenario = root.has("services");
        return !scenario
            && (native || root.has("groups") || root.has("slos") || kayenta::is_canary_config(root))
            || cloudformation::is_template(root)
            || compose::is_policy(root);
    }
    let word = |key: &str| root.peek().get(key).map(|node| node.raw.clone()).unwrap_or_default();
    let (version, kind) = (word("apiVersion"), word("kind"));
    let group = version.split_once('/').map_or("", |(group, _)| group);
    KINDS.iter().any(|(of, kinds)| *of == group && kinds.contains(&kind.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_told_apart_by_their_keys() {
        for (text, expected) in [
            ("format: 1\ntriggers: []\n", Contents::Policy),
            ("groups: []\n", Contents::Policy),
            ("apiVersion: flagger.app/v1beta1\nkind: Canary\n", Contents::Policy),
            ("apiVersion: v1\nkind: Service\n---\napiVersion: apps/v1\nkind: Deployment\n", Contents::Policy),
            ("Resources: {f: {Type: 'AWS::Lambda::Function'}}\n", Contents::Policy),
            ("{\"title\": \"x\", \"method\": []}\n", Contents::Chaos),
            ("apiVersion: v1\nkind: Service\n", Contents::Other),
            ("format: 1\nservices: {}\n", Contents::Other),
            ("name: x\n", Contents::Other),
            ("a: [\n", Contents::Unreadable),
        ] {
            assert_eq!(contents("x.yaml", text), expected, "{text}");
        }
    }
}
