//! Projection: neutral series under the names of one policy file.
//!
//! A [`Projection`] knows the metrics the file's queries read and gives, for a neutral series, the label sets under
//! which it appears. It is shared by all branches and replications of a study, and remembers label sets it has made.
//!
//! Traps: two neutral series may appear under one label set (an ingress does not tell pods apart, a Flagger primary is
//! first the old and later the promoted set); they are then one series, the sum of both.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::telemetry::binding::{BindError, Bound, FamilyBinding, PartBinding, WorldNames, merge};
use crate::telemetry::dialect::Transform;
use crate::telemetry::dialect::support::text::Context;
use crate::telemetry::instrument::{Instrument, Needs, SeriesKey};
use crate::telemetry::naming::{Naming, Role, RoleNames};

/// A set of labels, however its owner keeps it.
pub trait LabelSet: Clone + Ord {
    /// The set of these (name, value) pairs, sorted by name; the metric name is the label `__name__`.
    fn build(pairs: &[(&str, &str)]) -> Self;
}

/// A plain label set: sorted (name, value) pairs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesLabels(pub Arc<[(Box<str>, Box<str>)]>);

impl LabelSet for SeriesLabels {
    fn build(pairs: &[(&str, &str)]) -> Self {
        SeriesLabels(pairs.iter().map(|&(name, value)| (name.into(), value.into())).collect())
    }
}

impl SeriesLabels {
    /// The value of a label, empty if there is none.
    pub fn value(&self, label: &str) -> &str {
        self.0.iter().find(|(name, _)| **name == *label).map_or("", |(_, value)| value)
    }
}

/// A neutral series under one of its names.
#[derive(Clone, Debug, PartialEq)]
pub struct Projected<L> {
    /// Number of the label set: equal for equal sets of one projection, otherwise arbitrary.
    pub(crate) id: u32,
    /// The labels.
    pub labels: L,
    /// How the stored value becomes the exported one.
    pub transform: Transform,
}

/// The names of one policy file put on neutral series.
#[derive(Debug)]
pub struct Projection<L> {
    naming: Naming,
    world: WorldNames,
    others: Vec<RoleNames>,
    families: Vec<FamilyBinding>,
    needs: Needs,
    feeding: Vec<Vec<(usize, usize)>>,
    memo: Mutex<Memo<L>>,
}

/// What one neutral series appears as.
type Appearances<L> = Arc<[Projected<L>]>;

#[derive(Debug)]
struct Memo<L> {
    rows: Vec<Vec<Option<Appearances<L>>>>,
    ids: BTreeMap<L, u32>,
}

impl<L: LabelSet> Projection<L> {
    /// The projection for everything these selectors of one file read.
    ///
    /// # Errors
    /// When two selectors need one label of one metric to mean different things.
    pub fn new(naming: &Naming, world: &WorldNames, bounds: &[Bound]) -> Result<Self, BindError> {
        let families = merge(bounds)?;
        let mut needs = Needs::none();
        bounds.iter().for_each(|bound| needs.merge(&bound.needs()));
        let mut feeding = vec![Vec::new(); Instrument::COUNT];
        for (number, family) in families.iter().enumerate() {
            for (place, part) in family.parts.iter().enumerate() {
                for instrument in part.signal.instruments() {
                    feeding[instrument.index()].push((number, place));
                }
            }
        }
        Ok(Projection {
            others: world.services.iter().map(|name| naming.other(name)).collect(),
            naming: naming.clone(),
            world: world.clone(),
            families,
            needs,
            feeding,
            memo: Mutex::new(Memo { rows: Vec::new(), ids: BTreeMap::new() }),
        })
    }

    /// What has to be stored for it.
    pub fn needs(&self) -> &Needs {
        &self.needs
    }

    /// The service that is rolled out.
    pub fn world(&self) -> &WorldNames {
        &self.world
    }

    /// The label sets under which each of these series appears, in the order given, made once and remembered. Series
    /// that no selector of the file can read appear under none.
    pub fn project(&self, keys: &[SeriesKey], mut visit: impl FnMut(usize, &Projected<L>)) {
        let mut memo = self.memo.lock().unwrap_or_else(PoisonError::into_inner);
        for (place, &key) in keys.iter().enumerate() {
            if !self.needs.contains(key.service, key.instrument) {
                continue;
            }
            let found = self.remembered(&mut memo, key);
            found.iter().for_each(|projected| visit(place, projected));
        }
    }

    fn remembered(&self, memo: &mut Memo<L>, key: SeriesKey) -> Appearances<L> {
        let (row, column) = (key.set_index(), key.dense_index());
        if memo.rows.len() <= row {
            memo.rows.resize(row + 1, Vec::new());
        }
        let known = memo.rows.get(row).and_then(|columns| columns.get(column)).and_then(Option::as_ref);
        if let Some(known) = known {
            return known.clone();
        }
        let made = self.make(&mut memo.ids, key);
        if let Some(columns) = memo.rows.get_mut(row) {
            if columns.len() <= column {
                columns.resize(column + 1, None);
            }
            columns[column] = Some(made.clone());
        }
        made
    }

    fn make(&self, ids: &mut BTreeMap<L, u32>, key: SeriesKey) -> Appearances<L> {
        let is_target = key.service == self.world.target;
        let names = if is_target {
            Some(self.naming.role(Role::of(key.set)))
        } else {
            self.others.get(usize::from(key.service.0))
        };
        let Some(names) = names else { return Arc::from([]) };
        let context = Context { naming: &self.naming, names, is_target, model: &self.world.model, key };
        let feeding = self.feeding.get(key.instrument.index()).into_iter().flatten();
        let parts = feeding.filter_map(|&(family, part)| {
            let family = self.families.get(family)?;
            Some((family, family.parts.get(part)?))
        });
        let made = parts.filter_map(|(family, part)| {
            let labels: L = labels_of(&family.metric, part, &context)?;
            let next = ids.len() as u32;
            let id = *ids.entry(labels.clone()).or_insert(next);
            Some(Projected { id, labels, transform: part.transform })
        });
        made.collect()
    }
}

/// The labels of a series of this part; `None` if the exporter has no such series.
fn labels_of<L: LabelSet>(metric: &str, part: &PartBinding, context: &Context<'_>) -> Option<L> {
    if !context.has_series(part.labels.iter().map(|(_, text)| text)) {
        return None;
    }
    let values: Vec<(&str, Cow<'static, str>)> =
        part.labels.iter().map(|(name, text)| (name.as_ref(), context.text(*text))).collect();
    let mut pairs: Vec<(&str, &str)> = values
        .iter()
        .map(|(name, value)| (*name, value.as_ref()))
        .filter(|(_, value)| !value.is_empty())
        .chain([("__name__", metric)])
        .collect();
    pairs.sort_unstable();
    Some(L::build(&pairs))
}
