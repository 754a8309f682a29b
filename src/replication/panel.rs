//! The panel: all queries of a study, compiled and bound, and one branch's answers to them.
//!
//! Policy files that call the simulated service by the same names share one compiled [`Program`], so a query value is
//! computed once per branch and instant, whoever asks. Files are put together only where that cannot be told from their
//! answers: a metric that two files read must have the very same labels in both.
//!
//! Traps: values are those of what is *visible* at the instant of asking, also for range queries about the past. The
//! candidate-only value hides the samples of all other pods of the rolled-out service, but not of other services.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::effect::SetName;
use crate::promql::{
    EvalError, Evaluator, Labels, MatchOp as QueryOp, Program, PromqlError, QueryId, Selector, SeriesId,
    Storage, Value,
};
use crate::telemetry::binding::{BindError, Bound, FamilyBinding, WorldNames, bind, merge};
use crate::telemetry::dialect::Dialect;
use crate::telemetry::instrument::Needs;
use crate::telemetry::matcher::{MatchOp, SelectorShape};
use crate::telemetry::naming::Naming;
use crate::telemetry::projection::{LabelSet, Projection};
use crate::telemetry::store::SampleStore;
use crate::telemetry::view::{At, View};

/// The queries of one policy file.
#[derive(Clone, Debug)]
pub struct PanelInput<'a> {
    /// What its names mean.
    pub naming: &'a Naming,
    /// PromQL texts, by the index the policy asks with.
    pub queries: Vec<&'a str>,
    /// Whether selectors that nothing can ever match are accepted, and stay empty.
    pub allow_missing: bool,
}

/// A query that cannot be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct PanelError {
    /// Index of the policy among the inputs.
    pub policy: usize,
    /// Index of the query in its policy; `None` if the file's queries cannot be bound together.
    pub query: Option<usize>,
    /// The selector at fault, if it is one.
    pub selector: Option<String>,
    /// What is wrong.
    pub problem: PanelProblem,
}

/// What can be wrong with a query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PanelProblem {
    /// It does not compile.
    #[error(transparent)]
    Query(#[from] PromqlError),
    /// It reads what is not there.
    #[error(transparent)]
    Binding(#[from] BindError),
}

/// A bound selector, for `explain` and for `why`.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundSelector {
    /// The selector as it was read.
    pub text: String,
    /// What it was bound to.
    pub bound: Bound,
}

/// Where a policy's query is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    group: usize,
    slot: usize,
}

#[derive(Debug)]
struct Group {
    naming: Naming,
    program: Program,
    slots: Vec<QueryId>,
    families: Vec<FamilyBinding>,
    bounds: Vec<Bound>,
    alone: bool,
}

/// A bound query of a policy.
#[derive(Clone, Debug)]
struct PanelQuery {
    place: Place,
    selectors: Vec<BoundSelector>,
}

/// All queries of a study.
#[derive(Debug)]
pub struct Panel {
    programs: Vec<(Program, Vec<QueryId>, Arc<Projection<Labels>>)>,
    queries: Vec<Vec<PanelQuery>>,
    needs: Needs,
}

