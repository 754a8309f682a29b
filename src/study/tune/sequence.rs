//! Where variants are drawn: a scrambled low-discrepancy sequence.
//!
//! Halton's sequence (1960) with the digits of every base permuted at random, anew at each digit, which takes away the
//! stripes that high bases have (Owen 2017, "A randomized Halton algorithm in R"). Each coordinate alone fills its unit
//! interval evenly: of the first `b^k` points each of the `b^k` equal parts holds one.
//!
//! Permutations are keyed by the name of the coordinate, so the same knob is permuted alike whatever others there are;
//! its base depends on its place.

use crate::rng::Key;

/// The point `index` of the coordinate number `dimension`, in `[0, 1)`.
pub(super) fn point(key: Key, dimension: usize, index: u64) -> f64 {
    let base = prime(dimension);
    let (mut rest, mut weight, mut sum, mut digit) = (index, 1.0, 0.0, 0);
    // Trailing zeros are permuted too, as far as a double can tell them apart.
    while weight > 1e-12 {
        weight /= base as f64;
        sum += weight * permuted(key.id(digit), base, rest % base) as f64;
        rest /= base;
        digit += 1;
    }
    sum.min(1.0 - f64::EPSILON)
}

/// Where a digit goes in the permutation of this key: Fisher and Yates' shuffle, followed for one value.
fn permuted(key: Key, base: u64, digit: u64) -> u64 {
    let mut at = digit;
    for last in (1..base).rev() {
        let other = key.id(last).below(last + 1);
        if at == last {
            at = other;
        } else if at == other {
            at = last;
        }
    }
    at
}

/// The prime of a place, from 2; places beyond 200 begin anew.
fn prime(place: usize) -> u64 {
    let is_prime = |n: u64| (2..n).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d));
    (2u64..).filter(|n| is_prime(*n)).nth(place % 200).unwrap_or(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primes_begin_as_they_do() {
        let first: Vec<u64> = (0..8).map(prime).collect();
        assert_eq!(first, [2, 3, 5, 7, 11, 13, 17, 19]);
    }

    #[test]
    fn each_part_of_a_coordinate_holds_one_point() {
        for (dimension, base, power) in [(0, 2u64, 6), (1, 3, 3), (3, 7, 2), (9, 29, 1)] {
            let parts = base.pow(power);
            let key = Key::root(7, "test").id(dimension as u64);
            let mut seen = vec![0; parts as usize];
            for index in 0..parts {
                let u = point(key, dimension, index);
                assert!((0.0..1.0).contains(&u));
                seen[(u * parts as f64) as usize] += 1;
            }
            assert!(seen.iter().all(|count| *count == 1), "base {base}: {seen:?}");
        }
    }

    #[test]
    fn digits_are_permuted() {
        for base in [2, 3, 11] {
            let key = Key::root(1, "test");
            let mut all: Vec<u64> = (0..base).map(|digit| permuted(key, base, digit)).collect();
            all.sort_unstable();
            assert_eq!(all, (0..base).collect::<Vec<_>>());
        }
    }
}
