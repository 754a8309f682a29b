//! One group at work.

use super::Reaction;
use super::alertmanager::Firing;
use crate::policy::native::verdict_of;
use crate::policy::{CheckOutcome, Observation, Start, Verdict};
use crate::promql::{Evaluator, MemoryStorage, Overlay, Program, QueryId, Sample, Series, Value};
use crate::rules::{Active, Alert, AlertState, Expansion, Rule};
use crate::time::{SimDuration, SimTime};

/// Where the value of a rule comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Monitoring, under this number of a query.
    Monitoring(usize),
    /// What rules wrote.
    Records(QueryId),
    /// What rules wrote and what was scraped, in one expression.
    Both(QueryId),
}

/// A rule of a group.
#[derive(Clone, Debug)]
pub struct Member {
    /// The rule before its first evaluation.
    pub rule: Rule,
    /// Where its value comes from.
    pub ask: Ask,
    /// How much of its past is filled in before the first evaluation.
    pub past: SimDuration,
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
    /// Queries look at the instant this long before the evaluation.
    pub offset: SimDuration,
    /// What is added to the phase of the file's first group, in intervals: 0 to 1.
    pub shift: f64,
    /// Its rules, in order.
    pub members: Vec<Member>,
}

impl GroupSpec {
    /// The instants of an evaluation and of what its queries look at, in ms.
    fn instants(&self, at_ms: i64) -> (i64, i64) {
        (at_ms, at_ms - self.offset.as_millis())
    }

    /// How many evaluations of the past a rule needs, of those there could have been since the beginning.
    fn steps(&self, member: &Member, now: SimTime) -> i64 {
        let every_ms = self.every.as_millis().max(1);
        let possible = (now.as_millis() - self.offset.as_millis()) / every_ms;
        member.past.as_millis().div_euclid(every_ms).min(possible).max(0)
    }
}

/// A group with its state.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) next: SimTime,
    rules: Vec<Rule>,
}

/// What rules are computed with.
pub(super) struct Bench<'a> {
    pub(super) program: &'a Program,
    /// For what reads records alone.
    pub(super) evaluator: &'a mut Evaluator,
    /// For what reads scrapes as well.
    pub(super) over: &'a mut Evaluator,
    pub(super) store: &'a mut MemoryStorage,
}

impl Bench<'_> {
    /// A value at the instant of an observation, or at a past one; `None` if the query failed.
    fn value(&mut self, ask: Ask, at_ms: i64, o: &mut Observation<'_>) -> Option<Value> {
        match ask {
            Ask::Monitoring(query) if at_ms == o.now.as_millis() => o.queries.value(query).ok().cloned(),
            Ask::Monitoring(query) => {
                let then = SimTime::ZERO + SimDuration::from_millis(u64::try_from(at_ms).ok()?);
                let range = o.queries.range(query, then, then, SimDuration::from_secs(1)).ok()?;
                Some(at(&range, at_ms))
            }
            Ask::Records(query) => self.evaluator.eval(self.program, self.store, query, at_ms).ok(),
            Ask::Both(query) => {
                let (mut found, upper) = (None, &*self.store);
                self.over.rebind();
                let mut read = |lower: &dyn crate::promql::Storage| {
                    found = self.over.eval(self.program, &Overlay { upper, lower }, query, at_ms).ok();
                };
                o.queries.scraped(&mut read).ok()?;
                found
            }
        }
    }
}

impl Watch {
    pub(super) fn new(group: &GroupSpec) -> Self {
        let rules = group.members.iter().map(|member| member.rule.clone()).collect();
        Watch { next: SimTime::NEVER, rules }
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
        self.next = o.now + group.every;
        let at_ms = group.instants(o.now.as_millis());
        let mut verdict = Verdict::Continue;
        for (rule, member) in self.rules.iter_mut().zip(&group.members) {
            let value = bench.value(member.ask, at_ms.1, o);
            if let Some((check, _)) = &member.alert {
                let outcome = found(value.as_ref(), member.side, at_ms.1, bench, o);
                o.found(*check, outcome);
            }
            let Some(value) = value else { continue };
            let fired = rule.alert().is_some_and(fires);
            if rule.take(value, bench.store, at_ms, &Expansion::default()).is_ok()
                && let Some((_, Some(reaction))) = &member.alert
            {
                if let Some(reason) = begins(rule, at_ms.0) {
                    o.say(|| reason.clone());
                    verdict = verdict.stronger(after(reaction, &reason));
                }
                if let Some(alert) = rule.alert().filter(|alert| fired && !fires(alert)) {
                    o.say(|| format!("{} fires no more", alert.name()));
                }
            }
        }
        let oldest = at_ms.1 - bench.program.longest_window().as_millis() - group.every.as_millis();
        bench.store.forget_until(oldest);
        verdict
    }