impl Panel {
    /// Compiles and binds the queries of all policies.
    ///
    /// # Errors
    /// Everything that is wrong with any query, in order.
    pub fn new(
        inputs: &[PanelInput<'_>],
        dialects: &[Dialect],
        world: &WorldNames,
    ) -> Result<Panel, Vec<PanelError>> {
        let mut errors = Vec::new();
        let mut groups: Vec<Group> = Vec::new();
        let mut queries: Vec<Vec<PanelQuery>> = Vec::with_capacity(inputs.len());
        // Variants of a file differ in what they make of the values: what they ask is bound once.
        let mut known: BTreeMap<&[&str], Vec<usize>> = BTreeMap::new();
        for (policy, input) in inputs.iter().enumerate() {
            let alike = known.entry(&input.queries).or_default();
            let same = |other: &usize| {
                let other = &inputs[*other];
                other.naming == input.naming && other.allow_missing == input.allow_missing
            };
            if errors.is_empty() {
                if let Some(bound) = alike.iter().copied().find(same).and_then(|other| queries.get(other)) {
                    queries.push(bound.clone());
                    continue;
                }
                alike.push(policy);
            }
            match bind_policy(policy, input, dialects, world) {
                Ok(bound) => queries.push(seat(&mut groups, input, bound)),
                Err(wrong) => errors.extend(wrong),
            }
        }
        let mut programs = Vec::with_capacity(groups.len());
        let mut needs = Needs::none();
        for group in groups {
            match Projection::new(&group.naming, world, &group.bounds) {
                Ok(projection) => {
                    needs.merge(projection.needs());
                    programs.push((group.program, group.slots, Arc::new(projection)));
                }
                Err(error) => errors.push(together(0, error)),
            }
        }
        if errors.is_empty() { Ok(Panel { programs, queries, needs }) } else { Err(errors) }
    }

    /// What has to be stored for all of them.
    pub fn needs(&self) -> &Needs {
        &self.needs
    }

    /// Under which program's names the queries of a policy are computed; `None` if it has none.
    pub fn program_of(&self, policy: usize) -> Option<usize> {
        self.query(policy, 0).map(|query| query.place.group)
    }

    /// What the selectors of a query were bound to; nothing if there is no such query.
    pub fn selectors(&self, policy: usize, query: usize) -> &[BoundSelector] {
        self.query(policy, query).map_or(&[], |query| &query.selectors)
    }

    /// How many programs are evaluated: policies of equal names share one.
    pub fn programs(&self) -> usize {
        self.programs.len()
    }

    /// The state of a branch that has seen nothing yet.
    pub fn start(&self) -> PanelState {
        let fresh = |(_, slots, projection): &(Program, Vec<QueryId>, Arc<Projection<Labels>>)| Desk {
            view: View::new(projection.clone()),
            evaluator: Evaluator::new(),
            at: (i64::MIN, 0),
            answers: vec![None; slots.len()],
        };
        PanelState { desks: self.programs.iter().map(fresh).collect() }
    }

    fn query(&self, policy: usize, query: usize) -> Option<&PanelQuery> {
        self.queries.get(policy)?.get(query)
    }
}

/// The queries of one policy, compiled one by one to find their selectors.
struct BoundPolicy {
    selectors: Vec<Vec<BoundSelector>>,
    bounds: Vec<Bound>,
    families: Vec<FamilyBinding>,
    alone: bool,
}

fn bind_policy(
    policy: usize,
    input: &PanelInput<'_>,
    dialects: &[Dialect],
    world: &WorldNames,
) -> Result<BoundPolicy, Vec<PanelError>> {
    let mut errors = Vec::new();
    let mut bound = BoundPolicy { selectors: vec![], bounds: vec![], families: vec![], alone: false };
    for (index, text) in input.queries.iter().enumerate() {
        let wrong =
            |selector: Option<String>, problem| PanelError { policy, query: Some(index), selector, problem };
        let mut program = Program::new();
        let id = match program.add(text) {
            Ok(id) => id,
            Err(error) => {
                errors.push(wrong(None, error.into()));
                continue;
            }
        };
        let mut selectors = Vec::new();
        for selector in program.selectors_of(id) {
            let found = shape(selector).map_err(PanelProblem::from).and_then(|shape| {
                bound.alone |= shape.name.is_none();
                Ok((shape.to_string(), bind(&shape, input.naming, dialects, world)?))
            });
            match found {
                Ok((text, bound)) => selectors.push(BoundSelector { text, bound }),
                Err(PanelProblem::Binding(error)) if input.allow_missing => {
                    selectors.push(BoundSelector { text: name_of(selector), bound: Bound::never(error) });
                }
                Err(problem) => errors.push(wrong(Some(name_of(selector)), problem)),
            }
        }
        bound.bounds.extend(selectors.iter().map(|selector| selector.bound.clone()));
        bound.selectors.push(selectors);
    }
    match merge(&bound.bounds) {
        Ok(families) => bound.families = families,
        Err(error) => errors.push(together(policy, error)),
    }
    if errors.is_empty() { Ok(bound) } else { Err(errors) }
}

fn together(policy: usize, error: BindError) -> PanelError {
    PanelError { policy, query: None, selector: None, problem: error.into() }
}

fn name_of(selector: &Selector) -> String {
    shape(selector).map_or_else(|_| String::new(), |shape| shape.to_string())
}

/// A compiled selector as far as binding needs it.
fn shape(selector: &Selector) -> Result<SelectorShape, PromqlError> {
    let mut shape = SelectorShape { name: selector.name().map(str::to_owned), matchers: Vec::new() };
    for matcher in selector.matchers() {
        let op = match matcher.op() {
            QueryOp::Equal => MatchOp::Equal,
            QueryOp::NotEqual => MatchOp::NotEqual,
            QueryOp::Regex => MatchOp::Regex,
            QueryOp::NotRegex => MatchOp::NotRegex,
        };
        if matcher.name() == "__name__"
            && op == MatchOp::Equal
            && shape.name.as_deref() == Some(matcher.value())
        {
            continue;
        }
        let bad = |error: regex::Error| PromqlError::Syntax {
            message: error.to_string(),
            offset: None,
            near: Some(matcher.value().to_owned()),
        };
        shape = shape.with(matcher.name(), op, matcher.value()).map_err(bad)?;
    }
    Ok(shape)
}

/// Finds a group in which the policy gets the same answers as alone, or opens one.
fn seat(groups: &mut Vec<Group>, input: &PanelInput<'_>, policy: BoundPolicy) -> Vec<PanelQuery> {
    let fits = |group: &Group| {
        let agrees = |family: &FamilyBinding| {
            group.families.iter().filter(|known| known.metric == family.metric).all(|known| known == family)
        };
        group.naming == *input.naming && !group.alone && !policy.alone && policy.families.iter().all(agrees)
    };
    let group = groups.iter().position(fits).unwrap_or(groups.len());
    if group == groups.len() {
        groups.push(Group {
            naming: input.naming.clone(),
            program: Program::new(),
            slots: Vec::new(),
            families: Vec::new(),
            bounds: Vec::new(),
            alone: policy.alone,
        });
    }
    let home = &mut groups[group];
    for family in policy.families {
        if !home.families.contains(&family) {
            home.families.push(family);
        }
    }
    home.bounds.extend(policy.bounds);
    let queries = input.queries.iter().zip(policy.selectors);
    queries
        .filter_map(|(text, selectors)| {
            // It compiled alone; a program that already holds other queries takes it as well.
            let id = home.program.add(text).ok()?;
            let slot = home.slots.iter().position(|known| *known == id).unwrap_or(home.slots.len());
            if slot == home.slots.len() {
                home.slots.push(id);
            }
            Some(PanelQuery { place: Place { group, slot }, selectors })
        })
        .collect()
}

/// What one branch knows of one program.
#[derive(Debug)]
struct Desk {
    view: View<Labels>,
    evaluator: Evaluator,
    /// Instant and rows of the store, visible or not, for which the answers hold.
    at: (i64, usize),
    answers: Vec<Option<Result<Value, EvalError>>>,
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
    desks: Vec<Desk>,
}

impl PanelState {
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
    /// one of its queries by [`crate::promql::pin`]; others read nothing.
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
        let visible = Visible(desk.view.at(store, now_ms).only(SetName::New));
        Evaluator::new().eval(program, &visible, query, now_ms)
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

#[cfg(test)]
#[path = "panel_tests.rs"]
mod tests;
