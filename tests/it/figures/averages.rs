//! Run lengths of Shewhart charts with runs rules, of moving averages and of the Shiryaev-Roberts procedure.

use backout::detect::ewma::{Ewma, Limits};
use backout::detect::shewhart::{RunsRule, Shewhart};
use backout::detect::shiryaev_roberts::ShiryaevRoberts;
use backout::detect::support::Side;

use super::drive::{STANDARD, normal_run_length};
use super::table::Table;

fn shewhart(rules: &[RunsRule]) -> Shewhart {
    Shewhart { k: 3.0, rules: rules.to_vec(), side: Side::Both, baseline: STANDARD, whiten: None }
}

#[test]
fn runs_rules_have_the_run_lengths_of_champ_and_woodall() {
    let mut table = Table::new("Shewhart charts with runs rules (Champ and Woodall 1987, table 1)");
    let columns: [(&str, &[RunsRule], [&str; 16]); 4] = [
        (
            "3 sigma",
            &[],
            [
                "370.40", "308.43", "200.08", "119.67", "71.55", "43.89", "27.82", "18.25", "12.38", "8.69",
                "6.30", "4.72", "3.65", "2.90", "2.38", "2.00",
            ],
        ),
        (
            "2 of 3",
            &[RunsRule::TwoOfThree],
            [
                "225.44", "177.56", "104.46", "57.92", "33.12", "20.01", "12.81", "8.69", "6.21", "4.66",
                "3.65", "2.96", "2.48", "2.13", "1.87", "1.68",
            ],
        ),
        (
            "4 of 5",
            &[RunsRule::FourOfFive],
            [
                "166.05", "120.70", "63.88", "33.99", "19.78", "12.66", "8.84", "6.62", "5.24", "4.33",
                "3.68", "3.18", "2.78", "2.43", "2.14", "1.89",
            ],
        ),
        (
            "8 on a side",
            &[RunsRule::EightOnASide],
            [
                "152.73", "110.52", "59.76", "33.64", "21.07", "14.58", "10.90", "8.60", "7.03", "5.85",
                "4.89", "4.08", "3.38", "2.81", "2.35", "1.99",
            ],
        ),
    ];
    for (name, rules, printed) in columns {
        for (step, printed) in printed.into_iter().enumerate() {
            let shift = 0.2 * step as f64;
            let ours = shewhart(rules).mean_run_length(shift).unwrap();
            table.printed(&format!("{name}, shift {shift:.1}"), printed, ours, 0.0);
        }
    }
    for (shift, printed) in [(0.5, "155.22"), (1.5, "14.97")] {
        let ours = shewhart(&[]).mean_run_length(shift).unwrap();
        table.printed(&format!("3 sigma, shift {shift}"), printed, ours, 0.0);
    }
    table.hold();
}

#[test]
fn runs_rule_detectors_run_as_long_as_the_table_says() {
    use RunsRule::{EightOnASide, FourOfFive, TwoOfThree};
    let mut table = Table::new("Shewhart detectors at work (the same table)");
    for (name, rules, calm, shifted) in [
        ("3 sigma", vec![], 370.40, 43.89),
        ("2 of 3", vec![TwoOfThree], 225.44, 20.01),
        ("4 of 5", vec![FourOfFive], 166.05, 12.66),
        ("8 on a side", vec![EightOnASide], 152.73, 14.58),
    ] {
        let spec = shewhart(&rules);
        table.simulated(&format!("{name}, shift 0"), calm, normal_run_length(&spec, 0.0, 3000), 0.005);
        table.simulated(&format!("{name}, shift -1"), shifted, normal_run_length(&spec, -1.0, 5000), 0.005);
    }
    table.hold();
}

fn ewma(weight: f64, width: f64, limits: Limits) -> Ewma {
    Ewma { weight, width, limits, side: Side::Both, baseline: STANDARD, whiten: None }
}

