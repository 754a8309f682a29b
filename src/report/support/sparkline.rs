//! Sparklines: one character a value, eight heights, and signs of their own for what is not a value.
//!
//! A value above the low end of its scale never looks like the low end: one harmed request must not look like none.
//! A gap stays blank, so that "no data" cannot be taken for "zero".

/// Which characters to draw with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Glyphs {
    /// Unicode block elements.
    #[default]
    Blocks,
    /// Characters every terminal has.
    Ascii,
}

impl Glyphs {
    /// The heights, from the low end of the scale to the high end.
    pub const fn heights(self) -> [char; 8] {
        match self {
            Glyphs::Blocks => ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
            Glyphs::Ascii => ['_', '.', ':', '-', '=', '+', '*', '#'],
        }
    }
}

/// What stands in one column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell {
    /// Nothing is known: blank.
    Gap,
    /// The question failed: `E`.
    Error,
    /// A value; one that is not a number is a `?`, an infinite one stands at its end of the scale.
    Value(f64),
}

/// What the lowest and the highest height mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// Value of the lowest height.
    pub low: f64,
    /// Value of the highest.
    pub high: f64,
}

impl Scale {
    /// From the lowest to the highest finite value; `None` when there is none.
    pub fn spanning(values: impl IntoIterator<Item = f64>) -> Option<Scale> {
        let mut scale: Option<Scale> = None;
        for value in values.into_iter().filter(|v| v.is_finite()) {
            scale = Some(scale.map_or(Scale { low: value, high: value }, |known| known.and(value)));
        }
        scale
    }

    /// The same scale, wide enough for this value; what is not finite widens nothing.
    #[must_use]
    pub fn and(self, value: f64) -> Scale {
        if !value.is_finite() {
            return self;
        }
        Scale { low: self.low.min(value), high: self.high.max(value) }
    }

    /// The height of a value, 0 to 7. Without any range a value that is not 0 stands in the middle.
    pub fn height(self, value: f64) -> usize {
        if self.high <= self.low {
            return if value == 0.0 { 0 } else { 3 };
        }
        if value <= self.low {
            return 0;
        }
        if value >= self.high {
            return 7;
        }
        // The lowest height is the low end alone; the other seven share the rest.
        let share = (value - self.low) / (self.high - self.low);
        ((share * 7.0).ceil() as usize).clamp(1, 7)
    }
}

/// The cells as characters.
pub fn sparkline(cells: &[Cell], scale: Scale, glyphs: Glyphs) -> Vec<char> {
    let heights = glyphs.heights();
    let draw = |cell: &Cell| match *cell {
        Cell::Gap => ' ',
        Cell::Error => 'E',
        Cell::Value(value) if value.is_nan() => '?',
        Cell::Value(value) => heights.get(scale.height(value)).copied().unwrap_or('?'),
    };
    cells.iter().map(draw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(cells: &[Cell], glyphs: Glyphs) -> String {
        let values = cells.iter().filter_map(|cell| match cell {
            Cell::Value(value) => Some(*value),
            Cell::Gap | Cell::Error => None,
        });
        let scale = Scale::spanning(values).unwrap_or(Scale { low: 0.0, high: 0.0 });
        sparkline(cells, scale, glyphs).into_iter().collect()
    }

    fn values(values: &[f64]) -> Vec<Cell> {
        values.iter().map(|v| Cell::Value(*v)).collect()
    }

    #[test]
    fn a_rising_series_rises() {
        let rising = values(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
        assert_eq!(drawn(&rising, Glyphs::Blocks), "▁▂▃▄▅▆▇█");
        assert_eq!(drawn(&rising, Glyphs::Ascii), "_.:-=+*#");
    }

    #[test]
    fn little_is_not_nothing() {
        assert_eq!(drawn(&values(&[0.0, 1e-9, 100.0, 80.0]), Glyphs::Ascii), "_.#*");
    }

    #[test]
    fn empty_constant_and_single_series() {
        assert_eq!(drawn(&[], Glyphs::Ascii), "");
        assert_eq!(Scale::spanning([]), None);
        assert_eq!(drawn(&values(&[5.0, 5.0]), Glyphs::Ascii), "--");
        assert_eq!(drawn(&values(&[0.0, 0.0]), Glyphs::Ascii), "__");
        assert_eq!(drawn(&values(&[-3.0]), Glyphs::Ascii), "-");
    }

    #[test]
    fn what_is_not_a_value_has_its_own_sign() {
        let odd = [
            Cell::Gap,
            Cell::Error,
            Cell::Value(f64::NAN),
            Cell::Value(f64::INFINITY),
            Cell::Value(f64::NEG_INFINITY),
            Cell::Value(1.0),
            Cell::Value(2.0),
        ];
        assert_eq!(drawn(&odd, Glyphs::Ascii), " E?#__#");
        assert_eq!(Scale::spanning([f64::NAN, f64::INFINITY]), None);
        assert_eq!(drawn(&values(&[f64::NAN]), Glyphs::Blocks), "?");
    }

    #[test]
    fn a_scale_widens_for_finite_values_only() {
        let scale = Scale { low: 1.0, high: 2.0 };
        assert_eq!(scale.and(0.5), Scale { low: 0.5, high: 2.0 });
        assert_eq!(scale.and(f64::NAN), scale);
        assert_eq!(scale.and(f64::INFINITY), scale);
        assert!(Scale { low: -f64::MAX, high: f64::MAX }.height(0.0) < 8);
    }
}
