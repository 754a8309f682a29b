//! Who is told when, by the rules in the heads of the files.

use super::*;
use crate::policy::bench::{Bench, at};
use crate::policy::{Policy, Start};
use crate::promql::{MatchOp, Matcher};
use crate::time::SimDuration;

/// A policy that is only Alertmanager: what fires is scripted, second by second.
#[derive(Clone, Debug)]
struct Scripted {
    manager: Alertmanager,
    dispatch: Dispatch,
    /// When which alerts fire, by their labels as `a=b c=d`.
    script: Vec<(u64, Vec<&'static str>)>,
}

fn labels(text: &str) -> Labels {
    Labels::new(text.split(' ').map(|pair| pair.split_once('=').unwrap()))
}

impl Policy for Scripted {
    fn start(&mut self, _: &Start) {}

    fn next_tick(&self) -> SimTime {
        let script = self.script.first().map_or(SimTime::NEVER, |(seconds, _)| at(*seconds));
        script.min(self.dispatch.next())
    }

    fn observe(&mut self, o: &mut Observation<'_>) -> Verdict {
        while self.script.first().is_some_and(|(seconds, _)| at(*seconds) <= o.now) {
            let (_, firing) = self.script.remove(0);
            let firing = firing
                .into_iter()
                .map(|text| Firing { labels: labels(text), reason: text.to_owned(), then: Some(Then::Page) })
                .collect();
            self.dispatch.hear(&self.manager, 0, firing, o.now);
        }
        self.dispatch.flush(&self.manager, o)
    }

