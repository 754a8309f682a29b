//! Drift detectors of machine learning: examples published with river, and how they do on streams of errors.

use backout::detect::adwin::Adwin;
use backout::detect::{Counts, DetectorSpec, Sample, State};
use backout::document::parse_typed;
use backout::rng::{Key, Stream};

use super::drive::mean_with_error;
use super::python::PythonRandom;
use super::table::Table;

fn spec(text: &str) -> DetectorSpec {
    parse_typed("detector", text).unwrap()
}

/// The first warning and the first alarm, by index.
fn first(text: &str, stream: &[f64], events: bool) -> (Option<usize>, Option<usize>) {
    let spec = spec(text);
    let mut detector = spec.as_dyn().start();
    let (mut warning, mut alarm) = (None, None);
    for (index, x) in stream.iter().enumerate() {
        let event = Sample::Counts(Counts { bad: *x, total: 1.0 });
        let sample = if events { event } else { Sample::Value(*x) };
        match detector.step(&sample) {
            State::Warning => warning = warning.or(Some(index)),
            State::Alarm => alarm = alarm.or(Some(index)),
            _ => {}
        }
    }
    (warning, alarm)
}

#[test]
fn published_examples_of_streams_are_reproduced() {
    let mut table = Table::new("indices at which river's documented examples warn and alarm (exact)");
    // 1000 of {0, 1}, then 1000 of {4, 5, 6, 7}.
    let mut random = PythonRandom::new(12345);
    let mut stream = random.choices(&[0.0, 1.0], 1000);
    stream.extend(random.choices(&[4.0, 5.0, 6.0, 7.0], 1000));
    for (text, index) in [("adwin: {input: value}", 1023.0), ("page_hinkley: {input: value}", 1006.0)] {
        let alarm = first(text, &stream, false).1.unwrap();
        table.exact(text, index, alarm as f64, 0.0);
    }
    // KSWIN draws the values it compares with, and not by Python's generator. At 1016 seventeen of the newest thirty are new,
    // which alarms whatever is drawn; before that some draws do.
    let alarms: Vec<usize> = (0..40)
        .map(|seed| first(&format!("kswin: {{alpha: 0.0001, seed: {seed}}}"), &stream, false).1.unwrap())
        .collect();
    assert!(alarms.iter().all(|alarm| (1005..=1016).contains(alarm)), "{alarms:?}");
    table.exact(
        "kswin: {alpha: 0.0001}, latest of 40 seeds",
        1016.0,
        *alarms.iter().max().unwrap() as f64,
        0.0,
    );
    // 1000 fair coins, then 1000 of 0.7.
    let mut random = PythonRandom::new(42);
    let mut stream = random.choices(&[0.0, 1.0], 1000);
    stream.extend(random.bits(0.7, 1000));
    for (text, warning, alarm) in [
        ("ddm: {}", 1084.0, 1334.0),
        ("eddm: {warning: 0.8, drift: 0.75}", 1059.0, 1278.0),
        ("hddm_a: {}", 451.0, 1206.0),
        ("hddm_w: {}", 451.0, 1077.0),
    ] {
        let (warned, alarmed) = first(text, &stream, true);
        table.exact(&format!("{text}: warning"), warning, warned.unwrap() as f64, 0.0);
        table.exact(&format!("{text}: alarm"), alarm, alarmed.unwrap() as f64, 0.0);
    }
    table.hold();
}

const RUNS: usize = 300;
/// Runs behind the published figures.
const THEIRS: f64 = 200.0;
const SPAN: usize = 2000;

struct Behaviour {
    /// Share of runs with an alarm before the change.
    early: f64,
    /// Mean delay where it was found, with its standard error.
    delay: Option<(f64, f64)>,
    /// Share of runs in which the change was found.
    found: f64,
}

/// Streams of single errors, two thousand at one share and two thousand at another; after an alarm it starts anew.
fn behaviour(text: &str, before: f64, after: f64) -> Behaviour {
    let spec = spec(text);
    let mut detector = spec.as_dyn().start();
    let restarts = !matches!(spec, DetectorSpec::Adwin(Adwin { .. }));
    let (mut early, mut delays) = (0, Vec::new());
    for run in 0..RUNS {
        let mut stream = Stream::new(Key::root(20, "drift").replication(run as u32));
        let mut alarms = |p: f64, detector: &mut dyn backout::detect::Detector| {
            let bad = f64::from(u8::from(stream.uniform() < p));
            let alarm = detector.step(&Sample::Counts(Counts { bad, total: 1.0 })) == State::Alarm;
            if alarm && restarts {
                detector.reset();
            }
            alarm
        };
        detector.reset();
        let calm = (0..SPAN).filter(|_| alarms(before, detector.as_mut())).count();
        early += usize::from(calm > 0);
        delays.extend((0..SPAN).find(|_| alarms(after, detector.as_mut())).map(|delay| delay as f64 + 1.0));
    }
    let share = |n: usize| n as f64 / RUNS as f64;
    let delay = (delays.len() > 1).then(|| mean_with_error(&delays));
    Behaviour { early: share(early), delay, found: share(delays.len()) }
}

