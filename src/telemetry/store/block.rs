//! Blocks of samples: 32 scrapes of all series, scrape by scrape.
//!
//! Full blocks are never written again and are shared between branches; only the block being filled is copied when a
//! branch forks.

use std::sync::Arc;

/// Scrapes per block.
pub(super) const ROWS: usize = 32;

/// "No sample at this scrape": a quiet NaN of our own, never stored by anything else.
const ABSENT_BITS: u64 = 0x7ff8_0000_ab5e_0001;
const ABSENT: f64 = f64::from_bits(ABSENT_BITS);

pub(super) fn is_absent(value: f64) -> bool {
    value.to_bits() == ABSENT_BITS
}

/// Rows of samples, each as wide as there were series then.
#[derive(Clone, Debug, Default)]
struct Block {
    starts: Vec<u32>,
    data: Vec<f64>,
}

impl Block {
    #[inline]
    fn read(&self, row: usize, series: u32) -> Option<f64> {
        let start = *self.starts.get(row)? as usize;
        let end = self.starts.get(row + 1).map_or(self.data.len(), |&end| end as usize);
        let place = start + series as usize;
        if place < end { self.data.get(place).copied().filter(|&value| !is_absent(value)) } else { None }
    }
}

/// The samples of all series, by (row, series).
#[derive(Clone, Debug, Default)]
pub(super) struct Blocks {
    full: Vec<Arc<Block>>,
    filling: Block,
    row_start: usize,
}

impl Blocks {
    /// Makes room for the next row, with `series` columns so far.
    pub(super) fn begin_row(&mut self, series: usize) {
        if self.filling.starts.len() == ROWS {
            self.full.push(Arc::new(std::mem::take(&mut self.filling)));
        }
        self.row_start = self.filling.data.len();
        self.filling.starts.push(self.row_start as u32);
        self.filling.data.resize(self.row_start + series, ABSENT);
    }

    /// Adds a column to the row being filled.
    pub(super) fn add_series(&mut self) {
        self.filling.data.push(ABSENT);
    }

    /// Writes into the row being filled.
    #[inline]
    pub(super) fn write(&mut self, series: u32, value: f64) {
        if let Some(cell) = self.filling.data.get_mut(self.row_start + series as usize) {
            *cell = value;
        }
    }

    /// The sample of a series at a row, `None` if there is none.
    #[inline]
    pub(super) fn read(&self, row: usize, series: u32) -> Option<f64> {
        let block = self.full.get(row / ROWS).map_or(&self.filling, |block| &**block);
        block.read(row % ROWS, series)
    }
}

impl PartialEq for Blocks {
    /// Equal to the last bit: NaNs are samples here.
    fn eq(&self, other: &Self) -> bool {
        let same = |a: &Block, b: &Block| {
            a.starts == b.starts
                && a.data.len() == b.data.len()
                && a.data.iter().zip(&b.data).all(|(x, y)| x.to_bits() == y.to_bits())
        };
        self.full.len() == other.full.len()
            && self.full.iter().zip(&other.full).all(|(a, b)| Arc::ptr_eq(a, b) || same(a, b))
            && same(&self.filling, &other.filling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back_across_blocks() {
        let mut blocks = Blocks::default();
        for row in 0..100usize {
            let series = 1 + row / 10;
            blocks.begin_row(if row == 0 { 0 } else { 1 + (row - 1) / 10 });
            if row % 10 == 0 {
                blocks.add_series();
            }
            blocks.write((series - 1) as u32, row as f64);
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
        blocks.begin_row(0);
        blocks.add_series();
        blocks.write(0, f64::NAN);
        assert!(blocks.read(0, 0).is_some_and(f64::is_nan));
        assert_eq!(blocks.read(1, 0), None);
    }
}
