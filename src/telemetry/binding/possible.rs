//! Every series that can exist under a naming: what a selector is tried on.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{Engine, FamilyBinding, Feed, Naming, PartBinding, Role, WorldNames};
use crate::effect::{ServiceId, SetName};
use crate::telemetry::dialect::support::text::Context;
use crate::telemetry::instrument::{SeriesKey, WHOLE_SET};
use crate::telemetry::matcher::LabelMatcher;

/// The labels of one possible series.
pub(super) struct Possible<'a> {
    pub(super) part: &'a PartBinding,
    context: Context<'a>,
}

impl Possible<'_> {
    pub(super) fn value(&self, label: &str) -> Cow<'static, str> {
        let text = self.part.labels.iter().find(|(name, _)| name == label).map(|(_, text)| *text);
        text.map_or(Cow::Borrowed(""), |text| self.context.text(text))
    }

    pub(super) fn accepted_by(&self, matcher: &LabelMatcher) -> bool {
        matcher.accepts(&self.value(matcher.label()))
    }
}

/// Calls `visit` with every series that can exist.
pub(super) fn possible(
    families: &[FamilyBinding],
    naming: &Naming,
    world: &WorldNames,
    mut visit: impl FnMut(&Possible<'_>),
) {
    for (number, simulated) in world.services.iter().enumerate() {
        let service = ServiceId(number as u16);
        let is_target = service == world.target;
        let other = naming.other(simulated);
        let released = world.released.contains(&service);
        for set in sets(naming.engine, is_target, world.returns, released) {
            let names = if is_target { naming.role(Role::of(*set)) } else { &other };
            for part in families.iter().flat_map(|family| &family.parts) {
                for instrument in part.signal.instruments() {
                    let pod = if instrument.is_per_pod() { 0 } else { WHOLE_SET };
                    let key = SeriesKey { service, set: *set, pod, instrument };
                    let context = Context { naming, names, is_target, model: &world.model, key };
                    if context.has_series(part.labels.iter().map(|(_, text)| text)) {
                        visit(&Possible { part, context });
                    }
                }
            }
        }
    }
}

/// The sets a service can have under these conventions.
fn sets(engine: Engine, is_target: bool, returns: bool, released: bool) -> &'static [SetName] {
    match (is_target, engine) {
        (false, _) if released => &[SetName::Old, SetName::New],
        (false, _) => &[SetName::Old],
        (true, _) if returns => &SetName::ALL,
        (true, Engine::Flagger) => &[SetName::Old, SetName::New, SetName::Promoted],
        (true, _) => &[SetName::Old, SetName::New, SetName::Baseline],
    }
}

pub(super) fn feeds(
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
