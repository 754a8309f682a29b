//! One trigger at work.

use std::collections::VecDeque;
use std::sync::Arc;

use super::condition::{Answer, Condition};
use super::pending::Alerts;
use super::schedule::{Clock, Later};
use super::spec::{OnTrouble, Then};
use super::{Observation, Start, Verdict};
use crate::policy::CheckOutcome;
use crate::promql::{Labels, Value};
use crate::time::{SimDuration, SimTime};

/// A trigger as it was loaded.
#[derive(Clone, Debug)]
pub struct TriggerDef {
    /// Its name.
    pub name: String,
    /// The reason it gives.
    pub reason: String,
    /// What is bad.
    pub when: Condition,
    /// When being bad is enough.
    pub rule: Rule,
    /// Time between evaluations.
    pub every: SimDuration,
    /// Other intervals later on.
    pub later: Vec<Later>,
    /// Time from the deploy to the first evaluation.
    pub start_after: SimDuration,
    /// What follows.
    pub then: Then,
    /// What follows when the condition is a test that ends well; the test then begins anew.
    pub when_accepted: Option<Then>,
    /// What an evaluation without data means.
    pub on_no_data: OnTrouble,
    /// What an evaluation that failed means.
    pub on_error: OnTrouble,
}

impl TriggerDef {
    /// What it says when it fires.
    pub fn verdict(&self) -> Verdict {
        verdict_of(&self.then, &self.reason)
    }
}

/// When being bad is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Bad without a break for this long, per series; zero = at once.
    For {
        /// How long.
        hold: SimDuration,
        /// How long it goes on firing afterwards.
        keep: SimDuration,
    },
    /// Bad at so many evaluations in a row.
    Consecutive(u32),
    /// Bad at k of the last n evaluations.
    KOfN {
        /// How many must be bad.
        k: u32,
        /// Of how many.
        n: u32,
    },
    /// Bad at so many evaluations in all.
    Cumulative(u32),
}

/// What an evaluation found.
pub(super) enum Seen {
    Bad(Vec<Labels>),
    Good,
    NoData,
    Error,
}

#[derive(Clone, Debug, PartialEq)]
enum Count {
    Alerts(Alerts),
    InARow(u32),
    Window(VecDeque<bool>),
    InAll(u32),
}

impl Count {
    fn new(rule: Rule) -> Self {
        match rule {
            Rule::For { .. } => Count::Alerts(Alerts::default()),
            Rule::Consecutive(_) => Count::InARow(0),
            Rule::KOfN { .. } => Count::Window(VecDeque::new()),
            Rule::Cumulative(_) => Count::InAll(0),
        }
    }

    /// Counts an evaluation and says whether the trigger fires; `None` is bad without knowing any series.
    fn add(&mut self, rule: Rule, bad: Option<&[Labels]>, now: SimTime) -> bool {
        let is_bad = bad.is_none_or(|series| !series.is_empty());
        match (self, rule) {
            (Count::Alerts(alerts), Rule::For { hold, keep }) => match bad {
                Some(series) => alerts.update(series.iter().cloned(), now, hold, keep),
                None => alerts.count_as_bad(now, hold),
            },
            (Count::InARow(count), Rule::Consecutive(wanted)) => {
                *count = if is_bad { count.saturating_add(1) } else { 0 };
                *count >= wanted
            }
            (Count::Window(window), Rule::KOfN { k, n }) => {
                window.push_back(is_bad);
                while window.len() > n as usize {
                    window.pop_front();
                }
                window.iter().filter(|bad| **bad).count() >= k as usize
            }
            (Count::InAll(count), Rule::Cumulative(wanted)) => {
                *count = count.saturating_add(u32::from(is_bad));
                *count >= wanted
            }
            _ => false,
        }
    }

