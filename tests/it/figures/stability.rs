//! The population stability index and the Kolmogorov-Smirnov distance without any change.

use backout::detect::psi::{Psi, PsiLimit, chance_limit, population_stability_index};
use backout::detect::{Detect as _, Sample, State};
use backout::rng::special::incomplete_gamma;
use backout::rng::{Key, Stream};
use backout::stats::rank_test::kolmogorov_smirnov;

use super::drive::mean_with_error;
use super::table::Table;

/// The chance that the index of ten classes with `n` events on both sides exceeds `limit`: chi-square with nine degrees.
fn chance_beyond(limit: f64, n: f64) -> f64 {
    incomplete_gamma(4.5, 0.5 * limit * n / 2.0).upper
}

fn histogram(stream: &mut Stream, n: u32) -> [f64; 10] {
    let mut counts = [0.0; 10];
    (0..n).for_each(|_| counts[stream.below(10) as usize] += 1.0);
    counts
}

#[test]
fn the_index_is_chi_square_over_the_numbers_of_events() {
    let mut table = Table::new("PSI of ten classes without a change: chi2(9) (1/n + 1/m)");
    table.printed("n 100: chance beyond 0.25", "0.187", chance_beyond(0.25, 100.0), 0.0);
    table.printed("n 100: chance beyond 0.1", "0.83", chance_beyond(0.1, 100.0), 0.0);
    table.printed("n 500: chance beyond 0.1", "0.003", chance_beyond(0.1, 500.0), 0.0);
    table.printed("n 1000: exceeded by one in twenty", "0.034", chance_limit(10, 1000.0, 1000.0, 0.05), 0.0);
    for (n, mean) in [(100, 0.18), (1000, 0.018)] {
        let mut stream = Stream::new(Key::root(21, "psi"));
        let found: Vec<f64> = (0..4000)
            .map(|_| {
                let (p, q) = (histogram(&mut stream, n), histogram(&mut stream, n));
                population_stability_index(&p.into_iter().zip(q).collect::<Vec<_>>())
            })
            .collect();
        // The law holds in the limit; the next term of the mean is of the order of its square.
        table.simulated(&format!("n {n}: mean, simulated"), mean, mean_with_error(&found), mean * mean);
    }
    table.hold();
}

#[test]
fn a_limit_that_knows_the_numbers_alarms_by_chance_as_often_as_it_says() {
    let mut table = Table::new("PSI detectors without a change: share of looks that alarm");
    let fixed = PsiLimit::Fixed { warning: 0.1, alarm: 0.25 };
    for (name, limit, n, share, slack) in [
        ("chance 0.05, n 300", PsiLimit::Chance(0.05), 300, 0.05, 0.005),
        ("chance 0.05, n 3000", PsiLimit::Chance(0.05), 3000, 0.05, 0.002),
        // The law of the limit holds for large numbers only: a hundred events in ten classes are few.
        ("fixed 0.25, n 100", fixed, 100, 0.187, 0.02),
    ] {
        let mut stream = Stream::new(Key::root(22, name));
        let looks = 3000;
        let mut detector = Psi { limit, samples: 1, least: 50.0 }.start();
        let alarms = (0..looks)
            .filter(|_| {
                let (p, q) = (histogram(&mut stream, n), histogram(&mut stream, n));
                detector.step(&Sample::Classes { candidate: &p, control: &q }) == State::Alarm
            })
            .count();
        let error = (share * (1.0 - share) / f64::from(looks)).sqrt();
        table.simulated(name, share, (alarms as f64 / f64::from(looks), error), slack);
    }
    table.hold();
}

/// Critical distances at 5 %: .351, .192 and .0607 for 30, 100 and 1000 values on both sides. Two samples shifted by `d` ranks of
/// `n` are `d / n` apart, so the test must change its mind between the neighbours of these.
#[test]
fn the_kolmogorov_smirnov_test_has_its_critical_distances() {
    for (n, critical) in [(30, 0.351), (100, 0.192), (1000, 0.0607)] {
        let p = |shift: u32| {
            let first: Vec<f64> = (0..n).map(f64::from).collect();
            let second: Vec<f64> = (0..n).map(|i| f64::from(i + shift)).collect();
            let test = kolmogorov_smirnov(&first, &second).unwrap();
            assert!((test.distance - f64::from(shift) / f64::from(n)).abs() < 1e-12);
            test.p
        };
        let below = (critical * f64::from(n)).floor() as u32;
        assert!(p(below) > 0.05 && p(below + 1) < 0.05, "{n}: {} {}", p(below), p(below + 1));
    }
}
