//! Rules of native triggers, one by one.

use super::*;
use crate::policy::bench::{Bench, at, vector};
use crate::policy::{CheckOutcome, QueryError};
use crate::promql::Value;

fn def(rule: Rule) -> TriggerDef {
    TriggerDef {
        name: "five_xx".to_owned(),
        reason: "five_xx".to_owned(),
        when: expr(0, &[]),
        rule,
        every: SimDuration::from_secs(15),
        later: Vec::new(),
        start_after: SimDuration::ZERO,
        then: Then::RollBack,
        when_accepted: None,
        on_no_data: OnTrouble::Ignore,
        on_error: OnTrouble::Ignore,
    }
}

fn expr(query: usize, sides: &[usize]) -> Condition {
    Condition::Expr { query, sides: sides.to_vec(), check: 0 }
}

fn at_once() -> Rule {
    Rule::For { hold: SimDuration::ZERO, keep: SimDuration::ZERO }
}

fn bench(defs: Vec<TriggerDef>) -> Bench {
    Bench::new(Box::new(Native::new(defs, AfterDecision::Stop)), false)
}

/// Plays evaluations (`B` bad, `g` good, `n` no data, `e` error) of one trigger; the number of the first rollback.
fn rolls_back_at(def: TriggerDef, plays: &str) -> Option<usize> {
    let mut bench = bench(vec![TriggerDef { when: expr(0, &[1]), ..def }]);
    plays.chars().position(|play| {
        let answers = match play {
            'B' => vec![vector(&[0.2]), vector(&[0.2])],
            'n' => vec![vector(&[]), vector(&[])],
            'e' => vec![Err(QueryError::Unavailable)],
            _ => vec![vector(&[]), vector(&[0.01])],
        };
        matches!(bench.tick(answers).1, Verdict::RollBack { .. })
    })
}

#[test]
fn for_needs_an_unbroken_spell_on_the_grid() {
    let rule = Rule::For { hold: SimDuration::from_secs(30), keep: SimDuration::ZERO };
    assert_eq!(rolls_back_at(def(rule), "BBB"), Some(2), "bad at 0, 15 and 30 s");
    assert_eq!(rolls_back_at(def(rule), "BBgBBB"), Some(5));
    assert_eq!(rolls_back_at(def(rule), "BBnBB"), None, "no data resets, as in Prometheus");
    assert_eq!(rolls_back_at(def(rule), "BeBB"), Some(2), "an error changes nothing");
    assert_eq!(rolls_back_at(def(at_once()), "gB"), Some(1));
}

#[test]
fn counts_in_a_row_of_n_and_in_all() {
    assert_eq!(rolls_back_at(def(Rule::Consecutive(3)), "BBgBBB"), Some(5));
    assert_eq!(rolls_back_at(def(Rule::Cumulative(3)), "BgBggB"), Some(5));
    let rule = Rule::KOfN { k: 2, n: 3 };
    assert_eq!(rolls_back_at(def(rule), "BggBgB"), Some(5));
    assert_eq!(rolls_back_at(def(rule), "BggBgg"), None);
}

#[test]
fn trouble_is_what_the_trigger_says_it_is() {
    let with = |on_no_data, on_error| TriggerDef { on_no_data, on_error, ..def(Rule::Consecutive(2)) };
    assert_eq!(rolls_back_at(with(OnTrouble::Count, OnTrouble::Ignore), "nn"), Some(1));
    assert_eq!(rolls_back_at(with(OnTrouble::Ignore, OnTrouble::Count), "eB"), Some(1));
    assert_eq!(rolls_back_at(with(OnTrouble::RollBack, OnTrouble::Ignore), "gn"), Some(1));
    assert_eq!(rolls_back_at(with(OnTrouble::Ignore, OnTrouble::RollBack), "ge"), Some(1));
    assert_eq!(rolls_back_at(with(OnTrouble::Hold, OnTrouble::Ignore), "BnB"), Some(2), "nothing is counted");

    let mut holding =
        bench(vec![TriggerDef { when: expr(0, &[1]), ..with(OnTrouble::Hold, OnTrouble::Page) }]);
    assert_eq!(holding.tick(vec![vector(&[]), vector(&[])]).1, Verdict::Hold);
    let error = || vec![Err(QueryError::Unavailable)];
    let page = Verdict::Page { reasons: vec!["five_xx: query failed".to_owned()] };
    assert_eq!(holding.tick(error()).1, page);
    assert_eq!(holding.tick(error()).1, Verdict::Continue, "one page a spell");
    assert_eq!(holding.findings.last(), Some(&(0, CheckOutcome::Error)));
}

#[test]
fn numbers_are_bad_when_they_are_not_zero_and_nan_is_no_reason() {
    for (value, bad) in [(1.0, true), (0.0, false), (-2.0, true), (f64::NAN, false)] {
        let mut bench = bench(vec![def(at_once())]);
        let verdict = bench.tick(vec![Ok(Value::Scalar(value))]).1;
        assert_eq!(verdict != Verdict::Continue, bad, "{value}");
    }
    let mut bench = bench(vec![TriggerDef { when: expr(0, &[1]), ..def(at_once()) }]);
    // 0/0 on the left side: a value, so not "no data", and no comparison passes it.
    assert_eq!(bench.tick(vec![vector(&[]), vector(&[f64::NAN])]).1, Verdict::Continue);
    assert!(matches!(bench.findings[..], [(0, CheckOutcome::Good(value))] if value.is_nan()));
}

