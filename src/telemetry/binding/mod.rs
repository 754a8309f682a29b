//! Binding: which neutral series a selector of a policy's query can read.
//!
//! A selector that nothing can ever match is an error of the set-up, because an empty result *decides* in most trigger
//! engines: Flagger counts it as a failed check, Argo as an error. A selector that is merely empty at the moment, like
//! one for failures before the first failure, is data. What is inferred from conventional names is written into the
//! notes, for `explain`.
//!
//! Traps: a matcher that passes on the empty string passes on series without the label. Pods come and go, so a matcher
//! on a pod's exact name or address is tried on the first pod of each set only.

mod error;
mod families;
mod labels;
mod possible;
mod refusal;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::effect::{ServiceId, SetName};
use crate::telemetry::dialect::{Dialect, Signal, Text, Transform};
use crate::telemetry::infer;
use crate::telemetry::instrument::{Instrument, Needs};
use crate::telemetry::matcher::SelectorShape;
use crate::world::spec::WorldSpec;

pub use self::error::BindError;
pub use super::naming::{Engine, LabelRole, MetricBinding, ModelNames, Naming, Role, RoleNames};

/// The services of a world by their names in the scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorldNames {
    /// Names, by [`ServiceId`].
    pub services: Vec<String>,
    /// The service that is rolled out.
    pub target: ServiceId,
    /// Whether a rollback may bring a third revision, or the new one under the stable names.
    pub returns: bool,
    /// What its model's monitoring tells apart.
    pub model: ModelNames,
    /// Services beside it that get a new revision too, with the release or by another team's.
    pub released: Vec<ServiceId>,
}

impl WorldNames {
    /// The names in a world.
    pub fn of(world: &WorldSpec) -> Self {
        let services = world.services.iter().map(|service| service.name.clone()).collect();
        let model = world.model.as_ref().map(|model| ModelNames {
            segments: model.segments.iter().map(|segment| segment.name.clone()).collect(),
            feedback: model.feedback.is_some(),
        });
        WorldNames {
            services,
            target: world.target,
            returns: false,
            model: model.unwrap_or_default(),
            released: Vec::new(),
        }
    }
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
    let mut candidates = families::find_families(selector, naming, dialects, &mut notes)?;
    for candidate in &mut candidates {
        labels::bind_roles_by_hand(&mut candidate.family, naming);
    }
    if let [only] = candidates.as_mut_slice()
        && let Some(unit) = only.open
    {
        labels::add_labels(&mut only.family, selector, unit, &mut notes);
        labels::reread_labels(&mut only.family, selector, naming, world, &mut notes)?;
    }
    let families: Vec<FamilyBinding> = candidates.into_iter().map(|candidate| candidate.family).collect();
    let feeds = possible::feeds(&families, naming, world, |labels| {
        selector.conditions().all(|matcher| labels.accepted_by(matcher))
    });
    if feeds.is_empty() {
        return Err(refusal::why_nothing(selector, &families, naming, world));
    }
    labels::note_undivided_latencies(selector, &families, &mut notes);
    Ok(Bound { families, feeds, notes, never: None })
}

/// The metrics of several selectors of one file as one list.
///
/// # Errors
/// When two selectors need one label of one metric to mean different things.
pub fn merge<'a>(bounds: impl IntoIterator<Item = &'a Bound>) -> Result<Vec<FamilyBinding>, BindError> {
    let mut merged: BTreeMap<&str, FamilyBinding> = BTreeMap::new();
    for family in bounds.into_iter().flat_map(|bound| &bound.families) {
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
mod tests;
