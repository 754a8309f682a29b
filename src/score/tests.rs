//! Known answers, worked out by hand from the round numbers of [`super::testing`], and laws that hold for any records.

use proptest::prelude::*;

use super::reading::Singling;
use super::scorecard::difference;
use super::testing::{Bad, Healthy, Sample, failed_by, policy, record};
use super::*;
use crate::replication::record::{MissCause, Player, Reference, ReplicationRecord};

fn score(records: &[ReplicationRecord], scenarios: &[ScenarioMeta], policies: &[PolicyMeta]) -> Scorecard {
    scorecard(&Input { records, scenarios, policies, weights: &CostWeights::default() }).unwrap()
}

fn one_file(plays: &[(Bad, Healthy)]) -> Row {
    let records: Vec<_> = plays
        .iter()
        .enumerate()
        .map(|(i, (bad, healthy))| record("fault/a", i as u32, &[("p", bad.clone(), healthy.clone())]))
        .collect();
    let card = score(&records, &[ScenarioMeta::named("fault/a")], &[policy("p", "five_xx", "<= 0.01")]);
    card.rows.into_iter().find(|row| row.name() == "p").unwrap()
}

fn close(estimate: Estimate, expected: f64) {
    let value = estimate.value.unwrap();
    assert!((value - expected).abs() < 1e-9 * expected.abs().max(1.0), "{value} is not {expected}");
}

#[test]
fn every_bad_release_has_one_fate_and_rates_leave_out_the_harmless() {
    let missed = || Bad::Missed(MissCause::NoData);
    let row = one_file(&[
        (Bad::Harmless, Healthy::Good(0.0)),
        (Bad::Early, Healthy::Good(0.0)),
        (Bad::Prevented, Healthy::Good(0.0)),
        (Bad::Detected(60.0), Healthy::Good(0.0)),
        (missed(), Healthy::Good(0.0)),
    ]);
    let d = &row.detection;
    let o = d.outcomes;
    assert_eq!((o.harmless, o.early, o.prevented, o.detected, o.missed), (1, 1, 1, 1, 1));
    close(d.harmless_rate, 0.2);
    for rate in [d.early_rate, d.prevented_rate, d.detected_rate, d.missed_rate] {
        close(rate, 0.25);
        assert_eq!(rate.n, 4);
    }
    // 0 (prevented), 60 s, > 30 min (missed): the median is 60 s, 95 % are not reached.
    assert_eq!(d.detection_time.median.value, Some(60.0));
    assert_eq!(d.detection_time.p95.note, Some(Note::BeyondFollowUp));
    assert_eq!((d.detection_time.censored, d.detection_time.followed), (1, Some(1800.0)));
}

#[test]
fn a_decision_after_the_follow_up_is_a_miss_but_no_false_alarm() {
    let row =
        one_file(&[(Bad::Detected(1800.0), Healthy::Good(0.0)), (Bad::Detected(1801.0), Healthy::Good(0.0))]);
    assert_eq!((row.detection.outcomes.detected, row.detection.outcomes.missed), (1, 1));
    close(row.detection.precision, 1.0);
    assert_eq!(row.why.misses[0].cause, "unknown");
}

#[test]
fn precision_weighs_by_the_base_rate_and_counts_early_ones_as_false() {
    let row = one_file(&[
        (Bad::Detected(60.0), Healthy::Good(0.0)),
        (Bad::Detected(60.0), Healthy::False("noise")),
        (Bad::Early, Healthy::Good(0.0)),
        (Bad::Missed(MissCause::NoData), Healthy::Good(0.0)),
    ]);
    // Right: 0.1 * 2/4 = 0.05. False: 0.1 * 1/4 + 0.9 * 1/4 = 0.25. 0.05 / 0.3 = 1/6.
    close(row.detection.precision, 1.0 / 6.0);
    close(row.detection.false_per_1000, 250.0);
    close(row.detection.false_rollback_rate, 0.25);
    let silent = one_file(&[(Bad::Missed(MissCause::NoData), Healthy::Good(0.0))]);
    assert_eq!(silent.detection.precision.note, Some(Note::NeverFires));
}