    fn fires(&self, rule: Rule) -> bool {
        match (self, rule) {
            (Count::Alerts(alerts), _) => alerts.is_firing(),
            (Count::InARow(count), Rule::Consecutive(wanted)) => *count >= wanted,
            (Count::Window(window), Rule::KOfN { k, .. }) => {
                window.iter().filter(|bad| **bad).count() >= k as usize
            }
            (Count::InAll(count), Rule::Cumulative(wanted)) => *count >= wanted,
            _ => false,
        }
    }
}

/// A trigger at work.
#[derive(Clone, Debug)]
pub(super) struct Trigger {
    def: Arc<TriggerDef>,
    condition: Condition,
    count: Count,
    /// Whether it fired at the last evaluation.
    firing: bool,
    /// Whether trouble at the last evaluation was worth a page, so that one is sent once a spell.
    has_paged: bool,
    clock: Clock,
    standing: Verdict,
}

impl Trigger {
    pub(super) fn new(def: Arc<TriggerDef>) -> Self {
        Trigger {
            condition: def.when.clone(),
            count: Count::new(def.rule),
            clock: Clock::new(def.every, &def.later),
            def,
            firing: false,
            has_paged: false,
            standing: Verdict::Continue,
        }
    }

    pub(super) fn start(&mut self, start: &Start) {
        *self = Trigger::new(Arc::clone(&self.def));
        self.condition.start(start, self.def.every);
        self.clock.start(start.deploy_at, start.phase, self.def.start_after);
    }

    /// Forgets everything; the next evaluation is the first of the grid at or after `at`.
    pub(super) fn restart(&mut self, at: SimTime) {
        let (clock, mut condition) = (self.clock.clone(), self.condition.clone());
        condition.reset();
        *self = Trigger { clock, condition, ..Trigger::new(Arc::clone(&self.def)) };
        self.clock.resume(at);
    }

    pub(super) fn def(&self) -> Arc<TriggerDef> {
        Arc::clone(&self.def)
    }

    pub(super) fn next_tick(&self) -> SimTime {
        self.clock.next()
    }

    /// What the last evaluation said that still stands: a hold, until the next one.
    pub(super) fn standing(&self) -> Verdict {
        self.standing.clone()
    }

    pub(super) fn evaluate(&mut self, o: &mut Observation<'_>) -> Verdict {
        self.clock.tick(o.now);
        let answer = self.condition.evaluate(o);
        let verdict = self.conclude(answer, o);
        self.standing = if verdict == Verdict::Hold { Verdict::Hold } else { Verdict::Continue };
        verdict
    }

    fn conclude(&mut self, answer: Answer, o: &mut Observation<'_>) -> Verdict {
        let def = Arc::clone(&self.def);
        let had_paged = std::mem::replace(&mut self.has_paged, false);
        let (trouble, what) = match answer {
            Answer::Bad(series) => return self.count(Some(&series), o),
            Answer::Good | Answer::Learning => return self.count(Some(&[]), o),
            Answer::Accepted => return self.accepted(o),
            Answer::NoData => (def.on_no_data, "no data"),
            Answer::Error => (def.on_error, "query failed"),
        };
        self.has_paged = trouble == OnTrouble::Page;
        let reasons = vec![format!("{}: {what}", def.reason)];
        match trouble {
            OnTrouble::Ignore if what == "no data" => self.count(Some(&[]), o),
            OnTrouble::Ignore => self.level(self.count.fires(def.rule), o),
            OnTrouble::Count => self.count(None, o),
            OnTrouble::Hold => Verdict::Hold,
            OnTrouble::Page if had_paged => Verdict::Continue,
            OnTrouble::Page => Verdict::Page { reasons },
            OnTrouble::RollBack => {
                o.say(|| format!("{}: {what}, rolling back", def.name));
                Verdict::RollBack { reasons }
            }
        }
    }

    fn count(&mut self, bad: Option<&[Labels]>, o: &mut Observation<'_>) -> Verdict {
        let fires = self.count.add(self.def.rule, bad, o.now);
        self.level(fires, o)
    }

