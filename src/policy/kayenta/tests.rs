use super::judge::{Direction, NanStrategy};
use super::*;
use crate::policy::bench::{Bench, at};
use crate::promql::{Labels, Series};

fn run() -> Run {
    Run {
        lifetime: SimDuration::from_mins(30),
        interval: SimDuration::from_mins(10),
        begin_after: SimDuration::from_mins(5),
        lookback: SimDuration::ZERO,
        step: SimDuration::from_mins(1),
        pass: 75.0,
        marginal: 50.0,
    }
}

fn metric(name: &str, first: usize) -> Metric {
    Metric {
        name: name.to_owned(),
        groups: vec![name.to_owned()],
        muted: false,
        rule: MetricRule { direction: Direction::Increase, ..MetricRule::default() },
        source: Source::Queries { experiment: first, baseline: first + 1, stable: first + 2 },
        check: 0,
    }
}

fn analysis(metrics: Vec<Metric>) -> Analysis {
    Analysis { metrics, weights: BTreeMap::new(), run: run() }
}

fn bench(metrics: Vec<Metric>) -> Bench {
    Bench::new(Box::new(Kayenta::new(analysis(metrics))), false)
}

/// A value a minute from the beginning of the analysis on, five minutes after the deploy.
fn series(level: f64) -> Result<Value, QueryError> {
    let start = at(300).as_millis();
    let points = (0..31).map(|i| (start + i * 60_000, level + 0.1 * ((i * 7) % 5) as f64)).collect();
    Ok(Value::Matrix(vec![Series { labels: Labels::empty(), points }]))
}

fn nothing() -> Result<Value, QueryError> {
    Ok(Value::Matrix(Vec::new()))
}

#[test]
fn judgements_come_at_the_ends_of_their_intervals_and_the_last_pass_ends_the_run() {
    let mut bench = bench(vec![metric("cpu", 0)]);
    for minutes in [15, 25, 35] {
        let (when, verdict) = bench.tick(vec![series(1.0), series(1.0), series(1.0)]);
        assert_eq!((when, verdict), (at(minutes * 60), Verdict::Continue));
    }
    assert_eq!(bench.policy.next_tick(), SimTime::NEVER);
    assert!(
        bench.log.iter().any(|line| line.contains("judgement 3 of 3: score 100: Pass")),
        "{:?}",
        bench.log
    );
}

#[test]
fn a_failing_score_rolls_back_at_the_end_of_its_interval() {
    let mut bench = bench(vec![metric("errors", 0)]);
    let (when, verdict) = bench.tick(vec![series(5.0), series(1.0), series(1.0)]);
    assert_eq!(when, at(900));
    let Verdict::RollBack { reasons } = verdict else { panic!("{verdict:?}") };
    assert!(reasons[0].contains("score 0: Fail"), "{reasons:?}");
    assert_eq!(bench.policy.next_tick(), SimTime::NEVER);
    let said = &bench.log[0];
    assert!(
        said.contains("errors: High") && said.contains("band +-") && said.contains("mean ratio"),
        "{said}"
    );
}

#[test]
fn a_score_at_the_marginal_threshold_ends_the_run_and_one_above_it_goes_on() {
    // One of two groups fails: 50, which is the marginal threshold.
    let bad = || vec![series(5.0), series(1.0), series(1.0), series(1.0), series(1.0), series(1.0)];
    let mut at_marginal = bench(vec![metric("a", 0), metric("b", 3)]);
    assert!(at_marginal.tick(bad()).1.is_decision());
    // One of three: 66.67, above marginal and below pass; only the last judgement asks for pass.
    let mut above = bench(vec![metric("a", 0), metric("b", 3), metric("c", 3)]);
    assert_eq!(above.tick(bad()).1, Verdict::Continue);
    assert_eq!(above.tick(bad()).1, Verdict::Continue);
    assert!(above.tick(bad()).1.is_decision());
}

#[test]
fn the_control_is_the_baseline_where_there_is_one() {
    // Bad against the stable pods, like the baseline.
    let answers = || vec![series(5.0), series(5.0), series(1.0)];
    let mut without = bench(vec![metric("cpu", 0)]);
    assert!(without.tick(answers()).1.is_decision());
    let mut with = bench(vec![metric("cpu", 0)]);
    with.status.view.sets[SetName::Baseline.index()].desired = 1;
    assert_eq!(with.tick(answers()).1, Verdict::Continue);
    // Its pods may be gone at a later judgement, its values are not.
    with.status.view.sets[SetName::Baseline.index()].desired = 0;
    assert_eq!(with.tick(answers()).1, Verdict::Continue);
}

#[test]
fn half_without_data_is_zero_muted_metrics_do_not_count_and_replace_makes_zeros() {
    let mut none = bench(vec![metric("a", 0)]);
    assert!(none.tick(vec![nothing(), nothing(), nothing()]).1.is_decision());
    let muted = Metric { muted: true, ..metric("b", 3) };
    let mut bench_muted = bench(vec![metric("a", 0), muted]);
    let answers = vec![series(1.0), series(1.0), series(1.0), series(9.0), series(1.0), series(1.0)];
    assert_eq!(bench_muted.tick(answers).1, Verdict::Continue);
    // Errors that are not there are zero errors: the control has none, the experiment has.
    let rule = MetricRule { nan: NanStrategy::Replace, ..metric("e", 0).rule };
    let mut replaced = bench(vec![Metric { rule, ..metric("e", 0) }]);
    assert!(replaced.tick(vec![series(3.0), nothing(), nothing()]).1.is_decision());
}

#[test]
fn what_monitoring_does_not_answer_is_asked_again_for_two_minutes() {
    let down = || vec![Err(QueryError::Unavailable), series(1.0), series(1.0)];
    let mut bench = bench(vec![metric("cpu", 0)]);
    assert_eq!(bench.tick(down()), (at(900), Verdict::Continue));
    assert_eq!(bench.tick(down()), (at(902), Verdict::Continue));
    // It answers: the judgement is of the same window, and the next one is due when it always was.
    assert_eq!(bench.tick(vec![series(1.0), series(1.0), series(1.0)]).1, Verdict::Continue);
    assert_eq!(bench.policy.next_tick(), at(1500));
    let mut last = Verdict::Continue;
    while bench.policy.next_tick() != SimTime::NEVER {
        last = bench.tick(down()).1;
    }
    assert!(matches!(last, Verdict::Inconclusive { .. }), "{last:?}");
}

#[test]
fn a_window_that_slides_forgets() {
    let mut sliding = analysis(vec![metric("cpu", 0)]);
    sliding.run.lookback = SimDuration::from_mins(5);
    let mut policy = Kayenta::new(sliding);
    policy.start(&Start { deploy_at: at(0), phase: 0.7, end: at(9000), own_rollout: false });
    assert_eq!(policy.window(), (at(600), at(900)));
    assert_eq!(policy.analysis.run.judgements(), 3);
}
