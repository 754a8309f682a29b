//! Mixtures, confidence sequences and the count test.

use backout::detect::count_test::CountTest;
use backout::detect::mixture_sprt::{MixtureSprt, Of};
use backout::detect::support::Side;
use backout::detect::{Counts, Detect as _, Sample};
use backout::quantity::Ratio;
use backout::rng::{Key, Stream, exponential_quantile, normal_sample, poisson_sample};
use backout::stats::always_valid::{quantile_p, share_interval};
use backout::stats::confidence_sequence::NormalMixture;
use backout::stats::estimate::wilson;
use backout::stats::mixture::{BetaBinomial, GammaExponential, GammaPoisson, Mixture};
use backout::stats::stitching::PolynomialStitching;

use super::table::Table;

#[test]
fn values_of_the_confseq_package() {
    let mut table =
        Table::new("confseq, uniform_boundaries_unittest.cpp: v_opt 100, alpha 0.05; evidence at (10, 100)");
    let two = NormalMixture::new(100.0, 0.05).unwrap();
    table.exact("two-sided normal, rho", 12.60056, two.rho(), 1e-5);
    table.exact("two-sided normal, evidence", -0.651_005_2, two.log_evidence(10.0, 100.0), 1e-5);
    table.exact("two-sided normal, bound", 30.352_09, two.bound(100.0, 0.05), 1e-5);
    let one = NormalMixture::new(100.0, 0.10).unwrap();
    table.exact("one-sided normal, evidence", -0.065_023_91, one.log_evidence_above(10.0, 100.0), 1e-5);
    table.exact("one-sided normal, bound", 27.660_71, one.bound_above(100.0, 0.05), 1e-5);
    let beta = |two_sided| BetaBinomial::new(100.0, 0.05, 0.2, 0.8, two_sided).unwrap();
    let mixtures: [(&str, &dyn Mixture, f64, f64); 4] = [
        ("gamma-exponential", &GammaExponential::new(100.0, 0.05, 2.0).unwrap(), -0.249_016_5, 33.020_17),
        ("gamma-Poisson", &GammaPoisson::new(100.0, 0.05, 2.0).unwrap(), -0.069_912_19, 30.1949),
        ("beta-binomial, two-sided", &beta(true), -0.694_101_2, 31.4308),
        ("beta-binomial, one-sided", &beta(false), -0.071_340_19, 28.412_38),
    ];
    for (name, mixture, evidence, bound) in mixtures {
        table.exact(&format!("{name}, evidence"), evidence, mixture.log_evidence(10.0, 100.0), 1e-5);
        table.exact(&format!("{name}, bound"), bound, mixture.bound(100.0, 0.05), 1e-5);
    }
    // Two observations cannot exceed it, so the bound is all there can be.
    table.exact("beta-binomial after two", 1.6, beta(false).bound(2.0 * 0.2 * 0.8, 0.05), 1e-5);
    for (c, bound) in [(3.0, 64.487_55), (-1.0, 28.993_89)] {
        let stitching = PolynomialStitching::new(10.0, c, 1.4, 2.0).unwrap();
        table.exact(&format!("polynomial stitching, c {c}"), bound, stitching.bound(100.0, 0.05), 1e-5);
    }
    table.hold();
}

#[test]
fn intervals_and_p_values_of_the_confseq_package() {
    let mut table = Table::new("confseq, uniform_boundaries_unittest.cpp: shares and quantiles, alpha 0.05");
    for (successes, n, best, low, high) in [
        (700.0, 1000.0, 100.0, 0.651_629, 0.745_949),
        (15.0, 50.0, 50.0, 0.129_556, 0.511_896),
        (5.0, 50.0, 50.0, 0.013_021, 0.269_264),
        (1.0, 50.0, 50.0, 0.0, 0.134_89),
        (100.0, 200.0, 1.0, 0.328_923, 0.671_076),
        (1.0, 2.0, 50.0, 0.0, 1.0),
        (0.0, 1.0, 50.0, 0.0, 1.0),
        (1.0, 1.0, 50.0, 0.0, 1.0),
    ] {
        let found = share_interval(successes, n, 0.05, best);
        table.exact(&format!("{successes} of {n}, lower end"), low, found.low, 1e-5);
        table.exact(&format!("{successes} of {n}, upper end"), high, found.high, 1e-5);
    }
    let values = |from: u32| -> Vec<f64> { (from + 1..=from + 1000).map(f64::from).collect() };
    for (q, offset, p) in
        [(0.5, 70, 0.814_704), (0.5, 85, 0.083_805_5), (0.5, 100, 0.005_494_7), (0.9, 55, 0.034_046_3)]
    {
        let found = quantile_p(&values(0), &values(offset), q, 100.0).unwrap();
        table.exact(&format!("p of the {q} quantile, shifted by {offset}"), p, found, 1e-5);
    }
    table.hold();
}

/// The share of null martingales that cross their boundary within 10,000 steps, at most: the boundary of a span is taken
/// at its start, where it is lowest.
fn crossings(
    name: &str,
    variance: f64,
    bound: impl Fn(f64) -> f64,
    step: impl Fn(&mut Stream) -> f64,
) -> u64 {
    let mut spans: Vec<(u32, f64)> = Vec::new();
    let mut from = 1u32;
    while from <= 10_000 {
        spans.push((from, bound(variance * f64::from(from))));
        from = (f64::from(from) * 1.02).ceil().max(f64::from(from + 1)) as u32;
    }
    let mut stream = Key::root(11, name).stream();
    let crosses = |stream: &mut Stream| {
        let (mut sum, mut at) = (0.0, 0);
        (1..=10_000u32).any(|n| {
            sum += step(stream);
            at += usize::from(spans.get(at + 1).is_some_and(|(from, _)| *from <= n));
            // More than the bound: at first it is all that the sum can be, and that may happen.
            sum > spans[at].1 + 1e-9
        })
    };
    (0..RUNS).filter(|_| crosses(&mut stream)).count() as u64
}

