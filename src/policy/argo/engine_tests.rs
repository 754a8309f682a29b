//! Which runs exist and what their phases do to a rollout.

use super::*;
use crate::expr::Condition;
use crate::policy::QueryError;
use crate::policy::bench::{Bench, at, vector};

fn metric(name: &str, condition: &str, every: Option<u64>, count: Option<u32>) -> MetricDef {
    let spec = MetricSpec {
        name: name.to_owned(),
        interval: every.map(SimDuration::from_secs),
        count,
        success_condition: Some(Condition::parse(condition).unwrap()),
        ..MetricSpec::default()
    };
    MetricDef { spec: Arc::new(spec), measure: Measure::Query(0), check: 0 }
}

fn analysis(metrics: Vec<MetricDef>) -> AnalysisDef {
    AnalysisDef::new("gate".to_owned(), metrics)
}

fn in_background(metric: MetricDef) -> Bench {
    let analyses = Analyses {
        background: Some((analysis(vec![metric]), 0)),
        steps: vec![],
        resume_after: SimDuration::from_mins(10),
    };
    Bench::new(Box::new(Argo::new(analyses)), true)
}

fn in_a_step(metric: MetricDef) -> Bench {
    let steps = vec![analysis(vec![metric])];
    let analyses = Analyses { background: None, steps, resume_after: SimDuration::from_mins(10) };
    let mut bench = Bench::new(Box::new(Argo::new(analyses)), true);
    assert_eq!(bench.policy.next_tick(), SimTime::NEVER, "no run before the step");
    let step = StepStatus { index: 1, kind: StepKind::Analysis(0), since: at(30) };
    bench.policy.on_step(&step, at(30));
    bench
}

#[test]
fn a_background_run_measures_at_once_and_then_every_interval() {
    let mut bench = in_background(metric("ok", "result[0] >= 0.95", Some(60), None));
    assert_eq!(bench.tick(vec![vector(&[0.99])]), (at(0), Verdict::Continue));
    assert_eq!(bench.tick(vec![vector(&[0.96])]), (at(60), Verdict::Continue));
    let (when, verdict) = bench.tick(vec![vector(&[0.9])]);
    assert_eq!(when, at(120));
    let reason = "Background analysis phase error/failed: Metric \"ok\" assessed Failed due to failed (1) > failureLimit (0)";
    assert_eq!(verdict, Verdict::RollBack { reasons: vec![reason.to_owned()] });
    assert_eq!(bench.policy.next_tick(), SimTime::NEVER);
}

#[test]
fn five_errors_ten_seconds_apart_abort() {
    let mut bench = in_background(metric("ok", "result[0] >= 0.95", Some(300), None));
    for seconds in [0, 10, 20, 30] {
        assert_eq!(bench.tick(vec![vector(&[])]), (at(seconds), Verdict::Continue));
    }
    let (when, verdict) = bench.tick(vec![Err(QueryError::Unavailable)]);
    assert_eq!(when, at(40));
    assert!(verdict.is_decision(), "{verdict:?}");
    assert_eq!(bench.findings[0], (0, CheckOutcome::NoData));
}

#[test]
fn a_step_waits_for_its_run_and_goes_on_when_it_succeeds() {
    let mut bench = in_a_step(metric("ok", "result[0] >= 0.95", Some(20), Some(3)));
    let verdicts = bench.run(&[vector(&[1.0]), vector(&[1.0]), vector(&[1.0])]);
    assert_eq!(verdicts, [Verdict::Hold, Verdict::Hold, Verdict::Advance]);
    assert_eq!(bench.policy.next_tick(), SimTime::NEVER);
    bench.policy.on_step(&StepStatus { index: 2, kind: StepKind::Bake, since: at(70) }, at(70));
    bench.policy.on_step(&StepStatus { index: 3, kind: StepKind::Analysis(0), since: at(90) }, at(90));
    assert_eq!(bench.policy.next_tick(), at(90), "the next step has a run of its own");
}

