//! Label sets as small numbers, so that evaluation moves and compares integers.
//!
//! Every label set that an evaluator meets gets a [`LabelId`] once. Groupings, match signatures and relabelling are
//! functions from label set to label set; their results are remembered per (transform, label set), so that in the
//! steady state `sum by (le)` costs one table look-up per series. The tables are shared between clones of an
//! evaluator and copied only when one of them meets a label set that is new to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::labels::{BUCKET_BOUND, Labels, METRIC_NAME};
use super::program::{Program, TransformId};
use super::storage::{SeriesId, Storage};

/// The number of a label set within one evaluator.
pub(super) type LabelId = u32;
/// The label set without labels.
pub(super) const EMPTY: LabelId = 0;
const UNKNOWN: LabelId = LabelId::MAX;

/// One element of a vector under evaluation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Element {
    pub(super) label: LabelId,
    /// The metric name no longer fits but is removed at the end (delayed name removal only).
    pub(super) drop_name: bool,
    pub(super) value: f64,
}

/// What is known of label sets: holds for every store, so it is shared between branches and replications.
#[derive(Clone, Debug, Default)]
struct Tables {
    labels: Vec<Labels>,
    /// All numbers in order of their label sets: a flat index, since tables are copied more often than extended.
    sorted: Vec<LabelId>,
    /// The same set without `__name__`.
    nameless: Vec<LabelId>,
    /// The `le` label as a number.
    bounds: Vec<Option<f64>>,
    /// By transform, then by label set.
    transformed: Vec<Vec<LabelId>>,
    /// Results of `group_left(labels)`: (which labels, result so far, "one" side) -> result.
    included: BTreeMap<(u32, LabelId, LabelId), LabelId>,
    /// By [`Storage::label_key`].
    by_key: Vec<LabelId>,
    /// By label set: the sets of matchers that select it, of the first `sets` ones.
    selected_by: Vec<Option<Arc<[u32]>>>,
    sets: usize,
    /// How much was ever learnt.
    learnt: usize,
}

/// The series of one store.
#[derive(Clone, Debug, Default)]
struct Index {
    /// By series of the store.
    series: Vec<LabelId>,
    /// By set of matchers: the series it selects, ascending.
    members: Vec<Vec<SeriesId>>,
}

/// The names one evaluator knows.
#[derive(Clone, Debug)]
pub(super) struct Names {
    tables: Arc<Tables>,
    index: Arc<Index>,
    /// How many series of the current store have been checked against the index.
    checked: usize,
}

impl Names {
    pub(super) fn new() -> Self {
        let mut tables = Tables::default();
        tables.intern(Labels::empty());
        Names { tables: Arc::new(tables), index: Arc::default(), checked: 0 }
    }

    /// The next evaluation may see another store whose ids mean other series; equal ones keep their place.
    pub(super) fn rebind(&mut self) {
        self.checked = 0;
    }

    /// How much was ever learnt about label sets.
    pub(super) fn knowledge(&self) -> usize {
        self.tables.learnt
    }

    /// Takes in the series that were added since the last look, and the matcher sets that were.
    pub(super) fn refresh<S: Storage + ?Sized>(&mut self, program: &Program, storage: &S) {
        let count = storage.series_count();
        let known_sets = self.index.members.len() == program.matcher_sets.len()
            && self.tables.sets == program.matcher_sets.len()
            && self.tables.transformed.len() == program.transforms.len();
        if self.checked == count && known_sets {
            return;
        }
        while self.checked < count {
            let id = self.checked as SeriesId;
            let Some(&here) = self.index.series.get(self.checked) else { break };
            let same = match storage.label_key(id) {
                Some(key) => self.tables.of_key(key) == Some(here),
                None => self.tables.labels.get(here as usize) == Some(storage.labels(id)),
            };
            if !same {
                break;
            }
            self.checked += 1;
        }
        if self.checked < count || !known_sets {
            self.extend(program, storage);
        }
        self.checked = count;
    }