    fn may_resume(&self) -> bool {
        false
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(self.clone())
    }
}

fn matcher(text: &str) -> Matcher {
    let (name, value) = text.split_once('=').unwrap();
    Matcher::new(name, MatchOp::Equal, value).unwrap()
}

fn route(matchers: &[&str], children: &[usize], receiver: usize) -> Route {
    Route {
        matchers: matchers.iter().map(|text| matcher(text)).collect(),
        goes_on: false,
        children: children.to_vec(),
        receiver,
        group_by: GroupBy::Labels(vec!["service".to_owned()]),
        wait: SimDuration::from_secs(30),
        interval: SimDuration::from_mins(5),
        repeat: SimDuration::from_mins(60),
    }
}

fn receiver(name: &str) -> Receiver {
    Receiver { name: name.to_owned(), hears: Hears::AsTheAlertSays, tells_ends: true }
}

fn plain() -> Alertmanager {
    Alertmanager {
        routes: vec![route(&[], &[], 0)],
        receivers: vec![receiver("team")],
        inhibitions: Vec::new(),
    }
}

/// The seconds after the deploy at which something is told, with the line of the log, to the end.
fn told(manager: Alertmanager, script: &[(u64, &[&'static str])], until: u64) -> Vec<(u64, String)> {
    let script = script.iter().map(|(seconds, firing)| (*seconds, firing.to_vec())).collect();
    let policy = Scripted { manager, dispatch: Dispatch::default(), script };
    let mut bench = Bench::new(Box::new(policy), false);
    let mut told = Vec::new();
    while bench.policy.next_tick() <= at(until) {
        bench.log.clear();
        let (now, _) = bench.tick(Vec::new());
        let seconds = now.since(at(0)).as_secs_f64() as u64;
        told.extend(bench.log.iter().map(|line| (seconds, line.replace("alertmanager tells ", ""))));
    }
    told
}

fn seconds(told: &[(u64, String)]) -> Vec<u64> {
    told.iter().map(|(seconds, _)| *seconds).collect()
}

const A: &str = "alertname=A service=shop";
const B: &str = "alertname=B service=shop";
const OTHER: &str = "alertname=A service=bank";

#[test]
fn a_group_waits_then_is_looked_at_at_its_interval_and_told_again_when_it_is_time() {
    let told = told(plain(), &[(0, &[A])], 4200);
    // Half a minute, and the first look more than an hour after that: every five minutes, so at 3930 s.
    assert_eq!(told, [(30, "team: A".to_owned()), (3930, "team: A".to_owned())]);
}

#[test]
fn who_comes_late_to_a_group_waits_for_its_next_look_and_another_group_does_not() {
    assert_eq!(seconds(&told(plain(), &[(0, &[A]), (20, &[A, B])], 600)), [30]);
    assert_eq!(seconds(&told(plain(), &[(0, &[A]), (40, &[A, B])], 600)), [30, 330]);
    assert_eq!(seconds(&told(plain(), &[(0, &[A]), (40, &[A, OTHER])], 600)), [30, 70]);
}

#[test]
fn what_ends_before_it_is_told_is_never_told_and_a_group_that_is_over_begins_anew() {
    assert!(told(plain(), &[(0, &[A]), (20, &[])], 600).is_empty());
    let again = told(plain(), &[(0, &[A]), (100, &[]), (400, &[A])], 900);
    let ends = "team of alerts that have ended".to_owned();
    assert_eq!(again, [(30, "team: A".to_owned()), (330, ends), (430, "team: A".to_owned())]);
}

#[test]
fn a_receiver_that_is_not_told_of_ends_is_not_told_of_a_second_time_either() {
    let script: [(u64, &[&str]); 4] = [(0, &[A, B]), (100, &[B]), (400, &[A, B]), (700, &[A, B])];
    assert_eq!(seconds(&told(plain(), &script, 1300)), [30, 330, 630]);
    let mut deaf = plain();
    deaf.receivers[0].tells_ends = false;
    assert_eq!(seconds(&told(deaf, &script, 1300)), [30]);
}

#[test]
fn an_alert_goes_to_the_first_child_that_takes_it_and_on_if_that_says_so() {
    let mut manager = plain();
    manager.receivers = ["team", "pager", "hook", "deep"].map(receiver).to_vec();
    manager.routes = vec![
        route(&[], &[1, 2], 0),
        route(&["service=shop"], &[3], 1),
        route(&["alertname=A"], &[], 2),
        route(&["severity=page"], &[], 3),
    ];
    let of = |manager: &Alertmanager, text: &str| manager.routes_of(&labels(text));
    assert_eq!(of(&manager, A), [1]);
    assert_eq!(of(&manager, "alertname=A service=shop severity=page"), [3]);
    assert_eq!(of(&manager, OTHER), [2]);
    assert_eq!(of(&manager, "alertname=B service=bank"), [0]);
    manager.routes[1].goes_on = true;
    assert_eq!(of(&manager, A), [1, 2]);
}

#[test]
fn an_inhibited_alert_is_told_at_the_first_look_after_its_source_has_ended() {
    let mut manager = plain();
    manager.inhibitions = vec![Inhibition {
        source: vec![matcher("alertname=A")],
        target: vec![matcher("alertname=B")],
        equal: vec!["service".to_owned(), "zone".to_owned()],
    }];
    let by_name: Vec<String> =
        told(manager.clone(), &[(0, &[A, B]), (400, &[B])], 900).into_iter().map(|(_, line)| line).collect();
    assert_eq!(by_name, ["team: A", "team: B"]);
    assert_eq!(seconds(&told(manager.clone(), &[(0, &[A, B]), (400, &[B])], 900)), [30, 630]);
    // Another service's alert silences nothing; what is both source and target silences nothing either.
    assert_eq!(told(manager.clone(), &[(0, &[OTHER, B])], 100).len(), 2);
    manager.inhibitions[0].target.clear();
    assert_eq!(told(manager, &[(0, &[A])], 100), [(30, "team: A".to_owned())]);
}

#[test]
fn what_has_been_firing_is_told_and_its_group_looked_at_at_its_interval() {
    let manager = plain();
    let mut dispatch = Dispatch::default();
    let firing = |text: &str| Firing { labels: labels(text), reason: String::new(), then: None };
    dispatch.hear(&manager, 0, vec![firing(A)], at(0));
    dispatch.settle(&manager, at(0));
    assert_eq!(dispatch.next(), at(300));
    let policy = Scripted { manager, dispatch, script: vec![(10, vec![A, B])] };
    let mut bench = Bench::new(Box::new(policy), false);
    assert_eq!(bench.tick(Vec::new()), (at(10), Verdict::Continue));
    let (now, verdict) = bench.tick(Vec::new());
    // The look finds the new one; nobody listens to the old one.
    assert_eq!((now, verdict), (at(300), Verdict::Page { reasons: vec![B.to_owned()] }));
}

#[test]
fn a_receiver_s_own_answer_is_stronger_than_the_alert_s_and_nobody_hears_an_empty_one() {
    for (hears, wanted) in [
        (Hears::AsTheAlertSays, Verdict::Page { reasons: vec![A.to_owned()] }),
        (Hears::This(Some(Then::RollBack)), Verdict::RollBack { reasons: vec![A.to_owned()] }),
        (Hears::This(None), Verdict::Continue),
        (Hears::Nobody, Verdict::Continue),
    ] {
        let mut manager = plain();
        manager.receivers[0].hears = hears;
        let script = vec![(0, vec![A])];
        let mut bench =
            Bench::new(Box::new(Scripted { manager, dispatch: Dispatch::default(), script }), false);
        assert_eq!(bench.tick(Vec::new()).1, Verdict::Continue);
        assert_eq!(bench.tick(Vec::new()), (at(30), wanted));
    }
}
