//! One group at work.

use super::Reaction;
use crate::policy::native::verdict_of;
use crate::policy::{CheckOutcome, Observation, Start, Verdict};
use crate::promql::{Evaluator, MemoryStorage, Program, QueryId, Sample, Series, Value};
use crate::rules::{Active, AlertState, Expansion, Rule};
use crate::time::{SimDuration, SimTime};

/// Where the value of a rule comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Monitoring, under this number of a query.
    Monitoring(usize),
    /// What rules wrote.
    Records(QueryId),
}

/// A rule of a group.
#[derive(Clone, Debug)]
pub struct Member {
    /// The rule before its first evaluation.
    pub rule: Rule,
    /// Where its value comes from.
    pub ask: Ask,
    /// For an alert: the number of its check, and what follows if anybody listens.
    pub alert: Option<(usize, Option<Reaction>)>,
    /// The left side of an alert's comparison, to show a value where it is good.
    pub side: Option<Ask>,
}

/// A group as it was loaded.
#[derive(Clone, Debug)]
pub struct GroupSpec {
    /// Its name.
    pub name: String,
    /// Time between its evaluations.
    pub every: SimDuration,
    /// What is added to the phase of the file's first group, in intervals: 0 to 1.
    pub shift: f64,
    /// How much of the past is filled in before the first evaluation.
    pub past: SimDuration,
    /// Its rules, in order.
    pub members: Vec<Member>,
}

/// A group with its state.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) next: SimTime,
    has_past: bool,
    rules: Vec<Rule>,
}

/// What rules are computed with.
pub(super) struct Bench<'a> {
    pub(super) program: &'a Program,
    pub(super) evaluator: &'a mut Evaluator,
    pub(super) store: &'a mut MemoryStorage,
}

impl Bench<'_> {
    fn records(&mut self, query: QueryId, at_ms: i64) -> Option<Value> {
        self.evaluator.eval(self.program, self.store, query, at_ms).ok()
    }
}

impl Watch {
    pub(super) fn new(group: &GroupSpec) -> Self {
        let rules = group.members.iter().map(|member| member.rule.clone()).collect();
        Watch { next: SimTime::NEVER, has_past: false, rules }
    }

    pub(super) fn start(&mut self, group: &GroupSpec, start: &Start) {
        let phase = (start.phase + group.shift).fract();
        let offset = group.every.scale(phase);
        *self = Watch { next: start.deploy_at + offset, ..Watch::new(group) };
    }

    /// Evaluates the rules in order; what follows from alerts that began to fire.
    pub(super) fn evaluate(
        &mut self,
        group: &GroupSpec,
        bench: &mut Bench<'_>,
        o: &mut Observation<'_>,
    ) -> Verdict {
        if !std::mem::replace(&mut self.has_past, true) {
            self.fill_past(group, bench, o);
        }
        self.next = o.now + group.every;
        let at_ms = o.now.as_millis();
        let mut verdict = Verdict::Continue;
        for (rule, member) in self.rules.iter_mut().zip(&group.members) {
            let value = match member.ask {
                Ask::Monitoring(query) => o.queries.value(query).ok().cloned(),
                Ask::Records(query) => bench.records(query, at_ms),
            };
            if let Some((check, _)) = &member.alert {
                found(*check, value.as_ref(), member.side, bench, o);
            }
            let Some(value) = value else { continue };
            if rule.take(value, bench.store, (at_ms, at_ms), &Expansion::default()).is_ok()
                && let Some((_, Some(reaction))) = &member.alert
                && let Some(reason) = begins(rule, at_ms)
            {
                o.say(|| reason.clone());
                verdict = verdict.stronger(after(reaction, &reason));
            }
        }
        let oldest = at_ms - bench.program.longest_window().as_millis() - group.every.as_millis();
        bench.store.forget_until(oldest);
        verdict
    }

