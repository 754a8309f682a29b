//! Published figures of estimation, reproduced through the public functions; those of detectors are in
//! `figures`.
//!
//! Sources are named at each table; the figures were collected, and where possible recomputed, on the project's
//! statistics page.

use backout::detect::{DetectorSpec, Sample, State};
use backout::document::parse_typed;
use backout::rng::{Ar1, Key, Stream, binomial_cdf};
use backout::stats::estimate::{clopper_pearson, wilson};
use backout::time::SimDuration;

fn stream(name: &str) -> Stream {
    Key::root(17, name).stream()
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