#[test]
fn asked_about_the_same_step_again_the_run_goes_on() {
    let mut bench = in_a_step(metric("ok", "result[0] >= 0.95", Some(20), Some(2)));
    bench.tick(vec![vector(&[1.0])]);
    bench.policy.on_step(&StepStatus { index: 1, kind: StepKind::Analysis(0), since: at(30) }, at(40));
    assert_eq!(bench.policy.next_tick(), at(50));
}

#[test]
fn an_inconclusive_run_pauses_until_a_person_resumes_and_then_runs_anew() {
    let mut metric = metric("ok", "result[0] >= 0.95", Some(60), None);
    let spec = MetricSpec {
        failure_condition: Some(Condition::parse("result[0] < 0.9").unwrap()),
        ..(*metric.spec).clone()
    };
    metric.spec = Arc::new(spec);
    let mut bench = in_background(metric);
    let (_, verdict) = bench.tick(vec![vector(&[0.92])]);
    assert!(matches!(verdict, Verdict::Inconclusive { .. }));
    assert!(verdict.holds());
    let (when, verdict) = bench.tick(vec![vector(&[0.99])]);
    assert_eq!((when, verdict), (at(600), Verdict::Continue));
    assert_eq!(bench.policy.next_tick(), at(660));
}

#[test]
fn promotion_ends_every_run() {
    let mut bench = in_background(metric("ok", "result[0] >= 0.95", Some(60), None));
    bench.tick(vec![vector(&[1.0])]);
    bench.status.progress = Progress::Promoted;
    assert_eq!(bench.tick(vec![vector(&[0.0])]).1, Verdict::Continue);
    assert_eq!(bench.policy.next_tick(), SimTime::NEVER);
}

#[test]
fn a_type_error_in_the_condition_is_an_error_not_a_failure() {
    let mut bench = in_background(metric("ok", "result >= 0.95", Some(60), None));
    assert_eq!(bench.tick(vec![vector(&[1.0])]).1, Verdict::Continue);
    assert_eq!(bench.policy.next_tick(), at(10), "errors are retried after 10 s");
    assert!(bench.log.iter().any(|line| line.contains("measurement Error")), "{:?}", bench.log);
}

#[test]
fn an_interval_of_zero_cannot_stop_the_clock() {
    let mut bench = in_background(metric("ok", "true", Some(0), None));
    bench.tick(vec![vector(&[1.0])]);
    assert_eq!(bench.policy.next_tick(), at(1));
}

#[test]
fn fixed_outcomes_need_no_query_and_ranges_are_one_list() {
    let fixed = MetricDef { measure: Measure::Fixed(Phase::Failed), ..metric("job", "true", None, None) };
    assert!(in_background(fixed).tick(vec![]).1.is_decision());
    let measure = Measure::Range {
        query: 0,
        start: "now() - duration(\"5m\")".to_owned(),
        end: "now()".to_owned(),
        step: SimDuration::from_secs(60),
    };
    let range = MetricDef { measure, ..metric("latency", "all(result, # < 1000)", Some(60), None) };
    let mut bench = in_background(range);
    let series = |values: &[f64]| {
        let points = values.iter().enumerate().map(|(i, value)| (i as i64, *value)).collect();
        Ok(Value::Matrix(vec![crate::promql::Series { labels: crate::promql::Labels::empty(), points }]))
    };
    assert_eq!(bench.tick(vec![series(&[10.0, 20.0])]).1, Verdict::Continue);
    assert!(bench.tick(vec![series(&[10.0, 2000.0])]).1.is_decision());
}

#[test]
fn the_length_of_an_analysis_is_that_of_its_slowest_metric() {
    let mut slow = metric("slow", "true", Some(20), Some(3));
    let delayed = MetricSpec { initial_delay: SimDuration::from_secs(30), ..(*slow.spec).clone() };
    slow.spec = Arc::new(delayed);
    let analysis = analysis(vec![slow, metric("quick", "true", None, None)]);
    assert_eq!(analysis.length(), SimDuration::from_secs(70));
    assert!(analysis.ends());
    assert!(!self::analysis(vec![metric("endless", "true", Some(5), None)]).ends());
}
