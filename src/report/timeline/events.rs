//! Every event in the order of time, what repeats folded into one line.
//!
//! Readings of one check that go the same way are one line, and so are pods scaled one by one and a sentence said
//! again; a line is placed where it began. What happens to the release (a fault, a weight, a decision) ends all open
//! lines, so that before and after stay apart.

use std::collections::BTreeMap;

use crate::replication::branch::CLIENT_SHARE;
use crate::replication::record::{
    DecisionKind, DecisionRecord, Lane, Nanos, RollbackRecord, RollbackStep, RunRecord, TimelineEntry,
};
use crate::report::support::lines::{pad, wrap};
use crate::report::support::paint::{Tone, paint};
use crate::report::support::sparkline::Scale;
use crate::score::words;

use super::checks::{Found, Reading, reading};
use super::{Page, cut, seconds};

/// Most numbers of pods told of one folded line.
const SCALES_MAX: usize = 6;
/// What stands before a decision.
const MARK: &str = ">>>";

/// One event before folding.
struct Event {
    at: Nanos,
    lane: Lane,
    what: What,
    tone: Tone,
    marked: bool,
}

enum What {
    Text(String),
    Reading(Reading),
}

/// One line after folding.
#[derive(Debug, PartialEq)]
struct Folded {
    at: Nanos,
    until: Nanos,
    lane: Lane,
    body: Body,
    tone: Tone,
    marked: bool,
}

#[derive(Debug, PartialEq)]
enum Body {
    /// A sentence and how often it was said.
    Said(String, usize),
    /// `scale stable pods to`, and the numbers.
    Scaled(String, Vec<String>),
    /// Readings that went the same way.
    Readings(Vec<Reading>),
}

/// What may be folded together.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Text(Lane, String),
    Scale(String),
    Check(usize),
}

/// The lines of the list.
pub(super) fn lines(page: &Page<'_>, run: &RunRecord) -> Vec<String> {
    let folded = fold(events(page, run));
    if folded.is_empty() {
        return vec!["  nothing was noted".to_owned()];
    }
    folded.iter().flat_map(|line| line.print(page)).collect()
}

/// What the record holds, in the order of time: the timeline, and the steps and stamps of the rollback.
fn events(page: &Page<'_>, run: &RunRecord) -> Vec<Event> {
    let own = run.decision.as_ref().map(|decision| (decision.at, verdict(decision)));
    let mut events: Vec<Event> = run
        .timeline
        .iter()
        .filter(|entry| !of_another(entry, own.as_ref()))
        .filter_map(|entry| event(page, entry, own.as_ref()))
        .collect();
    if let Some((at, text)) = own.filter(|_| !events.iter().any(|event| event.marked)) {
        let tone = Tone::Decision;
        events.push(Event { at, lane: Lane::Policy, what: What::Text(text), tone, marked: true });
    }
    events.extend(rollback_events(run));
    if let Some(at) = run.recovered_at {
        let what = What::Text("recovered: inside the SLO, or no worse than no deploy".to_owned());
        events.push(Event { at, lane: Lane::Truth, what, tone: Tone::Good, marked: false });
    }
    if let Some(at) = super::harmed_again(run) {
        let what = What::Text("requests are harmed again".to_owned());
        events.push(Event { at, lane: Lane::Truth, what, tone: Tone::Bad, marked: false });
    }
    // Stable: otherwise what happens at one instant stays in the order in which it was noted.
    events.sort_by_key(|event| (event.at, rank(event)));
    events
}

/// Causes before effects within an instant: what was decided, the step that follows, what it does, what that achieves.
fn rank(event: &Event) -> u8 {
    match (&event.what, event.lane) {
        (_, Lane::Cluster) => 2,
        (What::Text(text), Lane::Rollback) if text.starts_with("step ") => 1,
        (What::Text(_), Lane::Rollback) if event.tone == Tone::Good => 3,
        (What::Text(_), Lane::Truth) if event.tone == Tone::Good => 4,
        _ => 0,
    }
}

fn event(page: &Page<'_>, entry: &TimelineEntry, own: Option<&(Nanos, String)>) -> Option<Event> {
    let (what, tone) = if entry.found.is_some() {
        // A reading that is not this policy's is somebody else's on the same branch.
        let reading = reading(entry, page.policy)?;
        let bad = matches!(reading.found, Found::Bad | Found::Error);
        (What::Reading(reading), if bad { Tone::Bad } else { Tone::Plain })
    } else {
        let restored = entry.lane == Lane::Rollback && entry.text.starts_with("restored");
        (What::Text(entry.text.clone()), if restored { Tone::Good } else { Tone::Plain })
    };
    let marked =
        entry.lane == Lane::Policy && own.is_some_and(|(at, text)| entry.at == *at && entry.text == *text);
    let tone = if marked { Tone::Decision } else { tone };
    Some(Event { at: entry.at, lane: entry.lane, what, tone, marked })
}

