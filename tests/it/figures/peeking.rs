//! Looking at a test of fixed size again and again, and the limits that allow it.

use backout::detect::confidence_sequence::{ConfidenceSequence, Law};
use backout::detect::mann_whitney::MannWhitney;
use backout::detect::support::{Side, pairs::Keep};
use backout::detect::two_proportions::TwoProportions;
use backout::detect::{Counts, Detect, Detector, Sample, State};
use backout::quantity::Ratio;
use backout::rng::{Key, Stream, binomial_sample, normal_quantile};
use backout::stats::group_sequential::{Spending, crossing};

use super::table::Table;

fn ratio(value: f64) -> Ratio {
    Ratio::new(value).unwrap()
}

/// A share in per cent with its standard error.
fn share(hits: u32, runs: u32) -> (f64, f64) {
    let p = f64::from(hits) / f64::from(runs);
    let spread = (hits.clamp(1, runs - 1), runs);
    let q = f64::from(spread.0) / f64::from(spread.1);
    (100.0 * p, 100.0 * (q * (1.0 - q) / f64::from(runs)).sqrt())
}

#[test]
fn repeated_looks_at_a_normal_test() {
    let mut table =
        Table::new("P(ever significant), two-sided, per cent (Armitage, McPherson and Rowe 1969)");
    let five: &[(usize, f64)] = &[
        (1, 5.0),
        (2, 8.3),
        (3, 10.7),
        (4, 12.6),
        (5, 14.2),
        (10, 19.3),
        (20, 24.8),
        (50, 32.0),
        (100, 37.4),
        (200, 42.4),
        (1000, 53.0),
    ];
    let one: &[(usize, f64)] =
        &[(1, 1.0), (2, 1.8), (3, 2.4), (4, 2.9), (5, 3.3), (10, 4.7), (20, 6.4), (50, 8.8), (100, 10.7)];
    for (alpha, rows) in [(0.05, five), (0.01, one)] {
        let most = rows.last().unwrap().0;
        let crossed = crossing(&vec![-normal_quantile(0.5 * alpha); most], true, 0.0);
        for (looks, published) in rows {
            table.exact(
                &format!("alpha {alpha}, {looks} looks"),
                *published,
                100.0 * crossed[looks - 1],
                0.051,
            );
        }
    }
    table.hold();
}

#[test]
fn limits_by_alpha_spending() {
    let mut table = Table::new("limits by Lan and DeMets' spending functions, equally spaced looks");
    for (what, spending, alpha, two_sided, published) in [
        // Reboussin, DeMets, Kim and Lan 2000, as R's ldbounds and gsDesign give them.
        (
            "O'Brien-Fleming, 5 %, two sides",
            Spending::ObrienFleming,
            0.05,
            true,
            vec![4.8769, 3.3569, 2.6803, 2.2898, 2.0310],
        ),
        (
            "Pocock, 5 %, two sides",
            Spending::Pocock,
            0.05,
            true,
            vec![2.4380, 2.4268, 2.4101, 2.3966, 2.3859],
        ),
        // PharmCat/SeqBounds.jl, README; from a coarser grid, so to four digits.
        (
            "O'Brien-Fleming, 5 %, one side",
            Spending::ObrienFleming,
            0.05,
            false,
            vec![3.74955, 2.53993, 2.01604, 1.72014],
        ),
    ] {
        let limits = spending.limits(alpha, published.len() as u32, two_sided);
        for (look, (published, ours)) in published.into_iter().zip(limits).enumerate() {
            table.exact(&format!("{what}, look {}", look + 1), published, ours, 1.5e-4);
        }
    }
    table.hold();
}

/// At which look a detector first says so, of candidate and control with these shares of bad among `n` requests a look.
fn first(
    detector: &mut dyn Detector,
    wanted: State,
    looks: u32,
    n: u64,
    [candidate, control]: [f64; 2],
    stream: &mut Stream,
) -> Option<u32> {
    let mut arm = |p: f64| Counts { bad: binomial_sample(n, p, stream) as f64, total: n as f64 };
    detector.reset();
    (1..=looks).find(|_| {
        let (candidate, control) = (arm(candidate), arm(control));
        detector.step(&Sample::CountsBeside { candidate, control }) == wanted
    })
}

fn sequence(tolerance: f64, planned: f64, side: Side) -> ConfidenceSequence {
    ConfidenceSequence {
        tolerance: ratio(tolerance),
        alpha: ratio(0.05),
        planned: Some(planned),
        law: Law::Normal,
        batch: 0,
        side,
        least: 30,
    }
}

#[test]
fn daily_looks_at_a_conversion() {
    let mut table =
        Table::new("10 % in both arms, 200 users per arm and day, 20 days: P(alarm), per cent (PyFixest)");
    let naive = TwoProportions {
        alpha: ratio(0.05),
        spending: Spending::None,
        looks: 20,
        every: 1,
        side: Side::Both,
    };
    let once = TwoProportions { every: 20, ..naive.clone() };
    let always_valid = sequence(0.0, 20.0 * 400.0, Side::Both);
    // The figures are of 500 runs: within two of their own standard errors.
    let runs = 4000u32;
    let rows: [(&str, &dyn Detect, f64, f64); 3] = [
        ("one look on day 20", &once, 5.2, 2.0),
        ("daily looks", &naive, 25.0, 3.9),
        ("daily looks, always valid", &always_valid, 1.0, 0.9),
    ];
    for (what, spec, published, error) in rows {
        let mut stream = Key::root(5, what).stream();
        let mut detector = spec.start();
        let alarms = (0..runs)
            .filter(|_| {
                let equal = [0.10, 0.10];
                first(detector.as_mut(), State::Alarm, 20, 200, equal, &mut stream).is_some()
            })
            .count() as u32;
        table.simulated(what, published, share(alarms, runs), error);
    }
    table.hold();
}

