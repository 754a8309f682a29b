//! A view: one branch's store as the queries of one policy file see it.
//!
//! The list of series only grows, in step with the store; ids stay what they are, also in a clone for another branch.
//! Reading happens through [`At`], which fixes the rows that are visible at an instant.

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;

use crate::effect::{ServiceId, SetName};
use crate::telemetry::dialect::Transform;
use crate::telemetry::projection::{LabelSet, Projection};
use crate::telemetry::store::{STALE_BITS, SampleStore, StoredId, is_stale};

const UNSEEN: u32 = u32::MAX;

/// A stored series behind a projected one.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Source {
    id: StoredId,
    service: ServiceId,
    set: SetName,
}

/// What can be said of a window without reading every sample in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Glance {
    /// Nothing: it has to be read.
    Unknown,
    /// It holds no sample.
    Empty,
    /// Its first and last sample as (time in ms, value), how many there are, and whether one is below the one before it.
    Extent {
        /// The first sample.
        first: (i64, f64),
        /// The last sample.
        last: (i64, f64),
        /// How many there are.
        count: usize,
        /// Whether a sample is below the one before it.
        falls: bool,
    },
}

/// The stored series behind a projected one that have anything in some rows.
enum Sources {
    None,
    One(StoredId),
    Several,
}

/// A series as queries see it.
#[derive(Clone, Debug)]
struct Viewed<L> {
    /// Number of the label set in the projection.
    number: u32,
    labels: L,
    transform: Transform,
    first: Source,
    more: Vec<Source>,
}

/// The series of one branch under the names of one policy file.
#[derive(Debug)]
pub struct View<L> {
    projection: Arc<Projection<L>>,
    series: Arc<Vec<Viewed<L>>>,
    place_of: Arc<Vec<u32>>,
    seen: usize,
}

impl<L> Clone for View<L> {
    fn clone(&self) -> Self {
        View {
            projection: self.projection.clone(),
            series: self.series.clone(),
            place_of: self.place_of.clone(),
            seen: self.seen,
        }
    }
}

impl<L: LabelSet> View<L> {
    /// A view that has not looked at a store yet.
    pub fn new(projection: Arc<Projection<L>>) -> Self {
        View { projection, series: Arc::default(), place_of: Arc::default(), seen: 0 }
    }

    /// A view of the same projection that has not looked at a store yet.
    #[must_use]
    pub fn emptied(&self) -> Self {
        View::new(self.projection.clone())
    }

    /// Takes notice of series that appeared in the store; always the same branch's store, or a clone of it.
    pub fn extend(&mut self, store: &SampleStore) {
        let Some(fresh) = store.keys().get(self.seen..).filter(|fresh| !fresh.is_empty()) else { return };
        let series = Arc::make_mut(&mut self.series);
        let place_of = Arc::make_mut(&mut self.place_of);
        let before = self.seen;
        self.projection.project(fresh, |offset, projected| {
            let Some(key) = fresh.get(offset) else { return };
            let source = Source { id: (before + offset) as StoredId, service: key.service, set: key.set };
            let number = projected.id as usize;
            if place_of.len() <= number {
                place_of.resize(number + 1, UNSEEN);
            }
            match series.get_mut(place_of[number] as usize) {
                Some(known) => known.more.push(source),
                None => {
                    place_of[number] = series.len() as u32;
                    let (labels, transform) = (projected.labels.clone(), projected.transform);
                    series.push(Viewed {
                        number: projected.id,
                        labels,
                        transform,
                        first: source,
                        more: Vec::new(),
                    });
                }
            }
        });
        self.seen = store.keys().len();
    }

    /// How many series there are.
    pub fn series_count(&self) -> usize {
        self.series.len()
    }

    /// Reads what is visible at `now_ms`.
    pub fn at<'a>(&'a self, store: &'a SampleStore, now_ms: i64) -> At<'a, L> {
        let rows = store.visible_rows(now_ms);
        At { view: self, store, rows, only: None, window: Cell::new((0, 0, 0, 0)) }
    }
}

/// A view at an instant: what monitoring would answer then.
#[derive(Debug)]
pub struct At<'a, L> {
    view: &'a View<L>,
    store: &'a SampleStore,
    rows: usize,
    only: Option<(ServiceId, SetName)>,
    /// The last window asked for and its rows: the series of one selector are all read over the same one.
    window: Cell<(i64, i64, usize, usize)>,
}

impl<'a, L: LabelSet> At<'a, L> {
    /// The same, but of the rolled-out service only the pods of one set's revision have samples.
    #[must_use]
    pub fn only(mut self, set: SetName) -> Self {
        self.only = Some((self.view.projection.world().target, set));
        self
    }

    /// How many rows are visible: changes when, and only when, a scrape became visible.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many series there are; ids are below it.
    pub fn series_count(&self) -> usize {
        self.view.series.len()
    }