#[test]
fn costs_and_efficacy_by_hand() {
    let row = one_file(&[
        (Bad::Detected(60.0), Healthy::Good(3600.0)),
        (Bad::Missed(MissCause::NoData), Healthy::False("noise")),
    ]);
    // Bad twins: 600 and 10,000 failed. Healthy: 50 + 1 h * 100 = 150; 30 + 30 s * 100 = 3,030.
    close(row.cost.bad, 5_300.0);
    close(row.cost.healthy, 1_590.0);
    close(row.cost.mixed, 0.1 * 5_300.0 + 0.9 * 1_590.0);
    // Best in bad twins: oracle's 300 (always pays 3,000 for being early); in healthy twins never's 50.
    let gain = 0.1 * (10_000.0 - 300.0);
    let saved = 0.1 * (10_000.0 - 5_300.0) + 0.9 * (50.0 - 1_590.0);
    close(row.cost.saved, saved);
    close(row.cost.regret, gain - saved);
    close(row.efficacy, 100.0 * saved / gain);
    let parts: f64 = row.cost.parts.iter().map(|part| part.value).sum();
    assert!((parts - row.cost.mixed.value.unwrap()).abs() < 1e-9);
}

#[test]
fn the_frame_scores_what_it_should() {
    let card = Sample::new().scorecard();
    let row = |reference: Reference| {
        card.rows.iter().find(|row| row.player == Player::Reference(reference)).unwrap()
    };
    close(row(Reference::Never).efficacy, 0.0);
    assert_eq!(row(Reference::Never).detection.precision.note, Some(Note::NeverFires));
    assert_eq!(row(Reference::Always).detection.false_rollback_rate.value, Some(1.0));
    assert_eq!(row(Reference::Oracle).detection.detection_time.p95.value, Some(0.0));
    assert!(row(Reference::Always).efficacy.value.unwrap() < 0.0);
    let oracle = row(Reference::Oracle).efficacy.value.unwrap();
    assert!(oracle > 90.0 && oracle <= 100.0, "{oracle}");
}

#[test]
fn nothing_to_gain_where_doing_nothing_is_best() {
    let row = one_file(&[(Bad::Harmless, Healthy::Good(0.0)), (Bad::Harmless, Healthy::Good(0.0))]);
    assert_eq!(row.efficacy.note, Some(Note::NothingToGain));
    assert_eq!(row.detection.missed_rate.note, Some(Note::NoObservations));
}

#[test]
fn helpful_rollbacks_are_false_ones_that_lowered_the_cost() {
    let row = one_file(&[
        (Bad::Detected(0.0), Healthy::Helpful),
        (Bad::Detected(0.0), Healthy::False("noise")),
        (Bad::Detected(0.0), Healthy::Good(0.0)),
        (Bad::Detected(0.0), Healthy::Good(0.0)),
    ]);
    close(row.detection.false_rollback_rate, 0.5);
    close(row.detection.helpful_rate, 0.25);
}

#[test]
fn promotion_delay_keeps_stuck_and_rolled_back_releases_apart() {
    let row = one_file(&[
        (Bad::Detected(0.0), Healthy::Good(0.0)),
        (Bad::Detected(0.0), Healthy::Good(600.0)),
        (Bad::Detected(0.0), Healthy::Stuck),
        (Bad::Detected(0.0), Healthy::False("noise")),
    ]);
    let p = &row.promotion_delay;
    assert_eq!((p.stuck, p.rolled_back), (1, 1));
    assert_eq!((p.absolute.median.value, p.beyond_never.median.value), (Some(2400.0), Some(600.0)));
    assert_eq!(p.absolute.p95.note, Some(Note::BeyondFollowUp));
    assert_eq!(p.absolute.followed, Some(3600.0));
}

