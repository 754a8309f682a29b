//! Policies on the bench, with a process made of Rust in the place of a real one.

use std::sync::{Arc, Mutex};

use super::message::{Message, Metric};
use super::*;
use crate::policy::bench::{Bench, vector};
use crate::policy::{CheckOutcome, QueryError};
use crate::promql::Value;

/// What a process does with a message; `None` is no answer.
type Acts = fn(&Message, &mut Memory) -> Option<String>;

/// What a process remembers.
#[derive(Debug, Default)]
struct Memory {
    /// Everything it was sent.
    heard: Vec<Message>,
    /// Observations of each session, by its number.
    seen: std::collections::BTreeMap<u64, u64>,
    /// Observations in all.
    all: u64,
    is_closed: bool,
}

#[derive(Debug)]
struct Fake {
    acts: Acts,
    memory: Arc<Mutex<Memory>>,
    posted: Mutex<Vec<u8>>,
}

#[derive(Debug)]
struct FakeHost(Arc<Fake>);

impl Host for FakeHost {
    fn line(&self) -> Result<Arc<dyn Line>, Breakdown> {
        Ok(Arc::clone(&self.0) as Arc<dyn Line>)
    }

    fn close(&self) {
        self.0.memory.lock().unwrap().is_closed = true;
    }
}

impl Line for Fake {
    fn exchange(&self, request: &[u8], answer: &mut Vec<u8>) -> Result<(), Breakdown> {
        let mut sent = std::mem::take(&mut *self.posted.lock().unwrap());
        sent.extend_from_slice(request);
        assert_eq!(sent.last(), Some(&b'\n'), "whole lines");
        let mut memory = self.memory.lock().unwrap();
        let mut said = None;
        for line in sent.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let message: Message = serde_json::from_slice(line).unwrap();
            said = (self.acts)(&message, &mut memory);
            memory.heard.push(message);
        }
        answer.clear();
        answer.extend_from_slice(said.ok_or_else(|| Breakdown::new("ended", ""))?.as_bytes());
        Ok(())
    }

    fn post(&self, request: &[u8]) {
        self.posted.lock().unwrap().extend_from_slice(request);
    }

    fn stderr(&self) -> Vec<String> {
        vec!["last words".to_owned()]
    }
}

fn policy(acts: Acts) -> (Process, Arc<Mutex<Memory>>) {
    let memory = Arc::new(Mutex::new(Memory::default()));
    let fake = Fake { acts, memory: Arc::clone(&memory), posted: Mutex::default() };
    let queries = vec![("error \"ratio\"".to_owned(), 0), ("p99".to_owned(), 1)];
    let asks = Asks { every: SimDuration::from_secs(15), start_after: SimDuration::ZERO, queries };
    (Process::new("mine", &asks, Arc::new(FakeHost(Arc::new(fake)))), memory)
}

fn answer(session: u64, tick: u64, verdict: &str) -> Option<String> {
    Some(format!(r#"{{"session":{session},"tick":{tick},"verdict":"{verdict}"}}"#))
}

/// Holds at the third observation of each session and rolls back at the fifth.
fn patient(message: &Message, memory: &mut Memory) -> Option<String> {
    match message {
        Message::Reset(reset) => {
            memory.seen.insert(reset.session, 0);
            None
        }
        Message::Observe(observe) => {
            let seen = memory.seen.get_mut(&observe.session).expect("a session begins with its reset");
            *seen += 1;
            let verdict = match *seen {
                3 => "hold",
                5.. => "roll_back",
                _ => "continue",
            };
            answer(observe.session, observe.tick, verdict)
        }
        Message::End(end) => {
            memory.seen.remove(&end.session);
            None
        }
        other => panic!("{other:?}"),
    }
}

/// The same, but it counts all observations it was ever shown together.
fn forgetful(message: &Message, memory: &mut Memory) -> Option<String> {
    let Message::Observe(observe) = message else { return None };
    memory.all += 1;
    answer(observe.session, observe.tick, if memory.all >= 3 { "roll_back" } else { "continue" })
}

fn words(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Continue => "continue",
        Verdict::Hold => "hold",
        Verdict::RollBack { .. } => "roll_back",
        _ => "another",
    }
}

fn ticks(bench: &mut Bench, count: usize) -> Vec<&'static str> {
    (0..count).map(|_| words(&bench.tick(vec![vector(&[0.1]), vector(&[])]).1)).collect()
}