/// The decision as the timeline tells it.
fn verdict(decision: &DecisionRecord) -> String {
    format!("{}{}", prefix(decision.kind), decision.reasons.join("; "))
}

fn prefix(kind: DecisionKind) -> &'static str {
    match kind {
        DecisionKind::RollBack => "verdict: roll back: ",
        DecisionKind::ForwardFix => "verdict: forward fix: ",
        DecisionKind::Stop => "verdict: stop: ",
    }
}

/// A deciding verdict at or before the policy's first decision that is not that decision was another player's.
fn of_another(entry: &TimelineEntry, own: Option<&(Nanos, String)>) -> bool {
    let kinds = [DecisionKind::RollBack, DecisionKind::ForwardFix, DecisionKind::Stop];
    let decides =
        entry.lane == Lane::Policy && kinds.into_iter().any(|kind| entry.text.starts_with(prefix(kind)));
    decides && own.is_none_or(|(at, text)| entry.at < *at || (entry.at == *at && entry.text != *text))
}

/// Steps and stamps of the rollback, and of what followed it.
fn rollback_events(run: &RunRecord) -> Vec<Event> {
    let first = run.rollback.iter().flat_map(|rollback| steps_of(rollback, ""));
    let name = |rollback: &RollbackRecord| format!(" of {}", rollback.procedure);
    first.chain(run.further.iter().flat_map(|rollback| steps_of(rollback, &name(rollback)))).collect()
}

fn steps_of(rollback: &RollbackRecord, of: &str) -> Vec<Event> {
    let event = |at: Nanos, text: String, tone: Tone| Event {
        at,
        lane: Lane::Rollback,
        what: What::Text(text),
        tone,
        marked: false,
    };
    let steps = rollback.steps.len();
    let mut events: Vec<Event> = Vec::new();
    for (index, step) in rollback.steps.iter().enumerate() {
        let (told, tone) = ending(step);
        events.push(event(
            step.began,
            format!("step {}/{steps}{of}: {}: {told}", index + 1, step.name),
            tone,
        ));
    }
    let stamps = [
        (rollback.drained, "drained: the candidate has served its last request"),
        (rollback.verified, "verified"),
    ];
    for (at, text) in stamps {
        events.extend(at.map(|at| event(at, text.to_owned(), Tone::Good)));
    }
    events
}

/// How a step ended: as was reported and, where that is not what happened, what did.
fn ending(step: &RollbackStep) -> (String, Tone) {
    let took = step.ended.map(|end| seconds(step.began, end));
    let (told, tone) = match (took, step.failed) {
        (Some(took), true) => (format!("failed after {}", words::duration(took)), Tone::Bad),
        (None, true) => ("failed".to_owned(), Tone::Bad),
        (Some(took), false) if took <= 0.0 => ("at once".to_owned(), Tone::Plain),
        (Some(took), false) => (format!("took {}", words::duration(took)), Tone::Plain),
        (None, false) => ("never ended".to_owned(), Tone::Bad),
    };
    match step.right {
        _ if step.silent => (format!("{told}, reported as done and did nothing"), Tone::Bad),
        Some(false) => (format!("{told}, and was wrong about the users"), Tone::Bad),
        _ => (told, tone),
    }
}

fn fold(events: Vec<Event>) -> Vec<Folded> {
    let mut lines: Vec<Folded> = Vec::new();
    let mut open: BTreeMap<Key, usize> = BTreeMap::new();
    for event in events {
        if ends_others(&event) {
            open.clear();
        }
        let key = key(&event);
        let known = key.as_ref().and_then(|key| open.get(key)).copied();
        if let Some(line) = known.and_then(|index| lines.get_mut(index))
            && line.absorb(&event)
        {
            continue;
        }
        if let Some(key) = key {
            open.insert(key, lines.len());
        }
        lines.push(Folded::new(event));
    }
    lines
}

fn key(event: &Event) -> Option<Key> {
    match &event.what {
        _ if event.marked => None,
        What::Reading(reading) => Some(Key::Check(reading.check)),
        What::Text(text) => Some(match scaled(event.lane, text) {
            Some((subject, _)) => Key::Scale(subject.to_owned()),
            None => Key::Text(event.lane, text.clone()),
        }),
    }
}

/// `scale candidate pods to`, `3`; and clients who move by themselves, a few at a time.
fn scaled(lane: Lane, text: &str) -> Option<(&str, &str)> {
    let folds = text.starts_with("scale ") || text.starts_with(CLIENT_SHARE);
    let at = text.rfind(" to ").filter(|_| lane == Lane::Cluster && folds)?;
    Some((text.get(..at + 3)?, text.get(at + 4..)?))
}

