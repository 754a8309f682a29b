//! What holds for detectors whatever they are shown.

use backout::catalogue::Catalogue as _;
use backout::detect::{Counts, Detector, DetectorSpec, Sample, State};
use backout::document::parse_typed;
use proptest::prelude::*;

/// Detectors whose baseline is known, so that nothing of what they are shown is learned for good.
const CHARTS: &[&str] = &[
    "cusum: {side: both, head_start: 0.5, baseline: {known: {mean: 0, sd: 1}}}",
    "cusum: {crosier: true, h: 3.73, side: both, baseline: {known: {mean: 0, sd: 1}}}",
    "cusum: {baseline: {known: {mean: 0, sd: 1}}, whiten: {ar1: 0.6}}",
    "ewma: {side: both, baseline: {known: {mean: 0, sd: 1}}}",
    "ewma: {limits: fixed, baseline: {known: {mean: 0, sd: 1}}}",
    "shewhart: {rules: [two_of_three, four_of_five, eight_on_a_side], side: both, baseline: {known: {mean: 0, sd: 1}}}",
    "shiryaev_roberts: {limit: 50, side: both, baseline: {known: {mean: 0, sd: 1}}}",
    "bocpd: {baseline: {known: {mean: 0, sd: 1}}}",
    "adwin: {input: value, clock: 4}",
    "page_hinkley: {input: value, threshold: 10}",
    "hddm_a: {input: value}",
    "hddm_w: {input: value}",
    "kswin: {window: 20, recent: 8}",
];

const COUNTERS: &[&str] = &[
    "poisson_cusum: {reference: {k: 0.05}, side: both, head_start: 0.3}",
    "bernoulli_cusum: {acceptable: 0.01, unacceptable: 0.05, head_start: 0.2}",
    "adwin: {}",
    "page_hinkley: {}",
    "ddm: {}",
    "eddm: {}",
    "hddm_a: {}",
    "hddm_w: {}",
];

fn start(text: &str) -> Box<dyn Detector> {
    let spec: DetectorSpec = parse_typed("detector", text).unwrap();
    assert_eq!(spec.as_dyn().check(), Ok(()), "{text}");
    spec.as_dyn().start()
}

fn answers(detector: &mut dyn Detector, samples: &[Sample<'_>]) -> Vec<(State, Option<u64>, Option<u64>)> {
    let bits = |number: Option<f64>| number.map(f64::to_bits);
    samples
        .iter()
        .map(|sample| {
            let state = detector.step(sample);
            (state, bits(detector.statistic()), bits(detector.limit()))
        })
        .collect()
}

fn values() -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![
        8 => -4.0..4.0f64,
        1 => prop::num::f64::ANY,
        1 => prop::sample::select(vec![0.0, 1e308, -1e308, 1e-300]),
    ];
    prop::collection::vec(value, 0..120)
}

