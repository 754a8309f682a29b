//! Labels of the metrics of a house: added under the names a query asks for, and read again where no value fits.

use std::borrow::Cow;

use super::possible::feeds;
use super::{BindError, FamilyBinding, Feed, Naming, PartBinding, WorldNames};
use crate::telemetry::dialect::{Signal, Text, Unit};
use crate::telemetry::infer;
use crate::telemetry::matcher::{LabelMatcher, SelectorShape};

pub(super) fn bind_roles_by_hand(family: &mut FamilyBinding, naming: &Naming) {
    for (index, role) in naming.label_roles.iter().enumerate() {
        for part in &mut family.parts {
            set_label(part, &role.label, Text::Bound(index as u16));
        }
    }
}

fn set_label(part: &mut PartBinding, label: &str, text: Text) {
    match part.labels.iter_mut().find(|(name, _)| name == label) {
        Some((_, old)) => *old = text,
        None => part.labels.push((Cow::Owned(label.to_owned()), text)),
    }
}

/// Adds labels a query asks for under other well-known names.
pub(super) fn add_labels(
    family: &mut FamilyBinding,
    selector: &SelectorShape,
    unit: Unit,
    notes: &mut Vec<String>,
) {
    for matcher in selector.conditions() {
        let label = matcher.label();
        for part in &mut family.parts {
            if part.labels.iter().any(|(name, _)| name == label) {
                continue;
            }
            let Some(text) = infer::label(label, part.signal, unit) else { continue };
            part.labels.push((Cow::Owned(label.to_owned()), text));
            let note = format!("label `{label}` of `{}` is read as {}", family.metric, infer::words(text));
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
    }
}

/// Where no series has the value a matcher asks for, tries what else a label of this kind may hold.
pub(super) fn reread_labels(
    family: &mut FamilyBinding,
    selector: &SelectorShape,
    naming: &Naming,
    world: &WorldNames,
    notes: &mut Vec<String>,
) -> Result<(), BindError> {
    for matcher in selector.conditions() {
        let Some(text) = text_of(family, matcher.label()) else { continue };
        if !passing(family, matcher, naming, world).is_empty() {
            continue;
        }
        let mut readings: Vec<(Text, Vec<Feed>)> = Vec::new();
        for &other in infer::alternatives(text) {
            let mut reread = family.clone();
            reread.parts.iter_mut().for_each(|part| set_label(part, matcher.label(), other));
            let feeds = passing(&reread, matcher, naming, world);
            if !feeds.is_empty() && readings.iter().all(|(_, known)| *known != feeds) {
                readings.push((other, feeds));
            }
        }
        match readings.as_slice() {
            [] => {}
            [(other, _)] => {
                family.parts.iter_mut().for_each(|part| set_label(part, matcher.label(), *other));
                let (label, words) = (matcher.label(), infer::words(*other));
                notes.push(format!("label `{label}` of `{}` is read as {words}", family.metric));
            }
            several => {
                return Err(BindError::Ambiguous {
                    metric: family.metric.clone(),
                    matcher: matcher.to_string(),
                    readings: several.iter().map(|(text, _)| infer::words(*text).to_owned()).collect(),
                });
            }
        }
    }
    Ok(())
}

pub(super) fn text_of(family: &FamilyBinding, label: &str) -> Option<Text> {
    let mut labels = family.parts.iter().flat_map(|part| &part.labels);
    labels.find(|(name, _)| name == label).map(|(_, text)| *text)
}

fn passing(family: &FamilyBinding, matcher: &LabelMatcher, naming: &Naming, world: &WorldNames) -> Vec<Feed> {
    feeds(std::slice::from_ref(family), naming, world, |labels| labels.accepted_by(matcher))
}

/// Latencies are not told apart by status: a selector that asks for one status gets all answers.
pub(super) fn note_undivided_latencies(
    selector: &SelectorShape,
    families: &[FamilyBinding],
    notes: &mut Vec<String>,
) {
    let undivided = |signal: Signal| {
        matches!(
            signal,
            Signal::LatencyBuckets
                | Signal::LatencySum
                | Signal::ClientLatencyBuckets
                | Signal::ClientLatencySum
        )
    };
    for family in families {
        let divides = |label: &str| {
            matches!(
                text_of(family, label),
                Some(
                    Text::Status
                        | Text::StatusClass
                        | Text::StatusDigit
                        | Text::Classification
                        | Text::Outcome
                )
            )
        };
        let asks = selector.conditions().any(|matcher| divides(matcher.label()));
        if asks && family.parts.iter().any(|part| undivided(part.signal)) {
            notes.push(format!(
                "`{}` counts answers of every status: latencies are not told apart by it",
                family.metric
            ));
        }
    }
}
