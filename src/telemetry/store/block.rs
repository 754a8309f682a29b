//! Blocks of samples: 16 scrapes of all series.
//!
//! The values of one scrape lie together, since all series are written at once and a window reads all its series at the
//! same few scrapes. Beside them a block keeps for every series which scrapes had a sample, which had the marker of an
//! end, and where a counter fell. With what is counted before the block, the ends of a window, how many samples it holds
//! and whether a counter was reset in it are known without reading the samples between.
//!
//! Full blocks are never written again and are shared between branches; only the block being filled is copied when a
//! branch forks.

use std::ops::Range;
use std::sync::Arc;

use super::{STALE, is_stale};

/// Scrapes per block: the bits of a [`Rows`].
pub(super) const ROWS: usize = 16;

/// How many blocks are kept for the next branch: a few hours of scrapes.
const SPARE_BLOCKS: usize = 64;

/// A set of rows of a block.
type Rows = u16;

/// The rows of a block from this one on.
const fn from(row: usize) -> Rows {
    Rows::MAX << row
}

/// The rows of a block up to and with this one.
const fn upto(row: usize) -> Rows {
    Rows::MAX >> (ROWS - 1 - row)
}

/// What a block knows of one series besides its values.
#[derive(Clone, Copy, Debug)]
struct Head {
    /// Rows with a sample, rows with the marker of an end, rows with a sample below the one before it.
    present: Rows,
    ended: Rows,
    falls: Rows,
    /// Samples and falls before this block.
    present_before: u32,
    falls_before: u32,
    /// The latest sample of all; NaN before the first, which is below nothing.
    latest: f64,
}

impl Head {
    const EMPTY: Head =
        Head { present: 0, ended: 0, falls: 0, present_before: 0, falls_before: 0, latest: f64::NAN };

    /// The same series at the start of the next block.
    fn next(&self) -> Head {
        Head {
            present_before: self.present_before + self.present.count_ones(),
            falls_before: self.falls_before + self.falls.count_ones(),
            latest: self.latest,
            ..Head::EMPTY
        }
    }

    fn samples_upto(&self, row: usize) -> u32 {
        self.present_before + (self.present & upto(row)).count_ones()
    }

    fn falls_upto(&self, row: usize) -> u32 {
        self.falls_before + (self.falls & upto(row)).count_ones()
    }

    fn same(&self, other: &Head) -> bool {
        let masks = |h: &Head| (h.present, h.ended, h.falls, h.present_before, h.falls_before);
        masks(self) == masks(other) && self.latest.to_bits() == other.latest.to_bits()
    }
}

/// Up to [`ROWS`] rows, each as wide as there were series then.
#[derive(Clone, Debug, Default)]
struct Block {
    heads: Vec<Head>,
    /// Where each row begins among the values.
    starts: Vec<u32>,
    values: Vec<f64>,
}

impl Block {
    /// Empties the block for the rows that follow another one's.
    fn follow(&mut self, before: &Block) {
        self.heads.clear();
        self.heads.extend(before.heads.iter().map(Head::next));
        self.starts.clear();
        self.values.clear();
    }

    fn begin_row(&mut self) {
        let start = self.values.len();
        self.starts.push(start as u32);
        self.values.resize(start + self.heads.len(), 0.0);
    }

    fn add_series(&mut self) {
        self.heads.push(Head::EMPTY);
        self.values.push(0.0);
    }

    /// Writes into the last row.
    #[inline]
    fn write(&mut self, series: usize, value: f64) {
        let (Some(head), Some(&start)) = (self.heads.get_mut(series), self.starts.last()) else { return };
        let bit = 1 << (self.starts.len() - 1);
        if is_stale(value) {
            head.ended |= bit;
            return;
        }
        head.present |= bit;
        if value < head.latest {
            head.falls |= bit;
        }
        head.latest = value;
        if let Some(cell) = self.values.get_mut(start as usize + series) {
            *cell = value;
        }
    }

