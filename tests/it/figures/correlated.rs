//! What correlation does to charts, and what whitening gives back.
//!
//! In-control run lengths on AR(1) values of variance 1, from 4000 runs of the study that this project rests on (2 to 3 %
//! of Monte-Carlo error): a two-sided CUSUM and a moving average lose nine tenths of theirs at a correlation of one half.

use backout::detect::Sample;
use backout::detect::cusum::Cusum;
use backout::detect::ewma::{Ewma, Limits};
use backout::detect::shewhart::Shewhart;
use backout::detect::support::Side;
use backout::detect::support::standard::Whiten;
use backout::detect::{Detect, State};
use backout::rng::{Key, Stream, normal_sample};

use super::drive::{STANDARD, mean_with_error};
use super::table::Table;

const PHIS: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 0.9];

fn charts(whiten: Option<Whiten>) -> [(&'static str, Box<dyn Detect>, [f64; 5]); 3] {
    let (side, baseline) = (Side::Both, STANDARD);
    let shewhart = Shewhart { k: 3.0, rules: Vec::new(), side, baseline, whiten };
    let cusum = Cusum { k: 0.5, h: 5.0, head_start: 0.0, crosier: false, side, baseline, whiten };
    let ewma = Ewma { weight: 0.2, width: 2.962, limits: Limits::Fixed, side, baseline, whiten };
    [
        ("Shewhart", Box::new(shewhart), [384.0, 369.0, 408.0, 488.0, 823.0]),
        ("CUSUM", Box::new(cusum), [473.0, 119.0, 52.0, 31.0, 28.0]),
        ("EWMA", Box::new(ewma), [500.0, 138.0, 60.0, 36.0, 32.0]),
    ]
}

/// Samples until an alarm on an autoregression of variance 1 around `shift`, of which one value was seen before.
fn run_length(spec: &dyn Detect, phi: f64, shift: f64, runs: u32) -> (f64, f64) {
    let step = (1.0 - phi * phi).sqrt();
    let mut chart = spec.start();
    let lengths: Vec<f64> = (0..runs)
        .map(|run| {
            let mut stream = Stream::new(Key::root(19, &format!("autocorrelated {phi}")).replication(run));
            let mut z = normal_sample(&mut stream);
            chart.learn(&Sample::Value(z + shift));
            chart.reset();
            let mut length = 0.0;
            loop {
                z = phi * z + step * normal_sample(&mut stream);
                length += 1.0;
                if chart.step(&Sample::Value(z + shift)) == State::Alarm || length >= 20_000.0 {
                    return length;
                }
            }
        })
        .collect();
    mean_with_error(&lengths)
}

#[test]
fn correlation_shortens_run_lengths() {
    let mut table = Table::new("in-control run lengths on AR(1) values, charts as they are");
    for (name, spec, published) in charts(None) {
        for (phi, published) in PHIS.into_iter().zip(published) {
            let (ours, error) = run_length(spec.as_ref(), phi, 0.0, 2500);
            // The published means have a Monte-Carlo error of their own: that of 4000 runs.
            let theirs = error * (2500.0_f64 / 4000.0).sqrt();
            let both = (error * error + theirs * theirs).sqrt();
            table.simulated(&format!("{name}, phi {phi}"), published, (ours, both), 0.5);
        }
    }
    table.hold();
}

#[test]
fn charts_of_residuals_get_their_run_length_back() {
    let mut table =
        Table::new("in-control run lengths on AR(1) values, charts of residuals (independent: exact)");
    for phi in PHIS {
        for (name, spec, _) in charts(Some(Whiten::Ar1(phi))) {
            let exact = match name {
                "Shewhart" => 370.40,
                "CUSUM" => 465.44,
                _ => 499.7,
            };
            let ours = run_length(spec.as_ref(), phi, 0.0, 1500);
            table.simulated(&format!("{name}, phi {phi}"), exact, ours, 0.05);
        }
    }
    table.hold();
}

/// The price: a shift of one deviation is one of sqrt((1 - phi) / (1 + phi)) in the residuals.
#[test]
fn charts_of_residuals_see_a_smaller_shift() {
    let mut table =
        Table::new("CUSUM of residuals, k 0.5, h 5, shift 1: that of the residuals' shift, computed");
    for phi in [0.25, 0.5, 0.75] {
        let spec = |whiten| Cusum {
            k: 0.5,
            h: 5.0,
            head_start: 0.0,
            crosier: false,
            side: Side::Up,
            baseline: STANDARD,
            whiten,
        };
        let exact = spec(None).mean_run_length(((1.0 - phi) / (1.0_f64 + phi)).sqrt()).unwrap();
        let ours = run_length(&spec(Some(Whiten::Ar1(phi))), phi, 1.0, 4000);
        table.simulated(&format!("phi {phi}"), exact, ours, 0.0);
    }
    table.hold();
}