#[test]
fn rollbacks_that_fail_are_never_quick() {
    let row = one_file(&[(Bad::Detected(10.0), Healthy::Good(0.0)), (Bad::Failed(10.0), Healthy::Good(0.0))]);
    assert_eq!(row.rollbacks.time.median.value, Some(40.0));
    assert_eq!(row.rollbacks.time.p95.note, Some(Note::BeyondFollowUp));
    close(row.rollbacks.worked, 0.5);
    close(row.rollbacks.no_effect, 0.5);
    close(row.rollbacks.unverified, 0.5);
    close(row.rollbacks.unattended, 1.0);
    // First harm at 120 s, decided 10 s later, restored 40 s after that.
    assert_eq!(row.time_to_recover.median.value, Some(50.0));
}

#[test]
fn impact_by_hand() {
    let row = one_file(&[(Bad::Detected(60.0), Healthy::Good(0.0)), (Bad::Harmless, Healthy::Good(0.0))]);
    close(row.impact.gross, failed_by(60.0) as f64 / 2.0);
    close(row.impact.users, 75.0);
    close(row.impact.healthy, 50.0);
    assert_eq!(row.impact.error_budget.note, Some(Note::NotStated));
    let mut meta = ScenarioMeta::named("fault/a");
    meta.availability = Some(0.999);
    let records = [record("fault/a", 0, &[("p", Bad::Detected(60.0), Healthy::Good(0.0))])];
    let card = score(&records, &[meta], &[policy("p", "five_xx", "<= 0.01")]);
    // 0.1 % of 100/s over 30 days is 259,200 requests.
    close(card.rows.last().unwrap().impact.error_budget, 600.0 / 259_200.0);
}

#[test]
fn pooling_weighs_folders_and_the_files_keep_their_own_figures() {
    let card = Sample::new().scorecard();
    let thorough: Vec<&Row> =
        card.rows.iter().chain(&card.files).filter(|row| row.name() == "thorough").collect();
    let [pooled, errors, latency] = thorough[..] else { panic!("{} rows", thorough.len()) };
    assert_eq!((errors.share, latency.share), (0.5, 0.5));
    close(errors.detection.missed_rate, 0.0);
    close(latency.detection.missed_rate, 0.8);
    close(pooled.detection.missed_rate, 0.4);
    assert_eq!((pooled.replications.flow, pooled.replications.request), (20, 20));
    assert_eq!(pooled.exposure_h, 40.0);
}

#[test]
fn the_reading_names_the_worst_file_the_cause_and_the_replications() {
    let card = Sample::new().scorecard();
    let reading = |name: &str| {
        card.rows.iter().find(|row| row.name() == name).and_then(|row| row.reading.clone()).unwrap()
    };
    let thorough = reading("thorough");
    assert_eq!(
        thorough.also,
        [
            "misses 80 % of canary/latency: it never looks at latency (15 of 16 misses)",
            "has 4.3 % of its rollbacks of bad releases fail: mostly, the candidate went on serving",
        ]
    );
    let quick = reading("quick");
    assert_eq!(quick.worst_file.as_deref(), Some("fault/errors"));
    assert_eq!(
        quick.worst,
        "rolls back 20 % of the good releases of fault/errors: it takes `traffic_spike` for the release (2 of 4)"
    );
    assert_eq!(
        quick.also,
        [
            "misses 30 % of canary/latency: `p99_latency` (good: <= 0.4) crosses, but for 2 evaluations in a row at most"
        ]
    );
    let kinds: Vec<Singling> = thorough.singled.iter().map(|s| s.what).collect();
    assert_eq!(
        kinds,
        [Singling::Missed, Singling::SlowestDetection, Singling::WorstImpact, Singling::FailedRollback]
    );
    assert_eq!((thorough.singled[1].replication, thorough.singled[1].value), (19, 1250.0));
}

#[test]
fn limits_and_values_are_named_when_the_effect_is_too_small() {
    let row = one_file(&[(Bad::Missed(MissCause::BelowThreshold), Healthy::Good(0.0))]);
    let reading = row.reading.unwrap();
    assert_eq!(
        reading.worst,
        "misses 100 % of fault/a: the effect stays below its limits: `five_xx` (good: <= 0.01) saw 0.0083 at most"
    );
    let row = one_file(&[(Bad::Missed(MissCause::Diluted { check: 0 }), Healthy::Good(0.0))]);
    assert_eq!(
        row.reading.unwrap().worst,
        "misses 100 % of fault/a: the candidate alone would cross `five_xx` (good: <= 0.01), but it is diluted in the \
         value, which saw 0.0083 at most"
    );
}