    /// The value in a row that has a sample.
    #[inline]
    fn value(&self, row: usize, series: usize) -> f64 {
        let start = self.starts.get(row).map_or(0, |&start| start as usize);
        self.values.get(start + series).copied().unwrap_or(f64::NAN)
    }

    #[inline]
    fn read(&self, row: usize, series: usize) -> Option<f64> {
        let head = self.heads.get(series)?;
        let bit = 1 << row;
        if head.present & bit != 0 {
            Some(self.value(row, series))
        } else {
            (head.ended & bit != 0).then_some(STALE)
        }
    }

    fn same(&self, other: &Block) -> bool {
        self.starts == other.starts
            && self.heads.len() == other.heads.len()
            && self.heads.iter().zip(&other.heads).all(|(a, b)| a.same(b))
            && self.values.len() == other.values.len()
            && self.values.iter().zip(&other.values).all(|(a, b)| a.to_bits() == b.to_bits())
    }
}

/// The first and the last sample of a window, as (row, value), and what lies between; markers of ends do not count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// The first sample.
    pub first: (usize, f64),
    /// The last sample; the first one if there is no other.
    pub last: (usize, f64),
    /// How many samples there are.
    pub count: usize,
    /// Whether a sample is below the one before it: a counter was reset.
    pub falls: bool,
}

/// Samples of one series in one block.
#[derive(Clone, Copy)]
struct Samples<'a> {
    number: usize,
    block: &'a Block,
    head: &'a Head,
    /// The rows; at least one.
    found: Rows,
}

impl Samples<'_> {
    /// From the first sample of one block to the last of another one, or of the same.
    #[inline]
    fn extent(first: Samples<'_>, last: Samples<'_>, series: usize) -> Extent {
        let low = first.found.trailing_zeros() as usize;
        let high = ROWS - 1 - last.found.leading_zeros() as usize;
        Extent {
            first: (first.number * ROWS + low, first.block.value(low, series)),
            last: (last.number * ROWS + high, last.block.value(high, series)),
            count: (last.head.samples_upto(high) - first.head.samples_upto(low)) as usize + 1,
            falls: last.head.falls_upto(high) != first.head.falls_upto(low),
        }
    }
}

/// Memory of blocks that nobody reads any more.
#[derive(Debug, Default)]
pub struct SpareBlocks(Vec<Block>);

impl SpareBlocks {
    /// This and what another one has. Forks leave more blocks than the next branch fills, so only some are kept.
    pub fn add(&mut self, mut other: SpareBlocks) {
        let room = SPARE_BLOCKS.saturating_sub(self.0.len());
        other.0.truncate(room);
        self.0.append(&mut other.0);
    }
}

/// The samples of all series, by (row, series).
#[derive(Debug, Default)]
pub(super) struct Blocks {
    full: Vec<Arc<Block>>,
    filling: Block,
    spare: SpareBlocks,
}

impl Clone for Blocks {
    fn clone(&self) -> Self {
        let (full, filling) = (self.full.clone(), self.filling.clone());
        Blocks { full, filling, spare: SpareBlocks::default() }
    }
}

impl Blocks {
    /// Begins the next row.
    pub(super) fn begin_row(&mut self) {
        if self.filling.starts.len() == ROWS {
            let mut next = self.spare.0.pop().unwrap_or_default();
            next.follow(&self.filling);
            self.full.push(Arc::new(std::mem::replace(&mut self.filling, next)));
        }
        self.filling.begin_row();
    }

    /// Ends the table and gives its memory away, as far as no other branch reads it.
    pub(super) fn into_spare(self) -> SpareBlocks {
        let mut spare = self.spare;
        spare.0.extend(self.full.into_iter().filter_map(Arc::into_inner));
        spare.0.push(self.filling);
        spare
    }

    /// Takes memory to fill.
    pub(super) fn take_spare(&mut self, spare: &mut SpareBlocks) {
        self.spare.0.append(&mut spare.0);
    }

