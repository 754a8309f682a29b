//! Run lengths of CUSUM charts, computed and by driving the detector.
//!
//! Two-sided: Lucas and Crosier 1982, table 1 (zero state, head start, steady state); Crosier 1986. One-sided: Brook and
//! Evans 1972, Waldmann 1986, Vance 1986, the SAS/QC manual (1999). All as quoted by the manual pages of the R package spc.

use backout::detect::cusum::Cusum;
use backout::detect::support::Side;
use backout::detect::{Detect as _, Sample, State};
use backout::rng::{Key, Stream, normal_sample};
use backout::stats::run_length;

use super::drive::{STANDARD, mean_with_error, normal_run_length};
use super::table::Table;

const SHIFTS: [f64; 11] = [0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0];

fn cusum(k: f64, h: f64, head_start: f64, side: Side) -> Cusum {
    Cusum { k, h, head_start, crosier: false, side, baseline: STANDARD, whiten: None }
}

fn compare(table: &mut Table, spec: &Cusum, printed: [&str; 11], slack: f64) {
    for (shift, printed) in SHIFTS.into_iter().zip(printed) {
        let ours = spec.mean_run_length(shift).unwrap();
        table.printed(&format!("h {}, shift {shift}", spec.h), printed, ours, slack);
    }
}

#[test]
fn two_sided_cusums_have_their_published_run_lengths() {
    let mut table = Table::new("two-sided CUSUM, k 0.5, computed (Lucas and Crosier 1982)");
    let zero_state = ["168", "74.2", "26.6", "13.3", "8.38", "4.75", "3.34", "2.62", "2.19", "1.71", "1.31"];
    compare(&mut table, &cusum(0.5, 4.0, 0.0, Side::Both), zero_state, 0.0);
    let more =
        ["465.44", "139.49", "38.00", "17.05", "10.38", "5.75", "4.01", "3.11", "2.57", "2.01", "1.69"];
    compare(&mut table, &cusum(0.5, 5.0, 0.0, Side::Both), more, 0.0);
    table.hold();
    let mut table = Table::new("two-sided CUSUM, k 0.5, head start of half the limit, computed (the same)");
    // The print is off by one in its last digit at shift 3: 1.325 was rounded down.
    let ahead = ["149", "62.7", "20.1", "8.97", "5.29", "2.86", "2.01", "1.59", "1.32", "1.07", "1.01"];
    compare(&mut table, &cusum(0.5, 4.0, 0.5, Side::Both), ahead, 0.2);
    table.hold();
    let mut table = Table::new("Crosier's two-sided CUSUM, k 0.5, computed (Crosier 1986)");
    let pulled = ["168", "70.7", "25.1", "12.5", "7.92", "4.49", "3.17", "2.49", "2.09", "1.60", "1.22"];
    let crosier = Cusum { crosier: true, ..cusum(0.5, 3.73, 0.0, Side::Both) };
    compare(&mut table, &crosier, pulled, 0.2);
    table.hold();
}

#[test]
fn one_sided_cusums_have_their_published_run_lengths() {
    let mut table = Table::new("one-sided CUSUM, computed (Brook and Evans, Waldmann, Vance, SAS/QC)");
    let mut row = |k: f64, h: f64, start: f64, shift: f64, printed: &str, slack: f64| {
        let ours = cusum(k, h, start / h, Side::Up).mean_run_length(shift).unwrap();
        table.printed(&format!("k {k}, h {h}, start {start}, shift {shift}"), printed, ours, slack);
    };
    // Brook and Evans used a Markov chain, whose last digit is not all right.
    row(0.5, 3.0, 0.0, 0.0, "117.59", 0.2);
    row(0.5, 3.0, 0.0, 1.5, "3.75", 0.0);
    row(0.5, 3.0, 0.0, -0.5, "1963", 0.0);
    row(0.5, 3.0, 0.0, 0.5, "17.35", 0.0);
    // Vance's method loses digits where run lengths are long: 2071.57 by quadrature.
    row(0.0, 10.0, 0.0, -0.25, "2071.51", 6.0);
    let vance = [(-0.125, "400.28"), (0.0, "124.66"), (0.125, "59.30"), (0.25, "36.71")];
    for (shift, printed) in vance {
        row(0.0, 10.0, 0.0, shift, printed, 0.0);
    }
    for (shift, printed) in [(0.5, "20.37"), (0.75, "14.06"), (1.0, "10.75")] {
        row(0.0, 10.0, 0.0, shift, printed, 0.0);
    }
    // Agrees to seven digits, which is what the manual's own quadrature gives.
    row(0.25, 8.0, 0.0, 2.5, "4.1500836", 1.0);
    row(0.25, 8.0, 0.1, 2.5, "4.1061588", 1.0);
    let calm =
        [(3.0, "117.6"), (4.0, "335.4"), (5.0, "930.9"), (6.0, "2553"), (8.0, "18966"), (10.0, "140265")];
    for (h, printed) in calm {
        row(0.5, h, 0.0, 0.0, printed, 0.0);
    }
    let shifted =
        [(3.0, "6.40"), (4.0, "8.38"), (5.0, "10.38"), (6.0, "12.37"), (8.0, "16.37"), (10.0, "20.37")];
    for (h, printed) in shifted {
        row(0.5, h, 0.0, 1.0, printed, 0.0);
    }
    table.hold();
}