    /// The labels of a series.
    ///
    /// # Panics
    /// If `id` is not below [`At::series_count`].
    pub fn labels(&self, id: u32) -> &'a L {
        &self.view.series[id as usize].labels
    }

    /// A number for the label set of a series: equal for equal sets, different for others, in all views of one
    /// projection.
    pub fn label_key(&self, id: u32) -> Option<u32> {
        self.view.series.get(id as usize).map(|series| series.number)
    }

    /// Appends to `out` the visible samples with `after_ms < t <= upto_ms`, in time order, stale markers included.
    pub fn samples(&self, id: u32, after_ms: i64, upto_ms: i64, out: &mut Vec<(i64, f64)>) {
        let Some(series) = self.view.series.get(id as usize) else { return };
        let rows = self.window(after_ms, upto_ms);
        match self.sources(series, &rows) {
            Sources::None => {}
            Sources::One(stored) => self.store.visit(rows, stored, |row, value| {
                out.extend(self.store.stamp(row).map(|stamp| (stamp, series.transform.apply(value))));
            }),
            Sources::Several => rows.for_each(|row| out.extend(self.sum(series, row))),
        }
    }

    /// What the window of the visible samples with `after_ms < t <= upto_ms` begins and ends with.
    #[inline]
    pub fn extent(&self, id: u32, after_ms: i64, upto_ms: i64) -> Glance {
        let Some(series) = self.view.series.get(id as usize) else { return Glance::Empty };
        if !series.transform.keeps_order() {
            return Glance::Unknown;
        }
        let rows = self.window(after_ms, upto_ms);
        let stored = match self.sources(series, &rows) {
            Sources::None => return Glance::Empty,
            Sources::One(stored) => stored,
            Sources::Several => return Glance::Unknown,
        };
        let Some(extent) = self.store.extent(rows, stored) else { return Glance::Empty };
        let stamped = |(row, value): (usize, f64)| (self.store.stamp(row), series.transform.apply(value));
        let ((Some(first), first_value), (Some(last), last_value)) =
            (stamped(extent.first), stamped(extent.last))
        else {
            return Glance::Unknown;
        };
        Glance::Extent {
            first: (first, first_value),
            last: (last, last_value),
            count: extent.count,
            falls: extent.falls,
        }
    }

    /// The latest visible sample with `after_ms < t <= upto_ms`; it may be a stale marker.
    pub fn latest(&self, id: u32, after_ms: i64, upto_ms: i64) -> Option<(i64, f64)> {
        let series = self.view.series.get(id as usize)?;
        let mut rows = self.window(after_ms, upto_ms);
        match self.sources(series, &rows) {
            Sources::None => None,
            Sources::One(stored) => {
                let (row, value) = self.store.latest(rows, stored)?;
                Some((self.store.stamp(row)?, series.transform.apply(value)))
            }
            Sources::Several => {
                rows.rfind(|&row| self.has_any(series, row)).and_then(|row| self.sum(series, row))
            }
        }
    }

    #[inline]
    fn window(&self, after_ms: i64, upto_ms: i64) -> Range<usize> {
        let (after, upto, start, end) = self.window.get();
        if (after, upto) == (after_ms, upto_ms) {
            return start..end;
        }
        let rows = self.store.window(after_ms, upto_ms, self.rows);
        self.window.set((after_ms, upto_ms, rows.start, rows.end));
        rows
    }

    /// Whether a stored series may be read.
    fn shows(&self, source: &Source) -> bool {
        self.only
            .is_none_or(|(target, set)| source.service != target || source.set.revision() == set.revision())
    }

    /// Which stored series have anything in these rows.
    #[inline]
    fn sources(&self, series: &Viewed<L>, rows: &Range<usize>) -> Sources {
        if series.more.is_empty() {
            return if self.shows(&series.first) { Sources::One(series.first.id) } else { Sources::None };
        }
        let mut found = Sources::None;
        for source in std::iter::once(&series.first).chain(&series.more) {
            if self.shows(source) && self.store.has_any(rows.clone(), source.id) {
                found = match found {
                    Sources::None => Sources::One(source.id),
                    _ => return Sources::Several,
                };
            }
        }
        found
    }

    fn has_any(&self, series: &Viewed<L>, row: usize) -> bool {
        !matches!(self.sources(series, &(row..row + 1)), Sources::None)
    }

    /// The sum over all sources that have a value in a row; stale if one ended and none is left.
    fn sum(&self, series: &Viewed<L>, row: usize) -> Option<(i64, f64)> {
        let mut total = None;
        let mut ended = false;
        for source in std::iter::once(&series.first).chain(&series.more).filter(|source| self.shows(source)) {
            match self.store.sample(row, source.id) {
                Some(value) if is_stale(value) => ended = true,
                Some(value) => total = Some(total.unwrap_or(0.0) + value),
                None => {}
            }
        }
        let value = total.or_else(|| ended.then_some(f64::from_bits(STALE_BITS)))?;
        Some((self.store.stamp(row)?, series.transform.apply(value)))
    }
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
