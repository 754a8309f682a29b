//! Rules of Flagger's tick, one by one.

use super::*;
use crate::policy::bench::{Bench, at, vector};
use crate::quantity::Weight;
use crate::time::SimDuration;

fn metric(kind: MetricKind, band: Band) -> Metric {
    let name = match kind {
        MetricKind::SuccessRate => "request-success-rate",
        MetricKind::Duration => "request-duration",
        _ => "own",
    };
    Metric { name: name.to_owned(), kind, query: Some(0), band }
}

fn analysis(threshold: u32, metrics: Vec<Metric>) -> Analysis {
    Analysis {
        name: "podinfo".to_owned(),
        namespace: "test".to_owned(),
        target: "podinfo".to_owned(),
        provider: "istio".to_owned(),
        interval: SimDuration::from_secs(60),
        threshold,
        progress_deadline: SimDuration::from_secs(600),
        skip_analysis: false,
        suspend: false,
        primary_ready: Weight::percent(100.0).unwrap(),
        canary_ready: Weight::percent(100.0).unwrap(),
        webhooks: Vec::new(),
        alerts: Vec::new(),
        increases: true,
        confirmed_from: 2,
        metrics,
        steps: vec!["canary weight 5".to_owned(), "canary weight 10".to_owned()],
    }
}

const AT_LEAST_99: Band = Band::Range { min: Some(99.0), max: None };

fn bench(analysis: Analysis) -> Bench {
    let mut bench = Bench::new(Box::new(Flagger::new(analysis)), true);
    let (deploy, verdict) = bench.tick(vec![]);
    assert_eq!((deploy, verdict), (at(0), Verdict::Continue), "the first tick notices the revision");
    bench
}

fn success(threshold: u32) -> Bench {
    bench(analysis(threshold, vec![metric(MetricKind::SuccessRate, AT_LEAST_99)]))
}

fn is_rollback(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::RollBack { .. })
}

#[test]
fn the_rollback_comes_one_tick_after_the_last_failed_check() {
    let mut bench = success(2);
    let bad = || vec![vector(&[69.17])];
    assert_eq!(bench.tick(vec![vector(&[100.0])]), (at(60), Verdict::Continue));
    assert_eq!(bench.tick(bad()), (at(120), Verdict::Hold));
    assert_eq!(bench.tick(bad()), (at(180), Verdict::Hold));
    let (when, verdict) = bench.tick(vec![vector(&[100.0])]);
    let reason = "Rolling back podinfo.test failed checks threshold reached 2".to_owned();
    assert_eq!((when, verdict), (at(240), Verdict::RollBack { reasons: vec![reason] }));
    assert_eq!(bench.policy.next_tick(), SimTime::NEVER);
    assert!(bench.log.contains(&"Halt podinfo.test advancement success rate 69.17% < 99%".to_owned()));
}

#[test]
fn failed_checks_are_never_taken_back() {
    let mut bench = success(3);
    let answers: Vec<_> = "FSFSF".chars().map(|c| vector(&[if c == 'F' { 0.0 } else { 100.0 }])).collect();
    let verdicts = bench.run(&answers);
    let holds: Vec<bool> = verdicts.iter().map(|v| *v == Verdict::Hold).collect();
    assert_eq!(holds, [true, false, true, false, true]);
    assert!(is_rollback(&bench.tick(vec![vector(&[100.0])]).1));
}

#[test]
fn no_value_and_nan_and_errors_are_failed_checks() {
    let unavailable = Err(QueryError::Unavailable);
    for answer in [vector(&[]), vector(&[f64::NAN]), unavailable, Ok(Value::Scalar(100.0))] {
        let mut bench = success(1);
        assert_eq!(bench.tick(vec![answer.clone()]).1, Verdict::Hold, "{answer:?}");
        assert!(is_rollback(&bench.tick(vec![answer]).1));
    }
    let mut bench = success(1);
    bench.tick(vec![vector(&[])]);
    let told = bench.log.last().unwrap();
    assert!(told.contains("no values found for istio metric request-success-rate"), "{told}");
}

