//! Two-sample tests that need no distribution: Mann-Whitney and Kolmogorov-Smirnov.
//!
//! Both assume independent observations. On autocorrelated series their false-alarm rate is far above its
//! nominal value, and repeating them as data accrue ("peeking") raises it further.

use crate::rng::normal_cdf;

/// The result of a Mann-Whitney test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MannWhitney {
    /// The number of pairs in which the first sample is larger, ties counting half (R's `W`).
    pub u: f64,
    /// The same as a share of all pairs: the chance that a value of the first sample is the larger one
    /// (CLES).
    pub share: f64,
    /// The standardised statistic, tie- and continuity-corrected; 0 if all values are equal.
    pub z: f64,
    /// Two-sided p-value, normal approximation.
    pub p_two_sided: f64,
    /// One-sided p-value against "the first sample tends to be larger".
    pub p_greater: f64,
    /// One-sided p-value against "the first sample tends to be smaller".
    pub p_less: f64,
}

/// The Mann-Whitney (Wilcoxon rank-sum) test with the normal approximation, tie correction and continuity
/// correction of R's `wilcox.test(exact = FALSE)`. `None` if a sample is empty or holds a NaN.
#[must_use]
pub fn mann_whitney(first: &[f64], second: &[f64]) -> Option<MannWhitney> {
    if first.is_empty() || second.is_empty() || first.iter().chain(second).any(|v| v.is_nan()) {
        return None;
    }
    let mut pooled: Vec<(f64, bool)> =
        first.iter().map(|&v| (v, true)).chain(second.iter().map(|&v| (v, false))).collect();
    // Negative and positive zero tie.
    pooled.sort_by(|a, b| (a.0 + 0.0).total_cmp(&(b.0 + 0.0)));
    let (mut ranks, mut ties, mut before) = (0.0, 0.0, 0.0);
    for group in pooled.chunk_by(|a, b| a.0 == b.0) {
        let size = group.len() as f64;
        let mean_rank = before + 0.5 * (size + 1.0);
        ranks += mean_rank * group.iter().filter(|v| v.1).count() as f64;
        ties += size * (size * size - 1.0);
        before += size;
    }
    let (n, m) = (first.len() as f64, second.len() as f64);
    Some(MannWhitney::from_sums(n, m, ranks - 0.5 * n * (n + 1.0), ties))
}

impl MannWhitney {
    /// The test of samples of sizes `n` and `m` with the statistic `u`; `ties` is the sum of t^3 - t over all groups of
    /// t equal values.
    pub(super) fn from_sums(n: f64, m: f64, u: f64, ties: f64) -> Self {
        let all = n + m;
        let deviation = (n * m / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)))).max(0.0).sqrt();
        let excess = u - 0.5 * n * m;
        let corrected =
            |correction: f64| if deviation > 0.0 { (excess - correction) / deviation } else { 0.0 };
        let z = if excess == 0.0 { 0.0 } else { corrected(0.5 * excess.signum()) };
        let one_sided = |z: f64| if deviation > 0.0 { normal_cdf(z) } else { 1.0 };
        MannWhitney {
            u,
            share: u / (n * m),
            z,
            p_two_sided: if deviation > 0.0 { (2.0 * normal_cdf(-z.abs())).min(1.0) } else { 1.0 },
            p_greater: one_sided(-corrected(0.5)),
            p_less: one_sided(corrected(-0.5)),
        }
    }
}

/// The result of a two-sample Kolmogorov-Smirnov test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KolmogorovSmirnov {
    /// The largest vertical distance of the two empirical distribution functions.
    pub distance: f64,
    /// Asymptotic p-value; conservative with ties, rough below about 20 values per sample.
    pub p: f64,
}

