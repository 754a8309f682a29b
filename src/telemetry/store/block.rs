//! Blocks of samples: 16 scrapes of all series, series by series.
//!
//! What a block holds of one series lies together: which scrapes had a sample, which had the marker of an end, where a
//! counter fell, and the values. With what is counted before the block, the ends of a window, how many samples it holds
//! and whether a counter was reset in it are known without reading the samples between.
//!
//! Full blocks are never written again and are shared between branches; only the block being filled is copied when a
//! branch forks.

use std::ops::Range;
use std::sync::Arc;

use super::{STALE, is_stale};

/// Scrapes per block: the bits of a [`Rows`].
pub(super) const ROWS: usize = 16;

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

/// One series in one block.
#[derive(Clone, Copy, Debug)]
struct Column {
    /// Rows with a sample, rows with the marker of an end, rows with a sample below the one before it.
    present: Rows,
    ended: Rows,
    falls: Rows,
    /// Samples and falls before this block.
    present_before: u32,
    falls_before: u32,
    /// The latest sample of all; NaN before the first, which is below nothing.
    latest: f64,
    values: [f64; ROWS],
}

impl Column {
    const EMPTY: Column = Column {
        present: 0,
        ended: 0,
        falls: 0,
        present_before: 0,
        falls_before: 0,
        latest: f64::NAN,
        values: [0.0; ROWS],
    };

    /// The same series at the start of the next block.
    fn next(&self) -> Column {
        Column {
            present_before: self.present_before + self.present.count_ones(),
            falls_before: self.falls_before + self.falls.count_ones(),
            latest: self.latest,
            ..Column::EMPTY
        }
    }

    fn write(&mut self, row: usize, value: f64) {
        let bit = 1 << row;
        if is_stale(value) {
            self.ended |= bit;
            return;
        }
        self.present |= bit;
        if value < self.latest {
            self.falls |= bit;
        }
        self.latest = value;
        self.values[row] = value;
    }

    #[inline]
    fn read(&self, row: usize) -> Option<f64> {
        let bit = 1 << row;
        if self.present & bit != 0 {
            Some(self.values[row])
        } else {
            (self.ended & bit != 0).then_some(STALE)
        }
    }

    fn samples_upto(&self, row: usize) -> u32 {
        self.present_before + (self.present & upto(row)).count_ones()
    }

    fn falls_upto(&self, row: usize) -> u32 {
        self.falls_before + (self.falls & upto(row)).count_ones()
    }

    fn same(&self, other: &Column) -> bool {
        let masks = |c: &Column| (c.present, c.ended, c.falls, c.present_before, c.falls_before);
        let bits = |c: &Column| c.values.map(f64::to_bits);
        masks(self) == masks(other)
            && self.latest.to_bits() == other.latest.to_bits()
            && bits(self) == bits(other)
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

/// The samples of all series, by (row, series).
#[derive(Clone, Debug, Default)]
pub(super) struct Blocks {
    full: Vec<Arc<Vec<Column>>>,
    filling: Vec<Column>,
    rows: usize,
}

impl Blocks {
    /// Begins the next row.
    pub(super) fn begin_row(&mut self) {
        if self.rows > 0 && self.rows.is_multiple_of(ROWS) {
            let next = self.filling.iter().map(Column::next).collect();
            self.full.push(Arc::new(std::mem::replace(&mut self.filling, next)));
        }
        self.rows += 1;
    }

    /// Adds a series.
    pub(super) fn add_series(&mut self) {
        self.filling.push(Column::EMPTY);
    }

    /// Writes into the row begun last; once per row and series.
    #[inline]
    pub(super) fn write(&mut self, series: u32, value: f64) {
        let row = self.rows.wrapping_sub(1) % ROWS;
        if let Some(column) = self.filling.get_mut(series as usize) {
            column.write(row, value);
        }
    }

    #[inline]
    fn column(&self, block: usize, series: u32) -> Option<&Column> {
        let columns = match self.full.get(block) {
            Some(full) => full,
            None if block == self.full.len() => &self.filling,
            None => return None,
        };
        columns.get(series as usize)
    }

    /// The sample or marker of a series at a row, `None` if there is none.
    #[inline]
    pub(super) fn read(&self, row: usize, series: u32) -> Option<f64> {
        self.column(row / ROWS, series)?.read(row % ROWS)
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
        let samples = |(block, rows): (usize, Rows)| {
            let column = self.column(block, series)?;
            let found = column.present & rows;
            (found != 0).then_some((block, column, found))
        };
        let (first_block, a, found) = Self::parts(rows.clone()).find_map(samples)?;
        let first = found.trailing_zeros() as usize;
        let (last_block, b, found) = Self::parts(rows).rev().find_map(samples)?;
        let last = ROWS - 1 - found.leading_zeros() as usize;
        Some(Extent {
            first: (first_block * ROWS + first, a.values[first]),
            last: (last_block * ROWS + last, b.values[last]),
            count: (b.samples_upto(last) - a.samples_upto(first)) as usize + 1,
            falls: b.falls_upto(last) != a.falls_upto(first),
        })
    }

    /// Whether a series has a sample or a marker in these rows.
    pub(super) fn has_any(&self, rows: Range<usize>, series: u32) -> bool {
        Self::parts(rows).any(|(block, rows)| {
            self.column(block, series).is_some_and(|column| (column.present | column.ended) & rows != 0)
        })
    }

    /// The latest sample or marker of a series in these rows, with its row.
    pub(super) fn latest(&self, rows: Range<usize>, series: u32) -> Option<(usize, f64)> {
        Self::parts(rows).rev().find_map(|(block, rows)| {
            let column = self.column(block, series)?;
            let found = (column.present | column.ended) & rows;
            let row = (ROWS - 1).checked_sub(found.leading_zeros() as usize)?;
            Some((block * ROWS + row, column.read(row)?))
        })
    }

    /// Visits the samples and markers of a series in these rows, in order.
    #[inline]
    pub(super) fn visit(&self, rows: Range<usize>, series: u32, mut visit: impl FnMut(usize, f64)) {
        for (block, rows) in Self::parts(rows) {
            let Some(column) = self.column(block, series) else { continue };
            let mut left = (column.present | column.ended) & rows;
            while left != 0 {
                let row = left.trailing_zeros() as usize;
                left &= left - 1;
                visit(block * ROWS + row, column.read(row).unwrap_or(STALE));
            }
        }
    }
}

impl PartialEq for Blocks {
    /// Equal to the last bit: NaNs are samples here.
    fn eq(&self, other: &Self) -> bool {
        let same = |a: &[Column], b: &[Column]| a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.same(y));
        self.rows == other.rows
            && self.full.len() == other.full.len()
            && self.full.iter().zip(&other.full).all(|(a, b)| Arc::ptr_eq(a, b) || same(a, b))
            && same(&self.filling, &other.filling)
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
