//! Streams: a named portable generator seeded from a key.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use super::key::{self, Key};

/// Many random numbers that belong to one key: xoshiro256++ (Blackman and Vigna) seeded through SplitMix64.
///
/// Making one costs a few nanoseconds and a draw less than one, so there is no reason to share a stream
/// between entities or purposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream(Xoshiro256PlusPlus);

impl Stream {
    /// The stream of `key`.
    #[inline]
    #[must_use]
    pub fn new(key: Key) -> Self {
        let mut seed = [0u8; 32];
        let mut state = key.bits();
        for word in seed.chunks_exact_mut(8) {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            word.copy_from_slice(&key::finalise(state).to_le_bytes());
        }
        Stream(Xoshiro256PlusPlus::from_seed(seed))
    }

    /// The next 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// The next uniform number in [0, 1), a multiple of 2^-53.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        key::unit_half_open(self.next_u64())
    }

    /// The next uniform number in (0, 1).
    #[inline]
    pub fn uniform_open(&mut self) -> f64 {
        key::unit_open(self.next_u64())
    }

    /// The next number in 0..n; 0 if `n` is 0. The bias is below n / 2^64.
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        key::scaled(self.next_u64(), n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeding_is_the_published_splitmix_expansion() {
        let key = Key::root(42, "stream");
        let mut ours = key.stream();
        let mut theirs = Xoshiro256PlusPlus::seed_from_u64(key.bits());
        for _ in 0..100 {
            assert_eq!(ours.next_u64(), theirs.next_u64());
        }
    }

    #[test]
    fn below_is_even() {
        let mut s = Key::root(1, "below").stream();
        let mut cells = [0u32; 6];
        for _ in 0..60_000 {
            cells[s.below(6) as usize] += 1;
        }
        for c in cells {
            assert!((10_000.0 - f64::from(c)).abs() < 4.5 * 91.3, "{cells:?}");
        }
    }
}
