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
        deadline: None,
    };
    Bench::new(Box::new(Argo::new(analyses)), true)
}

fn in_a_step(metric: MetricDef) -> Bench {
    let steps = vec![analysis(vec![metric])];
    let analyses =
        Analyses { background: None, steps, resume_after: SimDuration::from_mins(10), deadline: None };
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
    let fixed = MetricDef {
        measure: Measure::Assumed(Assumption::Phase(Phase::Failed)),
        ..metric("job", "true", None, None)
    };
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

/// An analysis of two metrics in an experiment: `quick` is measured once, `endless` every minute.
fn in_an_experiment(lasts: Option<u64>, required: Vec<bool>) -> Bench {
    let metrics = vec![
        metric("quick", "result[0] > 0", None, None),
        metric("endless", "result[0] > 0", Some(60), None),
    ];
    let experiment = Some(ExperimentEnd { lasts: lasts.map(SimDuration::from_secs), required });
    let analysis = AnalysisDef { experiment, ..analysis(metrics) }.of_kind(RunKind::Experiment);
    let analyses = Analyses { steps: vec![analysis], ..Analyses::default() };
    let mut bench = Bench::new(Box::new(Argo::new(analyses)), true);
    bench.policy.on_step(&StepStatus { index: 0, kind: StepKind::Analysis(0), since: at(0) }, at(0));
    bench
}

#[test]
fn an_experiment_ends_with_its_duration_and_its_runs_with_it() {
    let mut bench = in_an_experiment(Some(90), vec![false, false]);
    let good = || vec![vector(&[1.0])];
    assert_eq!(bench.tick(good()), (at(0), Verdict::Hold));
    assert_eq!(bench.tick(good()), (at(60), Verdict::Hold));
    assert_eq!(bench.tick(good()), (at(90), Verdict::Advance));
    assert_eq!(bench.policy.next_tick(), SimTime::NEVER);
}

#[test]
fn an_experiment_waits_for_what_it_requires_and_for_nothing_else() {
    let mut bench = in_an_experiment(None, vec![true, false]);
    assert_eq!(bench.tick(vec![vector(&[1.0])]), (at(0), Verdict::Advance));
    let mut bench = in_an_experiment(Some(30), vec![true, true]);
    bench.tick(vec![vector(&[1.0])]);
    assert_eq!(bench.tick(vec![vector(&[1.0])]), (at(30), Verdict::Hold), "an endless one is waited for");
    let (when, verdict) = bench.tick(vec![vector(&[0.0])]);
    assert_eq!(when, at(60));
    let Verdict::RollBack { reasons } = verdict else { panic!("{verdict:?}") };
    assert!(reasons[0].starts_with("Experiment analysis phase error/failed"), "{reasons:?}");
}

fn with_deadline(abort: bool, own_rollout: bool) -> Bench {
    let deadline = Deadline { after: SimDuration::from_secs(600), abort, says: "ProgressDeadlineExceeded" };
    let analyses = Analyses { deadline: Some(deadline), ..Analyses::default() };
    Bench::new(Box::new(Argo::new(analyses)), own_rollout)
}

#[test]
fn a_rollout_without_progress_aborts_only_if_it_says_so() {
    let mut bench = with_deadline(true, true);
    bench.status.progressed_at = at(100);
    assert_eq!(bench.tick(vec![]), (at(600), Verdict::Continue), "a pod came up after 100 s");
    let (when, verdict) = bench.tick(vec![]);
    assert_eq!(when, at(700));
    assert_eq!(verdict, Verdict::RollBack { reasons: vec!["ProgressDeadlineExceeded for 10m".to_owned()] });

    let mut bench = with_deadline(false, true);
    assert_eq!(bench.tick(vec![]), (at(600), Verdict::Continue));
    assert!(bench.log[0].contains("ProgressDeadlineExceeded"), "{:?}", bench.log);
    assert_eq!(bench.policy.next_tick(), SimTime::NEVER);
    assert_eq!(with_deadline(true, false).policy.next_tick(), SimTime::NEVER, "not its own rollout");
}

#[test]
fn time_in_pauses_and_analyses_is_no_lack_of_progress() {
    let mut bench = with_deadline(true, true);
    bench.policy.on_step(&StepStatus { index: 0, kind: StepKind::Pause, since: at(10) }, at(10));
    assert_eq!(bench.policy.next_tick(), SimTime::NEVER);
    bench.policy.on_step(&StepStatus { index: 1, kind: StepKind::Progressing, since: at(900) }, at(900));
    assert_eq!(bench.policy.next_tick(), at(1500));
}

fn assumed(assumption: Assumption, condition: &str, failure_limit: i64) -> Bench {
    let mut metric = metric("job", condition, Some(60), None);
    metric.measure = Measure::Assumed(assumption);
    metric.spec = Arc::new(MetricSpec { failure_limit, ..(*metric.spec).clone() });
    in_background(metric)
}

#[test]
fn what_is_assumed_of_a_provider_is_what_it_measures() {
    let mut bench = assumed(Assumption::Share(0.5), "true", 0);
    bench.chance = 0.4;
    assert_eq!(bench.tick(vec![]).1, Verdict::Continue);
    bench.chance = 0.6;
    assert!(bench.tick(vec![]).1.is_decision());
    let mut bench = assumed(Assumption::Value(ExprValue::Float(0.97)), "result >= 0.95", 0);
    assert_eq!(bench.tick(vec![]).1, Verdict::Continue);
    let mut bench = assumed(Assumption::Value(ExprValue::Float(0.9)), "result >= 0.95", 0);
    assert!(bench.tick(vec![]).1.is_decision());
    let mut bench = assumed(Assumption::Value(ExprValue::Nil), "default(result, 1) >= 0.95", 0);
    assert_eq!(bench.tick(vec![]).1, Verdict::Continue);
}

#[test]
fn runs_around_a_switch_say_which_they_are() {
    let of = |kind| analysis(vec![metric("ok", "result[0] > 0", Some(60), Some(3))]).of_kind(kind);
    let steps = vec![of(RunKind::PrePromotion), of(RunKind::PostPromotion)];
    let mut bench = Bench::new(Box::new(Argo::new(Analyses { steps, ..Analyses::default() })), true);
    bench.policy.on_step(&StepStatus { index: 0, kind: StepKind::Analysis(0), since: at(0) }, at(0));
    let good = vector(&[1.0]);
    let verdicts = bench.run(&[good.clone(), good.clone(), good]);
    assert_eq!(verdicts, [Verdict::Hold, Verdict::Hold, Verdict::Advance]);
    bench.policy.on_step(&StepStatus { index: 1, kind: StepKind::Analysis(1), since: at(130) }, at(130));
    let Verdict::RollBack { reasons } = bench.tick(vec![vector(&[0.0])]).1 else { panic!() };
    assert!(reasons[0].starts_with("Post-promotion analysis phase error/failed"), "{reasons:?}");
}
