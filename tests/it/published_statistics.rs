//! Published figures of estimation and of Wald's test, reproduced through the public functions; those of detectors are in
//! `figures`.
//!
//! Sources are named at each table; the figures were collected, and where possible recomputed, on the project's
//! statistics page.

use backout::detect::{DetectorSpec, Sample, State};
use backout::document::parse_typed;
use backout::rng::{Ar1, Key, Stream, binomial_cdf};
use backout::stats::estimate::{clopper_pearson, wilson};
use backout::stats::sequential::{Conclusion, Sprt};
use backout::time::SimDuration;

fn stream(name: &str) -> Stream {
    Key::root(17, name).stream()
}

#[test]
fn wilson_intervals_of_the_canary_sizing_section() {
    // (failures, requests, low, high), 95 %, three significant digits.
    for (k, n, low, high) in [
        (0, 100, 0.0, 0.0370),
        (0, 1000, 0.0, 0.00383),
        (1, 100, 0.00177, 0.0545),
        (5, 100, 0.0215, 0.1118),
        (50, 1000, 0.0381, 0.0653),
    ] {
        let e = wilson(k, n, 0.95);
        assert!((e.low - low).abs() < 6e-5 * if low < 0.01 { 0.1 } else { 1.0 }, "{k}/{n}: {}", e.low);
        assert!((e.high - high).abs() < 6e-5 * if high < 0.01 { 0.1 } else { 1.0 }, "{k}/{n}: {}", e.high);
    }
}

#[test]
fn clean_runs_needed_to_certify_a_false_rollback_rate() {
    // One-sided 95 %: 299 clean runs for 1 %, 2,995 for 0.1 %.
    for (runs, rate) in [(299, 0.01), (2995, 0.001)] {
        assert!(clopper_pearson(0, runs, 0.90).high < rate);
        assert!(clopper_pearson(0, runs - 1, 0.90).high >= rate);
    }
}

#[test]
fn consecutive_checks_follow_the_binomial_law() {
    // With false probability q per check, F failures allowed and m checks: P(false rollback) = P(Bin(m, q) > F).
    let mut stream = stream("checks");
    for (m, q, allowed) in [(20u64, 0.05, 2u64), (60, 0.01, 3), (10, 0.3, 0)] {
        let law = binomial_cdf(m, q, allowed).upper;
        let direct: f64 = 1.0
            - (0..=allowed)
                .map(|k| {
                    let choose: f64 = (0..k).map(|i| (m - i) as f64 / (i + 1) as f64).product();
                    choose * f64::powi(q, k as i32) * f64::powi(1.0 - q, (m - k) as i32)
                })
                .sum::<f64>();
        assert!((law - direct).abs() < 1e-12);
        let runs = 40_000u64;
        let fired =
            (0..runs).filter(|_| (0..m).filter(|_| stream.uniform() < q).count() as u64 > allowed).count();
        assert!(wilson(fired as u64, runs, 0.9999).holds(law), "{m} {q} {allowed}: {law}");
    }
}

/// P(unacceptable) and the mean number of requests of an SPRT at failure probability `p`, by exact recursion over the
/// number of failures. The test object itself says where the boundaries are.
fn sprt_exact(design: (f64, f64, f64, f64), p: f64) -> (f64, f64) {
    let fresh = Sprt::new(design.0, design.1, design.2, design.3).unwrap();
    let mut open = vec![1.0f64];
    let (mut unacceptable, mut requests) = (0.0, 0.0);
    for n in 1u64..60_000 {
        let alive: f64 = open.iter().sum();
        if alive < 1e-12 {
            break;
        }
        requests += alive;
        let mut next = vec![0.0; open.len() + 1];
        for (failures, mass) in open.iter().enumerate() {
            next[failures] += mass * (1.0 - p);
            next[failures + 1] += mass * p;
        }
        for (failures, mass) in next.iter_mut().enumerate().filter(|(_, mass)| **mass > 0.0) {
            let mut test = fresh;
            match test.step_batch(failures as u64, n - failures as u64) {
                Some(Conclusion::Unacceptable) => {
                    unacceptable += *mass;
                    *mass = 0.0;
                }
                Some(Conclusion::Acceptable) => *mass = 0.0,
                None => {}
            }
        }
        while next.last() == Some(&0.0) {
            next.pop();
        }
        open = next;
    }
    (unacceptable, requests)
}

#[test]
fn sprt_has_the_exact_error_rates_and_sample_sizes() {
    let small = (0.01, 0.05, 0.05, 0.10);
    let rare = (0.001, 0.01, 0.01, 0.05);
    let double = (0.01, 0.02, 0.05, 0.05);
    // The exact column of the statistics page: design, true p, P(unacceptable), mean number of requests.
    for (design, p, chance, requests) in [
        (small, 0.01, 0.0290, 85.1),
        (small, 0.02236, 0.3085, 117.8),
        (small, 0.05, 0.8994, 71.0),
        (small, 0.10, 0.9966, 28.9),
        (rare, 0.001, 0.0045, 437.9),
        (rare, 0.00316, 0.2054, 737.5),
        (rare, 0.01, 0.9498, 360.7),
        (double, 0.01, 0.0396, 868.0),
        (double, 0.02, 0.9497, 736.3),
    ] {
        let (found, length) = sprt_exact(design, p);
        // The page rounds p = sqrt(p0 p1) to four digits, which moves these two rows a little.
        let slack = if p == 0.00316 { 5e-4 } else { 6e-5 };
        assert!((found - chance).abs() < slack, "{design:?} at {p}: {found}");
        assert!((length - requests).abs() < 0.051 + 5e-4 * requests, "{design:?} at {p}: {length}");
    }
}

#[test]
fn the_simulator_s_noise_destroys_the_run_length_of_tuned_charts() {
    // In-control mean run lengths on AR(1) values of variance 1, from 4000 runs on the statistics page (+-2-3 %); the
    // noise process of the simulator, standardised, must give the same. (The whole table: `figures::correlated`.)
    let cv = 0.3;
    let variance = f64::ln_1p(cv * cv);
    let standard = |m: f64| (f64::ln(m) + 0.5 * variance) / variance.sqrt();
    // Steps of tau * ln 2 have correlation 1/2.
    let noise = Ar1 { tau: SimDuration::from_secs(1000), cv };
    let step = SimDuration::from_secs_f64(1000.0 * std::f64::consts::LN_2);
    let key = Key::root(3, "autocorrelation");
    let runs = 3000u64;
    for (chart, printed) in [
        ("cusum: {k: 0.5, h: 5, side: both, baseline: {known: {mean: 0, sd: 1}}}", 52.0),
        (
            "ewma: {weight: 0.2, width: 2.962, limits: fixed, side: both, baseline: {known: {mean: 0, sd: 1}}}",
            60.0,
        ),
    ] {
        let spec: DetectorSpec = parse_typed("chart", chart).unwrap();
        let mut chart = spec.as_dyn().start();
        let mut total = 0;
        for run in 0..runs {
            chart.reset();
            let mut values = noise.steps(key.id(run), step).take(20_000).map(standard);
            total += 1 + values.position(|x| chart.step(&Sample::Value(x)) == State::Alarm).unwrap();
        }
        let found = total as f64 / runs as f64;
        assert!((found / printed - 1.0).abs() < 0.08, "{found} is not {printed}");
    }
}
