//! Sequential probability ratio tests: exact error probabilities and mean sample sizes.

use backout::detect::sprt::Sprt;
use backout::detect::support::ratio_test::AtTruncation;
use backout::detect::{Counts, Detect as _, Sample, State};
use backout::quantity::Ratio;

use super::table::Table;

fn ratio(value: f64) -> Ratio {
    Ratio::new(value).unwrap()
}

fn design([p0, p1, alpha, beta]: [f64; 4], truncate_after: Option<u64>) -> Sprt {
    Sprt {
        p0: ratio(p0),
        p1: ratio(p1),
        alpha: ratio(alpha),
        beta: ratio(beta),
        truncate_after,
        at_truncation: AtTruncation::Likelier,
    }
}

/// P(alarm) and the mean number of requests at failure probability `p`, looking after every request, by exact recursion
/// over the number of failures. The detector itself says where it stops.
fn exact(spec: &Sprt, p: f64) -> (f64, f64) {
    let mut detector = spec.start();
    // The fewest failures that are still possible, and the probability of each number from there on.
    let (mut fewest, mut open) = (0usize, vec![1.0f64]);
    let (mut alarm, mut requests) = (0.0, 0.0);
    for n in 1..60_000 {
        let alive: f64 = open.iter().sum();
        if alive < 1e-12 {
            break;
        }
        requests += alive;
        let mut next = vec![0.0; open.len() + 1];
        for (failures, mass) in open.iter().enumerate() {
            next[failures] += mass * (1.0 - p);
            next[failures + 1] += mass * p;
        }
        for (failures, mass) in next.iter_mut().enumerate() {
            detector.reset();
            let counts = Counts { bad: (fewest + failures) as f64, total: f64::from(n) };
            match detector.step(&Sample::Counts(counts)) {
                State::Alarm => alarm += std::mem::take(mass),
                State::Accepted => *mass = 0.0,
                _ => {}
            }
        }
        while next.last() == Some(&0.0) {
            next.pop();
        }
        let decided = next.iter().take_while(|mass| **mass == 0.0).count();
        fewest += decided;
        open = next.split_off(decided);
    }
    (alarm, requests)
}

const DESIGNS: [[f64; 4]; 3] = [[0.01, 0.05, 0.05, 0.10], [0.001, 0.01, 0.01, 0.05], [0.01, 0.02, 0.05, 0.05]];

#[test]
fn exact_errors_and_sample_sizes_of_the_sprt() {
    let mut table = Table::new("Bernoulli SPRT (Wald 1947), exact P(reject) and mean number of requests");
    let [small, rare, double] = DESIGNS;
    let between = |design: [f64; 4]| (design[0] * design[1]).sqrt();
    for (design_of, p, reject, mean) in [
        (small, 0.01, 0.0290, 85.1),
        (small, between(small), 0.3085, 117.8),
        (small, 0.05, 0.8994, 71.0),
        (small, 0.10, 0.9966, 28.9),
        (small, 0.50, 1.0, 4.0),
        (rare, 0.001, 0.0045, 437.9),
        (rare, between(rare), 0.2054, 737.5),
        (rare, 0.01, 0.9498, 360.7),
        (double, 0.01, 0.0396, 868.0),
        (double, 0.02, 0.9497, 736.3),
    ] {
        let (found, length) = exact(&design(design_of, None), p);
        table.exact(&format!("{design_of:?} at {p:.5}: P(reject)"), reject, found, 0.51e-4);
        table.exact(&format!("{design_of:?} at {p:.5}: requests"), mean, length, 0.051);
    }
    table.hold();
}

#[test]
fn without_errors_the_sprt_accepts_after_so_many_requests() {
    let mut table = Table::new("Bernoulli SPRT, requests until acceptance without any error");
    for (design_of, published) in DESIGNS.into_iter().zip([55.0, 330.0, 291.0]) {
        let mut detector = design(design_of, None).start();
        let one = Sample::Counts(Counts { bad: 0.0, total: 1.0 });
        let requests = (1..1000).find(|_| detector.step(&one) == State::Accepted).unwrap();
        table.exact(&format!("{design_of:?}"), published, f64::from(requests), 0.0);
    }
    table.hold();
}

#[test]
fn a_truncated_test_ends_there_and_errs_a_little_more() {
    // Wald 1947, section 3.8: cut off at n, the errors grow by no more than the chance of getting there undecided.
    let whole = design(DESIGNS[0], None);
    let cut = design(DESIGNS[0], Some(300));
    for p in [0.01, 0.02, 0.05] {
        let ((alarm, mean), (alarm_cut, mean_cut)) = (exact(&whole, p), exact(&cut, p));
        assert!(mean_cut < mean && mean_cut <= 300.0, "{p}: {mean_cut}");
        assert!((alarm_cut - alarm).abs() < 0.04, "{p}: {alarm} {alarm_cut}");
    }
    let mut at_once = Sprt { at_truncation: AtTruncation::Alarm, ..design(DESIGNS[0], Some(10)) }.start();
    let some = |bad, total| Sample::Counts(Counts { bad, total });
    assert_eq!(at_once.step(&some(0.0, 9.0)), State::Quiet);
    assert_eq!(at_once.step(&some(0.0, 1.0)), State::Alarm);
}
