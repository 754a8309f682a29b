//! The queries of the policies that share names, bound to what the simulation stores.
//!
//! A [`Panel`] belongs to a study: one per distinct naming, its queries compiled once, sub-expressions shared. A
//! [`PanelState`] belongs to a branch: which series there are, and the values at the present instant, computed once
//! whoever asks.
//!
//! Traps: clones of a branch share what is known about labels, not values; a state is good for one branch's store
//! and its clones only.

use std::sync::Arc;

use crate::effect::SetName;
use crate::policy::QueryError;
use crate::promql::{
    Evaluator, Labels, MatchOp, Program, PromqlError, QueryId, Selector, SeriesId, Storage, Value,
};
use crate::telemetry::binding::{BindError, Bound, WorldNames, bind};
use crate::telemetry::dialect::Dialect;
use crate::telemetry::instrument::Needs;
use crate::telemetry::matcher::{self, SelectorShape};
use crate::telemetry::naming::Naming;
use crate::telemetry::projection::{LabelSet, Projection};
use crate::telemetry::store::SampleStore;
use crate::telemetry::view::{At, View};
use crate::time::{SimDuration, SimTime};

impl LabelSet for Labels {
    fn build(pairs: &[(&str, &str)]) -> Self {
        Labels::new(pairs.iter().copied())
    }
}

impl Storage for At<'_, Labels> {
    fn series_count(&self) -> usize {
        At::series_count(self)
    }

    fn labels(&self, id: SeriesId) -> &Labels {
        At::labels(self, id)
    }

    fn samples(&self, id: SeriesId, after_ms: i64, upto_ms: i64, out: &mut Vec<(i64, f64)>) {
        At::samples(self, id, after_ms, upto_ms, out);
    }

    fn latest(&self, id: SeriesId, after_ms: i64, upto_ms: i64) -> Option<(i64, f64)> {
        At::latest(self, id, after_ms, upto_ms)
    }

    fn generation(&self) -> u64 {
        self.rows() as u64
    }
}

