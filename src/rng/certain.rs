//! Constants known when the program is written.

use super::shape::Shape;
use super::{Distribution, Unit};

impl<T: Unit> Distribution<T> {
    /// Always `value`; a value that is no number of the unit (NaN, infinite, too small) becomes the unit's least one.
    /// For constants of the program; numbers of users go through [`Distribution::fixed`].
    #[must_use]
    pub fn certain(value: f64) -> Self {
        let value = if value.is_finite() { value.max(T::LEAST) } else { T::LEAST.max(0.0) };
        Self::from_shape(Shape::Fixed(value))
    }
}
