//! One branch's answers.

use std::sync::Arc;

use super::Panel;
use crate::effect::SetName;
use crate::promql::{EvalError, Evaluator, Labels, Program, QueryId, SeriesId, Storage, Value};
use crate::telemetry::projection::{LabelSet, Projection};
use crate::telemetry::store::SampleStore;
use crate::telemetry::view::{At, View};

/// What one branch knows of one program.
#[derive(Debug)]
pub(super) struct Desk {
    view: View<Labels>,
    evaluator: Evaluator,
    /// Instant and rows of the store, visible or not, for which the answers hold.
    at: (i64, usize),
    answers: Vec<Option<Result<Value, EvalError>>>,
}

impl Desk {
    pub(super) fn new(projection: &Arc<Projection<Labels>>, queries: usize) -> Self {
        Desk {
            view: View::new(projection.clone()),
            evaluator: Evaluator::new(),
            at: (i64::MIN, 0),
            answers: vec![None; queries],
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
            answers: vec![None; self.answers.len()],
        }
    }
}

/// The answers of one branch.
#[derive(Clone, Debug)]
pub struct PanelState {
    pub(super) desks: Vec<Desk>,
}

impl PanelState {
    /// The state of a branch of another replication that has seen nothing yet. What is known about labels is kept, so
    /// this saves most of the work of [`Panel::start`] when worlds resemble each other; answers are the same.
    #[must_use]
    pub fn renewed(&self) -> PanelState {
        let renew = |desk: &Desk| {
            let mut fresh = desk.clone();
            fresh.view = desk.view.emptied();
            fresh.evaluator.rebind();
            fresh
        };
        PanelState { desks: self.desks.iter().map(renew).collect() }
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
        let desk = self.desks.get_mut(place.group).ok_or(EvalError::UnknownQuery)?;
        if desk.at != (now_ms, store.rows()) {
            desk.at = (now_ms, store.rows());
            desk.view.extend(store);
            desk.answers.iter_mut().for_each(|answer| *answer = None);
        }
        let answer = desk.answers.get_mut(place.slot).ok_or(EvalError::UnknownQuery)?;
        let (view, evaluator) = (&desk.view, &mut desk.evaluator);
        let known = answer.get_or_insert_with(|| {
            let (program, slots, _) = panel.programs.get(place.group).ok_or(EvalError::UnknownQuery)?;
            let id = *slots.get(place.slot).ok_or(EvalError::UnknownQuery)?;
            evaluator.eval(program, &Visible(view.at(store, now_ms)), id, now_ms)
        });
        known.as_ref().map_err(Clone::clone)
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
        let desk = self.desks.get_mut(place.group).ok_or(EvalError::UnknownQuery)?;
        desk.view.extend(store);
        let visible = Visible(desk.view.at(store, now_ms));
        let series = desk.evaluator.eval_range(program, &visible, id, start_ms, end_ms, step_ms)?;
        Ok(Value::Matrix(series))
    }

    /// The value of another query under the names of a policy, with only the pods of the candidate set counted for the
    /// rolled-out service. The query's selectors must be among those of the policy, as they are when it was made from
    /// one of its queries by [`crate::promql::pin`]; others read nothing. A query that has no value then, because it
    /// compares the candidate with the stable pods, is answered with both in sight.
    ///
    /// # Errors
    /// As [`PanelState::value`].
    pub fn candidate_only(
        &mut self,
        panel: &Panel,
        store: &SampleStore,
        policy: usize,
        (program, query): (&Program, QueryId),
        now_ms: i64,
    ) -> Result<Value, EvalError> {
        let group = panel.query(policy, 0).ok_or(EvalError::UnknownQuery)?.place.group;
        let desk = self.desks.get_mut(group).ok_or(EvalError::UnknownQuery)?;
        desk.view.extend(store);
        let all = || desk.view.at(store, now_ms);
        let alone = Evaluator::new().eval(program, &Visible(all().only(SetName::New)), query, now_ms)?;
        match alone {
            Value::Vector(samples) if samples.is_empty() => {
                Evaluator::new().eval(program, &Visible(all()), query, now_ms)
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

    fn generation(&self) -> u64 {
        self.0.rows() as u64
    }
}
