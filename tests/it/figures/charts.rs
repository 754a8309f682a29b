//! Run lengths of control charts.

use backout::detect::support::{Side, baseline::Baseline};
use backout::detect::{Detect as _, Sample, State, cusum::Cusum};
use backout::rng::{Key, Stream, normal_sample};

use super::table::Table;

/// Samples until the alarm, mean with standard error.
fn run_length(spec: &Cusum, shift: f64, runs: u32) -> (f64, f64) {
    let (mut sum, mut squares) = (0.0, 0.0);
    let mut detector = spec.start();
    for run in 0..runs {
        let mut stream = Stream::new(Key::root(17, "run lengths").replication(run));
        detector.reset();
        let mut length = 1.0;
        while detector.step(&Sample::Value(shift + normal_sample(&mut stream))) != State::Alarm {
            length += 1.0;
        }
        sum += length;
        squares += length * length;
    }
    let n = f64::from(runs);
    let mean = sum / n;
    (mean, ((squares / n - mean * mean) / n).sqrt())
}

#[test]
fn run_lengths_of_the_two_sided_cusum() {
    let mut table = Table::new("two-sided CUSUM, k 0.5, h 4 (Lucas and Crosier 1982, table 1)");
    let spec = Cusum {
        k: 0.5,
        h: 4.0,
        head_start: 0.0,
        side: Side::Both,
        baseline: Baseline::Known { mean: 0.0, sd: 1.0 },
    };
    for (shift, published) in [(0.0, 168.0), (0.5, 26.6), (1.0, 8.38), (2.0, 3.34)] {
        table.simulated(&format!("shift {shift}"), published, run_length(&spec, shift, 4000), 0.5);
    }
    table.hold();
}