#[test]
fn both_ends_of_a_range_pass_and_the_last_series_counts() {
    let band = Band::Range { min: Some(1.0), max: Some(2.0) };
    let mut bench = bench(analysis(9, vec![metric(MetricKind::Template, band)]));
    for (values, passes) in [
        (&[1.0][..], true),
        (&[2.0], true),
        (&[0.999], false),
        (&[2.001], false),
        (&[9.0, 1.5], true),
        (&[1.5, 9.0], false),
        (&[f64::INFINITY], false),
    ] {
        assert_eq!(bench.tick(vec![vector(values)]).1 == Verdict::Continue, passes, "{values:?}");
    }
    assert!(bench.log.contains(&"Halt podinfo.test advancement own 2.00 > 2".to_owned()));
}

#[test]
fn the_old_threshold_bounds_success_below_and_everything_else_above() {
    let zero = Band::Threshold(0.0);
    for (kind, value, passes) in [
        (MetricKind::SuccessRate, 0.0, true),
        (MetricKind::Template, 0.1, false),
        (MetricKind::Template, 0.0, true),
        (MetricKind::Duration, 0.9, true),
        (MetricKind::Duration, 1.0, false),
    ] {
        let mut bench = bench(analysis(9, vec![metric(kind, zero)]));
        assert_eq!(bench.tick(vec![vector(&[value])]).1 == Verdict::Continue, passes, "{kind:?} {value}");
    }
}

#[test]
fn durations_and_their_bounds_are_whole_milliseconds() {
    let band = Band::Range { min: None, max: Some(500.9) };
    let mut bench = bench(analysis(9, vec![metric(MetricKind::Duration, band)]));
    assert_eq!(bench.tick(vec![vector(&[500.99])]).1, Verdict::Continue);
    assert_eq!(bench.tick(vec![vector(&[501.0])]).1, Verdict::Hold);
    assert!(bench.log.contains(&"Halt podinfo.test advancement request duration 501ms > 500ms".to_owned()));
}

#[test]
fn templates_come_last_and_the_first_failure_stops() {
    let mut template = metric(MetricKind::Template, Band::Range { min: None, max: Some(1.0) });
    template.query = Some(1);
    let mut bench = bench(analysis(9, vec![template, metric(MetricKind::SuccessRate, AT_LEAST_99)]));
    bench.tick(vec![vector(&[0.0]), vector(&[5.0])]);
    assert_eq!(bench.findings, [(1, CheckOutcome::Bad(0.0))], "the template was not asked");
    bench.findings.clear();
    bench.tick(vec![vector(&[100.0]), vector(&[5.0])]);
    assert_eq!(bench.findings, [(1, CheckOutcome::Good(100.0)), (0, CheckOutcome::Bad(5.0))]);
}

#[test]
fn a_metric_without_anything_to_ask_fails() {
    let undefined =
        Metric { query: None, ..metric(MetricKind::Undefined, Band::Range { min: None, max: None }) };
    assert_eq!(bench(analysis(9, vec![undefined])).tick(vec![]).1, Verdict::Hold);
}

#[test]
fn nothing_is_judged_before_the_first_step() {
    let mut bench = success(1);
    (bench.status.view.split.candidate, bench.status.step.index) = (0.0, 0);
    assert_eq!(bench.tick(vec![vector(&[0.0])]).1, Verdict::Continue);
    assert!(bench.findings.is_empty());
    assert!(bench.log.contains(&"Advance podinfo.test canary weight 5".to_owned()), "{:?}", bench.log);
    // An iteration of a blue-green rollout counts although no request is routed.
    bench.status.step.index = 1;
    assert_eq!(bench.tick(vec![vector(&[0.0])]).1, Verdict::Hold);
}

