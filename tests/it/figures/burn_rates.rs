//! Burn rates of error budgets (SRE Workbook, chapter 5; exact values of the statistics page 1.1), as a detector. What
//! imported rules do is tested where rules are.

use backout::detect::burn_rate::{BurnRate, Windows};
use backout::detect::{Counts, Detect as _, Detector, Sample, State};
use backout::quantity::Ratio;
use backout::time::SimDuration;

use super::table::Table;

const PER_SECOND: f64 = 1000.0;

fn rule(every: u64, windows: &[(u64, u64, f64)]) -> BurnRate {
    let pair = |&(long, short, factor): &(u64, u64, f64)| Windows {
        long: SimDuration::from_secs(long),
        short: SimDuration::from_secs(short),
        factor,
    };
    BurnRate {
        objective: Ratio::new(0.999).unwrap(),
        every: SimDuration::from_secs(every),
        windows: windows.iter().map(pair).collect(),
    }
}

/// A detector that has seen a window of nothing bad.
fn watching(spec: &BurnRate) -> Box<dyn Detector> {
    let mut detector = spec.start();
    let every = spec.every.as_secs_f64();
    let longest = spec.windows.iter().map(|pair| pair.long.as_secs_f64()).fold(0.0, f64::max);
    for _ in 0..(longest / every) as u64 {
        detector.learn(&Sample::Counts(Counts { bad: 0.0, total: PER_SECOND * every }));
    }
    detector
}

/// Seconds from the start of an outage with this error ratio to the alarm, and from its end to the end of the alarm.
fn outage(spec: &BurnRate, errors: f64, lasts: f64) -> (Option<f64>, Option<f64>) {
    let every = spec.every.as_secs_f64();
    let mut detector = watching(spec);
    let (mut fired, mut stopped, mut before) = (None, None, State::Quiet);
    for step in 1..=(3.0 * 86_400.0 / every) as u64 {
        let now = step as f64 * every;
        let total = PER_SECOND * every;
        let bad = if now <= lasts { errors * total } else { 0.0 };
        let state = detector.step(&Sample::Counts(Counts { bad, total }));
        match (before, state) {
            (State::Quiet, State::Alarm) if fired.is_none() => fired = Some(now),
            (State::Alarm, State::Quiet) => stopped = Some(now - lasts),
            _ => {}
        }
        before = state;
        if now > lasts && state == State::Quiet {
            break;
        }
    }
    (fired, stopped)
}

#[test]
fn detection_times_of_the_tiers() {
    let mut table = Table::new(
        "seconds to an alarm by error ratio, SLO 99.9 %, one window (SRE Workbook, table 5-4 ff.)",
    );
    let minutes = 60.0;
    let hours = 3600.0;
    for (name, every, window, factor, published) in [
        ("1h at 14.4", 1, 3600, 14.4, [51.8, 8.64 * minutes, 17.3 * minutes, 43.2 * minutes]),
        ("6h at 6", 5, 21_600, 6.0, [2.16 * minutes, 21.6 * minutes, 43.2 * minutes, 108.0 * minutes]),
        ("3d at 1", 15, 259_200, 1.0, [4.32 * minutes, 43.2 * minutes, 86.4 * minutes, 3.6 * hours]),
    ] {
        let spec = rule(every, &[(window, window, factor)]);
        for (errors, published) in [1.0, 0.1, 0.05, 0.02].into_iter().zip(published) {
            let (fired, _) = outage(&spec, errors, 8.0 * hours);
            // An evaluation late at most, and the rounding of the print.
            let allowed = every as f64 + 0.003 * published;
            table.exact(&format!("{name}, {} %", 100.0 * errors), published, fired.unwrap(), allowed);
        }
        if window < 200_000 {
            // Below the factor it never fires: 1 % is a burn rate of 10, 0.5 % one of 5.
            let slow = if factor > 10.0 { 0.01 } else { 0.005 };
            assert_eq!(outage(&spec, slow, 8.0 * hours).0, None, "{name}");
        }
    }
    table.hold();
}

#[test]
fn both_page_tiers_together() {
    let mut table =
        Table::new("pages at 14.4 (1h, 5m) and 6 (6h, 30m) together, outage of 6 h, 1 s resolution");
    let spec = rule(1, &[(3600, 300, 14.4), (21_600, 1800, 6.0)]);
    for (errors, fires, stops) in
        [(1.0, 52.0, 29.8), (0.1, 8.65 * 60.0, 28.2), (0.02, 43.2 * 60.0, 21.0), (0.01, 3.6 * 3600.0, 12.0)]
    {
        let (fired, stopped) = outage(&spec, errors, 6.0 * 3600.0);
        let what = |word: &str| format!("{} %: {word}", 100.0 * errors);
        table.exact(&what("seconds to the alarm"), fires, fired.unwrap(), 1.0 + 0.0006 * fires);
        table.exact(&what("minutes from the end to silence"), stops, stopped.unwrap() / 60.0, 0.06);
    }
    let (fired, stopped) = outage(&rule(1, &[(3600, 300, 14.4)]), 0.15, 600.0);
    table.exact("15 % for 10 min: seconds to the alarm", 346.0, fired.unwrap(), 1.0);
    table.exact("15 % for 10 min: seconds to silence", 271.0, stopped.unwrap(), 1.0);
    let (_, stopped) = outage(&rule(1, &[(3600, 3600, 14.4)]), 0.15, 600.0);
    table.exact("15 % for 10 min, long window alone", 3254.0, stopped.unwrap(), 1.0);
    table.hold();
}