/// Why a query cannot be asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PanelError {
    /// It is not PromQL, or uses something that is not evaluated.
    #[error(transparent)]
    Query(#[from] PromqlError),
    /// One of its selectors can never match.
    #[error(transparent)]
    Bind(#[from] BindError),
}

/// The queries of one naming.
#[derive(Debug)]
pub struct Panel {
    naming: Naming,
    program: Program,
    bounds: Vec<Bound>,
    projection: Arc<Projection<Labels>>,
}

/// How a selector was bound, for `explain`.
#[derive(Clone, Debug)]
pub struct SelectorBinding {
    /// The selector as written.
    pub selector: String,
    /// What it was bound to.
    pub bound: Bound,
}

impl Panel {
    /// An empty panel for these names.
    ///
    /// # Errors
    /// Never for names that do not contradict themselves.
    pub fn new(naming: &Naming, world: &WorldNames) -> Result<Self, PanelError> {
        let projection = Arc::new(Projection::new(naming, world, &[])?);
        Ok(Panel { naming: naming.clone(), program: Program::new(), bounds: Vec::new(), projection })
    }

    /// The names it is for.
    pub fn naming(&self) -> &Naming {
        &self.naming
    }

    /// Adds a query; the panel is unchanged if that fails.
    ///
    /// # Errors
    /// When the text is no PromQL, or a selector can never match and `allow_missing` is not set.
    pub fn add(
        &mut self,
        text: &str,
        dialects: &[Dialect],
        world: &WorldNames,
        allow_missing: bool,
    ) -> Result<(QueryId, Vec<SelectorBinding>), PanelError> {
        let query = self.program.add(text)?;
        let mut bindings = Vec::new();
        for selector in self.program.selectors_of(query) {
            let bound = match shape(selector).and_then(|shape| bind(&shape, &self.naming, dialects, world)) {
                Ok(bound) => bound,
                Err(error) if allow_missing => Bound::never(error),
                Err(error) => return Err(error.into()),
            };
            bindings.push(SelectorBinding { selector: selector.to_string(), bound });
        }
        let mut bounds = self.bounds.clone();
        bounds.extend(bindings.iter().map(|b| b.bound.clone()).filter(|b| b.never.is_none()));
        self.projection = Arc::new(Projection::new(&self.naming, world, &bounds)?);
        self.bounds = bounds;
        Ok((query, bindings))
    }

    /// What has to be stored for it.
    pub fn needs(&self) -> &Needs {
        self.projection.needs()
    }

    /// A state for a branch that begins.
    pub fn begin(&self) -> PanelState {
        PanelState {
            view: View::new(Arc::clone(&self.projection)),
            evaluator: Evaluator::new(),
            values: Vec::new(),
            at: None,
        }
    }
}

/// A selector as binding sees it.
fn shape(selector: &Selector) -> Result<SelectorShape, BindError> {
    let mut shape = SelectorShape { name: selector.name().map(str::to_owned), matchers: Vec::new() };
    for matcher in selector.matchers() {
        let op = match matcher.op() {
            MatchOp::Equal => matcher::MatchOp::Equal,
            MatchOp::NotEqual => matcher::MatchOp::NotEqual,
            MatchOp::Regex => matcher::MatchOp::Regex,
            MatchOp::NotRegex => matcher::MatchOp::NotRegex,
        };
        // The program has compiled the same pattern, so it cannot fail here; a failure would leave the matcher out.
        if let Ok(matcher) = matcher::LabelMatcher::new(matcher.name(), op, matcher.value()) {
            shape.matchers.push(matcher);
        }
    }
    Ok(shape)
}

/// The values of a panel on one branch.
#[derive(Debug)]
pub struct PanelState {
    view: View<Labels>,
    evaluator: Evaluator,
    values: Vec<(QueryId, Result<Value, QueryError>)>,
    at: Option<(SimTime, usize)>,
}

impl Clone for PanelState {
    fn clone(&self) -> Self {
        PanelState {
            view: self.view.clone(),
            evaluator: self.evaluator.clone(),
            values: Vec::new(),
            at: None,
        }
    }
}

impl PanelState {
    /// The value of a query at `now`.
    ///
    /// # Errors
    /// When Prometheus would fail the evaluation.
    pub fn value(
        &mut self,
        panel: &Panel,
        store: &SampleStore,
        query: QueryId,
        now: SimTime,
    ) -> Result<&Value, QueryError> {
        self.view.extend(store);
        let instant = (now, store.rows());
        if self.at != Some(instant) {
            self.values.clear();
            self.at = Some(instant);
        }
        let known = self.values.iter().position(|(id, _)| *id == query);
        let index = match known {
            Some(index) => index,
            None => {
                let at = self.view.at(store, now.as_millis());
                let value = self.evaluator.eval(&panel.program, &at, query, now.as_millis());
                self.values.push((query, value.map_err(|e| QueryError::Failed(e.to_string()))));
                self.values.len() - 1
            }
        };
        match &self.values[index].1 {
            Ok(value) => Ok(value),
            Err(error) => Err(error.clone()),
        }
    }

    /// The values of a query over a range, as one matrix.
    ///
    /// # Errors
    /// When Prometheus would fail the evaluation.
    pub fn range(
        &mut self,
        panel: &Panel,
        store: &SampleStore,
        query: QueryId,
        (start, end, step): (SimTime, SimTime, SimDuration),
        now: SimTime,
    ) -> Result<Value, QueryError> {
        self.view.extend(store);
        let at = self.view.at(store, now.as_millis());
        self.evaluator
            .eval_range(&panel.program, &at, query, start.as_millis(), end.as_millis(), step.as_millis())
            .map(Value::Matrix)
            .map_err(|e| QueryError::Failed(e.to_string()))
    }

    /// The value of a query text at `now` when, of the rolled-out service, only the pods of the new revision are
    /// looked at.
    ///
    /// # Errors
    /// When the text cannot be evaluated.
    pub fn candidate_only(
        &mut self,
        store: &SampleStore,
        text: &str,
        now: SimTime,
    ) -> Result<Value, QueryError> {
        self.view.extend(store);
        let mut program = Program::new();
        let query = program.add(text).map_err(|e| QueryError::Failed(e.to_string()))?;
        let at = self.view.at(store, now.as_millis()).only(SetName::New);
        Evaluator::new()
            .eval(&program, &at, query, now.as_millis())
            .map_err(|e| QueryError::Failed(e.to_string()))
    }
}