#[test]
fn damaged_numbers_become_absent_figures_with_a_reason() {
    let mut damaged = record("fault/a", 0, &[("p", Bad::Detected(60.0), Healthy::Good(0.0))]);
    damaged.mean_rate = f64::NAN;
    for run in &mut damaged.rollouts[0].bad.runs {
        run.users_harmed = f64::INFINITY;
        run.decision = run.decision.take().map(|d| crate::replication::record::DecisionRecord { at: 0, ..d });
    }
    let second = record("fault/a", 1, &[("p", Bad::Detected(60.0), Healthy::Good(0.0))]);
    let card =
        score(&[damaged, second], &[ScenarioMeta::named("fault/a")], &[policy("p", "five_xx", "<= 0.01")]);
    check_figures("", &serde_json::to_value(&card).unwrap());
    assert_eq!(card.rows.last().unwrap().impact.users.note, Some(Note::NoObservations));
}

#[test]
fn a_fault_that_touched_nothing_is_reported() {
    let untouched = Sample::new().scorecard().untouched;
    assert_eq!(untouched.len(), 1);
    assert_eq!(
        (untouched[0].scenario.as_str(), untouched[0].replications, untouched[0].of),
        ("fault/errors", 1, 20)
    );
}

#[test]
fn ranks_follow_efficacy_and_move_with_the_price_list() {
    let card = Sample::new().scorecard();
    let row = |name: &str| card.rows.iter().find(|row| row.name() == name).unwrap();
    let (quick, thorough) = (row("quick"), row("thorough"));
    assert_eq!((quick.rank, thorough.rank), (Some(2), Some(1)));
    assert!(quick.efficacy.value < thorough.efficacy.value);
    // With false rollbacks at a tenth of their price the quick one wins.
    let cheap = quick.sensitivity.iter().find(|s| s.weight == "false_rollback_s" && s.factor == 0.1).unwrap();
    assert_eq!(cheap.rank, 1);
    assert_eq!(quick.sensitivity.len(), 16);
}

#[test]
fn differences_are_paired_and_turn_their_sign() {
    let sample = Sample::new();
    let weights = CostWeights::default();
    let input = Input {
        records: &sample.records,
        scenarios: &sample.scenarios,
        policies: &sample.policies,
        weights: &weights,
    };
    let (quick, thorough) = (Player::Policy("quick".into()), Player::Policy("thorough".into()));
    let there = difference(&input, (&quick, "scenario"), (&thorough, "scenario")).unwrap().unwrap();
    let back = difference(&input, (&thorough, "scenario"), (&quick, "scenario")).unwrap().unwrap();
    close(there.missed_rate, -0.25);
    close(there.false_rollback_rate, 0.1);
    close(there.cost, -back.cost.value.unwrap());
    let same = difference(&input, (&quick, "scenario"), (&quick, "scenario")).unwrap().unwrap();
    assert_eq!((same.cost.value, same.cost.low, same.cost.high), (Some(0.0), Some(0.0), Some(0.0)));
    assert!(difference(&input, (&quick, "other"), (&quick, "scenario")).unwrap().is_none());
}

#[test]
fn records_that_do_not_belong_are_refused() {
    let records = [record("fault/b", 3, &[])];
    let input = |records: &[ReplicationRecord], scenarios: &[ScenarioMeta]| {
        scorecard(&Input { records, scenarios, policies: &[], weights: &CostWeights::default() })
    };
    let error = input(&records, &[ScenarioMeta::named("fault/a")]).unwrap_err();
    assert!(error.to_string().contains("replication 3 is of scenario `fault/b`"));
    let twice = [records[0].clone(), records[0].clone()];
    assert!(matches!(input(&twice, &[ScenarioMeta::named("fault/b")]), Err(ScoreError::Twice { .. })));
}