/// The error of a share, of ours and theirs together, by the published one; two runs' worth where that is none or all.
fn share_error(published: f64) -> f64 {
    let p = published.clamp(1.0 / THEIRS, 1.0 - 1.0 / THEIRS);
    (p * (1.0 - p) * (1.0 / THEIRS + 1.0 / RUNS as f64)).sqrt()
}

#[test]
fn drift_detectors_behave_as_river_s_do() {
    let mut table =
        Table::new("streams of errors, 2000 + 2000: river 0.26.1, 200 runs each, beside ours, 300 runs");
    let changes = [(0.01, 0.05), (0.01, 0.20), (0.20, 0.30), (0.20, 0.40)];
    // Share of early alarms, mean delay of those found, share found.
    type Row = (f64, Option<f64>, f64);
    let rows: [(&str, [Row; 4]); 7] = [
        (
            "adwin: {}",
            [
                (0.0, Some(634.0), 0.99),
                (0.0, Some(75.0), 1.0),
                (0.0, Some(560.0), 1.0),
                (0.0, Some(164.0), 1.0),
            ],
        ),
        (
            "adwin: {delta: 0.05}",
            [
                (0.0, Some(345.0), 1.0),
                (0.0, Some(54.0), 1.0),
                (0.0, Some(319.0), 1.0),
                (0.0, Some(108.0), 1.0),
            ],
        ),
        (
            "page_hinkley: {}",
            [
                (0.0, Some(1720.0), 0.24),
                (0.0, Some(286.0), 1.0),
                (0.0, Some(492.0), 1.0),
                (0.0, Some(229.0), 1.0),
            ],
        ),
        (
            "ddm: {}",
            [
                (0.84, Some(167.0), 1.0),
                (0.86, Some(33.0), 1.0),
                (0.275, Some(527.0), 0.8),
                (0.26, Some(338.0), 1.0),
            ],
        ),
        (
            "eddm: {}",
            [
                (0.005, Some(230.0), 1.0),
                (0.005, Some(58.0), 1.0),
                (0.96, Some(138.0), 1.0),
                (0.925, Some(90.0), 1.0),
            ],
        ),
        (
            "hddm_a: {}",
            [(0.0, None, 0.0), (0.0, Some(107.0), 1.0), (0.045, Some(438.0), 1.0), (0.03, Some(129.0), 1.0)],
        ),
        (
            "hddm_w: {}",
            [(0.0, None, 0.0), (0.0, Some(856.0), 0.47), (0.075, Some(407.0), 1.0), (0.075, Some(83.0), 1.0)],
        ),
    ];
    for (text, row) in rows {
        for ((before, after), (early, delay, found)) in changes.into_iter().zip(row) {
            let ours = behaviour(text, before, after);
            let name = format!("{text} {before} -> {after}");
            table.simulated(&format!("{name}: early"), early, (ours.early, share_error(early)), 0.0);
            table.simulated(&format!("{name}: found"), found, (ours.found, share_error(found)), 0.0);
            if let Some(delay) = delay {
                let (mean, error) = ours.delay.unwrap();
                // Theirs has an error of its own, of 200 runs.
                let both = error * (1.0 + RUNS as f64 / THEIRS).sqrt();
                table.simulated(&format!("{name}: delay"), delay, (mean, both), 0.5);
            }
        }
    }
    table.hold();
}

/// The published method with one more condition: what makes it usable where errors are rare.
#[test]
fn ddm_that_waits_for_errors_is_quiet_where_errors_are_rare() {
    let (as_published, patient) =
        (behaviour("ddm: {}", 0.01, 0.2), behaviour("ddm: {require: 30}", 0.01, 0.2));
    assert!(patient.early < 0.1 && as_published.early > 0.7, "{} {}", patient.early, as_published.early);
    assert!(patient.found > 0.99 && patient.delay.unwrap().0 < 200.0);
}