    /// Adds a series, from the row begun last on.
    pub(super) fn add_series(&mut self) {
        self.filling.add_series();
    }

    /// Writes into the row begun last; once per row and series.
    #[inline]
    pub(super) fn write(&mut self, series: u32, value: f64) {
        self.filling.write(series as usize, value);
    }

    #[inline]
    fn block(&self, number: usize) -> Option<&Block> {
        match self.full.get(number) {
            Some(full) => Some(full),
            None => (number == self.full.len()).then_some(&self.filling),
        }
    }

    /// The sample or marker of a series at a row, `None` if there is none.
    #[inline]
    pub(super) fn read(&self, row: usize, series: u32) -> Option<f64> {
        self.block(row / ROWS)?.read(row % ROWS, series as usize)
    }

    /// The parts of a range of rows that lie in one block each: the block and the rows in it.
    fn parts(rows: Range<usize>) -> impl DoubleEndedIterator<Item = (usize, Rows)> {
        let (start, end) = (rows.start, rows.end.max(rows.start));
        (start / ROWS..end.div_ceil(ROWS)).filter(move |_| end > start).map(move |block| {
            let first = block * ROWS;
            let low = from(start.saturating_sub(first));
            let high = upto((end - 1 - first).min(ROWS - 1));
            (block, low & high)
        })
    }

    /// What a window over these rows begins and ends with; `None` if it holds no sample.
    #[inline]
    pub(super) fn extent(&self, rows: Range<usize>, series: u32) -> Option<Extent> {
        if rows.is_empty() {
            return None;
        }
        let (start, end) = (rows.start, rows.end - 1);
        let (low, high) = (from(start % ROWS), upto(end % ROWS));
        let part = |number: usize, rows: Rows| self.samples_in(number, rows, series);
        // Windows are mostly shorter than a block.
        let (first, last) = match end / ROWS - start / ROWS {
            0 => {
                let only = part(start / ROWS, low & high)?;
                (only, only)
            }
            1 => match (part(start / ROWS, low), part(end / ROWS, high)) {
                (Some(first), Some(last)) => (first, last),
                (first, last) => {
                    let only = first.or(last)?;
                    (only, only)
                }
            },
            _ => {
                let samples = |(number, rows)| part(number, rows);
                let first = Self::parts(rows.clone()).find_map(samples)?;
                (first, Self::parts(rows).rev().find_map(samples)?)
            }
        };
        Some(Samples::extent(first, last, series as usize))
    }

    /// The samples of a series in some rows of one block, if there are any.
    #[inline]
    fn samples_in(&self, number: usize, rows: Rows, series: u32) -> Option<Samples<'_>> {
        let block = self.block(number)?;
        let head = block.heads.get(series as usize)?;
        let found = head.present & rows;
        (found != 0).then_some(Samples { number, block, head, found })
    }

    /// The rows of a part in which a series has a sample or a marker.
    fn filled(&self, (number, rows): (usize, Rows), series: u32) -> Rows {
        let head = self.block(number).and_then(|block| block.heads.get(series as usize));
        head.map_or(0, |head| (head.present | head.ended) & rows)
    }

    /// Whether a series has a sample or a marker in these rows.
    pub(super) fn has_any(&self, rows: Range<usize>, series: u32) -> bool {
        Self::parts(rows).any(|part| self.filled(part, series) != 0)
    }

    /// The latest sample or marker of a series in these rows, with its row.
    pub(super) fn latest(&self, rows: Range<usize>, series: u32) -> Option<(usize, f64)> {
        Self::parts(rows).rev().find_map(|part| {
            let found = self.filled(part, series);
            let row = (ROWS - 1).checked_sub(found.leading_zeros() as usize)?;
            Some((part.0 * ROWS + row, self.read(part.0 * ROWS + row, series)?))
        })
    }

    /// Visits the samples and markers of a series in these rows, in order.
    #[inline]
    pub(super) fn visit(&self, rows: Range<usize>, series: u32, mut visit: impl FnMut(usize, f64)) {
        for part in Self::parts(rows) {
            let Some(block) = self.block(part.0) else { continue };
            let mut left = self.filled(part, series);
            while left != 0 {
                let row = left.trailing_zeros() as usize;
                left &= left - 1;
                visit(part.0 * ROWS + row, block.read(row, series as usize).unwrap_or(STALE));
            }
        }
    }
}

