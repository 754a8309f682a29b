//! Caches that callers look into before they call: what is asked for, and how the hit ratio comes about.
//!
//! The hit ratio is not a number that is drawn but what a set of entries makes of it. A share of the requests asks for
//! one of finitely many entries; the rest asks for something nobody keeps. An entry is in the cache from the first
//! successful answer until its time to live is over, or until it is lost. So a cache that lost everything refills as
//! fast as the callee answers: a callee that is overloaded by the misses and answers too late fills nothing, which is
//! why the loss of a cache can outlive its cause (Bronson et al., "Metastable Failures in Distributed Systems", HotOS
//! 2021).
//!
//! Entries have a popularity: the entry of rank `r` is asked for in proportion to the integral of `x^-skew` from `r`
//! to `r + 1`, Zipf's law made continuous, so that a rank follows from one uniform number in closed form. For requests
//! of the web the exponent is 0.64 to 0.83 (Breslau et al., "Web Caching and Zipf-like Distributions", INFOCOM 1999);
//! 0 makes all entries alike. Few popular entries are back at once and the long tail takes its time, as in life.
//!
//! With a time to live `T` that hits do not renew, and an entry asked for `a` times a second, the share of hits on it
//! is `a T / (1 + a T)`: after each miss come `a T` hits on average.
//!
//! Traps: `hit_ratio` is what the cache gives when every entry is in it; with a time to live it is less. Nothing is
//! evicted: a cache holds all its entries. Several requests that miss the same entry at once all call (no
//! coalescing). An answer counts as fast as the lookup, which takes no time of its own.

use crate::quantity::Ratio;
use crate::time::SimDuration;

/// A look-aside cache of one entry of a service's list of calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CacheSpec {
    /// Share of the requests that ask for something that is kept: the share of hits of a full cache.
    pub hit_ratio: Ratio,
    /// Number of different entries, at least 1.
    pub keys: u32,
    /// Exponent of their popularity, 0 or more.
    pub skew: f64,
    /// How long an entry lives after it was filled; for ever if `None`.
    pub ttl: Option<SimDuration>,
    /// One cache for all pods of the service, which outlives them; otherwise each pod has its own, which dies with its
    /// process.
    pub shared: bool,
}

impl CacheSpec {
    /// The entry a request asks for, 0 the most popular, given a uniform number; `None` for what nobody keeps.
    pub fn entry(&self, uniform: f64) -> Option<u32> {
        let kept = self.hit_ratio.get();
        if uniform >= kept {
            return None;
        }
        let (u, end) = (uniform / kept, f64::from(self.keys) + 1.0);
        let power = 1.0 - self.skew;
        let rank = if power.abs() < 1e-9 {
            libm::pow(end, u)
        } else {
            libm::pow(1.0 + u * (libm::pow(end, power) - 1.0), 1.0 / power)
        };
        Some((rank.max(1.0) as u32 - 1).min(self.keys - 1))
    }

    /// Share of the requests for kept things that ask for this entry.
    pub fn popularity(&self, entry: u32) -> f64 {
        let power = 1.0 - self.skew;
        let integral =
            |x: f64| if power.abs() < 1e-9 { libm::log(x) } else { (libm::pow(x, power) - 1.0) / power };
        let from = f64::from(entry) + 1.0;
        (integral(from + 1.0) - integral(from)) / integral(f64::from(self.keys) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(skew: f64) -> CacheSpec {
        CacheSpec { hit_ratio: Ratio::new(0.8).unwrap(), keys: 50, skew, ttl: None, shared: true }
    }

    #[test]
    fn entries_are_asked_for_by_their_popularity() {
        const N: u32 = 200_000;
        for skew in [0.0, 0.8, 1.0, 1.3] {
            let spec = spec(skew);
            let mut asked = [0u32; 50];
            let mut not_kept = 0;
            for i in 0..N {
                match spec.entry((f64::from(i) + 0.5) / f64::from(N)) {
                    Some(entry) => asked[entry as usize] += 1,
                    None => not_kept += 1,
                }
            }
            assert_eq!(not_kept, N / 5);
            let mut sum = 0.0;
            for (entry, &count) in asked.iter().enumerate() {
                let share = spec.popularity(entry as u32);
                sum += share;
                let expected = 0.8 * share * f64::from(N);
                assert!((f64::from(count) - expected).abs() <= 2.0, "{skew} {entry}: {count}, {expected}");
            }
            assert!((sum - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn numbers_at_the_ends_stay_inside() {
        for skew in [0.0, 1.0, 2.0] {
            assert_eq!(spec(skew).entry(0.0), Some(0));
            assert_eq!(spec(skew).entry(0.8 - 1e-16), Some(49));
            assert_eq!(spec(skew).entry(0.8), None);
        }
    }
}
