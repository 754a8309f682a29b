//! Conditions: what makes an evaluation of a trigger bad.
//!
//! The simplest is a PromQL expression. Beside it stand [detectors](crate::detect) and what combines conditions: any, all,
//! k of n, weighted scores, hysteresis, a least number of events, a dead man's switch, detectors that share one
//! probability of a false alarm.
//!
//! An evaluation finds one of six things ([`Answer`]). Combinations follow the strong logic of Kleene: what cannot be known
//! (no data, a query that failed, a detector that is still learning) matters only where it could change the outcome. All parts
//! are evaluated at every evaluation, whatever the others say, since detectors must see every sample.
//!
//! Traps: `any` of m detectors at level alpha raises a false alarm with up to m alpha, which is what `shared_alpha` is
//! for; a guard beside a comparison (`all`) needs both, one that must stop a release whatever the comparison says (a
//! dependency that both arms share fails) belongs under `any`; a detector that has raised an alarm goes on and may fall quiet
//! again, so `for` and counts mean its alarms, not its samples.

mod arm;
mod counters;
mod detecting;
mod shared_alpha;
mod spec;

pub use arm::Arm;
pub use detecting::{DetectDef, Detecting, LearnDef};
pub use shared_alpha::SharedAlpha;
pub use spec::{
    ArmSpec, AtLeastSpec, ConditionSpec, DetectSpec, HysteresisSpec, KOfSpec, LearnSpec, ScoreSpec,
    SharedAlphaSpec, Sharing, SilentSpec, WeighedSpec,
};

use counters::Counters;

use super::trigger::{Seen, look};
use crate::policy::{CheckOutcome, Observation, Start};
use crate::promql::{Labels, Value};
use crate::time::{SimDuration, SimTime};

/// A condition at work; as it was loaded before its start.
#[derive(Clone, Debug)]
pub enum Condition {
    /// A PromQL expression.
    Expr {
        /// Index of its query.
        query: usize,
        /// Indices of the queries of the two sides of its comparison, if it is one, for "no data"; a side that is a
        /// constant has none.
        sides: Vec<usize>,
        /// Index of its check.
        check: usize,
    },
    /// A detector.
    Detect(Detecting),
    /// One of them.
    Any(Vec<Condition>),
    /// All of them.
    All(Vec<Condition>),
    /// The opposite.
    Not(Box<Condition>),
    /// So many of them.
    KOf(u32, Vec<Condition>),
    /// Weights that add up to so much.
    Score(f64, Vec<(f64, Condition)>),
    /// Two limits.
    Hysteresis(Hysteresis),
    /// A least number of events.
    AtLeast(AtLeast),
    /// A counter that stands still.
    Silent(Silent),
    /// Detectors that share one probability of a false alarm.
    SharedAlpha(SharedAlpha),
}

/// What an evaluation found.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    /// It is bad; the series that make it so, one without labels where none do.
    Bad(Vec<Labels>),
    /// It is good.
    Good,
    /// It is good and the test is over.
    Accepted,
    /// Not enough has been seen.
    Learning,
    NoData,
    Error,
}

impl Answer {
    fn bad() -> Self {
        Answer::Bad(vec![Labels::empty()])
    }

    fn is_bad(&self) -> bool {
        matches!(self, Answer::Bad(_))
    }

    fn is_good(&self) -> bool {
        matches!(self, Answer::Good | Answer::Accepted)
    }

    /// Of two things that cannot be known, the one that is told.
    fn unknown(all: &[Answer]) -> Answer {
        let one_of = |what: &Answer| all.contains(what);
        [Answer::Error, Answer::NoData, Answer::Learning].into_iter().find(one_of).unwrap_or(Answer::Good)
    }

    /// Where nothing is bad: accepted if every test that can end has, and there is one.
    fn all_well(all: &[Answer]) -> Answer {
        let accepted = all.contains(&Answer::Accepted) && all.iter().all(Answer::is_good);
        if accepted { Answer::Accepted } else { Answer::unknown(all) }
    }
}