    /// All series of its alerts that fire.
    pub(super) fn firing(&self, group: &GroupSpec) -> Vec<Firing> {
        let mut firing = Vec::new();
        for (rule, member) in self.rules.iter().zip(&group.members) {
            let (Some(alert), Some((_, reaction))) = (rule.alert(), &member.alert) else { continue };
            firing.extend(alert.active().filter(|a| a.state == AlertState::Firing).map(|active| Firing {
                labels: active.labels.clone(),
                reason: sentence(alert, active),
                then: reaction.as_ref().map(|reaction| reaction.then.clone()),
            }));
        }
        firing
    }

    /// Evaluates the group at the instants before its first evaluation, each rule as far back as anything looks at it.
    pub(super) fn fill_past(&mut self, group: &GroupSpec, bench: &mut Bench<'_>, o: &mut Observation<'_>) {
        let first_ms = self.next.as_millis();
        let every_ms = group.every.as_millis().max(1);
        let steps: Vec<i64> = group.members.iter().map(|member| group.steps(member, self.next)).collect();
        let looked_at = |step: i64| {
            let at_ms = group.instants(first_ms - step * every_ms).1;
            SimTime::ZERO + SimDuration::from_millis(at_ms.max(0).unsigned_abs())
        };
        let mut pasts = Vec::with_capacity(steps.len());
        for (member, &steps) in group.members.iter().zip(&steps) {
            pasts.push(match member.ask {
                Ask::Monitoring(query) if steps > 0 => {
                    o.queries.range(query, looked_at(steps), looked_at(1), group.every).ok()
                }
                _ => None,
            });
        }
        for step in (1..=steps.iter().copied().max().unwrap_or(0)).rev() {
            let at_ms = group.instants(first_ms - step * every_ms);
            for (place, member) in group.members.iter().enumerate() {
                if steps[place] < step {
                    continue;
                }
                let value = match (member.ask, &pasts[place]) {
                    (Ask::Monitoring(_), Some(past)) => Some(at(past, at_ms.1)),
                    (Ask::Monitoring(_), None) => None,
                    (ask, _) => bench.value(ask, at_ms.1, o),
                };
                if let (Some(value), Some(rule)) = (value, self.rules.get_mut(place)) {
                    // A rule that fails has written nothing.
                    let _ = rule.take(value, bench.store, at_ms, &Expansion::default());
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

/// Whether any series of an alert fires.
fn fires(alert: &Alert) -> bool {
    alert.active().any(|active| active.state == AlertState::Firing)
}

/// The sentence about a series that has begun to fire at this instant, if one has.
fn begins(rule: &Rule, at_ms: i64) -> Option<String> {
    let alert = rule.alert()?;
    let begun = |a: &&Active| a.state == AlertState::Firing && a.fired_at_ms == Some(at_ms);
    Some(sentence(alert, alert.active().find(begun)?))
}

/// What is said of a series that fires.
fn sentence(alert: &Alert, active: &Active) -> String {
    let text = ["summary", "title", "message", "description"];
    let says = |name: &&str| active.annotations.iter().find(|(known, _)| known == name);
    match text.iter().find_map(says) {
        Some((_, text)) => format!("{} fires: {}", alert.name(), text.lines().next().unwrap_or_default()),
        None => format!("{} fires", alert.name()),
    }
}

fn after(reaction: &Reaction, reason: &str) -> Verdict {
    let verdict = verdict_of(&reaction.then, reason);
    if reaction.after.is_zero() { verdict } else { Verdict::after(reaction.after, verdict) }
}

/// What the query of an alert found: any series is bad.
fn found(
    value: Option<&Value>,
    side: Option<Ask>,
    at_ms: i64,
    bench: &mut Bench<'_>,
    o: &mut Observation<'_>,
) -> CheckOutcome {
    let number = |value: &Value| match value {
        Value::Scalar(value) => Some(*value),
        Value::Vector(samples) => samples.iter().map(|s| s.value).reduce(f64::max),
        _ => None,
    };
    match value {
        None => CheckOutcome::Error,
        Some(value) => match (number(value), side) {
            (Some(bad), _) => CheckOutcome::Bad(bad),
            (None, None) => CheckOutcome::Nothing,
            (None, Some(side)) => {
                let good = bench.value(side, at_ms, o).as_ref().and_then(number);
                good.map_or(CheckOutcome::NoData, CheckOutcome::Good)
            }
        },
    }
}
