//! One branch's answers.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Panel, Reads};
use crate::effect::SetName;
use crate::promql::{
    EvalError, Evaluator, Extent, Glance, Labels, Program, QueryId, SeriesId, Storage, Value,
};
use crate::telemetry::projection::{LabelSet, Projection};
use crate::telemetry::store::SampleStore;
use crate::telemetry::view::{self, At, View};

/// What one branch knows of one program.
#[derive(Debug)]
pub(super) struct Desk {
    view: View<Labels>,
    evaluator: Evaluator,
    /// Instant and rows of the store, visible or not, for which the answers of this round hold.
    at: (i64, usize),
    round: u64,
    answers: Answers,
}

/// The answers of a desk. Of the queries of thousands of variants only a few are ever asked for, so there is room for
/// those alone.
#[derive(Debug)]
struct Answers {
    /// By slot: the place of its answer, counted from 1; 0 if it was not asked for yet.
    places: Vec<u32>,
    given: Vec<Answer>,
}

impl Answers {
    fn new(slots: usize) -> Self {
        Answers { places: vec![0; slots], given: Vec::new() }
    }

    /// The answer of a slot, if there is such a slot; one that was never given holds in no round.
    fn of(&mut self, slot: usize) -> Option<&mut Answer> {
        let place = self.places.get_mut(slot)?;
        if *place == 0 {
            self.given.push(Answer::NONE);
            *place = self.given.len() as u32;
        }
        self.given.get_mut(*place as usize - 1)
    }
}

/// The answer to one query; it holds in the round it was given in, afterwards only its allocation is of use.
#[derive(Clone, Debug)]
struct Answer {
    round: u64,
    value: Value,
    error: Option<EvalError>,
}

impl Answer {
    const NONE: Answer = Answer { round: 0, value: Value::Scalar(f64::NAN), error: None };
}

impl Desk {
    pub(super) fn new(projection: &Arc<Projection<Labels>>, queries: usize) -> Self {
        Desk {
            view: View::new(projection.clone()),
            evaluator: Evaluator::new(),
            at: (i64::MIN, 0),
            round: 0,
            answers: Answers::new(queries),
        }
    }

    /// The same for a branch of another replication that has seen nothing yet; keeps what is known about labels.
    fn renewed(&self) -> Self {
        let mut fresh = self.clone();
        fresh.view = self.view.emptied();
        fresh.evaluator.rebind();
        fresh
    }

    /// Goes on with the buffers of a branch that has ended.
    fn inherit(&mut self, mut old: Desk) {
        self.evaluator.inherit(&mut old.evaluator);
        if self.answers.places.len() == old.answers.places.len() {
            self.answers = old.answers;
            self.round = self.round.max(old.round) + 1;
            self.at = (i64::MIN, 0);
        }
    }
}

impl Clone for Desk {
    /// Keeps what is known about series; the values of the present instant are computed again.
    fn clone(&self) -> Self {
        Desk {
            view: self.view.clone(),
            evaluator: self.evaluator.clone(),
            at: (i64::MIN, 0),
            round: 0,
            answers: Answers::new(self.answers.places.len()),
        }
    }
}

/// The answers of one branch.
#[derive(Clone, Debug)]
pub struct PanelState {
    /// By the number of the program; none for programs that nobody on the branch asks.
    pub(super) desks: Vec<Option<Desk>>,
}

/// What has been learnt about labels so far, of every program by whichever replication knows most.
#[derive(Debug, Default)]
pub struct Known(Mutex<Vec<Option<Arc<Desk>>>>);

impl Known {
    /// The state of a replication's first branch, which has seen nothing yet, for those who read this. What is known
    /// about labels is kept, which saves most of the work of [`Panel::start`] when worlds resemble each other; answers
    /// are the same.
    pub fn start(&self, panel: &Panel, reads: &Reads) -> PanelState {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let desk = |number: usize| match known.get(number) {
            Some(Some(known)) => Some(known.renewed()),
            _ => panel.desk(number),
        };
        let wanted = reads.programs.iter().enumerate();
        PanelState { desks: wanted.map(|(number, read)| if *read { desk(number) } else { None }).collect() }
    }