fn batches() -> impl Strategy<Value = Vec<Counts>> {
    let batch = (0.0..400.0f64, 0.0..=1.0f64, 0u8..4).prop_map(|(total, share, kind)| match kind {
        0 => Counts { bad: (total * share * 0.1).floor(), total: total.floor() },
        1 => Counts { bad: 0.0, total: 1e12 * share },
        2 => Counts { bad: total * share, total },
        _ => Counts { bad: share.round(), total: 1.0 },
    });
    prop::collection::vec(batch, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn reset_gives_what_a_fresh_one_gives(before in values(), after in values(), b in batches(), c in batches()) {
        let of_values = |v: &[f64]| v.iter().map(|x| Sample::Value(*x)).collect::<Vec<_>>();
        let of_counts = |v: &[Counts]| v.iter().map(|x| Sample::Counts(*x)).collect::<Vec<_>>();
        let charts = CHARTS.iter().map(|text| (text, of_values(&before), of_values(&after)));
        let counters = COUNTERS.iter().map(|text| (text, of_counts(&b), of_counts(&c)));
        for (text, first, second) in charts.chain(counters) {
            let mut used = start(text);
            answers(used.as_mut(), &first);
            used.reset();
            prop_assert_eq!(answers(used.as_mut(), &second), answers(start(text).as_mut(), &second), "{}", text);
        }
    }

    /// For charts whose statistic can only grow with a value, an alarm is never later for values that are worse by the same.
    #[test]
    fn worse_values_never_delay_the_alarm(values in prop::collection::vec(-3.0..3.0f64, 1..150), worse in 0.0..2.0f64) {
        for text in [
            "cusum: {baseline: {known: {mean: 0, sd: 1}}}",
            "cusum: {baseline: {known: {mean: 0, sd: 1}}, whiten: {ar1: 0.6}}",
            "cusum: {crosier: true, side: up, h: 3, baseline: {known: {mean: 0, sd: 1}}}",
            "ewma: {baseline: {known: {mean: 0, sd: 1}}}",
            "shewhart: {k: 2.5, rules: [two_of_three, four_of_five, eight_on_a_side], baseline: {known: {mean: 0, sd: 1}}}",
            "shiryaev_roberts: {limit: 50, baseline: {known: {mean: 0, sd: 1}}}",
        ] {
            let alarm = |by: f64| {
                let mut chart = start(text);
                values.iter().position(|x| chart.step(&Sample::Value(x + by)) == State::Alarm)
            };
            if let Some(early) = alarm(0.0) {
                prop_assert!(alarm(worse).is_some_and(|later| later <= early), "{}", text);
            }
        }
    }

    #[test]
    fn more_bad_events_never_delay_the_alarm(shares in prop::collection::vec(0.0..0.2f64, 1..60), more in 0.0..0.3f64) {
        for text in [
            "poisson_cusum: {reference: {k: 0.05}}",
            "bernoulli_cusum: {acceptable: 0.01, unacceptable: 0.05}",
        ] {
            let alarm = |by: f64| {
                let mut chart = start(text);
                let mut batches = shares.iter().map(|share| Counts { bad: (100.0 * (share + by)).floor(), total: 100.0 });
                batches.position(|counts| chart.step(&Sample::Counts(counts)) == State::Alarm)
            };
            if let Some(early) = alarm(0.0) {
                prop_assert!(alarm(more).is_some_and(|later| later <= early), "{}", text);
            }
        }
    }
}

/// What is normal and stays so is never an alarm: the known mean, a number that does not change, no bad events, or
/// histograms of the same shape.
#[test]
fn what_stays_as_it_is_never_alarms() {
    for text in CHARTS {
        for value in [0.0, 0.5] {
            // A known baseline says that 0 is normal, and a lasting 0.5 is not.
            if value > 0.0 && text.contains("known") {
                continue;
            }
            let mut chart = start(text);
            let alarms = (0..3000).filter(|_| chart.step(&Sample::Value(value)) == State::Alarm).count();
            assert_eq!(alarms, 0, "{text}: {value}");
        }
    }
    for text in COUNTERS {
        let mut chart = start(&text.replace("side: both", "side: up"));
        let good = Sample::Counts(Counts { bad: 0.0, total: 57.0 });
        assert!((0..300).all(|_| chart.step(&good) != State::Alarm), "{text}");
    }
    let mut index = start("psi: {}");
    let same = Sample::Classes { candidate: &[30.0, 50.0, 20.0], control: &[300.0, 500.0, 200.0] };
    assert!((0..300).all(|_| index.step(&same) != State::Alarm));
    let mut seasonal = start("seasonal: {season: 7, model: {median: 3}}");
    assert!((0..300).all(|i| seasonal.step(&Sample::Value(f64::from(i % 7))) != State::Alarm));
}

/// Every member of the catalogue says what the manual needs.
#[test]
fn every_detector_is_explained() {
    for card in DetectorSpec::CARDS {
        let spec: DetectorSpec = parse_typed(card.name, card.example).unwrap();
        let detect = spec.as_dyn();
        for text in [detect.assumes(), detect.cost(), detect.pitfall()] {
            assert!(text.len() > 10, "{}: {text}", card.name);
        }
        assert!(card.fields().iter().all(|field| !field.doc.is_empty()), "{}", card.name);
    }
}