#[test]
fn moving_averages_have_their_published_run_lengths() {
    let mut table = Table::new("EWMA, fixed limits, computed (Lucas and Saccucci 1990, table 3)");
    let shifts = [0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0];
    let fast = ["500", "255", "88.8", "35.9", "17.5", "6.53", "3.63", "2.50", "1.93", "1.58", "1.34", "1.07"];
    let slow =
        ["500", "76.7", "29.3", "17.6", "12.6", "8.07", "5.99", "4.80", "4.03", "3.49", "3.11", "2.55"];
    for (weight, width, printed) in [(0.5, 3.071, fast), (0.03, 2.437, slow)] {
        for (shift, printed) in shifts.into_iter().zip(printed) {
            let ours = ewma(weight, width, Limits::Fixed).mean_run_length(shift).unwrap();
            table.printed(&format!("weight {weight}, shift {shift}"), printed, ours, 0.0);
        }
    }
    for (weight, width, half, one) in [
        (0.4, 3.054, "71.2", "14.3"),
        (0.25, 2.998, "48.3", "11.1"),
        (0.2, 2.962, "41.8", "10.5"),
        (0.1, 2.814, "31.3", "10.3"),
        (0.05, 2.615, "28.8", "11.4"),
    ] {
        let at = |shift| ewma(weight, width, Limits::Fixed).mean_run_length(shift).unwrap();
        table.printed(&format!("weight {weight}, shift 0"), "500", at(0.0), 0.0);
        table.printed(&format!("weight {weight}, shift 0.5"), half, at(0.5), 0.0);
        table.printed(&format!("weight {weight}, shift 1"), one, at(1.0), 0.0);
    }
    let sas = ewma(0.25, 3.0, Limits::Fixed).mean_run_length(1.0).unwrap();
    table.printed("SAS/QC manual: weight 0.25, shift 1", "11.154267016", sas, 0.0);
    table.hold();
}

#[test]
fn crowder_s_tables_come_out_but_for_the_misprint() {
    let mut table = Table::new("EWMA, fixed limits, computed (Crowder 1987, table 1; 1989)");
    // 3.95 was printed at shift 1.25 with weight 0.5; it is 3.59. At shift 2 the print (1.94) was rounded down from 1.9455.
    let fast = [
        "26.45", "20.12", "11.89", "7.29", "4.91", "3.59", "2.80", "2.29", "1.94", "1.70", "1.51", "1.37",
        "1.26", "1.18", "1.12", "1.08", "1.05",
    ];
    let slow = [
        "127.53", "43.94", "18.97", "11.64", "8.38", "6.56", "5.41", "4.62", "4.04", "3.61", "3.26", "2.99",
        "2.76", "2.56", "2.39", "2.26", "2.15",
    ];
    for (weight, printed) in [(0.5, fast), (0.05, slow)] {
        for (step, printed) in printed.into_iter().enumerate() {
            let shift = 0.25 * step as f64;
            let ours = ewma(weight, 2.0, Limits::Fixed).mean_run_length(shift).unwrap();
            table.printed(&format!("weight {weight}, L 2, shift {shift}"), printed, ours, 0.2);
        }
    }
    for (weight, width) in [(0.05, 2.32), (0.1, 2.55), (0.15, 2.65), (0.2, 2.72), (0.25, 2.76)] {
        // The widths are read off a chart to two digits, which is worth this much of the run length.
        let at = |width: f64| ewma(weight, width, Limits::Fixed).mean_run_length(0.0).unwrap();
        let reading = at(width + 0.01) - at(width);
        table.exact(&format!("weight {weight}, L {width}, shift 0"), 250.0, at(width), reading);
    }
    table.hold();
}

/// One-sided limits that grow with the deviation, weight 0.1, set to a mean run length of 500: the manual page of spc's
/// `xewma.arl` reports 10^9 simulated runs for each shift.
#[test]
fn one_sided_adjusted_limits_agree_with_a_billion_runs() {
    let mut table = Table::new("EWMA up, weight 0.1, adjusted limits for 500, computed (10^9 runs; Knoth)");
    let at = |width: f64, shift| {
        Ewma { side: Side::Up, ..ewma(0.1, width, Limits::Adjusted) }.mean_run_length(shift).unwrap()
    };
    let (mut low, mut high) = (2.0, 3.0);
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if at(middle, 0.0) < 500.0 { low = middle } else { high = middle }
    }
    // Four of the standard errors that are reported, and the digits of the print.
    let rows = [(0.5, 21.637, 0.0029), (1.0, 6.7596, 0.0005), (1.5, 3.5398, 0.0005), (2.0, 2.3038, 0.0003)];
    for (shift, simulated, slack) in rows {
        table.exact(&format!("L {low:.4}, shift {shift}"), simulated, at(low, shift), slack);
    }
    for (shift, simulated) in [(2.5, 1.7004), (3.0, 1.3675)] {
        table.exact(&format!("L {low:.4}, shift {shift}"), simulated, at(low, shift), 0.0003);
    }
    table.hold();
}

