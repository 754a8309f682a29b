//! Whether 95 % intervals hold the truth in about 95 of 100 studies, where the truth is known.
//!
//! 2,000 made-up studies each, of two files with unequal weights and sizes; the Monte-Carlo error of a coverage is then
//! 0.5 points. Times are exponential, so that quantiles are known; every generator is a fixed sequence.

use super::estimate::{Estimate, Pairs, Share, ratio, share_of_sum, sum_of_shares, weighted_shares};
use super::times::{Timed, times};

const STUDIES: u32 = 2_000;

/// A fixed sequence of numbers in `[0, 1)` (Knuth's MMIX constants, upper bits).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn count(&mut self, n: u64, p: f64) -> u64 {
        (0..n).filter(|_| self.next() < p).count() as u64
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.next())
    }
}

/// The share of studies whose interval holds `truth`; an open side holds everything.
fn coverage(truth: f64, mut study: impl FnMut(&mut Chance) -> Estimate) -> f64 {
    let mut chance = Chance(7);
    let holds = |e: Estimate| e.low.is_none_or(|low| low <= truth) && e.high.is_none_or(|high| high >= truth);
    let held = (0..STUDIES).filter(|_| holds(study(&mut chance))).count();
    held as f64 / f64::from(STUDIES)
}

fn assert_near_95(name: &str, coverage: f64, most: f64) {
    assert!((0.93..=most).contains(&coverage), "{name}: {coverage}");
}

#[test]
fn pooled_shares() {
    let share = |coefficient, k, n| Share { coefficient, k, n };
    let usual = coverage(0.25 * 0.3 + 0.75 * 0.1, |c| {
        weighted_shares(&[share(1.0, c.count(40, 0.3), 40), share(3.0, c.count(100, 0.1), 100)])
    });
    assert_near_95("shares", usual, 0.98);
    let rare = coverage(0.25 * 0.02 + 0.75 * 0.005, |c| {
        weighted_shares(&[share(1.0, c.count(100, 0.02), 100), share(3.0, c.count(100, 0.005), 100)])
    });
    // Near 0 Wilson's own coverage dips (at n = 100, p = 0.5 % it is 91 %), and the pooled limits inherit it.
    assert!((0.90..=1.0).contains(&rare), "rare shares: {rare}");
}

#[test]
fn precision_is_a_share_of_a_sum() {
    let (hit, alarm) = (0.1 * 0.8, 0.9 * 0.03);
    let held = coverage(hit / (hit + alarm), |c| {
        let hits = sum_of_shares(&[Share { coefficient: 0.1, k: c.count(200, 0.8), n: 200 }]);
        let alarms = sum_of_shares(&[Share { coefficient: 0.9, k: c.count(200, 0.03), n: 200 }]);
        share_of_sum(&hits, &alarms).unwrap()
    });
    assert_near_95("precision", held, 0.98);
}

#[test]
fn ratios_of_sums() {
    // Numerators are denominators times something of mean 0.5, so the ratio of their sums is 0.5.
    let held = coverage(0.5, |c| {
        let mut file = |weight, n: u64| Pairs {
            weight,
            values: (0..n)
                .map(|_| {
                    let whole = c.exponential(100.0);
                    (whole * c.next(), whole)
                })
                .collect(),
        };
        ratio(&[file(1.0, 40), file(3.0, 100)])
    });
    assert_near_95("ratio", held, 0.97);
}

#[test]
fn quantiles_of_one_file_and_of_several() {
    let sample = |c: &mut Chance, n: u64, mean: f64, watch: f64| -> Vec<Timed> {
        let one = |t: f64| Timed { seconds: t.min(watch), ended: t <= watch };
        (0..n).map(|_| one(c.exponential(mean))).collect()
    };
    let median = 100.0 * libm::log(2.0);
    let one = coverage(median, |c| times(&[(1.0, sample(c, 100, 100.0, 1e9))]).median);
    assert_near_95("median of one file", one, 0.98);
    let watched = coverage(median, |c| times(&[(1.0, sample(c, 100, 100.0, 150.0))]).median);
    assert_near_95("median, censored", watched, 0.98);
    // The median of an even mixture of means 50 and 200: 0.5 (e^-t/50 + e^-t/200) = 0.5.
    let curve = |t: f64| 0.5 * (libm::exp(-t / 50.0) + libm::exp(-t / 200.0)) - 0.5;
    let (mut low, mut high) = (0.0, 1000.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if curve(middle) > 0.0 { low = middle } else { high = middle }
    }
    let several = coverage(low, |c| {
        times(&[(1.0, sample(c, 60, 50.0, 300.0)), (1.0, sample(c, 150, 200.0, 300.0))]).median
    });
    assert_near_95("median of two files", several, 0.99);
}