#[test]
fn a_canary_that_is_not_ready_is_waited_for_and_then_given_up() {
    let mut bench = success(1);
    bench.tick(vec![vector(&[0.0])]);
    bench.status.view.sets[SetName::New.index()].ready = 3;
    // The threshold has been reached, but a canary that is not ready is looked at first.
    for _ in 0..9 {
        assert_eq!(bench.tick(vec![vector(&[0.0])]).1, Verdict::Hold);
    }
    let (when, verdict) = bench.tick(vec![vector(&[0.0])]);
    assert_eq!(when, at(660), "progress was last seen at the deploy");
    let Verdict::RollBack { reasons } = verdict else { panic!("{verdict:?}") };
    assert!(reasons[0].contains("exceeded its progress deadline"), "{reasons:?}");
}

#[test]
fn progress_puts_the_deadline_off_while_the_promised_pods_are_available() {
    let mut bench = success(1);
    let canary = &mut bench.status.view.sets[SetName::New.index()];
    (canary.ready, canary.available) = (3, 3);
    for tick in 1..=20 {
        bench.status.progressed_at = at(60 * tick - 1);
        assert_eq!(bench.tick(vec![]).1, Verdict::Hold);
    }
}

#[test]
fn too_few_available_pods_for_longer_than_the_deadline_roll_back_whatever_comes_and_goes() {
    let mut bench = success(1);
    bench.tick(vec![vector(&[100.0])]);
    let mut verdicts = Vec::new();
    for tick in 2..=13 {
        // A crash loop: pods come and go, two of four at best.
        let canary = &mut bench.status.view.sets[SetName::New.index()];
        (canary.ready, canary.available) = (tick % 3, tick % 3);
        bench.status.progressed_at = at(60 * u64::from(tick) - 1);
        verdicts.push(is_rollback(&bench.tick(vec![]).1));
    }
    assert_eq!(verdicts.iter().position(|back| *back), Some(11), "first seen at 120 s: later than 720 s");
}

#[test]
fn shares_of_ready_pods_are_rounded_down_and_a_primary_that_is_not_ready_ends_the_tick() {
    let half = Weight::percent(50.0).unwrap();
    let of = |primary, canary| {
        let metrics = vec![metric(MetricKind::SuccessRate, AT_LEAST_99)];
        Analysis { primary_ready: primary, canary_ready: canary, ..analysis(9, metrics) }
    };
    let judged = |analysis: Analysis, old: u32, new: u32| {
        let mut bench = bench(analysis);
        bench.status.view.sets[SetName::Old.index()].ready = old;
        bench.status.view.sets[SetName::New.index()].ready = new;
        assert_eq!(bench.tick(vec![vector(&[0.0])]).1, Verdict::Hold);
        !bench.findings.is_empty()
    };
    let all = Weight::percent(100.0).unwrap();
    assert!(judged(of(all, half), 4, 2) && !judged(of(all, half), 4, 1));
    assert!(judged(of(half, all), 2, 4) && !judged(of(half, all), 1, 4));
    assert!(!judged(of(all, all), 3, 4));
}

fn hook(kind: HookKind, answer: Answer) -> Webhook {
    Webhook { name: kind.name().to_owned(), kind, answer, mute_alert: false }
}

fn refusing() -> Answer {
    Answer { opens: Opens::Never, ..Answer::default() }
}

/// A bench with one webhook, everything told to somebody, and a metric that is asked last.
fn hooked(threshold: u32, hook: Webhook) -> Bench {
    let metrics = vec![metric(MetricKind::SuccessRate, AT_LEAST_99)];
    let alert = Alert { name: "a".to_owned(), severity: Severity::Warn, whom: "on-call".to_owned() };
    let all = Analysis { webhooks: vec![hook], alerts: vec![alert], ..analysis(threshold, metrics) };
    Bench::new(Box::new(Flagger::new(all)), true)
}