    /// Keeps what a branch knows if it is more than what is known.
    pub fn learn(&self, state: &PanelState) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < state.desks.len() {
            known.resize(state.desks.len(), None);
        }
        for (known, desk) in known.iter_mut().zip(&state.desks) {
            let Some(desk) = desk else { continue };
            let knowledge = desk.evaluator.knowledge();
            if known.as_ref().is_none_or(|known| known.evaluator.knowledge() < knowledge) {
                *known = Some(Arc::new(desk.renewed()));
            }
        }
    }
}

/// Buffers of branches that have ended, program by program.
#[derive(Debug, Default)]
pub struct SpareDesks(Vec<Option<Desk>>);

impl SpareDesks {
    /// This and what another one has.
    pub fn add(&mut self, other: SpareDesks) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), None);
        }
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            if theirs.is_some() {
                *mine = theirs;
            }
        }
    }
}

impl PanelState {
    /// The state of a branch of another replication that has seen nothing yet; what is known about labels is kept.
    #[must_use]
    pub fn renewed(&self) -> PanelState {
        PanelState { desks: self.desks.iter().map(|desk| desk.as_ref().map(Desk::renewed)).collect() }
    }

    /// Ends the branch; only its allocations are left.
    pub fn into_spare(mut self) -> SpareDesks {
        for desk in self.desks.iter_mut().flatten() {
            desk.view = desk.view.emptied();
        }
        SpareDesks(self.desks)
    }

    fn desk(&mut self, number: usize) -> Result<&mut Desk, EvalError> {
        self.desks.get_mut(number).and_then(Option::as_mut).ok_or(EvalError::UnknownQuery)
    }

    /// The value of a query at `now_ms`, over what is visible then; computed once per instant.
    ///
    /// # Errors
    /// When Prometheus would fail to evaluate it, or there is no such query.
    pub fn value(
        &mut self,
        panel: &Panel,
        store: &SampleStore,
        (policy, query): (usize, usize),
        now_ms: i64,
    ) -> Result<&Value, EvalError> {
        let place = panel.query(policy, query).ok_or(EvalError::UnknownQuery)?.place;
        let desk = self.desk(place.group)?;
        if desk.at != (now_ms, store.rows()) {
            desk.at = (now_ms, store.rows());
            desk.view.extend(store);
            desk.round += 1;
        }
        let answer = desk.answers.of(place.slot).ok_or(EvalError::UnknownQuery)?;
        if answer.round != desk.round {
            answer.round = desk.round;
            let (program, slots, _) = panel.programs.get(place.group).ok_or(EvalError::UnknownQuery)?;
            let id = *slots.get(place.slot).ok_or(EvalError::UnknownQuery)?;
            let visible = Visible(desk.view.at(store, now_ms));
            let done = desk.evaluator.eval_into(program, &visible, id, now_ms, &mut answer.value);
            answer.error = done.err();
        }
        match &answer.error {
            None => Ok(&answer.value),
            Some(error) => Err(error.clone()),
        }
    }

    /// Goes on with the buffers of a branch that has ended; answers are the same as with new ones.
    pub fn inherit(&mut self, ended: &mut SpareDesks) {
        for (desk, old) in self.desks.iter_mut().zip(&mut ended.0) {
            let Some(desk) = desk else { continue };
            if let Some(old) = old.take() {
                desk.inherit(old);
            }
        }
    }