/// A condition with another limit for its end.
#[derive(Clone, Debug)]
pub struct Hysteresis {
    starts: Box<Condition>,
    ends: Box<Condition>,
    is_on: bool,
}

/// A condition that needs a number of events.
#[derive(Clone, Debug)]
pub struct AtLeast {
    events: u64,
    query: usize,
    counters: Counters,
    seen: f64,
    when: Box<Condition>,
}

/// A counter that has not grown for too long.
#[derive(Clone, Debug)]
pub struct Silent {
    query: usize,
    lasts: SimDuration,
    check: usize,
    counters: Counters,
    /// The last growth; the first evaluation before there was one.
    heard_at: Option<SimTime>,
}

impl Condition {
    /// Bad from when `starts` is until `ends` is.
    pub fn hysteresis(starts: Condition, ends: Condition) -> Self {
        Condition::Hysteresis(Hysteresis { starts: Box::new(starts), ends: Box::new(ends), is_on: false })
    }

    /// What `when` says once so many events were counted by the counters of a query.
    pub fn at_least(events: u64, query: usize, when: Condition) -> Self {
        let counters = Counters::default();
        Condition::AtLeast(AtLeast { events, query, counters, seen: 0.0, when: Box::new(when) })
    }

    /// Bad when the counters of a query have not grown for so long.
    pub fn silent(query: usize, lasts: SimDuration, check: usize) -> Self {
        Condition::Silent(Silent { query, lasts, check, counters: Counters::default(), heard_at: None })
    }

    /// The query and the sides of a condition that is a plain expression.
    pub fn expr(&self) -> Option<(usize, &[usize])> {
        match self {
            Condition::Expr { query, sides, .. } => Some((*query, sides)),
            _ => None,
        }
    }

    /// A rollout begins; evaluations are `every` apart.
    pub(super) fn start(&mut self, start: &Start, every: SimDuration) {
        self.each_detector(&mut |detecting| detecting.start(start, every));
    }

    /// Forgets what was seen, not what was learned of the past.
    pub(super) fn reset(&mut self) {
        match self {
            Condition::Hysteresis(hysteresis) => hysteresis.is_on = false,
            Condition::AtLeast(least) => least.seen = 0.0,
            Condition::Silent(silent) => silent.heard_at = None,
            _ => {}
        }
        self.each_part(&mut Condition::reset);
        if let Condition::Detect(detecting) = self {
            detecting.reset();
        }
        if let Condition::SharedAlpha(shared) = self {
            shared.detectors_mut().iter_mut().for_each(Detecting::reset);
        }
    }

    fn each_detector(&mut self, act: &mut dyn FnMut(&mut Detecting)) {
        match self {
            Condition::Detect(detecting) => act(detecting),
            Condition::SharedAlpha(shared) => shared.detectors_mut().iter_mut().for_each(act),
            _ => self.each_part(&mut |part| part.each_detector(act)),
        }
    }

    fn each_part(&mut self, act: &mut dyn FnMut(&mut Condition)) {
        match self {
            Condition::Any(parts) | Condition::All(parts) | Condition::KOf(_, parts) => {
                parts.iter_mut().for_each(act);
            }
            Condition::Score(_, parts) => parts.iter_mut().for_each(|(_, part)| act(part)),
            Condition::Not(part) => act(part),
            Condition::AtLeast(least) => act(&mut least.when),
            Condition::Hysteresis(hysteresis) => {
                act(&mut hysteresis.starts);
                act(&mut hysteresis.ends);
            }
            Condition::Expr { .. }
            | Condition::Detect(_)
            | Condition::Silent(_)
            | Condition::SharedAlpha(_) => {}
        }
    }

