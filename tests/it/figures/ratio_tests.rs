//! Sequential probability ratio tests: exact error probabilities and mean sample sizes.

use backout::detect::poisson_sprt::PoissonSprt;
use backout::detect::sprt::Sprt;
use backout::detect::support::ratio_test::AtTruncation;
use backout::detect::{Counts, Detect, Sample, State};
use backout::quantity::Ratio;
use backout::rng::Key;

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

/// P(alarm) and the mean number of requests, looking after every request, by exact recursion over the number of events;
/// `law` are the probabilities of 0, 1, ... events of a request. The detector itself says where it stops.
fn exact(spec: &dyn Detect, law: &[f64]) -> (f64, f64) {
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
        let mut next = vec![0.0; open.len() + law.len() - 1];
        for (failures, mass) in open.iter().enumerate() {
            next[failures..].iter_mut().zip(law).for_each(|(next, p)| *next += mass * p);
        }
        for (failures, mass) in next.iter_mut().enumerate() {
            detector.reset();
            let bad = (fewest + failures) as f64;
            let counts = Counts { bad, total: f64::from(n).max(bad) };
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

const DESIGNS: [[f64; 4]; 3] =
    [[0.01, 0.05, 0.05, 0.10], [0.001, 0.01, 0.01, 0.05], [0.01, 0.02, 0.05, 0.05]];

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
        let (found, length) = exact(&design(design_of, None), &[1.0 - p, p]);
        table.exact(&format!("{design_of:?} at {p:.5}: P(reject)"), reject, found, 0.51e-4);
        table.exact(&format!("{design_of:?} at {p:.5}: requests"), mean, length, 0.051);
    }
    table.hold();
}

#[test]
fn simulated_errors_and_sample_sizes_of_the_sprt() {
    let mut table = Table::new("Bernoulli SPRT 0.01 against 0.05, simulated request by request");
    let spec = design(DESIGNS[0], None);
    let runs = 10_000u32;
    for (p, reject, mean) in [(0.01, 0.0290, 85.1), (0.05, 0.8994, 71.0), (0.10, 0.9966, 28.9)] {
        let mut stream = Key::root(31, "sprt").id((1000.0 * p) as u64).stream();
        let mut detector = spec.start();
        let (mut alarms, mut sum, mut squares) = (0u32, 0.0, 0.0);
        for _ in 0..runs {
            detector.reset();
            let mut length = 0.0;
            let state = loop {
                length += 1.0;
                let bad = f64::from(u8::from(stream.uniform() < p));
                match detector.step(&Sample::Counts(Counts { bad, total: 1.0 })) {
                    State::Quiet => {}
                    state => break state,
                }
            };
            alarms += u32::from(state == State::Alarm);
            sum += length;
            squares += length * length;
        }
        let n = f64::from(runs);
        let (share, length) = (f64::from(alarms) / n, sum / n);
        let error = (share * (1.0 - share) / n).sqrt();
        table.simulated(&format!("{p}: P(reject)"), reject, (share, error), 0.5e-4);
        let error = ((squares / n - length * length) / n).sqrt();
        table.simulated(&format!("{p}: requests"), mean, (length, error), 0.05);
    }
    table.hold();
}

#[test]
fn walds_approximations_of_the_sprt() {
    let mut table =
        Table::new("Bernoulli SPRT, Wald's approximations of P(reject) and of the mean number of requests");
    let [small, rare, double] = DESIGNS;
    let between = |design: [f64; 4]| (design[0] * design[1]).sqrt();
    for ([p0, p1, alpha, beta], p, reject, mean) in [
        (small, 0.01, 0.0500, 80.6),
        (small, between(small), 0.3543, 99.2),
        (small, 0.05, 0.9000, 57.5),
        (small, 0.10, 0.9965, 23.2),
        (small, 0.50, 1.0, 3.7),
        (rare, 0.001, 0.0100, 431.9),
        (rare, between(rare), 0.2472, 644.8),
        (rare, 0.01, 0.9500, 296.9),
        (double, 0.01, 0.05, 849.5),
        (double, 0.02, 0.95, 677.1),
    ] {
        let test = backout::stats::sprt::Sprt::bernoulli(p0, p1, alpha, beta).unwrap();
        let found = test.characteristic(p).unwrap();
        table.exact(&format!("{p0} to {p1} at {p:.5}: P(reject)"), reject, found.reject, 0.51e-4);
        table.exact(&format!("{p0} to {p1} at {p:.5}: requests"), mean, found.exposure, 0.051);
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
fn errors_lie_within_walds_inequalities() {
    // Wald 1947: alpha' <= alpha / (1 - beta), beta' <= beta / (1 - alpha), alpha' + beta' <= alpha + beta.
    let poisson = |rate: f64| {
        let mut law = vec![f64::exp(-rate)];
        (1..8).for_each(|k| law.push(law[k - 1] * rate / k as f64));
        law
    };
    for [p0, p1, alpha, beta] in DESIGNS {
        let shares = design([p0, p1, alpha, beta], None);
        let rates = PoissonSprt {
            rate0: p0,
            rate1: p1,
            alpha: ratio(alpha),
            beta: ratio(beta),
            truncate_after: None,
            at_truncation: AtTruncation::Likelier,
        };
        let bernoulli = |p: f64| vec![1.0 - p, p];
        for (spec, at_p0, at_p1) in [
            (&shares as &dyn Detect, bernoulli(p0), bernoulli(p1)),
            (&rates as &dyn Detect, poisson(p0), poisson(p1)),
        ] {
            let (false_alarm, miss) = (exact(spec, &at_p0).0, 1.0 - exact(spec, &at_p1).0);
            assert!(false_alarm <= alpha / (1.0 - beta) && miss <= beta / (1.0 - alpha) + 1e-9);
            assert!(false_alarm + miss <= alpha + beta && false_alarm > 0.3 * alpha && miss > 0.3 * beta);
        }
    }
}

#[test]
fn a_truncated_test_ends_there_and_errs_a_little_more() {
    // Wald 1947, section 3.8: cut off at n, the errors grow by no more than the chance of getting there undecided.
    let whole = design(DESIGNS[0], None);
    let cut = design(DESIGNS[0], Some(300));
    for p in [0.01, 0.02, 0.05] {
        let ((alarm, mean), (alarm_cut, mean_cut)) =
            (exact(&whole, &[1.0 - p, p]), exact(&cut, &[1.0 - p, p]));
        assert!(mean_cut < mean && mean_cut <= 300.0, "{p}: {mean_cut}");
        assert!((alarm_cut - alarm).abs() < 0.04, "{p}: {alarm} {alarm_cut}");
    }
    let mut at_once = Sprt { at_truncation: AtTruncation::Alarm, ..design(DESIGNS[0], Some(10)) }.start();
    let some = |bad, total| Sample::Counts(Counts { bad, total });
    assert_eq!(at_once.step(&some(0.0, 9.0)), State::Quiet);
    assert_eq!(at_once.step(&some(0.0, 1.0)), State::Alarm);
}
