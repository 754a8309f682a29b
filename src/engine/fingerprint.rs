//! A fingerprint of a run: one word that changes when anything in the order of events does.
//!
//! Equal fingerprints of two runs mean, but for chance of about 2^-64, equal sequences of (time, word). It is no
//! cryptographic hash: it finds accidents, not forgeries. Every step is a bijection of the state for fixed input and
//! of either input for a fixed state, so two runs that differ in exactly one recorded item never agree again while
//! they record the same things.

use std::fmt;

use crate::time::SimTime;

/// 2^64 divided by the golden ratio, odd: a multiplier without small structure.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
/// First multiplier of the splitmix64 finaliser.
const MIX: u64 = 0xbf58_476d_1ce4_e5b9;

/// A rolling 64-bit hash of what happened when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

impl Default for Fingerprint {
    fn default() -> Self {
        Fingerprint::new()
    }
}

impl Fingerprint {
    /// The fingerprint of nothing.
    pub const fn new() -> Self {
        Fingerprint(GOLDEN)
    }

    /// Adds that at time `at` there was `word`: the caller's encoding of an event, a count or a draw.
    #[inline]
    pub const fn record(&mut self, at: SimTime, word: u64) {
        let timed = (self.0.rotate_left(23) ^ at.as_nanos()).wrapping_mul(GOLDEN);
        self.0 = (timed ^ timed >> 32 ^ word).wrapping_mul(MIX);
    }

    /// The hash so far, all bits well mixed (finaliser of splitmix64, Steele, Lea and Flood 2014).
    pub const fn value(self) -> u64 {
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(MIX);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}

impl fmt::Display for Fingerprint {
    /// Sixteen hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(items: &[(u64, u64)]) -> Fingerprint {
        let mut fingerprint = Fingerprint::new();
        for &(at, word) in items {
            fingerprint.record(SimTime::from_nanos(at), word);
        }
        fingerprint
    }

    #[test]
    fn order_time_and_word_all_matter() {
        let base = of(&[(1, 2), (3, 4)]);
        assert_eq!(base, of(&[(1, 2), (3, 4)]));
        for other in [
            of(&[(3, 4), (1, 2)]),
            of(&[(1, 2), (4, 3)]),
            of(&[(2, 1), (3, 4)]),
            of(&[(1, 2)]),
            of(&[(1, 2), (3, 4), (0, 0)]),
        ] {
            assert_ne!(base.value(), other.value());
        }
    }

    #[test]
    fn a_single_difference_is_never_forgotten() {
        let (mut left, mut right) = (of(&[(5, 0)]), of(&[(5, 1)]));
        for i in 0..100_000 {
            left.record(SimTime::from_nanos(i), i % 3);
            right.record(SimTime::from_nanos(i), i % 3);
            assert_ne!(left, right);
        }
    }

    #[test]
    fn close_inputs_give_far_values() {
        let mut seen = std::collections::BTreeSet::new();
        let mut bits = 0;
        for at in 0..100 {
            for word in 0..100 {
                let value = of(&[(at, word)]).value();
                bits += (value ^ of(&[(at, word + 1)]).value()).count_ones();
                seen.insert(value);
            }
        }
        assert_eq!(seen.len(), 10_000);
        // One flipped input bit or a few flip half of the output: mean 32, standard error 4 / sqrt(10^4).
        assert!((f64::from(bits) / 1e4 - 32.0).abs() < 0.5);
    }

    #[test]
    fn the_value_is_pinned_because_records_store_it() {
        assert_eq!(of(&[(1, 2), (3, 4)]).to_string(), "feaabdcccccad41a");
    }
}
