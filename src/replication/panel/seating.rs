//! Binding one policy's queries, and finding the program they are computed in.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{BoundSelector, Group, PanelError, PanelInput, PanelProblem, PanelQuery, Place};
use crate::promql::{MatchOp as QueryOp, Program, PromqlError, Selector};
use crate::telemetry::binding::{BindError, Bound, FamilyBinding, WorldNames, bind, merge};
use crate::telemetry::dialect::Dialect;
use crate::telemetry::matcher::{MatchOp, SelectorShape};
use crate::telemetry::naming::Naming;

/// The queries of one policy, compiled one by one to find their selectors.
pub(super) struct BoundPolicy {
    pub(super) queries: Vec<Arc<BoundQuery>>,
    pub(super) families: Vec<FamilyBinding>,
    pub(super) alone: bool,
}

/// A query compiled by itself.
pub(super) struct BoundQuery {
    selectors: Arc<[BoundSelector]>,
    /// Whether one of them has no name.
    alone: bool,
}

/// Binds queries and selectors, each once per naming: variants of a file share theirs.
pub(super) struct Binder<'a> {
    dialects: &'a [Dialect],
    world: &'a WorldNames,
    known: Vec<(&'a Naming, Bindings<'a>)>,
}

/// What was found under one naming.
#[derive(Default)]
struct Bindings<'a> {
    /// For a selector, by its text.
    selectors: BTreeMap<String, Result<Bound, BindError>>,
    /// For a query without faults, by its text and whether selectors may match nothing.
    queries: BTreeMap<(&'a str, bool), Arc<BoundQuery>>,
}

impl<'a> Binder<'a> {
    pub(super) fn new(dialects: &'a [Dialect], world: &'a WorldNames) -> Self {
        Binder { dialects, world, known: Vec::new() }
    }

    fn under(&mut self, naming: &'a Naming) -> &mut Bindings<'a> {
        let place = self.known.iter().position(|(known, _)| *known == naming).unwrap_or(self.known.len());
        if place == self.known.len() {
            self.known.push((naming, Bindings::default()));
        }
        &mut self.known[place].1
    }

    fn bind(&mut self, shape: &SelectorShape, naming: &'a Naming) -> Result<Bound, BindError> {
        let (dialects, world) = (self.dialects, self.world);
        let bounds = &mut self.under(naming).selectors;
        bounds.entry(shape.to_string()).or_insert_with(|| bind(shape, naming, dialects, world)).clone()
    }

    /// A query by itself, or its faults: the selector, if it is one, and what is wrong.
    fn query(
        &mut self,
        text: &'a str,
        input: &PanelInput<'a>,
    ) -> Result<Arc<BoundQuery>, Vec<(Option<String>, PanelProblem)>> {
        let key = (text, input.allow_missing);
        if let Some(known) = self.under(input.naming).queries.get(&key) {
            return Ok(Arc::clone(known));
        }
        let mut program = Program::new();
        let id = program.add(text).map_err(|error| vec![(None, error.into())])?;
        let (mut selectors, mut wrong, mut alone) = (Vec::new(), Vec::new(), false);
        for selector in program.selectors_of(id) {
            let found = shape(selector).map_err(PanelProblem::from).and_then(|shape| {
                alone |= shape.name.is_none();
                Ok((shape.to_string(), self.bind(&shape, input.naming)?))
            });
            match found {
                Ok((text, bound)) => selectors.push(BoundSelector { text, bound }),
                Err(PanelProblem::Binding(error)) if input.allow_missing => {
                    selectors.push(BoundSelector { text: name_of(selector), bound: Bound::never(error) });
                }
                Err(problem) => wrong.push((Some(name_of(selector)), problem)),
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let query = Arc::new(BoundQuery { selectors: selectors.into(), alone });
        self.under(input.naming).queries.insert(key, Arc::clone(&query));
        Ok(query)
    }
}

pub(super) fn bind_policy<'a>(
    policy: usize,
    input: &PanelInput<'a>,
    binder: &mut Binder<'a>,
) -> Result<BoundPolicy, Vec<PanelError>> {
    let mut errors = Vec::new();
    let mut queries: Vec<Arc<BoundQuery>> = Vec::new();
    for (index, text) in input.queries.iter().enumerate() {
        let wrong = |(selector, problem)| PanelError { policy, query: Some(index), selector, problem };
        match binder.query(text, input) {
            Ok(query) => queries.push(query),
            Err(faults) => errors.extend(faults.into_iter().map(wrong)),
        }
    }
    let families = match merge(bounds_of(&queries)) {
        Ok(families) => families,
        Err(error) => {
            errors.push(together(policy, error));
            Vec::new()
        }
    };
    let alone = queries.iter().any(|query| query.alone);
    if errors.is_empty() { Ok(BoundPolicy { queries, families, alone }) } else { Err(errors) }
}

fn bounds_of(queries: &[Arc<BoundQuery>]) -> impl Iterator<Item = &Bound> {
    queries.iter().flat_map(|query| query.selectors.iter()).map(|selector| &selector.bound)
}

pub(super) fn together(policy: usize, error: BindError) -> PanelError {
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
pub(super) fn seat<'a>(
    groups: &mut Vec<Group<'a>>,
    input: &PanelInput<'a>,
    policy: BoundPolicy,
) -> Vec<PanelQuery> {
    let fits = |group: &Group<'_>| {
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
            texts: BTreeMap::new(),
            places: BTreeMap::new(),
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
    for bound in bounds_of(&policy.queries) {
        if !home.bounds.contains(bound) {
            home.bounds.push(bound.clone());
        }
    }
    let queries = input.queries.iter().zip(&policy.queries);
    queries
        .filter_map(|(text, query)| {
            let slot = home.slot(text)?;
            Some(PanelQuery { place: Place { group, slot }, selectors: Arc::clone(&query.selectors) })
        })
        .collect()
}

impl<'a> Group<'a> {
    /// The slot of a query that compiled alone; a program that already holds other queries takes it as well.
    fn slot(&mut self, text: &'a str) -> Option<usize> {
        if let Some(slot) = self.texts.get(text) {
            return Some(*slot);
        }
        let id = self.program.add(text).ok()?;
        let fresh = self.slots.len();
        let slot = *self.places.entry(id).or_insert(fresh);
        if slot == fresh {
            self.slots.push(id);
        }
        self.texts.insert(text, slot);
        Some(slot)
    }
}