impl PartialEq for Blocks {
    /// Equal to the last bit: NaNs are samples here.
    fn eq(&self, other: &Self) -> bool {
        self.full.len() == other.full.len()
            && self.full.iter().zip(&other.full).all(|(a, b)| Arc::ptr_eq(a, b) || a.same(b))
            && self.filling.same(&other.filling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_was_written_is_read_back_across_blocks() {
        let mut blocks = Blocks::default();
        for row in 0..100usize {
            blocks.begin_row();
            if row % 10 == 0 {
                blocks.add_series();
            }
            blocks.write((row / 10) as u32, row as f64);
        }
        for row in 0..100usize {
            for series in 0..10u32 {
                let expected = (series as usize == row / 10).then_some(row as f64);
                assert_eq!(blocks.read(row, series), expected, "row {row} series {series}");
            }
        }
    }

    #[test]
    fn ordinary_nan_is_a_sample() {
        let mut blocks = Blocks::default();
        blocks.begin_row();
        blocks.add_series();
        blocks.write(0, f64::NAN);
        assert!(blocks.read(0, 0).is_some_and(f64::is_nan));
        assert_eq!(blocks.read(1, 0), None);
    }

    /// A cell: nothing, a marker, NaN or a small number, so that counters often fall.
    fn cell() -> impl Strategy<Value = Option<f64>> {
        prop_oneof![
            1 => Just(None),
            1 => Just(Some(STALE)),
            1 => Just(Some(f64::NAN)),
            6 => (0u8..6).prop_map(|v| Some(f64::from(v))),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn what_is_known_of_a_window_is_what_reading_it_shows(
            cells in prop::collection::vec(cell(), 1..80),
            born in 0usize..20,
            start in 0usize..90,
            length in 0usize..90,
        ) {
            let mut blocks = Blocks::default();
            let mut expected: Vec<(usize, f64)> = Vec::new();
            for (row, cell) in cells.iter().enumerate() {
                blocks.begin_row();
                if row == born {
                    blocks.add_series();
                }
                if let (Some(value), true) = (cell, row >= born) {
                    blocks.write(0, *value);
                    expected.push((row, *value));
                }
            }
            let window = start..start + length;
            expected.retain(|(row, _)| window.contains(row));
            let bits = |cells: &[(usize, f64)]| -> Vec<(usize, u64)> {
                cells.iter().map(|(row, value)| (*row, value.to_bits())).collect()
            };
            let mut visited = Vec::new();
            blocks.visit(window.clone(), 0, |row, value| visited.push((row, value)));
            prop_assert_eq!(bits(&visited), bits(&expected));
            prop_assert_eq!(blocks.has_any(window.clone(), 0), !expected.is_empty());
            let latest: Vec<_> = blocks.latest(window.clone(), 0).into_iter().collect();
            prop_assert_eq!(bits(&latest), bits(expected.last().as_slice().iter().map(|l| **l).collect::<Vec<_>>().as_slice()));
            let samples: Vec<_> = expected.iter().copied().filter(|(_, value)| !is_stale(*value)).collect();
            let extent = blocks.extent(window, 0);
            prop_assert_eq!(extent.is_some(), !samples.is_empty());
            if let Some(extent) = extent {
                let ends = [extent.first, extent.last];
                prop_assert_eq!(bits(&ends), bits(&[samples[0], samples[samples.len() - 1]]));
                prop_assert_eq!(extent.count, samples.len());
                prop_assert_eq!(extent.falls, samples.windows(2).any(|pair| pair[1].1 < pair[0].1));
            }
        }
    }
}
