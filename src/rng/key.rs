//! Keys: 64-bit digests of the path to a random decision.
//!
//! Each step of the path is one [`mix`]: the state plus a constant of the step's kind plus the step's number
//! times the golden-ratio odd constant, through Stafford's variant 13 of the MurmurHash3 finaliser (the
//! output function of SplitMix64). The finaliser is a bijection, so one parent never gives two children of
//! the same kind the same key; keys of different paths collide like random 64-bit numbers (a million keys:
//! one chance in 37 million). Order matters: `a.id(1).id(2)` is not `a.id(2).id(1)`, and `id(3)` is not
//! `replication(3)`.

use super::stream::Stream;

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
// One additive constant per kind of step: digits of pi, nothing up the sleeve.
const ROOT: u64 = 0x243f_6a88_85a3_08d3;
const REPLICATION: u64 = 0x1319_8a2e_0370_7344;
const ENTITY: u64 = 0xa409_3822_299f_31d0;
const TEXT_END: u64 = 0x082e_fa98_ec4e_6c89;
const ID: u64 = 0x4528_21e6_38d0_1377;
const PURPOSE: u64 = 0xbe54_66cf_34e9_0c6c;

/// What a random decision is about; part of its key.
///
/// The numbers are part of the file and record format: append, never renumber or reuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
#[non_exhaustive]
pub enum Purpose {
    /// When open-loop requests and sessions arrive.
    Arrivals = 1,
    /// Which requests fail without any fault.
    BackgroundErrors = 2,
    /// How long a request is served.
    ServiceTime = 3,
    /// Whether a single request fails.
    Error = 4,
    /// Parameters and onset of a fault.
    Fault = 5,
    /// Which user a request belongs to, and what that user does.
    User = 6,
    /// Random part of a retry's waiting time.
    RetryBackoff = 7,
    /// Where in the scrape interval a target's scrapes fall.
    ScrapePhase = 8,
    /// Deviation of one scrape from its schedule.
    ScrapeJitter = 9,
    /// Whether one scrape is lost.
    ScrapeLoss = 10,
    /// Slow noise shared by a whole service or traffic source.
    Noise = 11,
    /// Slow noise of one replica.
    ReplicaNoise = 12,
    /// How many requests of a window fall into each latency bucket.
    LatencyBuckets = 13,
    /// Which revision, replica or backend a request goes to.
    Routing = 14,
    /// How long a pod takes to start.
    Startup = 15,
    /// Where in its period a health probe falls.
    ProbePhase = 16,
    /// Where in its interval a policy's evaluation falls.
    PolicyPhase = 17,
    /// Chance that a policy itself asks for.
    Policy = 18,
    /// Duration and success of one step of a rollback.
    RollbackStep = 19,
    /// A scenario field of type number that is given as a distribution: one draw per replication.
    ScenarioDraw = 20,
    /// Resampling for bootstrap intervals.
    Bootstrap = 21,
    /// Events that look like a bad release and are not.
    Confounder = 22,
    /// Draws made to find the first harmed request.
    FirstHarm = 23,
    /// Use of processor, memory and other resources.
    Resource = 24,
    /// Delay on the network between two services.
    Network = 25,
    /// How long people take to notice, decide and act.
    People = 26,
    /// Hits and misses of caches.
    Cache = 27,
    /// Rows that a database writes, loses or corrupts.
    Database = 28,
    /// Failures of the query path that a policy depends on.
    QueryFailure = 29,
    /// Jobs, webhooks and other stand-ins for what a policy file calls.
    StandIn = 30,
    /// Which users a header or cookie rule matches.
    Cohort = 31,
    /// How often and whether a call to another service is made.
    FanOut = 32,
    /// Which requests a client or server sheds, throttles or gives up by itself.
    Shedding = 33,
    /// What closed-loop users do: how long they think, when their session ends.
    Session = 34,
    /// Which instances, zones or users a disturbance hits.
    Victims = 35,
    /// Loss and jitter on the edges between services.
    Edge = 36,
    /// Whether a verdict gets through to whoever acts on it.
    Delivery = 37,
    /// What a model predicts, what is true, and who says so.
    Prediction = 38,
    /// The part of a noise that is forgotten quickly.
    QuickNoise = 40,
    /// Swings of a noise by the clock.
    NoiseCycle = 41,
    /// Rare spikes of a noise: when, how long, how large.
    NoiseSpikes = 42,
    /// Which requests meet what a release has left behind, and which clients hold it.
    Residue = 43,
    /// Which requests use what changed between two revisions.
    Skew = 47,
    /// Worlds that a hunt makes up.
    Hunt = 63,
    /// Where luck leans in a replication that is played to find a rare event.
    Leaning = 64,
}

