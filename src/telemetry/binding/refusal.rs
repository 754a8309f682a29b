//! Why nothing can match a selector: the matcher at fault, and what is near.

use std::collections::BTreeSet;

use super::possible::possible;
use super::{BindError, FamilyBinding, Naming, WorldNames};
use crate::telemetry::dialect::Signal;
use crate::telemetry::matcher::SelectorShape;
use crate::telemetry::suggest::nearest;

/// Finds the matcher that nothing passes, or says that no series passes all of them together.
pub(super) fn why_nothing(
    selector: &SelectorShape,
    families: &[FamilyBinding],
    naming: &Naming,
    world: &WorldNames,
) -> BindError {
    let metric = selector.name.clone().unwrap_or_else(|| selector.to_string());
    let of_model = |signal: Signal| {
        signal.needs_model()
            && (world.model.segments.is_empty() || signal == Signal::Feedback && !world.model.feedback)
    };
    let parts = || families.iter().flat_map(|family| &family.parts);
    if parts().next().is_some() && parts().all(|part| of_model(part.signal)) {
        return BindError::NoModel { metric, feedback: !world.model.segments.is_empty() };
    }
    for matcher in selector.conditions() {
        let mut values = BTreeSet::new();
        let (mut passes, mut has_label) = (false, false);
        possible(families, naming, world, |series| {
            passes |= series.accepted_by(matcher);
            has_label |= series.part.labels.iter().any(|(name, _)| name == matcher.label());
            values.insert(series.value(matcher.label()).into_owned());
        });
        if passes {
            continue;
        }
        values.remove("");
        if values.is_empty() || !has_label {
            return unknown_label(metric, matcher.label(), families);
        }
        let plain = matcher.value().trim_matches(|c| matches!(c, '.' | '*' | '^' | '$' | '(' | ')'));
        return BindError::NoValue {
            metric,
            matcher: matcher.to_string(),
            suggestion: nearest(plain, values.iter().map(String::as_str)).map(str::to_owned),
            values: values.into_iter().take(12).collect(),
        };
    }
    BindError::NoCombination { selector: selector.to_string() }
}

fn unknown_label(metric: String, label: &str, families: &[FamilyBinding]) -> BindError {
    let labels: BTreeSet<&str> = families
        .iter()
        .flat_map(|f| &f.parts)
        .flat_map(|p| &p.labels)
        .map(|(name, _)| name.as_ref())
        .collect();
    BindError::UnknownLabel {
        metric,
        label: label.to_owned(),
        suggestion: nearest(label, labels.iter().copied()).map(str::to_owned),
        labels: labels.into_iter().map(str::to_owned).collect(),
    }
}