#[test]
fn limits_for_the_run_length_of_three_sigma_are_those_of_the_tables() {
    let mut table = Table::new("two-sided CUSUM: mean run length 370.4 without a shift, computed");
    let designs = [(0.25, 8.01), (0.5, 4.77), (0.75, 3.34), (1.0, 2.52), (1.25, 1.99), (1.5, 1.60)];
    for (k, h) in designs {
        // The limits are rounded to two digits, which is worth this much of the run length.
        let at = |h: f64| cusum(k, h, 0.0, Side::Both).mean_run_length(0.0).unwrap();
        let rounding = 0.5 * (at(h + 0.005) - at(h - 0.005));
        table.exact(&format!("k {k}, h {h}"), 370.4, at(h), 1.1 * rounding);
    }
    table.hold();
}

#[test]
fn siegmund_s_approximation_has_its_published_values() {
    let mut table = Table::new("Siegmund's approximation (1985), two-sided, k 0.5");
    let four = ["169.05", "74.43", "26.64", "13.27", "8.34", "4.67", "3.22", "2.46", "1.99", "1.44", "1.12"];
    let five =
        ["469.11", "139.78", "38.01", "17.03", "10.34", "5.67", "3.89", "2.96", "2.39", "1.72", "1.35"];
    for (h, printed) in [(4.0, four), (5.0, five)] {
        for (shift, printed) in SHIFTS.into_iter().zip(printed) {
            let side = |shift: f64| run_length::siegmund(0.5, h, shift).unwrap();
            let ours = run_length::two_sided(side(shift), side(-shift));
            table.printed(&format!("h {h}, shift {shift}"), printed, ours, 0.0);
        }
    }
    table.hold();
    assert!((run_length::siegmund(0.5, 4.0, 0.5).unwrap() - 5.166 * 5.166).abs() < 1e-9, "without a drift");
}

#[test]
fn the_chance_of_an_alarm_within_a_time_is_the_recursion_s() {
    let mut table = Table::new("one-sided CUSUM, k 0.5, chance of a false alarm within n samples");
    for (h, chances) in [
        (5.0, ["0.0967", "0.4140", "0.6588"]),
        (8.0, ["0.004646", "0.02543", "0.05081"]),
        (10.0, ["0.0006008", "0.003447", "0.006994"]),
    ] {
        for (n, printed) in [100, 500, 1000].into_iter().zip(chances) {
            let ours = run_length::cusum_alarm_by(0.5, h, 0.0, n).unwrap();
            table.printed(&format!("h {h}, n {n}"), printed, ours, 0.0);
        }
    }
    table.hold();
}

#[test]
fn cusum_detectors_run_as_long_as_the_tables_say() {
    let mut table = Table::new("CUSUM detectors at work, k 0.5 (the same tables)");
    let mut row = |name: &str, spec: &Cusum, shift: f64, printed: f64, rounding: f64, runs: u32| {
        table.simulated(
            &format!("{name}, shift {shift}"),
            printed,
            normal_run_length(spec, shift, runs),
            rounding,
        );
    };
    let plain = cusum(0.5, 4.0, 0.0, Side::Both);
    for (shift, printed, rounding) in
        [(0.0, 168.0, 0.5), (0.5, 26.6, 0.05), (1.0, 8.38, 0.005), (3.0, 2.19, 0.005)]
    {
        row("two-sided, h 4", &plain, shift, printed, rounding, 4000);
    }
    let ahead = cusum(0.5, 4.0, 0.5, Side::Both);
    row("two-sided, h 4, head start", &ahead, 0.0, 149.0, 0.5, 4000);
    row("two-sided, h 4, head start", &ahead, 1.0, 5.29, 0.005, 8000);
    row("two-sided, h 5", &cusum(0.5, 5.0, 0.0, Side::Both), 0.0, 465.44, 0.005, 3000);
    row("up, h 3", &cusum(0.5, 3.0, 0.0, Side::Up), 0.0, 117.59, 0.005, 4000);
    row("down, h 3", &cusum(0.5, 3.0, 0.0, Side::Down), -1.5, 3.75, 0.005, 8000);
    let crosier = Cusum { crosier: true, ..cusum(0.5, 3.73, 0.0, Side::Both) };
    row("Crosier, h 3.73", &crosier, 0.0, 168.0, 0.5, 4000);
    row("Crosier, h 3.73", &crosier, -1.0, 7.92, 0.005, 8000);
    table.hold();
}

/// A chart that has run for long without an alarm, then a shift: what a monitor sees that is not started for the rollout.
#[test]
fn a_chart_that_has_been_running_is_a_little_faster() {
    let mut table = Table::new("two-sided CUSUM, k 0.5, h 4, steady state (Lucas and Crosier 1982)");
    let published = [163.0, 71.6, 25.2, 12.3, 7.68, 4.31, 3.03, 2.38, 2.00, 1.55, 1.22];
    let rounding = [0.5, 0.05, 0.05, 0.05, 0.005, 0.005, 0.005, 0.005, 0.005, 0.005, 0.005];
    let mut chart = cusum(0.5, 4.0, 0.0, Side::Both).start();
    for ((shift, printed), rounding) in SHIFTS.into_iter().zip(published).zip(rounding) {
        let lengths: Vec<f64> = (0..4000)
            .map(|run| {
                let mut stream = Stream::new(Key::root(18, "steady state").replication(run));
                chart.reset();
                let mut calm = 0;
                while calm < 60 {
                    calm += 1;
                    if chart.step(&Sample::Value(normal_sample(&mut stream))) == State::Alarm {
                        chart.reset();
                        calm = 0;
                    }
                }
                let mut length = 1.0;
                while chart.step(&Sample::Value(shift + normal_sample(&mut stream))) != State::Alarm {
                    length += 1.0;
                }
                length
            })
            .collect();
        table.simulated(&format!("shift {shift}"), printed, mean_with_error(&lengths), rounding);
    }
    table.hold();
}