    /// Forgets what was known of the first unchecked series and later ones, then takes in all series of the store.
    fn extend<S: Storage + ?Sized>(&mut self, program: &Program, storage: &S) {
        let (from, count) = (self.checked, storage.series_count());
        if self.tables.transformed.len() != program.transforms.len()
            || self.tables.sets != program.matcher_sets.len()
        {
            Arc::make_mut(&mut self.tables).fit(program);
        }
        let index = Arc::make_mut(&mut self.index);
        if from < index.series.len() && from < count {
            index.series.truncate(from);
            for members in &mut index.members {
                let kept = members.partition_point(|&id| (id as usize) < from);
                members.truncate(kept);
            }
        }
        let labels = &self.tables.labels;
        for set in program.matcher_sets.iter().skip(index.members.len()) {
            let selected =
                index.series.iter().zip(0..).filter(|&(&label, _)| set.matches(&labels[label as usize]));
            index.members.push(selected.map(|(_, id)| id).collect());
        }
        for id in index.series.len()..count {
            let id = id as SeriesId;
            let label = Tables::label_of(&mut self.tables, storage, id);
            index.series.push(label);
            for &set in &*Tables::selecting(&mut self.tables, program, label) {
                if let Some(members) = index.members.get_mut(set as usize) {
                    members.push(id);
                }
            }
        }
    }

    pub(super) fn all_labels(&self) -> &[Labels] {
        &self.tables.labels
    }

    pub(super) fn label_count(&self) -> usize {
        self.tables.labels.len()
    }

    pub(super) fn labels(&self, id: LabelId) -> Labels {
        self.tables.labels.get(id as usize).cloned().unwrap_or_default()
    }

    /// The number of a label set, new if need be.
    pub(super) fn intern(&mut self, labels: Labels) -> LabelId {
        match self.tables.find(&labels) {
            Ok(id) => id,
            Err(_) => Arc::make_mut(&mut self.tables).intern(labels),
        }
    }

    pub(super) fn nameless(&self, id: LabelId) -> LabelId {
        self.tables.nameless.get(id as usize).copied().unwrap_or(EMPTY)
    }

    /// The bucket bound in the label `le`, if it is a number.
    pub(super) fn bound(&self, id: LabelId) -> Option<f64> {
        self.tables.bounds.get(id as usize).copied().flatten()
    }

    /// The series a set of matchers selects in the current store: (series, label set).
    pub(super) fn members(&self, matcher_set: u32) -> impl Iterator<Item = (SeriesId, LabelId)> + '_ {
        let members = self.index.members.get(matcher_set as usize).map_or(&[][..], Vec::as_slice);
        let visible = members.partition_point(|&id| (id as usize) < self.checked);
        let series = &self.index.series;
        members.iter().take(visible).filter_map(|&id| Some((id, *series.get(id as usize)?)))
    }

    /// The label set that `transform` makes of `label`.
    pub(super) fn transform(&mut self, program: &Program, transform: TransformId, label: LabelId) -> LabelId {
        let known = self.tables.transformed.get(transform as usize).and_then(|t| t.get(label as usize));
        match known {
            Some(&id) if id != UNKNOWN => id,
            _ => self.transform_anew(program, transform, label),
        }
    }

    #[cold]
    fn transform_anew(&mut self, program: &Program, transform: TransformId, label: LabelId) -> LabelId {
        let before = self.labels(label);
        let after = program.transforms.get(transform as usize).map(|t| t.apply(&before)).unwrap_or(before);
        let tables = Arc::make_mut(&mut self.tables);
        let id = tables.intern(after);
        if let Some(table) = tables.transformed.get_mut(transform as usize) {
            let needed = label as usize + 1;
            table.resize(table.len().max(needed), UNKNOWN);
            table[label as usize] = id;
        }
        tables.learnt += 1;
        id
    }

    /// `result` with the labels `include` taken from the label set `one`, as `group_left(...)` does.
    pub(super) fn include(
        &mut self,
        program: &Program,
        include: u32,
        result: LabelId,
        one: LabelId,
    ) -> LabelId {
        let key = (include, result, one);
        if let Some(&id) = self.tables.included.get(&key) {
            return id;
        }
        let source = self.labels(one);
        let mut labels = self.labels(result);
        for name in program.includes.get(include as usize).map_or(&[][..], |names| names) {
            labels = labels.with(name, source.value(name));
        }
        let tables = Arc::make_mut(&mut self.tables);
        let id = tables.intern(labels);
        tables.included.insert(key, id);
        tables.learnt += 1;
        id
    }
}

