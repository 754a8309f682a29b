//! A law that leans: normal scores drawn with another mean than 0 at some numbers of a sequence.
//!
//! What importance sampling needs of draws that are keyed by a number (a slot): the score of number `k` is the normal quantile
//! of the key's uniform, plus a shift if `k` lies in a stretch. Without a shift the bits are those of the plain draw. Whoever
//! knows the shift knows the likelihood ratio: of a score `z`, the leaning density over the plain one is `exp(shift z - shift^2 / 2)`.

use super::{Key, normal_cdf, normal_quantile};

/// The largest number below 1.
const BELOW_ONE: f64 = 1.0 - f64::EPSILON / 2.0;

/// By how much the normal scores of a stretch of numbers are shifted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lean {
    /// The first number that leans.
    pub from: u64,
    /// The first number after the stretch.
    pub until: u64,
    /// The mean of the scores in the stretch, in standard deviations.
    pub by: f64,
}

impl Lean {
    /// Nothing leans.
    pub const NONE: Lean = Lean { from: 0, until: 0, by: 0.0 };

    /// The mean of the score of this number.
    #[inline]
    #[must_use]
    pub fn shift(&self, number: u64) -> f64 {
        if self.from <= number && number < self.until { self.by } else { 0.0 }
    }

    /// The normal score of this number, whose key is `key`.
    #[inline]
    #[must_use]
    pub fn score(&self, key: Key, number: u64) -> f64 {
        normal_quantile(key.uniform_open()) + self.shift(number)
    }

    /// The uniform number of which the score is the normal quantile: `plain`, the key's own, where nothing leans.
    #[inline]
    #[must_use]
    pub fn uniform(&self, plain: f64, key: Key, number: u64) -> f64 {
        if self.shift(number) == 0.0 { plain } else { normal_cdf(self.score(key, number)).min(BELOW_ONE) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_stretch_leans_and_by_as_much_as_said() {
        let key = Key::root(1, "lean");
        let lean = Lean { from: 100, until: 40_100, by: 1.5 };
        for number in [0, 99, 40_100] {
            let key = key.id(number);
            assert_eq!(lean.score(key, number), normal_quantile(key.uniform_open()));
            assert_eq!(lean.uniform(key.uniform(), key, number), key.uniform());
        }
        let scores: Vec<f64> = (100..40_100).map(|n| lean.score(key.id(n), n)).collect();
        let mean = scores.iter().sum::<f64>() / 4e4;
        let spread = scores.iter().map(|z| (z - mean) * (z - mean)).sum::<f64>() / 4e4;
        assert!((mean - 1.5).abs() < 0.02 && (spread - 1.0).abs() < 0.03, "{mean} {spread}");
        let far = Lean { from: 0, until: 1, by: 60.0 };
        assert!(far.uniform(0.5, key.id(0), 0) < 1.0);
    }
}