    /// Evaluates the group at the instants before this one, as far back as anything looks.
    fn fill_past(&mut self, group: &GroupSpec, bench: &mut Bench<'_>, o: &mut Observation<'_>) {
        let every_ms = group.every.as_millis().max(1);
        let steps = (group.past.as_millis() / every_ms).min(o.now.as_millis() / every_ms);
        if steps == 0 {
            return;
        }
        let ago = |steps: i64| SimTime::from_nanos(o.now.as_nanos() - (steps * every_ms) as u64 * 1_000_000);
        let (from, to) = (ago(steps), ago(1));
        let past: Vec<Option<Value>> = group
            .members
            .iter()
            .map(|member| match member.ask {
                Ask::Monitoring(query) => o.queries.range(query, from, to, group.every).ok(),
                Ask::Records(_) => None,
            })
            .collect();
        for step in (1..=steps).rev() {
            let at_ms = o.now.as_millis() - step * every_ms;
            for ((rule, member), past) in self.rules.iter_mut().zip(&group.members).zip(&past) {
                let value = match member.ask {
                    Ask::Monitoring(_) => past.as_ref().map(|past| at(past, at_ms)),
                    Ask::Records(query) => bench.records(query, at_ms),
                };
                if let Some(value) = value {
                    // A rule that fails has written nothing.
                    let _ = rule.take(value, bench.store, (at_ms, at_ms), &Expansion::default());
                }
            }
        }
    }
}

/// The samples of a range at one of its instants.
fn at(range: &Value, at_ms: i64) -> Value {
    let Value::Matrix(series) = range else { return Value::Vector(Vec::new()) };
    let sample = |series: &Series| {
        let place = series.points.binary_search_by_key(&at_ms, |point| point.0).ok()?;
        Some(Sample { labels: series.labels.clone(), value: series.points.get(place)?.1 })
    };
    Value::Vector(series.iter().filter_map(sample).collect())
}

/// The sentence about a series that has begun to fire at this instant, if one has.
fn begins(rule: &Rule, at_ms: i64) -> Option<String> {
    let alert = rule.alert()?;
    let begun = |a: &&Active| a.state == AlertState::Firing && a.fired_at_ms == Some(at_ms);
    let active = alert.active().find(begun)?;
    let text = ["summary", "title", "message", "description"];
    let says = |name: &&str| active.annotations.iter().find(|(known, _)| known == name);
    Some(match text.iter().find_map(says) {
        Some((_, text)) => format!("{} fires: {}", alert.name(), text.lines().next().unwrap_or_default()),
        None => format!("{} fires", alert.name()),
    })
}

fn after(reaction: &Reaction, reason: &str) -> Verdict {
    let verdict = verdict_of(&reaction.then, reason);
    if reaction.after.is_zero() { verdict } else { Verdict::after(reaction.after, verdict) }
}

/// Notes what the query of an alert found: any series is bad.
fn found(
    check: usize,
    value: Option<&Value>,
    side: Option<Ask>,
    bench: &mut Bench<'_>,
    o: &mut Observation<'_>,
) {
    let number = |value: &Value| match value {
        Value::Scalar(value) => Some(*value),
        Value::Vector(samples) => samples.iter().map(|s| s.value).reduce(f64::max),
        _ => None,
    };
    let outcome = match value {
        None => CheckOutcome::Error,
        Some(value) => match (number(value), side) {
            (Some(bad), _) => CheckOutcome::Bad(bad),
            (None, None) => CheckOutcome::Nothing,
            (None, Some(side)) => {
                let at_ms = o.now.as_millis();
                let good = match side {
                    Ask::Monitoring(query) => o.queries.value(query).ok().and_then(number),
                    Ask::Records(query) => bench.records(query, at_ms).as_ref().and_then(number),
                };
                good.map_or(CheckOutcome::NoData, CheckOutcome::Good)
            }
        },
    };
    o.found(check, outcome);
}