impl Tables {
    /// The number of a label set, or its place in the index.
    fn find(&self, labels: &Labels) -> Result<LabelId, usize> {
        let found = self.sorted.binary_search_by(|&id| match self.labels.get(id as usize) {
            Some(known) => known.cmp(labels),
            None => std::cmp::Ordering::Greater,
        });
        found.map(|place| self.sorted.get(place).copied().unwrap_or(EMPTY))
    }

    fn intern(&mut self, labels: Labels) -> LabelId {
        let place = match self.find(&labels) {
            Ok(id) => return id,
            Err(place) => place,
        };
        let id = self.labels.len() as LabelId;
        self.learnt += 1;
        self.labels.push(labels.clone());
        self.bounds.push(labels.get(BUCKET_BOUND).and_then(|text| text.parse().ok()));
        self.nameless.push(id);
        self.sorted.insert(place, id);
        if labels.metric_name().is_some() {
            let nameless = self.intern(labels.without(&[METRIC_NAME]));
            self.nameless[id as usize] = nameless;
        }
        id
    }

    /// Makes room for what the program has grown by.
    fn fit(&mut self, program: &Program) {
        self.transformed.resize(program.transforms.len().max(self.transformed.len()), Vec::new());
        if self.sets != program.matcher_sets.len() {
            self.sets = program.matcher_sets.len();
            self.selected_by.clear();
        }
    }

    fn of_key(&self, key: u32) -> Option<LabelId> {
        self.by_key.get(key as usize).copied().filter(|&id| id != UNKNOWN)
    }

    /// The number of the label set of a series.
    fn label_of<S: Storage + ?Sized>(this: &mut Arc<Self>, storage: &S, id: SeriesId) -> LabelId {
        let key = storage.label_key(id);
        if let Some(known) = key.and_then(|key| this.of_key(key)) {
            return known;
        }
        let tables = Arc::make_mut(this);
        let label = tables.intern(storage.labels(id).clone());
        if let Some(key) = key {
            let needed = key as usize + 1;
            tables.by_key.resize(tables.by_key.len().max(needed), UNKNOWN);
            tables.by_key[key as usize] = label;
            tables.learnt += 1;
        }
        label
    }

    /// The sets of matchers that select a label set.
    fn selecting(this: &mut Arc<Self>, program: &Program, label: LabelId) -> Arc<[u32]> {
        if let Some(Some(known)) = this.selected_by.get(label as usize) {
            return Arc::clone(known);
        }
        let tables = Arc::make_mut(this);
        let labels = &tables.labels[label as usize];
        let sets = program.matcher_sets.iter().zip(0..).filter(|(set, _)| set.matches(labels));
        let found: Arc<[u32]> = sets.map(|(_, number)| number).collect();
        let needed = label as usize + 1;
        tables.selected_by.resize(tables.selected_by.len().max(needed), None);
        tables.selected_by[label as usize] = Some(Arc::clone(&found));
        tables.learnt += 1;
        found
    }
}

/// A map from label set to position that is emptied in no time.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    round: u32,
    entries: Vec<(u32, u32)>,
}

impl Marks {
    /// Forgets everything; `label_count` is how many label sets there are now.
    pub(super) fn clear(&mut self, label_count: usize) {
        if self.round == u32::MAX {
            self.entries.clear();
            self.round = 0;
        }
        self.round += 1;
        if self.entries.len() < label_count {
            self.entries.resize(label_count, (0, 0));
        }
    }

    pub(super) fn get(&self, label: LabelId) -> Option<u32> {
        self.entries.get(label as usize).filter(|entry| entry.0 == self.round).map(|entry| entry.1)
    }

    /// Maps `label` to `position`; what it was mapped to before, if anything.
    pub(super) fn set(&mut self, label: LabelId, position: u32) -> Option<u32> {
        if self.entries.len() <= label as usize {
            self.entries.resize(label as usize + 1, (0, 0));
        }
        let entry = &mut self.entries[label as usize];
        let before = (entry.0 == self.round).then_some(entry.1);
        *entry = (self.round, position);
        before
    }
}