#[test]
fn the_strongest_verdict_wins_and_equals_give_all_reasons() {
    let trigger = |name: &str, then| TriggerDef { reason: name.to_owned(), then, ..def(at_once()) };
    let defs = vec![
        trigger("held", Then::Hold),
        trigger("error_rate_critical", Then::RollBack),
        trigger("told", Then::Page),
        trigger("latency_critical", Then::RollBack),
    ];
    let verdict = bench(defs).tick(vec![vector(&[1.0])]).1;
    let reasons = vec!["error_rate_critical".to_owned(), "latency_critical".to_owned()];
    assert_eq!(verdict, Verdict::RollBack { reasons });
}

#[test]
fn a_hold_stands_between_the_evaluations_of_another_trigger() {
    let slow = TriggerDef { every: SimDuration::from_secs(60), then: Then::Hold, ..def(at_once()) };
    let fast = TriggerDef { when: expr(1, &[]), then: Then::Page, ..def(at_once()) };
    let mut bench = bench(vec![slow, fast]);
    let answers = || vec![vector(&[1.0]), vector(&[])];
    let seen: Vec<Verdict> = (0..4).map(|_| bench.tick(answers()).1).collect();
    assert_eq!(seen, [Verdict::Hold, Verdict::Hold, Verdict::Hold, Verdict::Hold]);
    bench.script.0 = vec![vector(&[]), vector(&[])];
    assert_eq!(bench.ask(at(60)), Verdict::Continue);
}

#[test]
fn advance_starts_over_and_pages_are_sent_once() {
    let hold = SimDuration::from_secs(30);
    let rule = Rule::For { hold, keep: SimDuration::ZERO };
    let mut advancing = bench(vec![TriggerDef { then: Then::Advance, ..def(rule) }]);
    let good: Vec<_> = (0..6).map(|_| vector(&[1.0])).collect();
    let advances = advancing.run(&good).iter().filter(|v| **v == Verdict::Advance).count();
    assert_eq!(advances, 2, "at 30 s and at 75 s");

    let mut paging = bench(vec![TriggerDef { then: Then::Page, ..def(at_once()) }]);
    let spells = [vector(&[1.0]), vector(&[1.0]), vector(&[]), vector(&[1.0])];
    let pages = paging.run(&spells).iter().filter(|v| matches!(v, Verdict::Page { .. })).count();
    assert_eq!(pages, 2, "one a spell");
}

#[test]
fn a_delayed_verdict_is_said_when_the_trigger_begins_to_fire() {
    let delay = SimDuration::from_mins(10);
    let then = Then::After(Delayed { delay, then: Box::new(Then::RollBack) });
    let mut bench = bench(vec![TriggerDef { then, ..def(at_once()) }]);
    let inner = Verdict::RollBack { reasons: vec!["five_xx".to_owned()] };
    let first = Verdict::after(delay, inner);
    assert_eq!(bench.run(&[vector(&[1.0]), vector(&[1.0])]), [first, Verdict::Continue]);
}

#[test]
fn after_a_decision_the_policy_stops_or_starts_over() {
    let mut stopping = bench(vec![def(at_once())]);
    assert!(stopping.tick(vec![vector(&[1.0])]).1.is_decision());
    assert_eq!(stopping.policy.next_tick(), SimTime::NEVER);
    stopping.policy.on_rollback_end(at(60));
    assert_eq!(stopping.policy.next_tick(), SimTime::NEVER);

    let rearm = AfterDecision::ReArm(Rearm { cooldown: SimDuration::from_secs(100) });
    let rule = Rule::Cumulative(2);
    let mut again = Bench::new(Box::new(Native::new(vec![def(rule)], rearm)), false);
    again.run(&[vector(&[1.0]), vector(&[1.0])]);
    assert_eq!(again.policy.next_tick(), SimTime::NEVER, "while the rollback is under way");
    again.policy.on_rollback_end(at(20));
    assert_eq!(again.policy.next_tick(), at(120), "the first of the grid at or after the cooldown");
    let verdicts = again.run(&[vector(&[1.0]), vector(&[1.0])]);
    assert!(verdicts[0] == Verdict::Continue && verdicts[1].is_decision(), "counts begin anew");
}

#[test]
fn the_grid_begins_at_the_phase() {
    let mut policy = Native::new(vec![def(at_once())], AfterDecision::Stop);
    policy.start(&Start { deploy_at: at(0), phase: 0.2, end: at(60), own_rollout: false });
    assert_eq!(policy.next_tick(), at(3));
    let patient = TriggerDef { start_after: SimDuration::from_secs(60), ..def(at_once()) };
    let mut policy = Native::new(vec![patient], AfterDecision::Stop);
    policy.start(&Start { deploy_at: at(0), phase: 0.2, end: at(60), own_rollout: false });
    assert_eq!(policy.next_tick(), at(63), "the first of the grid at or after a minute");
    let every = SimDuration::from_secs(15);
    assert_eq!(on_grid(at(3), every, at(18)), at(18));
    assert_eq!(on_grid(at(3), every, at(19)), at(33));
}