/// Whether an event parts what stands before it from what comes after it.
fn ends_others(event: &Event) -> bool {
    match (&event.what, event.lane) {
        (What::Reading(_), _) | (_, Lane::Observed) => false,
        (What::Text(text), Lane::Cluster) => scaled(event.lane, text).is_none(),
        (_, Lane::Policy) => event.marked,
        (_, Lane::Truth | Lane::Rollback) => true,
    }
}

impl Folded {
    fn new(event: Event) -> Self {
        let body = match event.what {
            What::Reading(reading) => Body::Readings(vec![reading]),
            What::Text(text) => match scaled(event.lane, &text) {
                Some((subject, pods)) => Body::Scaled(subject.to_owned(), vec![pods.to_owned()]),
                None => Body::Said(text, 1),
            },
        };
        let (at, lane, tone, marked) = (event.at, event.lane, event.tone, event.marked);
        Folded { at, until: at, lane, body, tone, marked }
    }

    /// Takes an event of the same key in, unless it is another kind of reading.
    fn absorb(&mut self, event: &Event) -> bool {
        match (&mut self.body, &event.what) {
            (Body::Readings(known), What::Reading(reading)) => {
                if known.last().is_none_or(|last| last.found != reading.found) {
                    return false;
                }
                known.push(*reading);
            }
            (Body::Scaled(_, pods), What::Text(text)) => {
                pods.extend(scaled(event.lane, text).map(|(_, n)| n.to_owned()));
            }
            (Body::Said(_, times), What::Text(_)) => *times += 1,
            _ => return false,
        }
        self.until = event.at;
        true
    }

    fn text(&self, page: &Page<'_>) -> String {
        let until =
            if self.until > self.at { format!(", until {}", page.clock(self.until)) } else { String::new() };
        match &self.body {
            Body::Said(text, 1) => text.clone(),
            Body::Said(text, times) => format!("{text} ({times} times{until})"),
            Body::Scaled(subject, pods) => format!("{subject} {}{until}", numbers(pods)),
            Body::Readings(readings) => format!("{}{until}", told(page, readings)),
        }
    }

    fn print(&self, page: &Page<'_>) -> Vec<String> {
        let lane = match self.lane {
            Lane::Truth => "truth",
            Lane::Cluster => "cluster",
            Lane::Observed => "observed",
            Lane::Policy => "policy",
            Lane::Rollback => "rollback",
        };
        let mark = if self.marked { MARK } else { "" };
        let head = format!("{} {}  {}  ", pad(mark, 3, false), page.clock(self.at), pad(lane, 8, false));
        let indent = " ".repeat(head.chars().count());
        // Words are wrapped and cut in the room right of the lane, so that the columns stay straight.
        let room = page.width.saturating_sub(indent.len());
        let pieces = wrap(&self.text(page), room, "", "  ").into_iter().flat_map(|line| cut(&line, room));
        pieces
            .enumerate()
            .map(|(i, piece)| {
                let line = format!("{}{piece}", if i == 0 { &head } else { &indent });
                paint(line.trim_end(), self.tone, page.colour)
            })
            .collect()
    }
}

/// `1, 2, 3` or, of many, the first and the last.
fn numbers(pods: &[String]) -> String {
    match pods {
        [first, second, .., last] if pods.len() > SCALES_MAX => format!("{first}, {second} ... {last}"),
        pods => pods.join(", "),
    }
}

/// "success-rate: 12 good readings 99.1..100".
fn told(page: &Page<'_>, readings: &[Reading]) -> String {
    let Some(first) = readings.first() else { return String::new() };
    let name = page.policy.checks.get(first.check).map_or("", |check| check.name.as_str());
    let n = readings.len();
    let word = match first.found {
        Found::Good => "good",
        Found::Bad => "bad",
        Found::NoData if n == 1 => return format!("{name}: no data"),
        Found::NoData => return format!("{name}: no data, {n} times"),
        Found::Error if n == 1 => return format!("{name}: the query failed"),
        Found::Error => return format!("{name}: the query failed {n} times"),
    };
    let values = || readings.iter().filter_map(|r| r.value);
    let range = match Scale::spanning(values()) {
        Some(Scale { low, high }) => {
            let (low, high) = (words::value(low), words::value(high));
            if low == high { low } else { format!("{low}..{high}") }
        }
        None => values().next_back().unwrap_or(f64::NAN).to_string(),
    };
    if n == 1 {
        return format!("{name}: {range} {word}");
    }
    // Nothing divided by nothing is no number, and no comparison with it holds: "good", and worth a word.
    let empty = readings.iter().filter(|r| r.value.is_none_or(f64::is_nan)).count();
    let empty = if empty > 0 && empty < n { format!(", {empty} of them NaN") } else { String::new() };
    format!("{name}: {n} {word} readings {range}{empty}")
}

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;
