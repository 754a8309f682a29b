//! Run lengths of detectors at work.

use backout::detect::support::baseline::Baseline;
use backout::detect::{Detect, Detector, Sample, State};
use backout::rng::{Key, Stream, normal_sample};

/// Mean 0, deviation 1.
pub const STANDARD: Baseline = Baseline::Known { mean: 0.0, sd: 1.0 };

/// Samples until the alarm, mean with standard error; `next` feeds one sample from the stream and says what came of it.
pub fn mean_run_length(
    spec: &dyn Detect,
    runs: u32,
    mut next: impl FnMut(&mut dyn Detector, &mut Stream) -> State,
) -> (f64, f64) {
    let mut detector = spec.start();
    let lengths: Vec<f64> = (0..runs)
        .map(|run| {
            let mut stream = Stream::new(Key::root(17, "run lengths").replication(run));
            detector.reset();
            let mut length = 1.0;
            while next(detector.as_mut(), &mut stream) != State::Alarm {
                length += 1.0;
            }
            length
        })
        .collect();
    mean_with_error(&lengths)
}

/// Run length on independent normal values around `shift`.
pub fn normal_run_length(spec: &dyn Detect, shift: f64, runs: u32) -> (f64, f64) {
    mean_run_length(spec, runs, |detector, stream| {
        detector.step(&Sample::Value(shift + normal_sample(stream)))
    })
}

/// A mean with its standard error.
pub fn mean_with_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (mean, (squares / (n - 1.0) / n).sqrt())
}
