//! Which metrics a selector names: by exact name, by hand, or by convention.

use std::borrow::Cow;

use super::{BindError, FamilyBinding, Naming, PartBinding};
use crate::telemetry::dialect::{self, Buckets, Dialect, Signal, Text, Transform, Unit, app};
use crate::telemetry::infer;
use crate::telemetry::matcher::SelectorShape;
use crate::telemetry::suggest::nearest;

/// A metric that may be meant; `open` if labels may be added, with the unit of its bounds.
pub(super) struct Candidate {
    pub(super) family: FamilyBinding,
    pub(super) open: Option<Unit>,
}

pub(super) fn find_families(
    selector: &SelectorShape,
    naming: &Naming,
    dialects: &[Dialect],
    notes: &mut Vec<String>,
) -> Result<Vec<Candidate>, BindError> {
    let Some(name) = selector.name.as_deref() else {
        return families_by_matchers(selector, naming, dialects);
    };
    if let Some(by_hand) = naming.bind.iter().find(|binding| binding.metric == name) {
        let family = generic(name, by_hand.signal, by_hand.unit);
        return Ok(vec![Candidate { family, open: Some(by_hand.unit) }]);
    }
    if let Some((owner, family)) = dialect::owner(name) {
        if !dialects.contains(&owner) {
            return Err(BindError::OtherDialect { metric: name.to_owned(), dialect: owner });
        }
        let open = owner.is_open().then_some(Unit::Seconds);
        return Ok(vec![Candidate { family: owned(family), open }]);
    }
    let reading = infer::metric(name).filter(|_| !is_exporters_name(name));
    let Some(reading) = reading else {
        let suggestion = nearest(name, known_metrics(naming, dialects)).map(str::to_owned);
        return Err(BindError::UnknownMetric { metric: name.to_owned(), suggestion });
    };
    if !dialects.contains(&Dialect::App) {
        return Err(BindError::OtherDialect { metric: name.to_owned(), dialect: Dialect::App });
    }
    notes.push(format!("`{name}` is read as {} (by its name)", reading.signal.words()));
    Ok(vec![Candidate { family: generic(name, reading.signal, reading.unit), open: Some(reading.unit) }])
}

/// All metrics a selector without a plain name passes: only those that exist under their exact names.
fn families_by_matchers(
    selector: &SelectorShape,
    naming: &Naming,
    dialects: &[Dialect],
) -> Result<Vec<Candidate>, BindError> {
    let families = dialects.iter().flat_map(|dialect| dialect.families());
    let known = families.filter(|family| selector.accepts_name(family.name)).map(owned);
    let by_hand = naming.bind.iter().filter(|binding| selector.accepts_name(&binding.metric));
    let by_hand = by_hand.map(|binding| generic(&binding.metric, binding.signal, binding.unit));
    let found: Vec<Candidate> = by_hand.chain(known).map(|family| Candidate { family, open: None }).collect();
    if found.is_empty() {
        return Err(BindError::UnknownMetric { metric: selector.to_string(), suggestion: None });
    }
    Ok(found)
}

/// Whether a name looks like one of an exporter whose metrics are known: then it is misspelt or not simulated.
fn is_exporters_name(name: &str) -> bool {
    ["istio_", "nginx_ingress_controller_", "envoy_", "kube_", "container_", "grpc_server_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

fn known_metrics<'a>(naming: &'a Naming, dialects: &'a [Dialect]) -> impl Iterator<Item = &'a str> {
    let exporters = dialects.iter().flat_map(|dialect| dialect.families()).map(|family| family.name);
    naming.bind.iter().map(|binding| binding.metric.as_str()).chain(exporters)
}

fn owned(family: &dialect::Family) -> FamilyBinding {
    let part = |part: &dialect::Part| PartBinding {
        signal: part.signal,
        transform: part.transform,
        labels: part.labels.iter().map(|&(name, text)| (Cow::Borrowed(name), text)).collect(),
    };
    FamilyBinding { metric: family.name.to_owned(), parts: family.parts.iter().map(part).collect() }
}

/// A metric of the house: the labels of a pod scrape, and status and bound where the signal has them.
fn generic(metric: &str, signal: Signal, unit: Unit) -> FamilyBinding {
    let scraped = app::SCRAPED.iter().copied();
    let whole_set = signal.instruments().iter().any(|instrument| !instrument.is_per_pod());
    let mut labels: Vec<(Cow<'static, str>, Text)> = scraped
        .filter(|(_, text)| !(whole_set && matches!(text, Text::Pod | Text::Instance(_))))
        .map(|(name, text)| (Cow::Borrowed(name), text))
        .collect();
    if infer::label("code", signal, unit).is_some() {
        labels.push((Cow::Borrowed("code"), Text::Status));
    }
    if signal.needs_model() {
        for label in ["segment", "prediction", "label", "correct", "verdict"] {
            let text = infer::label(label, signal, unit);
            labels.extend(text.map(|text| (Cow::Borrowed(label), text)));
        }
    }
    let bounds = unit.bounds(Buckets::ClientDefault);
    let mut transform = Transform::Same;
    match signal {
        Signal::LatencyBuckets | Signal::ClientLatencyBuckets => labels.push((Cow::Borrowed("le"), bounds)),
        Signal::LatencySum | Signal::ClientLatencySum | Signal::LatencyMean => transform = unit.transform(),
        _ => {}
    }
    FamilyBinding { metric: metric.to_owned(), parts: vec![PartBinding { signal, transform, labels }] }
}