/// The middle of the hours and the shares of hours at most, and at least, the published one.
fn hours(
    spec: &dyn Detect,
    wanted: State,
    (looks, n): (u32, u64),
    shares: [f64; 2],
    published: u32,
) -> (f64, [f64; 2]) {
    let mut stream = Key::root(6, "hours").stream();
    let mut detector = spec.start();
    let mut found: Vec<u32> = (0..1000)
        .map(|_| first(detector.as_mut(), wanted, looks, n, shares, &mut stream).unwrap_or(looks + 1))
        .collect();
    found.sort_unstable();
    let at = |holds: &dyn Fn(&u32) -> bool| found.iter().filter(|hour| holds(hour)).count() as f64 / 1000.0;
    let median = f64::from(found[500]);
    (median, [at(&|hour| *hour <= published), at(&|hour| *hour >= published)])
}

#[test]
fn a_canary_guardrail_and_an_equivalence_test() {
    let mut table =
        Table::new("canary guardrail and equivalence by confidence sequence (PyFixest SAVI guide)");
    // Conversions 10 % and 7 %, tolerance 1 percentage point, 500 users per arm and hour, planned for 48 hours. Bad are
    // users who do not convert. At hour 15 the published interval is -3.9 to -1.0 points, half-width 1.45.
    let guardrail = sequence(0.01, 48.0 * 1000.0, Side::Up);
    let mut detector = guardrail.start();
    for _ in 0..15 {
        let counts = |bad: f64| Counts { bad, total: 500.0 };
        // In expectation; the published interval's centre is 2.45 points.
        detector.step(&Sample::CountsBeside { candidate: counts(500.0 * 0.9245), control: counts(450.0) });
    }
    let low = detector.statistic().unwrap();
    table.exact("half-width at hour 15, points", 1.45, 100.0 * (0.0245 - low), 0.05);
    table.exact("lower end at hour 15, points", 1.0, 100.0 * low, 0.05);
    let (median, [up_to, from]) = hours(&guardrail, State::Alarm, (48, 500), [0.93, 0.90], 15);
    assert!(
        up_to > 0.025 && from > 0.025,
        "hour 15 of one seed is no ordinary outcome: {up_to} {from} {median}"
    );
    // Equal conversions, margins of one point either way, 2000 users per arm and day: day 13, the median of 100 runs.
    // Planned for 20 days, as the guide's other example. A median of 100 runs is known to about a day.
    let equivalence = sequence(0.01, 20.0 * 4000.0, Side::Both);
    let (median, _) = hours(&equivalence, State::Accepted, (40, 2000), [0.90, 0.90], 13);
    table.exact("equivalence certified, median day", 13.0, median, 1.0);
    table.hold();
}

/// The number of pairs after which the judge first finds equal arms different, at most `most`.
fn peeked(detector: &mut dyn Detector, most: u32, stream: &mut Stream) -> Option<u32> {
    detector.reset();
    (1..=most).find(|_| {
        let pair = Sample::Values { candidate: stream.uniform(), control: stream.uniform() };
        detector.step(&pair) == State::Alarm
    })
}

#[test]
fn peeking_at_a_rank_test() {
    let mut table = Table::new(
        "Mann-Whitney at 5 % after every pair, equal arms: P(ever significant), per cent (Netflix, part 1, \
         and 1000 runs of the statistics page)",
    );
    let judge = |window| MannWhitney {
        window,
        keep: Keep::All,
        alpha: ratio(0.05),
        tolerance: 0.0,
        side: Side::Both,
    };
    let runs = 800u32;
    let mut detector = judge(10).start();
    let mut stream = Key::root(7, "rank").stream();
    let found: Vec<Option<u32>> = (0..runs).map(|_| peeked(detector.as_mut(), 10_000, &mut stream)).collect();
    // The standard error of 1000 runs is 1.4 to 1.6 points; two of them.
    for (pairs, published) in [(100, 25.9), (1000, 43.0), (3000, 49.1), (10_000, 55.6)] {
        let hits = found.iter().flatten().filter(|at| **at <= pairs).count() as u32;
        table.simulated(&format!("from 10 to {pairs} pairs"), published, share(hits, runs), 3.1);
    }
    // Netflix: 66 of 100 paths, from the first pair on; its standard error is 4.7 points, and the first nine looks,
    // which the normal approximation cannot judge, add 5.3 points (60.9 of the statistics page against 55.6).
    let hits = found.iter().flatten().count() as u32;
    table.simulated("from 1 to 10000 pairs, 66 paths of 100", 66.0 - 5.3, share(hits, runs), 9.4);
    table.hold();
}