#[test]
fn limits_that_grow_with_the_deviation_find_early_shifts_sooner() {
    let mut table = Table::new("EWMA, weight 0.05, L 3, fixed and adjusted limits (Steiner 1999, table 2)");
    let shifts = [0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0];
    let fixed = [1379.0, 135.0, 37.4, 20.0, 13.5, 8.3, 6.0];
    let adjusted = [1353.0, 127.0, 32.5, 15.6, 9.0, 4.5, 2.8];
    for (name, limits, printed) in [("fixed", Limits::Fixed, fixed), ("adjusted", Limits::Adjusted, adjusted)]
    {
        for (shift, printed) in shifts.into_iter().zip(printed) {
            let ours = ewma(0.05, 3.0, limits).mean_run_length(shift).unwrap();
            // His method is a few per cent off where limits move (the runs at work below and the billion of the table above
            // side with the quadrature), and one per cent where they do not.
            let off = if limits == Limits::Fixed { 0.011 } else { 0.04 };
            table.exact(&format!("{name}, shift {shift}"), printed, ours, off * printed);
        }
    }
    table.hold();
    let mut table =
        Table::new("EWMA detectors at work (Lucas and Saccucci, SAS/QC; adjusted limits: our quadrature)");
    let mut row = |name: &str, spec: &Ewma, shift: f64, printed: f64, rounding: f64, runs: u32| {
        table.simulated(
            &format!("{name}, shift {shift}"),
            printed,
            normal_run_length(spec, shift, runs),
            rounding,
        );
    };
    row("weight 0.5", &ewma(0.5, 3.071, Limits::Fixed), 0.0, 500.0, 0.5, 2500);
    row("weight 0.5", &ewma(0.5, 3.071, Limits::Fixed), 1.0, 17.5, 0.05, 6000);
    row("weight 0.03", &ewma(0.03, 2.437, Limits::Fixed), -1.0, 12.6, 0.05, 6000);
    row("weight 0.25", &ewma(0.25, 3.0, Limits::Fixed), 1.0, 11.154_267, 0.0, 6000);
    // Beside the quadrature, not the print.
    let adjusted = ewma(0.05, 3.0, Limits::Adjusted);
    for (shift, runs) in [(0.0, 1500), (1.0, 20_000), (2.0, 20_000)] {
        row("weight 0.05, adjusted", &adjusted, shift, adjusted.mean_run_length(shift).unwrap(), 0.0, runs);
    }
    table.hold();
}

#[test]
fn shiryaev_roberts_has_its_run_lengths() {
    let mut table = Table::new("Shiryaev-Roberts from R = 0: without and with the shift it is tuned to");
    // Rows of theta 0.1 are published; the others as computed (the published ones start from R = 1).
    let rows = [
        (0.1, 47.17, "50.29", "41.40"),
        (0.1, 471.70, "500.28", "209.44"),
        (0.5, 37.38, "50.45", "13.09"),
        (1.0, 28.02, "50.79", "5.46"),
        (0.5, 373.81, "500.45", "28.84"),
        (1.0, 560.37, "1000.79", "11.14"),
    ];
    let spec =
        |theta, limit| ShiryaevRoberts { theta, limit, side: Side::Up, baseline: STANDARD, whiten: None };
    for (theta, limit, calm, shifted) in rows {
        let at = |shift| spec(theta, limit).mean_run_length(shift).unwrap();
        table.printed(&format!("theta {theta}, A {limit}, no shift"), calm, at(0.0), 0.0);
        table.printed(&format!("theta {theta}, A {limit}, shift"), shifted, at(theta), 0.0);
    }
    for (theta, limit, shift, exact) in
        [(0.5, 37.38, 0.0, 50.45), (1.0, 28.02, 0.0, 50.79), (1.0, 28.02, 1.0, 5.46)]
    {
        let ours = normal_run_length(&spec(theta, limit), shift, 8000);
        table.simulated(&format!("theta {theta}, A {limit}, shift {shift}, at work"), exact, ours, 0.005);
    }
    table.hold();
}