    /// The values of a query at `start_ms`, `start_ms + step_ms` ... up to `end_ms`, over what is visible at `now_ms`.
    ///
    /// # Errors
    /// As [`PanelState::value`]; also if the step is not positive or the range has too many steps.
    pub fn range(
        &mut self,
        panel: &Panel,
        store: &SampleStore,
        (policy, query): (usize, usize),
        now_ms: i64,
        (start_ms, end_ms, step_ms): (i64, i64, i64),
    ) -> Result<Value, EvalError> {
        let place = panel.query(policy, query).ok_or(EvalError::UnknownQuery)?.place;
        let (program, slots, _) = panel.programs.get(place.group).ok_or(EvalError::UnknownQuery)?;
        let id = *slots.get(place.slot).ok_or(EvalError::UnknownQuery)?;
        let desk = self.desk(place.group)?;
        desk.view.extend(store);
        let visible = Visible(desk.view.at(store, now_ms));
        let series = desk.evaluator.eval_range(program, &visible, id, start_ms, end_ms, step_ms)?;
        Ok(Value::Matrix(series))
    }

    /// Shows the samples that are visible at `now_ms` under the names of a policy.
    ///
    /// # Errors
    /// If the policy has no query.
    pub fn scraped(
        &mut self,
        panel: &Panel,
        store: &SampleStore,
        policy: usize,
        now_ms: i64,
        read: &mut dyn FnMut(&dyn Storage),
    ) -> Result<(), EvalError> {
        let group = panel.program_of(policy).ok_or(EvalError::UnknownQuery)?;
        let desk = self.desk(group)?;
        desk.view.extend(store);
        read(&Visible(desk.view.at(store, now_ms)));
        Ok(())
    }

    /// The value of another query under the names of a policy, with only the pods of the candidate set counted for the
    /// rolled-out service. The query's selectors must be among those of the policy, as they are when it was made from
    /// one of its queries by [`crate::promql::pin`]; others read nothing. A query that has no value then, because it
    /// compares the candidate with the stable pods, is answered with both in sight. The evaluator is new or has only been
    /// used for this query under the same names, and has forgotten all values.
    ///
    /// # Errors
    /// As [`PanelState::value`].
    pub fn candidate_only(
        &mut self,
        panel: &Panel,
        store: &SampleStore,
        policy: usize,
        (program, query): (&Program, QueryId),
        evaluator: &mut Evaluator,
        now_ms: i64,
    ) -> Result<Value, EvalError> {
        let group = panel.query(policy, 0).ok_or(EvalError::UnknownQuery)?.place.group;
        let desk = self.desk(group)?;
        desk.view.extend(store);
        let all = || desk.view.at(store, now_ms);
        let alone = evaluator.eval(program, &Visible(all().only(SetName::New)), query, now_ms)?;
        match alone {
            Value::Vector(samples) if samples.is_empty() => {
                evaluator.forget();
                evaluator.eval(program, &Visible(all()), query, now_ms)
            }
            value => Ok(value),
        }
    }
}

impl LabelSet for Labels {
    fn build(pairs: &[(&str, &str)]) -> Self {
        Labels::new(pairs.iter().copied())
    }
}

/// What monitoring shows at an instant, as the query language reads it.
struct Visible<'a>(At<'a, Labels>);

impl Storage for Visible<'_> {
    fn series_count(&self) -> usize {
        self.0.series_count()
    }

    fn labels(&self, id: SeriesId) -> &Labels {
        self.0.labels(id)
    }

    fn samples(&self, id: SeriesId, after_ms: i64, upto_ms: i64, out: &mut Vec<(i64, f64)>) {
        self.0.samples(id, after_ms, upto_ms, out);
    }

    fn latest(&self, id: SeriesId, after_ms: i64, upto_ms: i64) -> Option<(i64, f64)> {
        self.0.latest(id, after_ms, upto_ms)
    }

    fn glance(&self, id: SeriesId, after_ms: i64, upto_ms: i64) -> Glance {
        match self.0.extent(id, after_ms, upto_ms) {
            view::Glance::Unknown => Glance::Unknown,
            view::Glance::Empty => Glance::Empty,
            view::Glance::Extent { first, last, count, falls } => {
                Glance::Extent(Extent { first, last, count, falls })
            }
        }
    }

    fn label_key(&self, id: SeriesId) -> Option<u32> {
        self.0.label_key(id)
    }

    fn generation(&self) -> u64 {
        self.0.rows() as u64
    }
}