const RUNS: u64 = 400;

#[test]
fn null_martingales_cross_no_more_often_than_alpha() {
    // confseq's own style: the lower end of the share of crossings must not lie above alpha.
    let alpha = 0.05;
    let one = NormalMixture::new(500.0, 2.0 * alpha).unwrap();
    let poisson = GammaPoisson::new(500.0, alpha, 1.0).unwrap();
    let exponential = GammaExponential::new(500.0, alpha, 1.0).unwrap();
    let two_valued = BetaBinomial::new(500.0, alpha, 0.2, 0.8, false).unwrap();
    let stitching = PolynomialStitching::new(10.0, 0.0, 1.4, 2.0).unwrap();
    let flip = |stream: &mut Stream| if stream.uniform() < 0.5 { 1.0 } else { -1.0 };
    let all = [
        ("normal", crossings("normal", 1.0, |v| one.bound_above(v, alpha), normal_sample)),
        (
            "Poisson",
            crossings("Poisson", 1.0, |v| poisson.bound(v, alpha), |s| poisson_sample(1.0, s) as f64 - 1.0),
        ),
        (
            "exponential",
            crossings(
                "exponential",
                1.0,
                |v| exponential.bound(v, alpha),
                |s| exponential_quantile(1.0, s.uniform()) - 1.0,
            ),
        ),
        (
            "two-valued",
            crossings(
                "two-valued",
                0.16,
                |v| two_valued.bound(v, alpha),
                |s| if s.uniform() < 0.2 { 0.8 } else { -0.2 },
            ),
        ),
        ("stitching", crossings("stitching", 1.0, |v| stitching.bound(v, alpha), flip)),
    ];
    for (name, crossed) in all {
        println!("{name}: {crossed} of {RUNS} cross a bound of 5 % within 10,000 steps");
        assert!(wilson(crossed, RUNS, 0.95).low <= alpha, "{name}: {crossed} of {RUNS}");
    }
    assert!(
        all.iter().map(|(_, crossed)| crossed).sum::<u64>() > 20,
        "a bound that nothing ever crosses is no test"
    );
}

#[test]
fn widths_and_evidence_of_the_mixture_sprt() {
    let mut table = Table::new("mixture SPRT (Johari et al.) and GAVI, by the formulas as published");
    let ln = f64::ln;
    for (variance, tau, alpha) in [(4e-6, 0.01, 0.05), (1e-4, 0.02, 0.01), (0.25, 1.0, 0.05)] {
        let mixture = NormalMixture::of_effects(tau).unwrap();
        let total = variance + tau * tau;
        let published = (variance * total / (tau * tau) * (-2.0 * ln(alpha) - ln(variance / total))).sqrt();
        let ours = variance * mixture.bound(1.0 / variance, alpha);
        table.exact(&format!("half-width, V {variance}, tau {tau}"), published, ours, 1e-12);
    }
    for (planned, alpha) in [(48_000.0, 0.05), (10_000.0, 0.01)] {
        let published = planned / (ln(ln(std::f64::consts::E / (alpha * alpha))) - 2.0 * ln(alpha));
        let ours = NormalMixture::new(planned, alpha).unwrap().rho();
        table.exact(&format!("GAVI rho, N {planned}, alpha {alpha}"), published, ours, 1e-8);
    }
    // The detector on pairs of means: differences of 0 and 2 a hundred times, so d = 1 and V = 100/99 / 100.
    let spec = MixtureSprt {
        of: Of::Means,
        tau: 0.5,
        alpha: Ratio::new(0.01).unwrap(),
        side: Side::Both,
        least: 100,
    };
    let mut detector = spec.start();
    for pair in 0..100 {
        let candidate = if pair % 2 == 0 { 5.0 } else { 3.0 };
        detector.step(&Sample::Values { candidate, control: 3.0 });
    }
    let (variance, tau, d) = (1.0 / 99.0, 0.5, 1.0);
    let total: f64 = variance + tau * tau;
    let published = 0.5 * ln(variance / total) + tau * tau * d * d / (2.0 * variance * total);
    table.exact("log evidence of the detector", published, detector.statistic().unwrap(), 1e-9);
    table.hold();
}

#[test]
fn p_values_of_the_count_test() {
    let mut table = Table::new("sequential count test (Lindon and Malek 2022), p at one look, equal shares");
    for (c, control, candidate, p) in [
        (10.0, 40.0, 60.0, 0.4573),
        (10.0, 100.0, 150.0, 0.0347),
        (10.0, 20.0, 50.0, 0.01234),
        (100.0, 100.0, 150.0, 0.0922),
        (100.0, 1000.0, 1100.0, 0.3855),
        (1.0, 20.0, 50.0, 0.00974),
    ] {
        let spec = CountTest {
            share: Some(Ratio::HALF),
            concentration: 2.0 * c,
            alpha: Ratio::ONE_PERCENT,
            tolerated: 1.0,
            dispersion: 1.0,
            side: Side::Both,
        };
        let mut detector = spec.start();
        let counts = |bad| Counts { bad, total: 1e6 };
        detector.step(&Sample::CountsBeside { candidate: counts(candidate), control: counts(control) });
        let found = (-detector.statistic().unwrap()).exp();
        let digits = if p < 0.02 { 1e-5 } else { 1e-4 };
        table.exact(&format!("c {c}: {control}, {candidate}"), p, found, 0.51 * digits);
    }
    table.hold();
}
