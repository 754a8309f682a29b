//! What is asked after the fact to explain a miss: the queries of the checks, over the new revision's pods alone, with
//! every window stretched over all the time since the fault began.
//!
//! Policies that put the same question under the same names share it, compiled or answered. It is compiled when it is
//! first needed, which may be never.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::policy::loaded::Loaded;
use crate::promql::{self, Evaluator, Program, QueryId, Value};
use crate::time::{SimDuration, SimTime};

use super::panel::Panel;
use super::prepared::Prepared;
use super::station::Station;

/// Stands for the stretched window while a query is compiled once for all replications; nobody writes such a window.
const STRETCHED: SimDuration = SimDuration::from_millis(123_456_789_123);

/// A question about the candidate.
#[derive(Debug)]
struct Question {
    /// Under which program's names it is asked, and a policy that has them.
    names: (usize, usize),
    text: String,
    stretched: OnceLock<Option<(Program, QueryId)>>,
    /// Knows the label sets that were met when it was asked before.
    evaluator: Mutex<Evaluator>,
}

fn compiled(text: &str) -> Option<(Program, QueryId)> {
    let mut program = Program::new();
    let query = program.add(text).ok()?;
    Some((program, query))
}

impl Question {
    fn stretched(&self) -> Option<&(Program, QueryId)> {
        let make = || compiled(&promql::pin(&self.text, &[], Some(STRETCHED)).ok()?);
        self.stretched.get_or_init(make).as_ref()
    }

    /// An evaluator that has answered it before, for another store.
    fn evaluator(&self) -> Evaluator {
        let mut evaluator = self.evaluator.lock().unwrap_or_else(PoisonError::into_inner).clone();
        evaluator.rebind();
        evaluator
    }

    /// Keeps what was learnt about label sets for the next time; answers do not depend on it.
    fn learn(&self, evaluator: &Evaluator) {
        let mut known = self.evaluator.lock().unwrap_or_else(PoisonError::into_inner);
        if evaluator.knowledge() > known.knowledge() {
            *known = evaluator.clone();
        }
    }
}

/// All questions of a study.
#[derive(Debug, Default)]
pub struct Questions {
    all: Vec<Question>,
    /// Their numbers, by the program whose names they use and by text.
    numbers: BTreeMap<usize, BTreeMap<String, usize>>,
}

impl Questions {
    /// The numbers of the questions that the checks of a policy put, in the order of its checks; `None` for a check
    /// without a query.
    pub fn of_policy(&mut self, panel: &Panel, policy: usize, loaded: &Loaded) -> Vec<Option<usize>> {
        let Some(program) = panel.program_of(policy) else { return vec![None; loaded.checks.len()] };
        loaded
            .checks
            .iter()
            .map(|check| Some(self.number((program, policy), check.query.as_deref()?)))
            .collect()
    }

    fn number(&mut self, names: (usize, usize), text: &str) -> usize {
        let numbers = self.numbers.entry(names.0).or_default();
        if let Some(known) = numbers.get(text) {
            return *known;
        }
        let number = self.all.len();
        let (stretched, evaluator) = (OnceLock::new(), Mutex::default());
        self.all.push(Question { names, text: text.to_owned(), stretched, evaluator });
        numbers.insert(text.to_owned(), number);
        number
    }
}

/// An answer, once it was asked for.
type Answer = Option<Option<Value>>;

/// The answers to the questions about one branch at one instant.
pub struct Hindsight<'a> {
    prepared: &'a Prepared,
    station: Station,
    now: SimTime,
    window: Option<SimDuration>,
    stretched: Vec<Answer>,
}

impl<'a> Hindsight<'a> {
    /// Looks back from `now` at what a station has stored; `since` is when the fault began.
    pub fn new(prepared: &'a Prepared, station: Station, now: SimTime, since: Option<SimTime>) -> Self {
        let questions = prepared.questions.all.len();
        Hindsight {
            prepared,
            station,
            now,
            window: since.map(|since| now.since(since)),
            stretched: vec![None; questions],
        }
    }

    /// The value of a question for the candidate alone, over all the time since the fault began.
    pub fn stretched(&mut self, question: usize) -> Option<&Value> {
        let asked = self.prepared.questions.all.get(question)?;
        let window = self.window.filter(|window| window.as_millis() > 0)?;
        let (station, prepared, now) = (&mut self.station, self.prepared, self.now);
        let answer = self.stretched.get_mut(question)?.get_or_insert_with(|| {
            let (program, query) = asked.stretched()?;
            let mut evaluator = asked.evaluator();
            evaluator.stretch(STRETCHED, window);
            let value =
                station.candidate_only(prepared, asked.names.1, (program, *query), &mut evaluator, now);
            asked.learn(&evaluator);
            value
        });
        answer.as_ref()
    }
}
