//! Tables that invert one Poisson or binomial law many times.
//!
//! Where a rate stays constant over many windows, the same law is inverted again and again. A table of its
//! distribution function with an index into it (Chen and Asau 1974) answers in a few nanoseconds and gives
//! the *same count for the same uniform* as [`poisson_quantile`] and [`binomial_quantile`], so branches with
//! a table and branches without stay coupled.

use super::special::{binomial_density, poisson_density};
use super::{binomial_cdf, binomial_quantile, poisson_cdf, poisson_quantile};

/// The share left out of the table at either end; such uniforms take the slow way.
const LEFT_OUT: f64 = 1e-9;
/// Laws wider than this get no table: they are cheap to expand and would not fit the cache.
const LARGEST: u64 = 1 << 14;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Law {
    Poisson { mean: f64 },
    Binomial { n: u64, p: f64 },
}

/// A law of counts, tabulated. Building one costs a few microseconds and some ten bytes per likely count.
#[derive(Clone, Debug, PartialEq)]
pub struct CountTable {
    law: Law,
    /// The count of the first entry.
    first: u64,
    /// The distribution function at `first`, `first` + 1, ...
    cumulative: Vec<f64>,
    /// For each of equally many slices of [0, 1): the first entry that can answer a uniform of the slice.
    index: Vec<u16>,
}

impl CountTable {
    /// The table of the Poisson law with this mean.
    #[must_use]
    pub fn poisson(mean: f64) -> Self {
        Self::build(Law::Poisson { mean })
    }

    /// The table of the binomial law of `n` trials with probability `p`.
    #[must_use]
    pub fn binomial(n: u64, p: f64) -> Self {
        Self::build(Law::Binomial { n, p })
    }

    fn build(law: Law) -> Self {
        let (first, last) = (law.quantile(LEFT_OUT), law.quantile(1.0 - LEFT_OUT));
        let mut cumulative = Vec::new();
        if last - first < LARGEST {
            let mut sum = law.lower_tail(first);
            let mut density = law.density(first);
            cumulative.push(sum);
            for k in first..last {
                density *= law.ratio(k);
                sum += density;
                cumulative.push(sum);
            }
        }
        let slices = cumulative.len();
        let index = (0..slices)
            .map(|slice| {
                let start = slice as f64 / slices as f64;
                cumulative.partition_point(|&c| c <= start) as u16
            })
            .collect();
        CountTable { law, first, cumulative, index }
    }

    /// The smallest count whose distribution function exceeds `u`; see [`poisson_quantile`].
    #[inline]
    #[must_use]
    pub fn quantile(&self, u: f64) -> u64 {
        // The first entry also answers for everything below it, so the lowest uniforms take the slow way.
        if u > LEFT_OUT
            && let Some(&start) = self.index.get((u * self.index.len() as f64) as usize)
        {
            let start = usize::from(start);
            // The slice of u, computed in floats, may be one too high; then the entry before decides.
            let before = start.checked_sub(1).and_then(|i| self.cumulative.get(i));
            if before.is_none_or(|&c| c <= u) {
                for (offset, &c) in self.cumulative.iter().skip(start).enumerate() {
                    if c > u {
                        return self.first + (start + offset) as u64;
                    }
                }
            }
        }
        self.law.quantile(u)
    }
}

impl Law {
    fn quantile(self, u: f64) -> u64 {
        match self {
            Law::Poisson { mean } => poisson_quantile(mean, u),
            Law::Binomial { n, p } => binomial_quantile(n, p, u),
        }
    }

    fn lower_tail(self, k: u64) -> f64 {
        match self {
            // Laws without any chance: everything is at zero, or at n.
            Law::Poisson { mean } if mean.is_nan() || mean <= 0.0 => 1.0,
            Law::Binomial { p, .. } if p.is_nan() || p <= 0.0 || p >= 1.0 => 1.0,
            Law::Poisson { mean } => poisson_cdf(mean, k).lower,
            Law::Binomial { n, p } => binomial_cdf(n, p, k).lower,
        }
    }

    fn density(self, k: u64) -> f64 {
        match self {
            Law::Poisson { mean } => poisson_density(k as f64, mean),
            Law::Binomial { n, p } if k == 0 => libm::exp(n as f64 * libm::log1p(-p)),
            Law::Binomial { n, p } if k >= n => libm::exp(n as f64 * libm::log(p)),
            Law::Binomial { n, p } => binomial_density(k as f64, (n - k) as f64, p, 1.0 - p),
        }
    }

    /// The probability of k + 1 over that of k.
    fn ratio(self, k: u64) -> f64 {
        match self {
            Law::Poisson { mean } => mean / (k + 1) as f64,
            Law::Binomial { n, p } => p / (1.0 - p) * (n.saturating_sub(k)) as f64 / (k + 1) as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Key;

    fn laws() -> Vec<Law> {
        let poisson = [0.0, 1e-12, 0.01, 1.0, 4.2, 11.9, 12.1, 80.0, 1500.0, 1e5, 1e12]
            .map(|mean| Law::Poisson { mean });
        let binomial =
            [(0, 0.5), (7, 0.0), (7, 1.0), (7, 0.5), (1500, 0.001), (1500, 0.3), (900, 0.97), (1 << 40, 0.5)]
                .map(|(n, p)| Law::Binomial { n, p });
        poisson.into_iter().chain(binomial).collect()
    }

    #[test]
    fn a_table_gives_the_count_of_the_quantile_function() {
        let key = Key::root(1, "table");
        for law in laws() {
            let table = CountTable::build(law);
            for i in 0..20_000 {
                let u = key.id(i).uniform();
                assert_eq!(table.quantile(u), law.quantile(u), "{law:?} at {u}");
            }
            for u in [0.0, 1e-300, 1e-10, 1e-9, 1e-8, 1.0 - 1e-8, 1.0 - 1e-10, 1.0, 2.0, -1.0, f64::NAN] {
                assert_eq!(table.quantile(u), law.quantile(u), "{law:?} at {u}");
            }
        }
    }

    #[test]
    fn slices_that_touch_a_step_are_answered_right() {
        let table = CountTable::poisson(4.2);
        for slice in 1..table.index.len() {
            for nudge in [-1e-16, 0.0, 1e-16] {
                let u = slice as f64 / table.index.len() as f64 + nudge;
                assert_eq!(table.quantile(u), poisson_quantile(4.2, u));
            }
        }
    }

    #[test]
    fn wide_laws_have_no_table() {
        assert!(CountTable::poisson(1e12).cumulative.is_empty());
        assert!(CountTable::poisson(1500.0).cumulative.len() < 500);
    }
}
