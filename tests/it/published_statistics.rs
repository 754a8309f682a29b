//! Published figures of sequential statistics, reproduced through the public recursions.
//!
//! Sources are named at each table; the figures were collected, and where possible recomputed, on the project's
//! statistics page. Where a figure is a mean run length it is reproduced twice: by solving the integral equation
//! of the chart (exact, checks the table) and by running the chart on random values (checks the code). A simulated
//! mean must lie within four standard errors of the figure, plus the rounding of the print.

use backout::rng::{Ar1, Key, Stream, binomial_cdf, normal_cdf, normal_sample, poisson_sample};
use backout::stats::estimate::{clopper_pearson, mean_interval, wilson};
use backout::stats::sequential::{Cusum, Ewma, TwoSidedCusum};
use backout::time::SimDuration;

fn stream(name: &str) -> Stream {
    Key::root(17, name).stream()
}

/// The mean of `runs` run lengths must agree with a printed figure.
#[track_caller]
fn run_length(name: &str, runs: usize, printed: f64, rounding: f64, mut run: impl FnMut(&mut Stream) -> u64) {
    let mut stream = stream(name);
    let lengths: Vec<f64> = (0..runs).map(|_| run(&mut stream) as f64).collect();
    // The level of four standard errors.
    let found = mean_interval(&lengths, 0.999_936_7);
    assert!(
        (found.value - printed).abs() <= found.half_width() + rounding,
        "{name}: {} +- {} is not {printed}",
        found.value,
        found.half_width()
    );
}

fn count(stream: &mut Stream, mut alarm: impl FnMut(&mut Stream) -> bool) -> u64 {
    (1..200_000).find(|_| alarm(stream)).unwrap_or(200_000)
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

/// Nodes and weights of Gauss-Legendre quadrature on [0, h].
fn gauss_legendre(n: usize, h: f64) -> Vec<(f64, f64)> {
    (0..n)
        .map(|i| {
            let mut x = f64::cos(std::f64::consts::PI * (i as f64 + 0.75) / (n as f64 + 0.5));
            let mut slope = 1.0;
            for _ in 0..50 {
                let (mut p, mut before) = (1.0, 0.0);
                for j in 0..n {
                    let j = j as f64;
                    (p, before) = (((2.0 * j + 1.0) * x * p - j * before) / (j + 1.0), p);
                }
                slope = n as f64 * (x * p - before) / (x * x - 1.0);
                x -= p / slope;
            }
            (0.5 * h * (x + 1.0), h / ((1.0 - x * x) * slope * slope))
        })
        .collect()
}

/// Solves a small dense linear system by elimination with pivoting.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for col in 0..n {
        let pivot = (col..n).max_by(|&i, &j| a[i][col].abs().total_cmp(&a[j][col].abs())).unwrap();
        a.swap(col, pivot);
        b.swap(col, pivot);
        let (above, below) = a.split_at_mut(col + 1);
        for (i, row) in below.iter_mut().enumerate() {
            let factor = row[col] / above[col][col];
            row.iter_mut().zip(&above[col]).for_each(|(x, y)| *x -= factor * y);
            b[col + 1 + i] -= factor * b[col];
        }
    }
    for row in (0..n).rev() {
        let rest: f64 = (row + 1..n).map(|k| a[row][k] * b[k]).sum();
        b[row] = (b[row] - rest) / a[row][row];
    }
    b
}

