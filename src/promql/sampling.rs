//! `limitk` and `limit_ratio`: some of the series, whatever their values.
//!
//! `limitk` keeps the first so many of each group. `limit_ratio` keeps a series if the hash of its labels, as a share of the
//! largest hash, is below the ratio; a negative ratio keeps exactly those that its opposite does not, so that
//! `limit_ratio(0.1, x)` and `limit_ratio(-0.9, x)` are all of `x` (`promql/engine.go`, `HashRatioSampler`).
//!
//! The hash is that of Prometheus' default build: XXH64 over the labels as it keeps them, each name and value after its length,
//! which is one byte, or 255 and three bytes with the lowest first.

use super::labels::Labels;

const PRIMES: [u64; 5] = [
    0x9E37_79B1_85EB_CA87,
    0xC2B2_AE3D_27D4_EB4F,
    0x1656_67B1_9E37_79F9,
    0x85EB_CA77_C2B2_AE63,
    0x27D4_EB2F_1656_67C5,
];

/// Whether `limit_ratio(ratio, ...)` keeps a series; `ratio` is between -1 and 1.
pub(super) fn keeps(ratio: f64, labels: &Labels) -> bool {
    let share = hash(labels) as f64 / u64::MAX as f64;
    if ratio >= 0.0 { share < ratio } else { share >= 1.0 + ratio }
}

fn hash(labels: &Labels) -> u64 {
    let mut bytes = Vec::new();
    for text in labels.iter().flat_map(|(name, value)| [name, value]) {
        match u8::try_from(text.len()) {
            Ok(length) if length < 255 => bytes.push(length),
            _ => {
                bytes.push(255);
                bytes.extend_from_slice(text.len().to_le_bytes().get(..3).unwrap_or(&[]));
            }
        }
        bytes.extend_from_slice(text.as_bytes());
    }
    xxh64(&bytes)
}

fn round(lane: u64, input: u64) -> u64 {
    lane.wrapping_add(input.wrapping_mul(PRIMES[1])).rotate_left(31).wrapping_mul(PRIMES[0])
}

fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// XXH64 with the seed 0 (xxHash fast digest algorithm, specification by Y. Collet).
fn xxh64(bytes: &[u8]) -> u64 {
    let stripes = bytes.chunks_exact(32);
    let rest = stripes.remainder();
    let mut hash = PRIMES[4];
    if bytes.len() >= 32 {
        let mut lanes = [PRIMES[0].wrapping_add(PRIMES[1]), PRIMES[1], 0, 0u64.wrapping_sub(PRIMES[0])];
        for stripe in stripes {
            for (lane, input) in lanes.iter_mut().zip(stripe.chunks_exact(8)) {
                *lane = round(*lane, word(input));
            }
        }
        let [a, b, c, d] = lanes;
        let turned = [a.rotate_left(1), b.rotate_left(7), c.rotate_left(12), d.rotate_left(18)];
        hash = turned.into_iter().fold(0, u64::wrapping_add);
        for lane in lanes {
            hash = (hash ^ round(0, lane)).wrapping_mul(PRIMES[0]).wrapping_add(PRIMES[3]);
        }
    }
    hash = hash.wrapping_add(bytes.len() as u64);
    let words = rest.chunks_exact(8);
    let mut rest = words.remainder();
    for input in words {
        hash ^= round(0, word(input));
        hash = hash.rotate_left(27).wrapping_mul(PRIMES[0]).wrapping_add(PRIMES[3]);
    }
    if let Some((half, bytes)) = rest.split_at_checked(4) {
        hash ^= word(half).wrapping_mul(PRIMES[0]);
        hash = hash.rotate_left(23).wrapping_mul(PRIMES[1]).wrapping_add(PRIMES[2]);
        rest = bytes;
    }
    for byte in rest {
        hash = (hash ^ u64::from(*byte).wrapping_mul(PRIMES[4])).rotate_left(11).wrapping_mul(PRIMES[0]);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(PRIMES[1]);
    hash = (hash ^ (hash >> 29)).wrapping_mul(PRIMES[2]);
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_xxhash() {
        for (text, wanted) in [
            ("", 0xEF46_DB37_51D8_E999),
            ("a", 0xD24E_C4F1_A98C_6E5B),
            ("abc", 0x44BC_2CF5_AD77_0999),
            ("Nobody inspects the spammish repetition", 0xFBCE_A83C_8A37_8BF1),
        ] {
            assert_eq!(xxh64(text.as_bytes()), wanted, "{text}");
        }
    }

    #[test]
    fn a_ratio_and_its_opposite_are_everything() {
        let series =
            (0..2000).map(|number| Labels::new([("__name__", "x".to_owned()), ("n", number.to_string())]));
        let (mut kept, mut others) = (0, 0);
        for labels in series {
            let (keep, other) = (keeps(0.3, &labels), keeps(-0.7, &labels));
            assert!(keep != other);
            assert!(keeps(1.0, &labels) && keeps(-1.0, &labels) && !keeps(0.0, &labels));
            (kept, others) = (kept + i32::from(keep), others + i32::from(other));
        }
        // Four standard deviations of a binomial law.
        assert!((f64::from(kept) - 600.0).abs() < 4.0 * (2000.0f64 * 0.3 * 0.7).sqrt(), "{kept} {others}");
    }
}
