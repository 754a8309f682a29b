//! Recursions that watch a stream one value at a time: CUSUM and EWMA; probability ratio tests are in [`super::sprt`].
//!
//! All are fed standardised or raw values by the caller, hold a few numbers of state, and answer after each
//! value. They keep answering after an alarm; starting over is the caller's decision ([`Cusum::reset`] and
//! friends).
//!
//! Traps: the in-control run length is for *independent* values. At a lag-1 correlation of 0.5 a two-sided
//! CUSUM with k = 0.5, h = 5 alarms every 52 values instead of every 465.

/// Which side of the target a chart signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The values have become larger.
    Above,
    /// The values have become smaller.
    Below,
}

/// One-sided upper CUSUM (Page 1954): `S = max(0, S + x - k)`, an alarm while `S >= h`.
///
/// With counts the `>=` matters and is Lucas's convention (1985). For the lower side feed `-x` and `-k`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cusum {
    reference: f64,
    limit: f64,
    head_start: f64,
    sum: f64,
}

impl Cusum {
    /// Reference value `k` (half the shift to detect, in the unit of the values) and decision interval `h`.
    #[must_use]
    pub fn new(reference: f64, limit: f64) -> Self {
        Cusum { reference, limit, head_start: 0.0, sum: 0.0 }
    }

    /// Starts at `head_start` instead of zero; half of `h` is usual (fast initial response, Lucas and Crosier
    /// 1982).
    #[must_use]
    pub fn with_head_start(self, head_start: f64) -> Self {
        Cusum { head_start, sum: head_start, ..self }
    }

    /// Takes one value; `Some(sum)` while the sum is at or above the limit. NaN changes nothing and raises
    /// nothing.
    #[inline]
    pub fn step(&mut self, x: f64) -> Option<f64> {
        if x.is_nan() {
            return None;
        }
        self.sum = (self.sum + x - self.reference).max(0.0);
        (self.sum >= self.limit).then_some(self.sum)
    }

    /// The current sum.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Starts over, with the head start.
    pub fn reset(&mut self) {
        self.sum = self.head_start;
    }
}

/// Two one-sided CUSUMs around zero: feed standardised values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TwoSidedCusum {
    above: Cusum,
    below: Cusum,
}

impl TwoSidedCusum {
    /// Reference value `k` and decision interval `h`, both in standard deviations.
    #[must_use]
    pub fn new(reference: f64, limit: f64) -> Self {
        let one = Cusum::new(reference, limit);
        TwoSidedCusum { above: one, below: one }
    }

    /// Starts both sums at `head_start`.
    #[must_use]
    pub fn with_head_start(self, head_start: f64) -> Self {
        TwoSidedCusum {
            above: self.above.with_head_start(head_start),
            below: self.below.with_head_start(head_start),
        }
    }

    /// Takes one standardised value; the side whose sum is at or above the limit, if any.
    #[inline]
    pub fn step(&mut self, x: f64) -> Option<Side> {
        let above = self.above.step(x).is_some();
        let below = self.below.step(-x).is_some();
        side(above, below)
    }

    /// Starts over, with the head start.
    pub fn reset(&mut self) {
        self.above.reset();
        self.below.reset();
    }
}

fn side(above: bool, below: bool) -> Option<Side> {
    if above {
        Some(Side::Above)
    } else if below {
        Some(Side::Below)
    } else {
        None
    }
}

/// Exponentially weighted moving average chart (Roberts 1959) of standardised values: `Z = w x + (1 - w) Z`,
/// an alarm beyond `L` standard deviations of `Z`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ewma {
    weight: f64,
    width: f64,
    adjusted: bool,
    average: f64,
    /// (1 - weight)^(2 t): what is missing to the asymptotic variance.
    missing: f64,
}

impl Ewma {
    /// Weight of the newest value in (0, 1] and width `L` of the limits; limits constant at their asymptotic
    /// place.
    #[must_use]
    pub fn new(weight: f64, width: f64) -> Self {
        Ewma { weight: weight.clamp(0.0, 1.0), width, adjusted: false, average: 0.0, missing: 1.0 }
    }

    /// Limits that follow the true variance from the first value on (Steiner 1999): much faster right after a
    /// start, which is where a rollout is.
    #[must_use]
    pub fn with_adjusted_limits(self) -> Self {
        Ewma { adjusted: true, ..self }
    }

    /// Takes one standardised value; the side beyond whose limit the average lies, if any. NaN changes
    /// nothing.
    #[inline]
    pub fn step(&mut self, x: f64) -> Option<Side> {
        if x.is_nan() {
            return None;
        }
        let keep = 1.0 - self.weight;
        self.average = self.weight * x + keep * self.average;
        self.missing *= keep * keep;
        let limit = self.limit();
        side(self.average > limit, self.average < -limit)
    }

    /// The current average.
    #[must_use]
    pub fn average(&self) -> f64 {
        self.average
    }

    /// The current distance of the limits from zero.
    #[must_use]
    pub fn limit(&self) -> f64 {
        let share = if self.adjusted { 1.0 - self.missing } else { 1.0 };
        self.width * (self.weight / (2.0 - self.weight) * share).sqrt()
    }

    /// Starts over.
    pub fn reset(&mut self) {
        self.average = 0.0;
        self.missing = 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cusum_accumulates_excess_over_the_reference() {
        let mut c = Cusum::new(0.5, 2.0);
        assert_eq!(c.step(-5.0), None);
        assert_eq!(c.sum(), 0.0);
        assert_eq!(c.step(1.5), None);
        assert_eq!(c.step(1.5), Some(2.0));
        assert_eq!(c.step(f64::NAN), None);
        assert_eq!(c.sum(), 2.0);
        let mut h = Cusum::new(0.5, 2.0).with_head_start(1.0);
        assert_eq!(h.step(1.5), Some(2.0));
        h.reset();
        assert_eq!(h.sum(), 1.0);
    }

    #[test]
    fn two_sided_cusum_names_the_side() {
        let mut c = TwoSidedCusum::new(0.5, 4.0);
        assert_eq!(c.step(5.0), Some(Side::Above));
        c.reset();
        assert_eq!(c.step(-5.0), Some(Side::Below));
        let mut c = TwoSidedCusum::new(0.5, 4.0).with_head_start(2.0);
        assert_eq!(c.step(2.5), Some(Side::Above));
    }

    #[test]
    fn ewma_limits_widen_to_the_asymptotic_ones() {
        let mut fixed = Ewma::new(0.2, 3.0);
        let mut adjusted = Ewma::new(0.2, 3.0).with_adjusted_limits();
        // After one value the average is 0.2 x, so the limit of 3 sigma is 0.6.
        assert_eq!(adjusted.step(2.9), None);
        assert!((adjusted.limit() - 0.6).abs() < 1e-12);
        adjusted.reset();
        assert_eq!(adjusted.step(3.1), Some(Side::Above));
        assert_eq!(fixed.step(3.1), None);
        for _ in 0..100 {
            adjusted.step(0.0);
            fixed.step(0.0);
        }
        assert!((adjusted.limit() - fixed.limit()).abs() < 1e-9);
        assert_eq!(Ewma::new(1.0, 3.0).step(-3.5), Some(Side::Below));
    }
}