/// The two-sample Kolmogorov-Smirnov test. `None` if a sample is empty or holds a NaN.
#[must_use]
pub fn kolmogorov_smirnov(first: &[f64], second: &[f64]) -> Option<KolmogorovSmirnov> {
    if first.is_empty() || second.is_empty() || first.iter().chain(second).any(|v| v.is_nan()) {
        return None;
    }
    let (a, b) = (sorted(first), sorted(second));
    let (n, m) = (a.len() as f64, b.len() as f64);
    let (below, above) = distances(&a, &b);
    let distance = below.max(above);
    Some(KolmogorovSmirnov { distance, p: kolmogorov_tail(distance * (n * m / (n + m)).sqrt()) })
}

/// How far the first empirical distribution function lies at most below the second (the first sample is larger there),
/// and above it; both samples ascending and not empty.
pub(super) fn distances(first: &[f64], second: &[f64]) -> (f64, f64) {
    let (n, m) = (first.len() as f64, second.len() as f64);
    let (mut i, mut j) = (0, 0);
    let (mut below, mut above) = (0.0f64, 0.0f64);
    while let (Some(a), Some(b)) = (first.get(i), second.get(j)) {
        let x = a.min(*b);
        while first.get(i).is_some_and(|value| *value <= x) {
            i += 1;
        }
        while second.get(j).is_some_and(|value| *value <= x) {
            j += 1;
        }
        let lead = i as f64 / n - j as f64 / m;
        (below, above) = (below.max(-lead), above.max(lead));
    }
    (below, above)
}

