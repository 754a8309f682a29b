//! Where samples come from: the trait a sample store implements, and a store in memory.
//!
//! Traps: windows are open on the left (`after < t <= upto`, Prometheus 3.x); a scraped series that ends leaves a
//! *stale marker*, a NaN of one exact bit pattern that must not be confused with an ordinary NaN; a store shows only
//! what has *arrived*, so the same window may hold more samples when it is looked at later.

use super::labels::Labels;

/// The index of a series in a store.
pub type SeriesId = u32;

/// The bits of Prometheus' stale marker (`model/value/value.go`, `StaleNaN`).
pub const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

/// The value a scrape appends when a series has gone away.
pub const STALE: f64 = f64::from_bits(STALE_BITS);

/// Whether `value` is the stale marker; ordinary NaN is not.
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_BITS
}

/// What a window begins and ends with, stale markers left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// The first sample: time in ms, value.
    pub first: (i64, f64),
    /// The last sample; the first one if there is no other.
    pub last: (i64, f64),
    /// How many samples there are.
    pub count: usize,
    /// Whether a sample is below the one before it: as a counter, it was reset.
    pub falls: bool,
}

/// What a store can say of a window without giving every sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Glance {
    /// Nothing: the samples have to be read.
    Unknown,
    /// There is none.
    Empty,
    /// What it begins and ends with.
    Extent(Extent),
}

/// A store of series and their samples, as visible at the moment of an evaluation. Times are milliseconds since the
/// start of the simulation (the Unix epoch for Prometheus' own tests).
pub trait Storage {
    /// How many series there are. Series are only ever appended: ids are `0..series_count()`.
    fn series_count(&self) -> usize;

    /// The labels of a series; `id` is below [`Storage::series_count`].
    fn labels(&self, id: SeriesId) -> &Labels;

    /// Appends to `out` the visible samples with `after_ms < t <= upto_ms`, in time order, stale markers included.
    fn samples(&self, id: SeriesId, after_ms: i64, upto_ms: i64, out: &mut Vec<(i64, f64)>);

    /// The latest visible sample with `after_ms < t <= upto_ms`; it may be a stale marker.
    fn latest(&self, id: SeriesId, after_ms: i64, upto_ms: i64) -> Option<(i64, f64)>;

    /// What the window of the visible samples with `after_ms < t <= upto_ms` begins and ends with, if that is known
    /// without reading them; it must be what [`Storage::samples`] shows.
    fn glance(&self, _id: SeriesId, _after_ms: i64, _upto_ms: i64) -> Glance {
        Glance::Unknown
    }

    /// A number for the label set of a series: equal for equal label sets, different for others, in all stores that
    /// one evaluator is used with. `None` if there are no such numbers; labels are compared then.
    fn label_key(&self, _id: SeriesId) -> Option<u32> {
        None
    }

    /// A number that changes whenever a sample became visible or was added, so that values computed for one instant
    /// are not reused after the store has changed within that instant (records of a rule group do that).
    fn generation(&self) -> u64 {
        0
    }
}

/// A plain store in memory: every appended sample is visible at once. For tests and unit tests of rules.
#[derive(Clone, Debug, Default)]
pub struct MemoryStorage {
    series: Vec<(Labels, Vec<(i64, f64)>)>,
    index: std::collections::BTreeMap<Labels, SeriesId>,
    generation: u64,
}

impl MemoryStorage {
    /// A store without series.
    pub fn new() -> Self {
        MemoryStorage::default()
    }

    /// The series with these labels, added if it is new.
    pub fn series(&mut self, labels: &Labels) -> SeriesId {
        if let Some(&id) = self.index.get(labels) {
            return id;
        }
        let id = self.series.len() as SeriesId;
        self.series.push((labels.clone(), Vec::new()));
        self.index.insert(labels.clone(), id);
        self.generation += 1;
        id
    }

    /// Adds one sample. A sample at the time of an older one replaces it; out-of-order samples are sorted in.
    pub fn append(&mut self, labels: &Labels, at_ms: i64, value: f64) {
        let id = self.series(labels) as usize;
        self.generation += 1;
        let Some((_, samples)) = self.series.get_mut(id) else { return };
        match samples.binary_search_by_key(&at_ms, |sample| sample.0) {
            Ok(place) => samples[place].1 = value,
            Err(place) => samples.insert(place, (at_ms, value)),
        }
    }

    /// Forgets samples at or before an instant. Series stay known, so that ids keep their meaning.
    pub fn forget_until(&mut self, at_ms: i64) {
        for (_, samples) in &mut self.series {
            let old = samples.partition_point(|sample| sample.0 <= at_ms);
            // Moving the rest costs something: only when it is worth it.
            if old > 64 && old * 2 > samples.len() {
                samples.drain(..old);
            }
        }
    }

    fn window(&self, id: SeriesId, after_ms: i64, upto_ms: i64) -> &[(i64, f64)] {
        let Some((_, samples)) = self.series.get(id as usize) else { return &[] };
        let start = samples.partition_point(|sample| sample.0 <= after_ms);
        let end = samples.partition_point(|sample| sample.0 <= upto_ms);
        samples.get(start..end).unwrap_or(&[])
    }
}

impl Storage for MemoryStorage {
    fn series_count(&self) -> usize {
        self.series.len()
    }

    fn labels(&self, id: SeriesId) -> &Labels {
        &self.series[id as usize].0
    }

    fn samples(&self, id: SeriesId, after_ms: i64, upto_ms: i64, out: &mut Vec<(i64, f64)>) {
        out.extend_from_slice(self.window(id, after_ms, upto_ms));
    }

    fn latest(&self, id: SeriesId, after_ms: i64, upto_ms: i64) -> Option<(i64, f64)> {
        self.window(id, after_ms, upto_ms).last().copied()
    }

    fn generation(&self) -> u64 {
        self.generation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_open_on_the_left() {
        let mut store = MemoryStorage::new();
        let up = Labels::new([("__name__", "up")]);
        for (t, v) in [(20, 2.0), (10, 1.0), (30, 3.0)] {
            store.append(&up, t, v);
        }
        let mut out = Vec::new();
        store.samples(0, 10, 30, &mut out);
        assert_eq!(out, [(20, 2.0), (30, 3.0)]);
        assert_eq!(store.latest(0, 0, 29), Some((20, 2.0)));
        assert_eq!(store.latest(0, 30, 40), None);
    }

    #[test]
    fn only_the_exact_marker_is_stale() {
        assert!(is_stale(STALE));
        assert!(!is_stale(f64::NAN));
        assert!(STALE.is_nan());
    }
}