fn told(bench: &Bench) -> Vec<&str> {
    bench.notices.iter().map(|notice| notice.text.as_str()).collect()
}

#[test]
fn a_failing_rollout_webhook_is_a_failed_check_and_no_metric_is_asked() {
    let mut bench = hooked(2, hook(HookKind::Rollout, Answer { fails: 1.0, ..Answer::default() }));
    let verdicts: Vec<Verdict> = (0..3).map(|_| bench.tick(vec![vector(&[100.0])]).1).collect();
    assert_eq!(verdicts, [Verdict::Continue, Verdict::Hold, Verdict::Hold]);
    assert!(bench.findings.is_empty());
    assert!(is_rollback(&bench.tick(vec![vector(&[100.0])]).1));
    let line = "Halt podinfo.test advancement external check rollout failed status 500".to_owned();
    assert!(bench.log.contains(&line), "{:?}", bench.log);
    assert_eq!(told(&bench), ["Failed checks threshold reached 2"]);
}

#[test]
fn a_failing_pre_rollout_webhook_counts_before_there_is_traffic() {
    let mut bench = hooked(1, hook(HookKind::PreRollout, refusing()));
    (bench.status.view.split.candidate, bench.status.step.index) = (0.0, 0);
    bench.tick(vec![]);
    assert_eq!(bench.tick(vec![]).1, Verdict::Hold);
    assert!(is_rollback(&bench.tick(vec![]).1));
    // Once there is traffic it is not called any more.
    let mut bench = hooked(1, hook(HookKind::PreRollout, refusing()));
    bench.tick(vec![]);
    assert_eq!(bench.tick(vec![vector(&[100.0])]).1, Verdict::Continue);
}

#[test]
fn a_rollback_webhook_rolls_back_when_it_says_so_and_the_threshold_does_not_matter() {
    let opens = Opens::AfterDeploy(SimDuration::from_secs(120));
    let mut bench = hooked(9, hook(HookKind::Rollback, Answer { opens, ..Answer::default() }));
    let good = || vec![vector(&[100.0])];
    assert_eq!(bench.tick(good()).1, Verdict::Continue);
    assert_eq!(bench.tick(good()).1, Verdict::Continue);
    let (when, verdict) = bench.tick(good());
    let reasons = vec!["Rolling back podinfo.test manual webhook invoked".to_owned()];
    assert_eq!((when, verdict), (at(120), Verdict::RollBack { reasons }));
    assert_eq!(told(&bench), ["Rolling back manual webhook invoked"]);
}

#[test]
fn gates_hold_without_counting_and_the_analysis_goes_on() {
    let opens = Opens::AfterAsked(SimDuration::from_secs(120));
    let gate = |kind| hooked(1, hook(kind, Answer { opens, ..Answer::default() }));
    // Before the start: the revision is noticed when the gate opens, two minutes after the first question.
    let mut bench = gate(HookKind::ConfirmRollout);
    let verdicts: Vec<Verdict> = (0..4).map(|_| bench.tick(vec![vector(&[100.0])]).1).collect();
    assert_eq!(verdicts, [Verdict::Hold, Verdict::Hold, Verdict::Continue, Verdict::Continue]);
    assert_eq!(told(&bench), ["Canary is waiting for approval."]);
    // Before more weight: told on every tick, and a bad value still rolls back.
    let mut bench = gate(HookKind::ConfirmTrafficIncrease);
    let answers = [100.0, 100.0, 0.0, 100.0];
    let verdicts: Vec<Verdict> = answers.map(|value| bench.tick(vec![vector(&[value])]).1).into();
    assert_eq!(verdicts[..3], [Verdict::Continue, Verdict::Hold, Verdict::Hold]);
    assert!(is_rollback(&verdicts[3]));
    // Before the promotion: only at its turn.
    let mut bench = gate(HookKind::ConfirmPromotion);
    bench.tick(vec![vector(&[100.0])]);
    assert_eq!(bench.tick(vec![vector(&[100.0])]).1, Verdict::Continue, "one step is left");
    bench.status.step.index = 2;
    let verdicts: Vec<Verdict> = (0..3).map(|_| bench.tick(vec![vector(&[100.0])]).1).collect();
    assert_eq!(verdicts, [Verdict::Hold, Verdict::Hold, Verdict::Continue]);
    assert_eq!(told(&bench), ["Canary promotion is waiting for approval."], "told once");
}

