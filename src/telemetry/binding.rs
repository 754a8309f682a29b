//! Binding: which neutral series a selector of a policy's query can read.
//!
//! A selector that nothing can ever match is an error of the set-up, because an empty result *decides* in most trigger
//! engines: Flagger counts it as a failed check, Argo as an error. A selector that is merely empty at the moment, like
//! one for failures before the first failure, is data. What is inferred from conventional names is written into the
//! notes, for `explain`.
//!
//! Traps: a matcher that passes on the empty string passes on series without the label. Pods come and go, so a matcher
//! on a pod's exact name or address is tried on the first pod of each set only.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::effect::{ServiceId, SetName};
use crate::telemetry::dialect::support::text::Context;
use crate::telemetry::dialect::{self, Buckets, Dialect, Signal, Text, Transform, Unit, app};
use crate::telemetry::infer;
use crate::telemetry::instrument::{Instrument, Needs, SeriesKey, WHOLE_SET};
use crate::telemetry::matcher::{LabelMatcher, SelectorShape};
use crate::telemetry::suggest::nearest;

pub use super::bind_error::BindError;
pub use super::naming::{Engine, LabelRole, MetricBinding, Naming, Role, RoleNames};

/// The services of a world by their names in the scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorldNames {
    /// Names, by [`ServiceId`].
    pub services: Vec<String>,
    /// The service that is rolled out.
    pub target: ServiceId,
}

/// A metric as it will be projected: its name and what feeds it.
#[derive(Clone, Debug, PartialEq)]
pub struct FamilyBinding {
    /// The metric name.
    pub metric: String,
    /// What feeds it.
    pub parts: Vec<PartBinding>,
}

/// One source of a metric's series.
#[derive(Clone, Debug, PartialEq)]
pub struct PartBinding {
    /// What is counted.
    pub signal: Signal,
    /// How the stored value becomes the exported one.
    pub transform: Transform,
    /// Label names and what is written into them.
    pub labels: Vec<(Cow<'static, str>, Text)>,
}

/// Series a selector can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Feed {
    /// Of which service.
    pub service: ServiceId,
    /// Of which set.
    pub set: SetName,
    /// What they count.
    pub instrument: Instrument,
}

/// What a selector was bound to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bound {
    /// The metrics it names.
    pub families: Vec<FamilyBinding>,
    /// The neutral series that can match, in order.
    pub feeds: Vec<Feed>,
    /// What was inferred or has to be known, in sentences.
    pub notes: Vec<String>,
    /// Why nothing can ever match, if the user accepted that.
    pub never: Option<BindError>,
}

impl Bound {
    /// A selector that the user accepts to be empty for ever.
    pub fn never(error: BindError) -> Self {
        Bound { never: Some(error), ..Bound::default() }
    }

    /// The roles of the rolled-out service it can read.
    pub fn roles(&self, world: &WorldNames) -> BTreeSet<Role> {
        self.feeds.iter().filter(|feed| feed.service == world.target).map(|feed| Role::of(feed.set)).collect()
    }

    /// What has to be stored for it.
    pub fn needs(&self) -> Needs {
        let mut needs = Needs::none();
        self.feeds.iter().for_each(|feed| needs.add(feed.service, feed.instrument));
        needs
    }
}

/// Binds a selector.
///
/// # Errors
/// When nothing can ever match it, or its meaning is not unique; the error names what is near.
pub fn bind(
    selector: &SelectorShape,
    naming: &Naming,
    dialects: &[Dialect],
    world: &WorldNames,
) -> Result<Bound, BindError> {
    let mut notes = Vec::new();
    let mut candidates = find_families(selector, naming, dialects, &mut notes)?;
    for candidate in &mut candidates {
        bind_roles_by_hand(&mut candidate.family, naming);
    }
    if let [only] = candidates.as_mut_slice()
        && let Some(unit) = only.open
    {
        add_labels(&mut only.family, selector, unit, &mut notes);
        reread_labels(&mut only.family, selector, naming, world, &mut notes)?;
    }
    let families: Vec<FamilyBinding> = candidates.into_iter().map(|candidate| candidate.family).collect();
    let feeds = feeds(&families, naming, world, |labels| {
        selector.conditions().all(|matcher| labels.accepted_by(matcher))
    });
    if feeds.is_empty() {
        return Err(why_nothing(selector, &families, naming, world));
    }
    note_undivided_latencies(selector, &families, &mut notes);
    Ok(Bound { families, feeds, notes, never: None })
}

/// A metric that may be meant; `open` if labels may be added, with the unit of its bounds.
struct Candidate {
    family: FamilyBinding,
    open: Option<Unit>,
}

fn find_families(
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
    let bounds = unit.bounds(Buckets::ClientDefault);
    let mut transform = Transform::Same;
    match signal {
        Signal::LatencyBuckets | Signal::ClientLatencyBuckets => labels.push((Cow::Borrowed("le"), bounds)),
        Signal::LatencySum | Signal::ClientLatencySum | Signal::LatencyMean => transform = unit.transform(),
        _ => {}
    }
    FamilyBinding { metric: metric.to_owned(), parts: vec![PartBinding { signal, transform, labels }] }
}

