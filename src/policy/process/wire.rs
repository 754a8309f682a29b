//! The lines that are sent, rendered into one buffer that is used again and again.
//!
//! JSON has no NaN and no infinity. A value that is no number (0/0 without traffic) is sent as `null`, like no data: no
//! rule can be about it, and a language would refuse the line otherwise. Infinity is sent as the largest number, so that
//! comparisons stay right.

use super::message::{FORMAT, Hello, Message};
use crate::effect::SetName;
use crate::policy::{CheckOutcome, Observation, QueryError};
use crate::promql::{Sample, Value};
use crate::strategy::{Progress, StepKind};
use crate::time::{SimDuration, SimTime};

/// The greeting, with its line break.
pub(super) fn hello(
    policy: &str,
    every: SimDuration,
    queries: &[String],
    params: &serde_json::Value,
) -> Vec<u8> {
    let hello = Hello {
        format: FORMAT,
        policy: policy.to_owned(),
        every_s: every.as_secs_f64(),
        queries: queries.to_vec(),
        params: params.clone(),
    };
    // Only a map with keys that are no texts could fail, and there is none.
    let mut line = serde_json::to_vec(&Message::Hello(hello)).unwrap_or_default();
    line.push(b'\n');
    line
}

/// `reset` of a session.
pub(super) fn reset(session: u64, line: &mut Vec<u8>) {
    line.extend_from_slice(br#"{"type":"reset","session":"#);
    whole(session, line);
    line.extend_from_slice(b"}\n");
}

/// `end` of a session.
pub(super) fn end(session: u64, line: &mut Vec<u8>) {
    line.extend_from_slice(br#"{"type":"end","session":"#);
    whole(session, line);
    line.extend_from_slice(b"}\n");
}

/// What stands before the body of an observation: all that depends on the session.
pub(super) fn observe(session: u64, line: &mut Vec<u8>) {
    line.extend_from_slice(br#"{"type":"observe","session":"#);
    whole(session, line);
    line.push(b',');
}

/// The rest of an observation with its line break: nothing in it depends on the session. Notes what each query gave.
///
/// `keys` are the names of the queries as JSON texts, in their order.
pub(super) fn body(
    tick: u64,
    deploy_at: SimTime,
    keys: &[(String, usize)],
    observation: &mut Observation<'_>,
    line: &mut Vec<u8>,
) {
    let since_deploy = |at: SimTime| at.since(deploy_at).as_secs_f64();
    let rollout = observation.rollout;
    line.extend_from_slice(br#""tick":"#);
    whole(tick, line);
    line.extend_from_slice(br#","now_s":"#);
    number(since_deploy(observation.now), line);
    line.extend_from_slice(br#","step":{"index":"#);
    whole(rollout.step.index as u64, line);
    line.extend_from_slice(br#","kind":""#);
    line.extend_from_slice(kind(rollout.step.kind).as_bytes());
    line.extend_from_slice(br#"","since_s":"#);
    number(since_deploy(rollout.step.since), line);
    line.extend_from_slice(br#"},"weight":"#);
    number(rollout.view.in_force.candidate * 100.0, line);
    let pods = rollout.view.set(SetName::New);
    line.extend_from_slice(br#","candidate":{"desired":"#);
    whole(u64::from(pods.desired), line);
    line.extend_from_slice(br#","ready":"#);
    whole(u64::from(pods.ready), line);
    line.extend_from_slice(br#"},"promoted":"#);
    let promoted = rollout.progress == Progress::Promoted;
    line.extend_from_slice(if promoted { b"true" } else { b"false" });
    line.extend_from_slice(br#","chance":"#);
    number(observation.chance, line);
    line.extend_from_slice(br#","metrics":{"#);
    for (index, (key, query)) in keys.iter().enumerate() {
        if index > 0 {
            line.push(b',');
        }
        line.extend_from_slice(key.as_bytes());
        line.push(b':');
        let found = metric(observation.queries.value(*query), line);
        observation.found(index, found);
    }
    line.extend_from_slice(b"}}\n");
}

fn metric(value: Result<&Value, QueryError>, line: &mut Vec<u8>) -> CheckOutcome {
    match value {
        Ok(Value::Scalar(value)) => one(*value, line),
        Ok(Value::Vector(samples)) => match samples.as_slice() {
            [] => {
                line.extend_from_slice(b"null");
                CheckOutcome::NoData
            }
            [only] => one(only.value, line),
            several => series(several, line),
        },
        Ok(Value::Matrix(_) | Value::String(_)) => error("the query gives no number", line),
        Err(failed) => error(&failed.to_string(), line),
    }
}

fn one(value: f64, line: &mut Vec<u8>) -> CheckOutcome {
    number(value, line);
    if value.is_nan() { CheckOutcome::NoData } else { CheckOutcome::Good(value) }
}

fn error(why: &str, line: &mut Vec<u8>) -> CheckOutcome {
    line.extend_from_slice(br#"{"error":"#);
    text(why, line);
    line.push(b'}');
    CheckOutcome::Error
}

/// Several series count as what the largest of them shows.
fn series(samples: &[Sample], line: &mut Vec<u8>) -> CheckOutcome {
    line.extend_from_slice(br#"{"series":["#);
    for (index, sample) in samples.iter().enumerate() {
        line.extend_from_slice(if index == 0 { br#"{"labels":{"# } else { br#",{"labels":{"# });
        for (nth, (name, value)) in sample.labels.iter().enumerate() {
            if nth > 0 {
                line.push(b',');
            }
            text(name, line);
            line.push(b':');
            text(value, line);
        }
        line.extend_from_slice(br#"},"value":"#);
        number(sample.value, line);
        line.push(b'}');
    }
    line.extend_from_slice(b"]}");
    let numbers = samples.iter().map(|sample| sample.value).filter(|value| !value.is_nan());
    numbers.reduce(f64::max).map_or(CheckOutcome::NoData, CheckOutcome::Good)
}

fn kind(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Progressing => "progressing",
        StepKind::Bake => "bake",
        StepKind::Analysis(_) => "analysis",
        StepKind::Pause => "pause",
        StepKind::Superseded => "superseded",
        StepKind::Promoting => "promoting",
        StepKind::Done => "done",
    }
}

fn number(value: f64, line: &mut Vec<u8>) {
    let value = if value.is_infinite() { f64::MAX.copysign(value) } else { value };
    // What is no number becomes `null`; writing to memory does not fail.
    let _ = serde_json::to_writer(line, &value);
}

fn whole(value: u64, line: &mut Vec<u8>) {
    let _ = serde_json::to_writer(line, &value);
}

fn text(value: &str, line: &mut Vec<u8>) {
    let _ = serde_json::to_writer(line, value);
}
