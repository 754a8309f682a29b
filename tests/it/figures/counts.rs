//! Run lengths of CUSUM charts on counts.

use backout::detect::bernoulli_cusum::BernoulliCusum;
use backout::detect::poisson_cusum::{Per, PoissonCusum, Reference};
use backout::detect::support::Side;
use backout::detect::{Counts, Sample};
use backout::rng::poisson_sample;

use super::drive::mean_run_length;
use super::table::Table;

#[test]
fn poisson_cusums_have_the_run_lengths_of_lucas() {
    let mut table = Table::new("Poisson CUSUM, k 0.25, h 10, mean 0.25 (Lucas 1985, tables 2 to 5)");
    let spec = |side, head_start| PoissonCusum {
        reference: Reference::K(0.25),
        per: Per::Sample,
        h: 10.0,
        head_start,
        side,
    };
    let rows = [
        ("upper", Side::Up, 0.0, "438"),
        ("upper, head start", Side::Up, 0.5, "333"),
        ("lower", Side::Down, 0.0, "437"),
        ("lower, head start", Side::Down, 0.5, "318"),
    ];
    for (name, side, head_start, printed) in rows {
        let spec = spec(side, head_start);
        table.printed(name, printed, spec.mean_run_length(0.25).unwrap(), 0.0);
        let ours = mean_run_length(&spec, 2500, |detector, stream| {
            let bad = poisson_sample(0.25, stream) as f64;
            detector.step(&Sample::Counts(Counts { bad, total: 100.0 }))
        });
        table.simulated(&format!("{name}, at work"), printed.parse().unwrap(), ours, 0.5);
    }
    let exact = [("upper", 0.0, "438.12"), ("upper, head start", 0.5, "333.12")];
    for (name, head_start, printed) in exact {
        table.printed(name, printed, spec(Side::Up, head_start).mean_run_length(0.25).unwrap(), 0.0);
    }
    table.hold();
}

#[test]
fn bernoulli_cusums_have_the_exact_numbers_of_events() {
    let mut table = Table::new("Bernoulli CUSUM of Reynolds and Stoumbos: events until the alarm, exact");
    let rare = |h| BernoulliCusum { acceptable: 0.001, unacceptable: 0.01, h, head_start: 0.0 };
    let common = |h| BernoulliCusum { acceptable: 0.01, unacceptable: 0.05, h, head_start: 0.0 };
    let mut row = |name: &str, spec: &BernoulliCusum, p: f64, printed: &str| {
        table.printed(
            &format!("{name}, h {} m, p {p}", spec.h),
            printed,
            spec.mean_run_length(p).unwrap(),
            0.0,
        );
    };
    for (h, figures) in [(2.0, ["38700", "338", "15"]), (3.0, ["335821", "489", "20"])] {
        for (p, printed) in [0.001, 0.01, 0.2].into_iter().zip(figures) {
            row("0.1 % against 1 %", &rare(h), p, printed);
        }
    }
    for (h, figures) in
        [(2.0, ["1901", "73.8", "15.0"]), (3.0, ["9648", "110.9", "20.0"]), (4.0, ["50483", "150.4", "25.2"])]
    {
        for (p, printed) in [0.01, 0.05, 0.2].into_iter().zip(figures) {
            row("1 % against 5 %", &common(h), p, printed);
        }
    }
    for (p, printed, rounding, runs) in
        [(0.01, 1901.0, 0.5, 1500), (0.05, 73.8, 0.05, 5000), (0.2, 15.0, 0.05, 5000)]
    {
        let ours = mean_run_length(&common(2.0), runs, |detector, stream| {
            let bad = f64::from(u8::from(stream.uniform() < p));
            detector.step(&Sample::Counts(Counts { bad, total: 1.0 }))
        });
        table.simulated(&format!("1 % against 5 %, h 2 m, p {p}, at work"), printed, ours, rounding);
    }
    table.hold();
}