fn bind_roles_by_hand(family: &mut FamilyBinding, naming: &Naming) {
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
fn add_labels(family: &mut FamilyBinding, selector: &SelectorShape, unit: Unit, notes: &mut Vec<String>) {
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
fn reread_labels(
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

fn text_of(family: &FamilyBinding, label: &str) -> Option<Text> {
    let mut labels = family.parts.iter().flat_map(|part| &part.labels);
    labels.find(|(name, _)| name == label).map(|(_, text)| *text)
}

fn passing(family: &FamilyBinding, matcher: &LabelMatcher, naming: &Naming, world: &WorldNames) -> Vec<Feed> {
    feeds(std::slice::from_ref(family), naming, world, |labels| labels.accepted_by(matcher))
}

/// The labels of one possible series.
struct Possible<'a> {
    part: &'a PartBinding,
    context: Context<'a>,
}

impl Possible<'_> {
    fn value(&self, label: &str) -> Cow<'static, str> {
        let text = self.part.labels.iter().find(|(name, _)| name == label).map(|(_, text)| *text);
        text.map_or(Cow::Borrowed(""), |text| self.context.text(text))
    }

    fn accepted_by(&self, matcher: &LabelMatcher) -> bool {
        matcher.accepts(&self.value(matcher.label()))
    }
}

/// Calls `visit` with every series that can exist.
fn possible(
    families: &[FamilyBinding],
    naming: &Naming,
    world: &WorldNames,
    mut visit: impl FnMut(&Possible<'_>),
) {
    for (number, simulated) in world.services.iter().enumerate() {
        let service = ServiceId(number as u16);
        let is_target = service == world.target;
        let other = naming.other(simulated);
        for set in sets(naming.engine, is_target) {
            let names = if is_target { naming.role(Role::of(*set)) } else { &other };
            for part in families.iter().flat_map(|family| &family.parts) {
                for instrument in part.signal.instruments() {
                    let pod = if instrument.is_per_pod() { 0 } else { WHOLE_SET };
                    let key = SeriesKey { service, set: *set, pod, instrument };
                    let context = Context { naming, names, is_target, key };
                    if part.labels.iter().all(|&(_, text)| context.exists(text)) {
                        visit(&Possible { part, context });
                    }
                }
            }
        }
    }
}

/// The sets a service can have under these conventions.
pub(crate) fn sets(engine: Engine, is_target: bool) -> &'static [SetName] {
    match (is_target, engine) {
        (false, _) => &[SetName::Old],
        (true, Engine::Flagger) => &SetName::ALL,
        (true, _) => &[SetName::Old, SetName::New],
    }
}

fn feeds(
    families: &[FamilyBinding],
    naming: &Naming,
    world: &WorldNames,
    accepts: impl Fn(&Possible<'_>) -> bool,
) -> Vec<Feed> {
    let mut found = BTreeSet::new();
    possible(families, naming, world, |series| {
        if accepts(series) {
            let SeriesKey { service, set, instrument, .. } = series.context.key;
            found.insert(Feed { service, set, instrument });
        }
    });
    found.into_iter().collect()
}

/// Finds the matcher that nothing passes, or says that no series passes all of them together.
fn why_nothing(
    selector: &SelectorShape,
    families: &[FamilyBinding],
    naming: &Naming,
    world: &WorldNames,
) -> BindError {
    let metric = selector.name.clone().unwrap_or_else(|| selector.to_string());
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

/// Latencies are not told apart by status: a selector that asks for one status gets all answers.
fn note_undivided_latencies(selector: &SelectorShape, families: &[FamilyBinding], notes: &mut Vec<String>) {
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

/// The metrics of several selectors of one file as one list.
///
/// # Errors
/// When two selectors need one label of one metric to mean different things.
pub fn merge(bounds: &[Bound]) -> Result<Vec<FamilyBinding>, BindError> {
    let mut merged: BTreeMap<&str, FamilyBinding> = BTreeMap::new();
    for family in bounds.iter().flat_map(|bound| &bound.families) {
        let Some(known) = merged.get_mut(family.metric.as_str()) else {
            merged.insert(&family.metric, family.clone());
            continue;
        };
        for (part, other) in known.parts.iter_mut().zip(&family.parts) {
            for (label, text) in &other.labels {
                match part.labels.iter().find(|(name, _)| name == label) {
                    Some((_, same)) if same == text => {}
                    Some((_, different)) => {
                        return Err(BindError::Conflict {
                            metric: family.metric.clone(),
                            label: label.to_string(),
                            readings: [infer::words(*different).to_owned(), infer::words(*text).to_owned()],
                        });
                    }
                    None => part.labels.push((label.clone(), *text)),
                }
            }
        }
    }
    Ok(merged.into_values().collect())
}

#[cfg(test)]
#[path = "binding_tests.rs"]
mod tests;
