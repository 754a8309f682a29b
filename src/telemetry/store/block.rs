//! Blocks of samples: 32 scrapes of all series, column by column.
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

/// The samples of all series, by (row, series).
#[derive(Clone, Debug, Default)]
pub(super) struct Blocks {
    full: Vec<Arc<[f64]>>,
    filling: Vec<f64>,
}

impl Blocks {
    /// Makes room for row `row`, the next one, with `series` columns so far.
    pub(super) fn begin_row(&mut self, row: usize, series: usize) {
        if row > 0 && row.is_multiple_of(ROWS) {
            self.full.push(std::mem::take(&mut self.filling).into());
            self.filling = vec![ABSENT; series * ROWS];
        }
    }

    /// Adds a column to the block being filled.
    pub(super) fn add_series(&mut self) {
        self.filling.resize(self.filling.len() + ROWS, ABSENT);
    }

    /// Writes into the row being filled.
    #[inline]
    pub(super) fn write(&mut self, row: usize, series: u32, value: f64) {
        if let Some(cell) = self.filling.get_mut(series as usize * ROWS + row % ROWS) {
            *cell = value;
        }
    }

    /// The sample of a series at a row, `None` if there is none.
    #[inline]
    pub(super) fn read(&self, row: usize, series: u32) -> Option<f64> {
        let block = self.full.get(row / ROWS).map_or(&*self.filling, |block| &**block);
        block.get(series as usize * ROWS + row % ROWS).copied().filter(|&value| !is_absent(value))
    }
}

impl PartialEq for Blocks {
    /// Equal to the last bit: NaNs are samples here.
    fn eq(&self, other: &Self) -> bool {
        let same = |a: &[f64], b: &[f64]| {
            a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.to_bits() == y.to_bits())
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
            blocks.begin_row(row, if row == 0 { 0 } else { 1 + (row - 1) / 10 });
            if row % 10 == 0 {
                blocks.add_series();
            }
            blocks.write(row, (series - 1) as u32, row as f64);
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
        blocks.begin_row(0, 0);
        blocks.add_series();
        blocks.write(0, 0, f64::NAN);
        assert!(blocks.read(0, 0).is_some_and(f64::is_nan));
        assert_eq!(blocks.read(1, 0), None);
    }
}