/// The Kolmogorov-Smirnov test of a sample against a continuous distribution function. `None` if the sample
/// is empty or holds a NaN.
#[must_use]
pub fn kolmogorov_smirnov_against(sample: &[f64], cdf: impl Fn(f64) -> f64) -> Option<KolmogorovSmirnov> {
    if sample.is_empty() || sample.iter().any(|v| v.is_nan()) {
        return None;
    }
    let n = sample.len() as f64;
    let distance = sorted(sample).iter().enumerate().fold(0.0f64, |distance, (i, &x)| {
        let (f, i) = (cdf(x), i as f64);
        distance.max(f - i / n).max((i + 1.0) / n - f)
    });
    Some(KolmogorovSmirnov { distance, p: kolmogorov_tail(distance * n.sqrt()) })
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The x with P(K > x) = `p` of Kolmogorov's limiting distribution; infinite for levels outside of (0, 1).
pub(super) fn kolmogorov_limit(p: f64) -> f64 {
    let valid = p > 0.0 && p < 1.0;
    if !valid {
        return f64::INFINITY;
    }
    let (mut low, mut high) = (0.0, 30.0);
    while high - low > 1e-12 * high {
        let middle = 0.5 * (low + high);
        if kolmogorov_tail(middle) > p {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// P(K > x) of Kolmogorov's limiting distribution, by whichever of its two series converges at once.
fn kolmogorov_tail(x: f64) -> f64 {
    if x < 0.05 {
        return 1.0;
    }
    if x < 1.0 {
        // 1 - sqrt(2 pi)/x sum exp(-(2k-1)^2 pi^2 / (8 x^2))
        let pi = std::f64::consts::PI;
        let base = -pi * pi / (8.0 * x * x);
        let sum: f64 = (1..=6).map(|k| libm::exp(base * f64::from((2 * k - 1) * (2 * k - 1)))).sum();
        return (1.0 - (2.0 * pi).sqrt() / x * sum).clamp(0.0, 1.0);
    }
    // 2 sum (-1)^(k-1) exp(-2 k^2 x^2)
    let term = |k: i32| libm::exp(-2.0 * f64::from(k * k) * x * x);
    (2.0 * (term(1) - term(2) + term(3) - term(4) + term(5))).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Key, normal_sample};

    #[track_caller]
    fn close(found: f64, expected: f64, error: f64) {
        assert!((found - expected).abs() < error, "{found} is not {expected}");
    }

    #[test]
    fn mann_whitney_by_hand() {
        // Ranks of the first sample: 1, 2.5, 5 (tie 2.5); U = 8.5 - 6 = 2.5; ties 2^3 - 2 = 6.
        let t = mann_whitney(&[1.0, 2.0, 4.0], &[2.0, 3.0, 5.0]).unwrap();
        assert_eq!(t.u, 2.5);
        let deviation = f64::sqrt(9.0 / 12.0 * (7.0 - 6.0 / 30.0));
        close(t.z, (2.5 - 4.5 + 0.5) / deviation, 1e-12);
        close(t.p_two_sided, 2.0 * normal_cdf(-1.5 / deviation), 1e-12);
        close(t.p_less, normal_cdf(-1.5 / deviation), 1e-12);
        close(t.p_greater, normal_cdf(2.5 / deviation), 1e-12);
        let swapped = mann_whitney(&[2.0, 3.0, 5.0], &[1.0, 2.0, 4.0]).unwrap();
        assert_eq!((swapped.u, swapped.z), (6.5, -t.z));
        close(swapped.p_greater, t.p_less, 1e-15);
    }

    #[test]
    fn equal_samples_show_nothing() {
        let t = mann_whitney(&[3.0; 5], &[3.0; 7]).unwrap();
        assert_eq!((t.z, t.p_two_sided, t.p_less, t.p_greater, t.share), (0.0, 1.0, 1.0, 1.0, 0.5));
        let zeros = mann_whitney(&[0.0, -0.0], &[-0.0, 0.0]).unwrap();
        assert_eq!(zeros.p_two_sided, 1.0);
        assert_eq!(mann_whitney(&[], &[1.0]), None);
        assert_eq!(mann_whitney(&[f64::NAN], &[1.0]), None);
    }

    #[test]
    fn kolmogorov_critical_values() {
        // P(K > 1.3581) = 0.05, P(K > 1.6276) = 0.01, P(K > 0.8276) = 0.5 (Smirnov's table).
        for (x, p) in [(1.3581, 0.05), (1.6276, 0.01), (0.8276, 0.5), (1.2238, 0.10)] {
            close(kolmogorov_tail(x), p, 1e-4);
        }
        for (p, x) in [(0.05, 1.3581), (0.01, 1.6276), (0.5, 0.8276)] {
            close(kolmogorov_limit(p), x, 1e-4);
        }
        assert_eq!(kolmogorov_limit(0.0), f64::INFINITY);
        // The two series meet.
        close(kolmogorov_tail(1.0 - 1e-12), kolmogorov_tail(1.0), 1e-10);
        // Critical distances at 5 % for n = m: 30 .351, 100 .192, 1000 .0607 (reference page, section 2).
        for (n, d) in [(30.0, 0.351), (100.0, 0.192), (1000.0, 0.0607)] {
            close(kolmogorov_tail(d * f64::sqrt(n / 2.0)), 0.05, 0.001);
        }
    }

    #[test]
    fn kolmogorov_smirnov_by_hand() {
        let t = kolmogorov_smirnov(&[1.0, 2.0, 3.0, 4.0], &[3.0, 4.0, 5.0, 6.0]).unwrap();
        assert_eq!(t.distance, 0.5);
        let t = kolmogorov_smirnov_against(&[0.1, 0.4, 0.7], |x| x).unwrap();
        close(t.distance, 0.3, 1e-12);
        assert_eq!(kolmogorov_smirnov(&[1.0], &[]), None);
    }

    #[test]
    fn false_alarms_on_equal_samples_are_as_rare_as_said() {
        let mut stream = Key::root(1, "rank").stream();
        let (runs, mut ranks, mut distances) = (3000u32, 0u32, 0u32);
        for _ in 0..runs {
            let a: Vec<f64> = (0..40).map(|_| normal_sample(&mut stream)).collect();
            let b: Vec<f64> = (0..50).map(|_| normal_sample(&mut stream)).collect();
            ranks += u32::from(mann_whitney(&a, &b).unwrap().p_two_sided < 0.05);
            distances += u32::from(kolmogorov_smirnov(&a, &b).unwrap().p < 0.05);
        }
        close(f64::from(ranks) / f64::from(runs), 0.05, 0.016);
        // The asymptotic p-value is conservative for small samples.
        let share = f64::from(distances) / f64::from(runs);
        assert!(share > 0.015 && share < 0.055, "{share}");
    }
}