#[test]
fn what_is_sent_reads_back_as_what_was_seen() {
    let (policy, memory) = policy(patient);
    let mut bench = Bench::new(policy.boxed(), false);
    bench.tick(vec![vector(&[0.25]), Err(QueryError::Unavailable)]);
    bench.tick(vec![Ok(Value::Scalar(f64::NAN)), vector(&[f64::INFINITY])]);
    bench.tick(vec![vector(&[1.0, f64::NAN]), vector(&[])]);
    let found: Vec<CheckOutcome> = bench.findings.iter().map(|(_, found)| *found).collect();
    assert_eq!(
        found,
        [
            CheckOutcome::Good(0.25),
            CheckOutcome::Error,
            CheckOutcome::NoData,
            CheckOutcome::Good(f64::INFINITY),
            CheckOutcome::Good(1.0),
            CheckOutcome::NoData,
        ]
    );
    let memory = memory.lock().unwrap();
    let [Message::Reset(reset), observed @ ..] = memory.heard.as_slice() else { panic!("{memory:?}") };
    assert_eq!(reset.session, 0);
    let observed: Vec<&message::Observe> = observed
        .iter()
        .map(|message| match message {
            Message::Observe(observe) => observe,
            other => panic!("{other:?}"),
        })
        .collect();
    let first = observed[0];
    assert_eq!((first.session, first.tick, first.now_s), (0, 0, 0.0));
    assert_eq!((first.step.index, first.step.kind.as_str(), first.step.since_s), (1, "bake", 0.0));
    assert_eq!((first.weight, first.promoted, first.chance), (10.0, false, 0.5));
    assert_eq!((first.candidate.desired, first.candidate.ready), (4, 4));
    let metric = |tick: usize, name: &str| observed[tick].metrics[name].clone();
    assert_eq!(metric(0, "error \"ratio\""), Metric::Number(0.25));
    assert_eq!(metric(0, "p99"), Metric::Error { error: "query timed out".into() });
    assert_eq!(metric(1, "error \"ratio\""), Metric::None);
    assert_eq!(metric(1, "p99"), Metric::Number(f64::MAX));
    let Metric::Series { series } = metric(2, "error \"ratio\"") else { panic!() };
    assert_eq!(series[0].labels.get("pod").map(String::as_str), Some("p0"));
    assert_eq!((series[0].value, series[1].value), (Some(1.0), None));
    assert_eq!((observed[2].tick, observed[2].now_s), (2, 30.0));
}

#[test]
fn a_decision_ends_the_session_and_the_check_finds_nothing_wrong() {
    let (policy, memory) = policy(patient);
    let mut bench = Bench::new(policy.boxed(), false);
    assert_eq!(ticks(&mut bench, 5), ["continue", "continue", "hold", "continue", "roll_back"]);
    assert_eq!(bench.policy.next_tick(), SimTime::NEVER);
    assert_eq!(policy.trouble(), None);
    // The first session is checked: five observations more, in a session of their own.
    let memory = memory.lock().unwrap();
    let observed = |session: u64| {
        memory.heard.iter().filter(|m| matches!(m, Message::Observe(o) if o.session == session)).count()
    };
    assert_eq!((observed(0), observed(1), observed(2)), (5, 5, 0));
}

#[test]
fn a_copy_of_a_running_policy_goes_on_by_itself() {
    let (policy, memory) = policy(patient);
    let mut first = Bench::new(policy.boxed(), false);
    assert_eq!(ticks(&mut first, 2), ["continue", "continue"]);
    let mut second = Bench::new(policy.boxed(), false);
    second.policy = first.policy.boxed();
    // Both see their third observation, turn by turn, whatever the other does.
    assert_eq!((ticks(&mut second, 1), ticks(&mut first, 1)), (vec!["hold"], vec!["hold"]));
    assert_eq!(
        (ticks(&mut first, 2), ticks(&mut second, 2)),
        (vec!["continue", "roll_back"], vec!["continue", "roll_back"])
    );
    assert_eq!(policy.trouble(), None);
    assert!(memory.lock().unwrap().heard.len() > 10, "what the copy had not seen itself was shown to it");
}

#[test]
fn what_leaks_from_one_run_to_the_next_is_found() {
    let (policy, memory) = policy(forgetful);
    let mut bench = Bench::new(policy.boxed(), false);
    assert_eq!(ticks(&mut bench, 3), ["continue", "continue", "roll_back"]);
    let trouble = policy.trouble().expect("the first session is checked");
    assert!(trouble.reason.contains("different answers"), "{}", trouble.reason);
    assert!(
        trouble.reason.ends_with("at tick 0 first continue, then roll_back (mine)"),
        "{}",
        trouble.reason
    );
    assert!(trouble.help.contains("`reset`"));
    assert!(memory.lock().unwrap().is_closed);
}

#[test]
fn after_a_failure_every_copy_is_silent() {
    let (policy, _) = policy(|message, memory| match message {
        Message::Observe(observe) => {
            memory.all += 1;
            (memory.all < 3).then(|| answer(observe.session, observe.tick, "hold")).flatten()
        }
        _ => None,
    });
    let mut prototype = policy.boxed();
    prototype.placed(&RunName { scenario: "fault/errors".into(), replication: 7 });
    let mut first = Bench::new(prototype.boxed(), false);
    let mut second = Bench::new(prototype.boxed(), false);
    assert_eq!(ticks(&mut first, 3), ["hold", "hold", "continue"]);
    assert_eq!(first.policy.next_tick(), SimTime::NEVER);
    let trouble = policy.trouble().unwrap();
    assert_eq!((trouble.scenario.as_str(), trouble.replication, trouble.tick), ("fault/errors", 7, Some(2)));
    assert_eq!((trouble.at, trouble.reason.as_str()), (Some(30_000_000_000), "ended"));
    assert_eq!(trouble.stderr, ["last words"]);
    assert_eq!(ticks(&mut second, 1), ["continue"], "it is not asked");
    assert_eq!(policy.trouble().unwrap(), trouble, "the first trouble is the one that is told");
}

#[test]
fn the_greeting_reads_back() {
    let asks = Asks {
        every: SimDuration::from_secs(15),
        start_after: SimDuration::ZERO,
        queries: vec![("p99".to_owned(), 0)],
    };
    let line = hello("mine", &asks, &serde_json::json!({"limits": [1, null]}));
    let Message::Hello(hello) = serde_json::from_slice(&line).unwrap() else { panic!() };
    assert_eq!((hello.format, hello.policy.as_str(), hello.every_s), (1, "mine", 15.0));
    assert_eq!((hello.queries, hello.params["limits"][0].as_u64()), (vec!["p99".to_owned()], Some(1)));
}