/// The mean run length of the one-sided normal CUSUM at mean `mu`, exactly: L(s) = 1 + L(0) Phi(k - s - mu) + the
/// integral over (0, h) of L(x) phi(x + k - s - mu), by Nystroem's method (Page's equation).
fn cusum_run_length(k: f64, h: f64, mu: f64) -> f64 {
    let nodes = gauss_legendre(40, h);
    let density = |z: f64| f64::exp(-0.5 * z * z) / f64::sqrt(std::f64::consts::TAU);
    // Unknowns: L(0), then L at the nodes.
    let states: Vec<f64> = std::iter::once(0.0).chain(nodes.iter().map(|n| n.0)).collect();
    let matrix = states
        .iter()
        .enumerate()
        .map(|(i, s)| {
            let mut row: Vec<f64> = std::iter::once(-normal_cdf(k - s - mu))
                .chain(nodes.iter().map(|(x, w)| -w * density(x + k - s - mu)))
                .collect();
            row[i] += 1.0;
            row
        })
        .collect();
    solve(matrix, vec![1.0; states.len()])[0]
}

#[test]
fn cusum_tables_solve_their_integral_equation() {
    // Brook & Evans 1972 and Waldmann 1986 as quoted in cran/spc: k, h, mu, mean run length.
    for (k, h, mu, printed, error) in [
        (0.5, 3.0, 0.0, 117.59, 0.01),
        (0.5, 3.0, 1.5, 3.75, 0.005),
        (0.5, 3.0, -0.5, 1963.0, 0.5),
        (0.5, 3.0, 0.5, 17.35, 0.005),
        (0.0, 10.0, 0.0, 124.66, 0.005),
        (0.0, 10.0, 1.0, 10.75, 0.005),
        (0.5, 4.0, 0.0, 335.4, 0.05),
        (0.5, 5.0, 1.0, 10.38, 0.005),
    ] {
        let found = cusum_run_length(k, h, mu);
        assert!((found - printed).abs() <= error * 1.2, "k {k} h {h} mu {mu}: {found}");
    }
    // Lucas & Crosier 1982, two-sided k = 0.5 h = 4, by Kemp's 1/L = 1/L+ + 1/L-.
    let two_sided =
        |h, mu: f64| 1.0 / (1.0 / cusum_run_length(0.5, h, mu) + 1.0 / cusum_run_length(0.5, h, -mu));
    for (mu, printed) in [(0.0, 168.0), (0.25, 74.2), (0.5, 26.6), (0.75, 13.3), (1.0, 8.38), (2.0, 3.34)] {
        assert!((two_sided(4.0, mu) / printed - 1.0).abs() < 0.003, "mu {mu}: {}", two_sided(4.0, mu));
    }
    assert!((two_sided(5.0, 0.0) - 465.44).abs() < 0.01);
}

#[test]
fn cusum_code_runs_as_long_as_the_tables_say() {
    let two_sided = |h: f64, head: f64, mu: f64| {
        move |s: &mut Stream| {
            let mut chart = TwoSidedCusum::new(0.5, h).with_head_start(head);
            count(s, |s| chart.step(mu + normal_sample(s)).is_some())
        }
    };
    // Lucas & Crosier 1982 Table 1; the second with a head start of h/2.
    run_length("h4", 4000, 168.0, 0.5, two_sided(4.0, 0.0, 0.0));
    run_length("h4 mu1", 10_000, 8.38, 0.005, two_sided(4.0, 0.0, 1.0));
    run_length("h4 mu3", 10_000, 2.19, 0.005, two_sided(4.0, 0.0, 3.0));
    run_length("h4 fir", 4000, 149.0, 0.5, two_sided(4.0, 2.0, 0.0));
    run_length("h4 fir mu1", 10_000, 5.29, 0.005, two_sided(4.0, 2.0, 1.0));
    run_length("h5", 2000, 465.44, 0.01, two_sided(5.0, 0.0, 0.0));
    // Brook & Evans 1972, one-sided.
    run_length("one-sided", 4000, 117.59, 0.01, |s| {
        let mut chart = Cusum::new(0.5, 3.0);
        count(s, |s| chart.step(normal_sample(s)).is_some())
    });
}