#[test]
fn a_row_is_the_same_whatever_the_order_of_records_and_the_company() {
    let sample = Sample::new();
    let mut turned = Sample::new();
    turned.records.reverse();
    assert_eq!(sample.scorecard(), turned.scorecard());
    let alone = score(&sample.records, &sample.scenarios, &sample.policies[1..]);
    let (mut a, mut b) = (sample.scorecard().rows.pop().unwrap(), alone.rows.last().unwrap().clone());
    for row in [&mut a, &mut b] {
        row.rank = None;
        row.sensitivity.clear();
    }
    assert_eq!(a, b);
    let unplayed = score(&sample.records, &sample.scenarios, &[policy("ghost", "x", "< 1")]);
    assert_eq!(unplayed.unplayed, ["ghost"]);
}

fn any_bad() -> impl Strategy<Value = Bad> {
    prop_oneof![
        Just(Bad::Harmless),
        Just(Bad::Early),
        Just(Bad::Prevented),
        (0.0f64..3400.0).prop_map(Bad::Detected),
        (0.0f64..3400.0).prop_map(Bad::Failed),
        Just(Bad::Missed(MissCause::Paused)),
    ]
}

fn any_healthy() -> impl Strategy<Value = Healthy> {
    prop_oneof![
        (0.0f64..1800.0).prop_map(Healthy::Good),
        Just(Healthy::Stuck),
        Just(Healthy::False("noise")),
        Just(Healthy::Helpful),
    ]
}

/// Every figure in a serialised scorecard: a value with ordered limits, or none with a reason.
fn check_figures(path: &str, json: &serde_json::Value) {
    if let Some(object) = json.as_object() {
        if object.contains_key("low") && object.contains_key("high") {
            let number = |key: &str| object[key].as_f64();
            assert!(number("value").is_some() || object["note"].is_string(), "{path}: {json}");
            if let Some(value) = number("value") {
                assert!(number("low").is_none_or(|low| low <= value + 1e-9), "{path}: {json}");
                assert!(number("high").is_none_or(|high| high >= value - 1e-9), "{path}: {json}");
                let share = path.ends_with("_rate") || path.ends_with("precision");
                assert!(!share || (0.0..=1.0).contains(&value), "{path}: {json}");
                let time = ["detection_time", "time_to_recover", "rollbacks.time", "absolute"];
                assert!(!time.iter().any(|t| path.contains(t)) || value >= 0.0, "{path}: {json}");
            }
        }
        for (key, inner) in object {
            check_figures(&format!("{path}.{key}"), inner);
        }
    }
    for (i, inner) in json.as_array().into_iter().flatten().enumerate() {
        check_figures(&format!("{path}[{i}]"), inner);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn laws_hold_for_any_records(
        plays in proptest::collection::vec((any_bad(), any_healthy(), proptest::bool::ANY), 1..24),
    ) {
        let records: Vec<_> = plays
            .iter()
            .enumerate()
            .map(|(i, (bad, healthy, first))| {
                let scenario = if *first { "a/one" } else { "b/two" };
                record(scenario, i as u32, &[("p", bad.clone(), healthy.clone())])
            })
            .collect();
        let scenarios = [ScenarioMeta::named("a/one"), ScenarioMeta::named("b/two")];
        let card = score(&records, &scenarios, &[policy("p", "five_xx", "<= 0.01")]);
        check_figures("", &serde_json::to_value(&card).unwrap());
        let row = card.rows.last().unwrap();
        let o = row.detection.outcomes;
        let fates = o.harmless + o.early + o.prevented + o.detected + o.missed;
        prop_assert_eq!(fates as usize, plays.len());
        let d = &row.detection;
        if let (Some(e), Some(p), Some(c), Some(m)) =
            (d.early_rate.value, d.prevented_rate.value, d.detected_rate.value, d.missed_rate.value)
        {
            prop_assert!((e + p + c + m - 1.0).abs() < 1e-9);
        }
    }
}