/// A digest of (seed, scenario, replication, entity, purpose, number ...): the name of a random decision.
///
/// Deriving a key, and drawing one number from it, costs one or two nanoseconds and touches no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u64);

impl Key {
    /// The root of everything random in one scenario of one study. The scenario enters by name, so editing or
    /// reordering files does not change the luck of the others.
    #[must_use]
    pub fn root(seed: u64, scenario: &str) -> Self {
        Key(mix_text(mix(0, ROOT, seed), scenario))
    }

    /// The subtree of one replication.
    #[inline]
    #[must_use]
    pub const fn replication(self, index: u32) -> Self {
        Key(mix(self.0, REPLICATION, index as u64))
    }

    /// The subtree of a named thing: a service, a fault, a path in a document.
    #[inline]
    #[must_use]
    pub fn entity(self, name: &str) -> Self {
        Key(mix_text(self.0, name))
    }

    /// The subtree of a numbered thing: a request, a slot of time, a replica.
    #[inline]
    #[must_use]
    pub const fn id(self, number: u64) -> Self {
        Key(mix(self.0, ID, number))
    }

    /// The subtree of one purpose.
    #[inline]
    #[must_use]
    pub const fn purpose(self, purpose: Purpose) -> Self {
        Key(mix(self.0, PURPOSE, purpose as u64))
    }

    /// The 64 random bits of this key.
    #[inline]
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// One uniform number in [0, 1), a multiple of 2^-53. Asking again gives the same number.
    #[inline]
    #[must_use]
    pub const fn uniform(self) -> f64 {
        unit_half_open(self.0)
    }

    /// One uniform number in (0, 1): never 0 and never 1, for logarithms and quantiles.
    #[inline]
    #[must_use]
    pub const fn uniform_open(self) -> f64 {
        unit_open(self.0)
    }

    /// One number in 0..n; 0 if `n` is 0. The bias is below n / 2^64.
    #[inline]
    #[must_use]
    pub const fn below(self, n: u64) -> u64 {
        scaled(self.0, n)
    }

    /// A generator of many numbers that all belong to this key.
    #[inline]
    #[must_use]
    pub fn stream(self) -> Stream {
        Stream::new(self)
    }
}

/// Sixty-four bits to a multiple of 2^-53 in [0, 1).
#[inline]
pub(super) const fn unit_half_open(bits: u64) -> f64 {
    const STEP: f64 = 1.0 / (1u64 << 53) as f64;
    (bits >> 11) as f64 * STEP
}

/// Sixty-four bits to an odd multiple of 2^-53 in (0, 1).
#[inline]
pub(super) const fn unit_open(bits: u64) -> f64 {
    const STEP: f64 = 1.0 / (1u64 << 52) as f64;
    ((bits >> 12) as f64 + 0.5) * STEP
}

/// Sixty-four bits to 0..n by the high half of the 128-bit product.
#[inline]
pub(super) const fn scaled(bits: u64, n: u64) -> u64 {
    ((bits as u128 * n as u128) >> 64) as u64
}

#[inline]
const fn mix(state: u64, kind: u64, number: u64) -> u64 {
    finalise(state.wrapping_add(kind).wrapping_add(number.wrapping_mul(GOLDEN)))
}