#[test]
fn a_gate_that_is_muted_tells_nobody() {
    let mut bench = hooked(1, Webhook { mute_alert: true, ..hook(HookKind::ConfirmRollout, refusing()) });
    assert_eq!(bench.tick(vec![]).1, Verdict::Hold);
    assert!(told(&bench).is_empty());
}

#[test]
fn giving_up_at_the_deadline_tells_nobody() {
    let mut bench = hooked(2, hook(HookKind::Event, Answer::default()));
    bench.tick(vec![]);
    bench.status.view.sets[SetName::New.index()].ready = 0;
    let verdicts: Vec<bool> = (0..11).map(|_| is_rollback(&bench.tick(vec![]).1)).collect();
    assert_eq!(verdicts.iter().position(|back| *back), Some(10));
    assert!(told(&bench).is_empty(), "{:?}", bench.notices);
}

#[test]
fn another_revision_in_mid_analysis_takes_the_counters_back() {
    let mut bench = success(2);
    assert_eq!(bench.tick(vec![vector(&[0.0])]).1, Verdict::Hold);
    let step = StepStatus { kind: StepKind::Superseded, ..bench.status.step };
    bench.policy.on_step(&step, at(70));
    assert_eq!(bench.tick(vec![vector(&[0.0])]).1, Verdict::Continue, "nothing is judged on that tick");
    assert!(bench.log.contains(&"New revision detected! Restarting analysis for podinfo.test".to_owned()));
    assert_eq!(bench.tick(vec![vector(&[0.0])]).1, Verdict::Hold);
    assert_eq!(bench.tick(vec![vector(&[0.0])]).1, Verdict::Hold, "the count began again");
    assert!(is_rollback(&bench.tick(vec![vector(&[0.0])]).1));
}

#[test]
fn the_policy_ends_with_the_end_of_the_promotion_and_says_so() {
    let mut bench = success(1);
    bench.status.progress = Progress::Promoted;
    bench.status.step.kind = StepKind::Promoting;
    assert_eq!(bench.tick(vec![vector(&[0.0])]).1, Verdict::Continue);
    bench.status.step.kind = StepKind::Done;
    bench.policy.on_step(&bench.status.step.clone(), at(75));
    assert_eq!(bench.tick(vec![vector(&[0.0])]), (at(75), Verdict::Continue), "asked at once");
    assert_eq!(bench.policy.next_tick(), SimTime::NEVER);
    assert_eq!(bench.log.last().unwrap(), "Promotion completed! Scaling down podinfo.test");
}

#[test]
fn a_suspended_canary_is_never_looked_at() {
    let suspended = Analysis { suspend: true, ..analysis(1, vec![]) };
    let bench = Bench::new(Box::new(Flagger::new(suspended)), true);
    assert_eq!(bench.policy.next_tick(), SimTime::NEVER);
}

#[test]
fn on_a_rollout_that_is_not_its_own_ticks_have_a_phase() {
    let mut policy = Flagger::new(analysis(1, vec![]));
    let start = |phase, own_rollout| Start { deploy_at: at(0), phase, end: at(3600), own_rollout };
    policy.start(&start(0.25, false));
    assert_eq!(policy.next_tick(), at(15));
    policy.start(&start(0.25, true));
    assert_eq!(policy.next_tick(), at(0));
}