    fn accepted(&mut self, o: &mut Observation<'_>) -> Verdict {
        let verdict = self.count(Some(&[]), o);
        self.condition.reset();
        match &self.def.when_accepted {
            Some(then) => {
                let reason = format!("{} accepted", self.def.name);
                verdict.stronger(verdict_of(then, &reason))
            }
            None => verdict,
        }
    }

    /// From firing to a verdict: some verdicts stand while the trigger fires, others are said once.
    fn level(&mut self, fires: bool, o: &mut Observation<'_>) -> Verdict {
        let begins = fires && !self.firing;
        self.firing = fires;
        if !fires {
            return Verdict::Continue;
        }
        if begins {
            o.say(|| format!("{} fires: {}", self.def.name, self.def.reason));
        }
        let verdict = self.def.verdict();
        match self.def.then {
            Then::RollBack | Then::Stop | Then::ForwardFix | Then::Hold => verdict,
            Then::Advance => {
                self.condition.reset();
                self.count = Count::new(self.def.rule);
                self.firing = false;
                verdict
            }
            _ if begins => verdict,
            _ => Verdict::Continue,
        }
    }
}

/// Evaluates the expression, notes what was found, and tells "good" from "no data".
pub(super) fn look(query: usize, sides: &[usize], check: usize, o: &mut Observation<'_>) -> Seen {
    let found = match o.queries.value(query) {
        Ok(value) => bad_series(value),
        Err(_) => None,
    };
    let Some((series, worst)) = found else {
        o.found(check, CheckOutcome::Error);
        return Seen::Error;
    };
    if !series.is_empty() {
        o.found(check, CheckOutcome::Bad(worst.unwrap_or(f64::NAN)));
        return Seen::Bad(series);
    }
    let mut shown = worst;
    for (place, &side) in sides.iter().enumerate() {
        match o.queries.value(side).map(first_number) {
            Ok(Some(value)) if place == 0 => shown = Some(value),
            Ok(Some(_)) => {}
            Ok(None) => {
                o.found(check, CheckOutcome::NoData);
                return Seen::NoData;
            }
            Err(_) => {
                o.found(check, CheckOutcome::Error);
                return Seen::Error;
            }
        }
    }
    // An expression that is no comparison and has no result is good, and there is no number to show.
    o.found(check, shown.map_or(CheckOutcome::Nothing, CheckOutcome::Good));
    Seen::Good
}

/// The series that make the expression bad, and a number to show; `None` if the value is of no use as a condition.
fn bad_series(value: &Value) -> Option<(Vec<Labels>, Option<f64>)> {
    match value {
        Value::Vector(samples) => {
            let number = samples.last().map(|sample| sample.value);
            Some((samples.iter().map(|sample| sample.labels.clone()).collect(), number))
        }
        Value::Scalar(number) if *number != 0.0 && !number.is_nan() => {
            Some((vec![Labels::empty()], Some(*number)))
        }
        Value::Scalar(number) => Some((Vec::new(), Some(*number))),
        Value::Matrix(_) | Value::String(_) => None,
    }
}

fn first_number(value: &Value) -> Option<f64> {
    match value {
        Value::Vector(samples) => samples.last().map(|sample| sample.value),
        Value::Scalar(number) => Some(*number),
        Value::Matrix(_) | Value::String(_) => None,
    }
}

/// What is said when this follows for this reason.
pub(in crate::policy) fn verdict_of(then: &Then, reason: &str) -> Verdict {
    let reasons = vec![reason.to_owned()];
    match then {
        Then::RollBack => Verdict::RollBack { reasons },
        Then::Hold => Verdict::Hold,
        Then::Page => Verdict::Page { reasons },
        Then::Investigate => Verdict::Investigate { reasons },
        Then::Stop => Verdict::Stop { reasons },
        Then::ForwardFix => Verdict::ForwardFix { reasons },
        Then::Defer => Verdict::Defer { reasons },
        Then::Promote => Verdict::Promote,
        Then::Advance => Verdict::Advance,
        Then::After(later) => Verdict::after(later.delay, verdict_of(&later.then, reason)),
    }
}