#[test]
fn count_cusums_run_as_long_as_the_tables_say() {
    // Lucas 1985: Poisson, k = 0.25, h = 10, mean 0.25, alarm at S >= h; without and with a head start of 5.
    for (head, printed) in [(0.0, 438.0), (5.0, 333.0)] {
        run_length(&format!("poisson {head}"), 3000, printed, 0.5, |s| {
            let mut chart = Cusum::new(0.25, 10.0).with_head_start(head);
            count(s, |s| chart.step(poisson_sample(0.25, s) as f64).is_some())
        });
    }
    // Bernoulli CUSUM in the form of Reynolds & Stoumbos for 1 % against 5 %: +39 per failure, -1 per success, alarm
    // at 80. Mean number of requests, recomputed exactly for the statistics page.
    for (p, printed, rounding, runs) in
        [(0.01, 1901.0, 0.5, 1500), (0.05, 73.8, 0.05, 6000), (0.2, 15.0, 0.05, 6000)]
    {
        run_length(&format!("bernoulli {p}"), runs, printed, rounding, |s| {
            let mut chart = Cusum::new(0.0, 80.0);
            count(s, |s| chart.step(if s.uniform() < p { 39.0 } else { -1.0 }).is_some())
        });
    }
}

#[test]
fn ewma_code_runs_as_long_as_the_tables_say() {
    let run = |chart: Ewma, mu: f64| {
        move |s: &mut Stream| {
            let mut chart = chart;
            count(s, |s| chart.step(mu + normal_sample(s)).is_some())
        }
    };
    // Lucas & Saccucci 1990 Table 3.
    run_length("ls 0", 1500, 500.0, 0.5, run(Ewma::new(0.5, 3.071), 0.0));
    run_length("ls 1", 6000, 17.5, 0.05, run(Ewma::new(0.5, 3.071), 1.0));
    run_length("ls 2", 6000, 3.63, 0.005, run(Ewma::new(0.5, 3.071), 2.0));
    run_length("ls slow", 6000, 12.6, 0.05, run(Ewma::new(0.03, 2.437), 1.0));
    // SAS/QC manual 1999.
    run_length("sas", 6000, 11.154_267, 1e-6, run(Ewma::new(0.25, 3.0), 1.0));
    // Steiner 1999: weight 0.05, L = 3, shift 1: 13.5 with fixed limits, 9.0 with adjusted ones.
    run_length("steiner fixed", 6000, 13.5, 0.05, run(Ewma::new(0.05, 3.0), 1.0));
    run_length("steiner adjusted", 6000, 9.0, 0.05, run(Ewma::new(0.05, 3.0).with_adjusted_limits(), 1.0));
}

#[test]
fn autocorrelation_destroys_the_run_length_of_tuned_charts() {
    // In-control mean run lengths on AR(1) values of variance 1, from 4000 runs on the statistics page (+-2-3 %); the
    // noise process of the simulator, standardised, must give the same.
    let cv = 0.3;
    let variance = f64::ln_1p(cv * cv);
    let standard = |m: f64| (f64::ln(m) + 0.5 * variance) / variance.sqrt();
    // Steps of tau * ln 2 have correlation 1/2.
    let noise = Ar1 { tau: SimDuration::from_secs(1000), cv };
    let step = SimDuration::from_secs_f64(1000.0 * std::f64::consts::LN_2);
    let key = Key::root(3, "autocorrelation");
    let runs = 3000u64;
    let (mut cusum_total, mut ewma_total) = (0u64, 0u64);
    for run in 0..runs {
        let values = || noise.steps(key.id(run), step).take(20_000).map(standard);
        let mut cusum = TwoSidedCusum::new(0.5, 5.0);
        cusum_total += 1 + values().position(|x| cusum.step(x).is_some()).unwrap() as u64;
        let mut ewma = Ewma::new(0.2, 2.962);
        ewma_total += 1 + values().position(|x| ewma.step(x).is_some()).unwrap() as u64;
    }
    for (total, printed) in [(cusum_total, 52.0), (ewma_total, 60.0)] {
        let found = total as f64 / runs as f64;
        assert!((found / printed - 1.0).abs() < 0.08, "{found} is not {printed}");
    }
}
