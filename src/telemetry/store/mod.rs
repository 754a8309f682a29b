//! What monitoring has stored: one table of samples per branch, a row a scrape, a column a neutral series.
//!
//! Every series shares the stamps of the scrapes; a series that was not there at a scrape has no sample in that row,
//! and the first row in which it is gone has Prometheus' *stale marker*.
//!
//! Traps: windows are open on the left (`after < t <= upto`). A row is visible only from [`SampleStore::record_scrape`]'s
//! `visible_ms` on; readers say how many rows they may see ([`SampleStore::visible_rows`]). Series appear with their
//! first event, as the label sets of client libraries do: a code that never occurred has no series, so
//! `sum(rate(..{code="500"}[1m]))` is empty, not 0, until the first failure. All targets of one scrape share a stamp.

mod block;
mod record;
mod values;

use std::ops::Range;
use std::sync::Arc;

use crate::telemetry::instrument::{Needs, SeriesKey};

pub use block::{Extent, SpareBlocks};
pub use record::ScrapeHealth;

/// Prometheus' marker of the end of a series (`model/value/value.go`, `StaleNaN`); a NaN of exactly these bits.
pub const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

const STALE: f64 = f64::from_bits(STALE_BITS);

/// Whether a sample is the stale marker; ordinary NaN is not.
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_BITS
}

/// Index of a neutral series in its store; series are only ever appended.
pub type StoredId = u32;

/// The samples of one branch.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleStore {
    stamps: Vec<i64>,
    visible: Vec<i64>,
    keys: Arc<Vec<SeriesKey>>,
    blocks: block::Blocks,
    recorder: record::Recorder,
}

impl SampleStore {
    /// An empty store that will keep what `needs` names and nothing else.
    pub fn new(needs: &Needs) -> Self {
        SampleStore {
            stamps: Vec::new(),
            visible: Vec::new(),
            keys: Arc::default(),
            blocks: block::Blocks::default(),
            recorder: record::Recorder::new(needs),
        }
    }

    /// What it keeps.
    pub fn needs(&self) -> &Needs {
        self.recorder.needs()
    }

    /// Ends the store and gives its memory away.
    pub fn into_spare(self) -> SpareBlocks {
        self.blocks.into_spare()
    }

    /// Takes memory of stores that have ended, to be filled before more is asked for.
    pub fn take_spare(&mut self, spare: &mut SpareBlocks) {
        self.blocks.take_spare(spare);
    }

    /// How many scrapes were recorded.
    pub fn rows(&self) -> usize {
        self.stamps.len()
    }

    /// How many rows are visible at `now_ms`; rows become visible in order.
    pub fn visible_rows(&self, now_ms: i64) -> usize {
        self.visible.partition_point(|&at| at <= now_ms)
    }

    /// The series, in order of appearance; ids are positions.
    pub fn keys(&self) -> &[SeriesKey] {
        &self.keys
    }

    /// The rows with `after_ms < stamp <= upto_ms` among the first `rows`.
    pub fn window(&self, after_ms: i64, upto_ms: i64, rows: usize) -> Range<usize> {
        let stamps = self.stamps.get(..rows).unwrap_or(&self.stamps);
        let start = stamps.partition_point(|&stamp| stamp <= after_ms);
        let end = stamps.partition_point(|&stamp| stamp <= upto_ms);
        start..end.max(start)
    }

    /// The stamp of a row in milliseconds; `None` beyond the last row.
    pub fn stamp(&self, row: usize) -> Option<i64> {
        self.stamps.get(row).copied()
    }

    /// The sample of a series in a row: a value, the stale marker, or `None`.
    #[inline]
    pub fn sample(&self, row: usize, series: StoredId) -> Option<f64> {
        self.blocks.read(row, series)
    }

    /// What the window over these rows begins and ends with, for one series; `None` if it holds no sample.
    #[inline]
    pub fn extent(&self, rows: Range<usize>, series: StoredId) -> Option<Extent> {
        self.blocks.extent(rows, series)
    }

    /// Whether a series has a sample or a stale marker in these rows.
    pub fn has_any(&self, rows: Range<usize>, series: StoredId) -> bool {
        self.blocks.has_any(rows, series)
    }

    /// The latest sample of a series in these rows, with its row; it may be a stale marker.
    pub fn latest(&self, rows: Range<usize>, series: StoredId) -> Option<(usize, f64)> {
        self.blocks.latest(rows, series)
    }

    /// Visits the samples of a series in these rows in order, stale markers included.
    #[inline]
    pub fn visit(&self, rows: Range<usize>, series: StoredId, visit: impl FnMut(usize, f64)) {
        self.blocks.visit(rows, series, visit);
    }

    fn begin_row(&mut self, stamp_ms: i64, visible_ms: i64) {
        let stamp = self.stamps.last().map_or(stamp_ms, |&last| stamp_ms.max(last + 1));
        let visible = self.visible.last().map_or(visible_ms, |&last| visible_ms.max(last));
        self.blocks.begin_row();
        self.stamps.push(stamp);
        self.visible.push(visible.max(stamp));
    }
}