    pub(super) fn evaluate(&mut self, o: &mut Observation<'_>) -> Answer {
        match self {
            Condition::Expr { query, sides, check } => match look(*query, sides, *check, o) {
                Seen::Bad(series) => Answer::Bad(series),
                Seen::Good => Answer::Good,
                Seen::NoData => Answer::NoData,
                Seen::Error => Answer::Error,
            },
            Condition::Detect(detecting) => detecting.evaluate(o),
            Condition::Any(parts) => k_of(1, &evaluate_all(parts, o)),
            Condition::All(parts) => k_of(parts.len(), &evaluate_all(parts, o)),
            Condition::KOf(k, parts) => k_of(*k as usize, &evaluate_all(parts, o)),
            Condition::Not(part) => match part.evaluate(o) {
                Answer::Bad(_) => Answer::Good,
                Answer::Good | Answer::Accepted => Answer::bad(),
                unknown => unknown,
            },
            Condition::Score(at_least, parts) => score(*at_least, parts, o),
            Condition::Hysteresis(hysteresis) => hysteresis.evaluate(o),
            Condition::AtLeast(least) => least.evaluate(o),
            Condition::Silent(silent) => silent.evaluate(o),
            Condition::SharedAlpha(shared) => shared.evaluate(o),
        }
    }
}

fn evaluate_all(parts: &mut [Condition], o: &mut Observation<'_>) -> Vec<Answer> {
    parts.iter_mut().map(|part| part.evaluate(o)).collect()
}

/// Bad when k are; good when too many are good for that; else not to be known.
fn k_of(k: usize, answers: &[Answer]) -> Answer {
    let bad = answers.iter().filter(|answer| answer.is_bad()).count();
    let good = answers.iter().filter(|answer| answer.is_good()).count();
    if bad >= k {
        return Answer::bad();
    }
    if answers.len() - good >= k {
        return Answer::unknown(answers);
    }
    if good == answers.len() { Answer::all_well(answers) } else { Answer::Good }
}

/// What cannot be known adds nothing.
fn score(at_least: f64, parts: &mut [(f64, Condition)], o: &mut Observation<'_>) -> Answer {
    let mut sum = 0.0;
    let mut answers = Vec::with_capacity(parts.len());
    for (weight, part) in parts {
        let answer = part.evaluate(o);
        sum += if answer.is_bad() { *weight } else { 0.0 };
        answers.push(answer);
    }
    if sum >= at_least { Answer::bad() } else { Answer::all_well(&answers) }
}

impl Hysteresis {
    fn evaluate(&mut self, o: &mut Observation<'_>) -> Answer {
        let (starts, ends) = (self.starts.evaluate(o), self.ends.evaluate(o));
        if self.is_on {
            self.is_on = !ends.is_bad();
        } else {
            self.is_on = starts.is_bad();
        }
        match (self.is_on, starts.is_bad()) {
            (true, _) => Answer::bad(),
            (false, true) => Answer::Good,
            (false, false) => starts,
        }
    }
}

impl AtLeast {
    fn evaluate(&mut self, o: &mut Observation<'_>) -> Answer {
        if let Ok(Value::Vector(samples)) = o.queries.value(self.query) {
            self.seen += self.counters.growth(samples);
        }
        let answer = self.when.evaluate(o);
        // Exact: counts stay far below 2^53.
        if self.seen >= self.events as f64 || !answer.is_bad() { answer } else { Answer::Learning }
    }
}

impl Silent {
    fn evaluate(&mut self, o: &mut Observation<'_>) -> Answer {
        let grown = match o.queries.value(self.query) {
            Ok(Value::Vector(samples)) => self.counters.growth(samples),
            Ok(_) => 0.0,
            Err(_) => {
                o.found(self.check, CheckOutcome::Error);
                return Answer::Error;
            }
        };
        let heard_at = *self.heard_at.get_or_insert(o.now);
        if grown > 0.0 {
            self.heard_at = Some(o.now);
            o.found(self.check, CheckOutcome::Good(grown));
            return Answer::Good;
        }
        if o.now.since(heard_at) >= self.lasts {
            o.found(self.check, CheckOutcome::Bad(0.0));
            return Answer::bad();
        }
        o.found(self.check, CheckOutcome::Good(0.0));
        Answer::Good
    }
}

#[cfg(test)]
mod tests;