/// Stafford's mix 13, the output function of SplitMix64.
#[inline]
pub(super) const fn finalise(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A text, eight bytes at a time, then its length: no name is a prefix of another in digest.
fn mix_text(mut state: u64, text: &str) -> u64 {
    for chunk in text.as_bytes().chunks(8) {
        let mut word = [0u8; 8];
        for (to, from) in word.iter_mut().zip(chunk) {
            *to = *from;
        }
        state = mix(state, ENTITY, u64::from_le_bytes(word));
    }
    mix(state, TEXT_END, text.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn keys_of_a_hundred_thousand_neighbouring_paths_are_distinct() {
        let root = Key::root(1, "checkout");
        let mut seen = BTreeSet::new();
        for r in 0..20 {
            for name in ["a", "b", "ab", "ba", "", "checkout", "checkout\0", "a long name of a service"] {
                for purpose in [Purpose::Arrivals, Purpose::Error, Purpose::Noise] {
                    for n in 0..250 {
                        seen.insert(root.replication(r).entity(name).purpose(purpose).id(n));
                    }
                }
            }
        }
        assert_eq!(seen.len(), 20 * 8 * 3 * 250);
    }

    #[test]
    fn order_and_kind_of_steps_matter() {
        let k = Key::root(7, "s");
        assert_ne!(k.id(1).id(2), k.id(2).id(1));
        assert_ne!(k.id(3), k.replication(3));
        assert_ne!(k.id(1), k.purpose(Purpose::Arrivals));
        assert_ne!(k.entity("ab").entity("c"), k.entity("a").entity("bc"));
        assert_ne!(Key::root(7, "s"), Key::root(8, "s"));
        assert_ne!(Key::root(7, "s"), Key::root(7, "t"));
    }

    #[test]
    fn uniforms_of_consecutive_ids_fill_the_unit_interval() {
        let k = Key::root(3, "uniform").purpose(Purpose::Arrivals);
        let n = 200_000u64;
        let mut cells = [0u64; 64];
        let (mut sum, mut lagged, mut last) = (0.0, 0.0, 0.5);
        for i in 0..n {
            let u = k.id(i).uniform();
            assert!((0.0..1.0).contains(&u));
            cells[(u * 64.0) as usize] += 1;
            sum += u;
            lagged += (u - 0.5) * (last - 0.5);
            last = u;
        }
        let expected = n as f64 / 64.0;
        let chi2: f64 = cells.iter().map(|&c| (c as f64 - expected) * (c as f64 - expected) / expected).sum();
        // 63 degrees of freedom: 99.99 % of true uniforms lie below 113.
        assert!(chi2 < 113.0, "{chi2}");
        assert!((sum / n as f64 - 0.5).abs() < 4.0 * 0.289 / (n as f64).sqrt());
        assert!((lagged / n as f64 * 12.0).abs() < 4.0 / (n as f64).sqrt());
    }

    #[test]
    fn the_ends_of_the_unit_interval() {
        assert_eq!(unit_half_open(0), 0.0);
        assert_eq!(unit_half_open(u64::MAX), 1.0 - f64::EPSILON / 2.0);
        assert!(unit_open(0) > 0.0);
        assert_eq!(unit_open(u64::MAX), 1.0 - f64::EPSILON / 2.0);
        assert_eq!(scaled(u64::MAX, 10), 9);
        assert_eq!(scaled(u64::MAX, 0), 0);
    }

    #[test]
    fn a_bit_flipped_in_the_number_flips_half_of_the_key() {
        let k = Key::root(5, "avalanche");
        let flips: u32 =
            (0..64).map(|bit| (k.id(12_345).bits() ^ k.id(12_345 ^ (1 << bit)).bits()).count_ones()).sum();
        // 64 times 64 fair coins: mean 2048, standard deviation 32.
        assert!((2048 - 130..=2048 + 130).contains(&flips), "{flips}");
    }
}
