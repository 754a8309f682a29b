//! Binding one policy's queries, and finding the program they are computed in.

use std::collections::BTreeMap;

use super::{BoundSelector, Group, PanelError, PanelInput, PanelProblem, PanelQuery, Place};
use crate::promql::{MatchOp as QueryOp, Program, PromqlError, Selector};
use crate::telemetry::binding::{BindError, Bound, FamilyBinding, WorldNames, bind, merge};
use crate::telemetry::dialect::Dialect;
use crate::telemetry::matcher::{MatchOp, SelectorShape};
use crate::telemetry::naming::Naming;

/// The queries of one policy, compiled one by one to find their selectors.
pub(super) struct BoundPolicy {
    pub(super) selectors: Vec<Vec<BoundSelector>>,
    pub(super) bounds: Vec<Bound>,
    pub(super) families: Vec<FamilyBinding>,
    pub(super) alone: bool,
}

/// Binds selectors, each once per naming: variants of a file share theirs.
pub(super) struct Binder<'a> {
    dialects: &'a [Dialect],
    world: &'a WorldNames,
    known: Vec<(&'a Naming, Bindings)>,
}

/// What was found for a selector, by its text.
type Bindings = BTreeMap<String, Result<Bound, BindError>>;

impl<'a> Binder<'a> {
    pub(super) fn new(dialects: &'a [Dialect], world: &'a WorldNames) -> Self {
        Binder { dialects, world, known: Vec::new() }
    }

    fn bind(&mut self, shape: &SelectorShape, naming: &'a Naming) -> Result<Bound, BindError> {
        let place = self.known.iter().position(|(known, _)| *known == naming).unwrap_or(self.known.len());
        if place == self.known.len() {
            self.known.push((naming, BTreeMap::new()));
        }
        let bounds = &mut self.known[place].1;
        let text = shape.to_string();
        bounds.entry(text).or_insert_with(|| bind(shape, naming, self.dialects, self.world)).clone()
    }
}

pub(super) fn bind_policy<'a>(
    policy: usize,
    input: &PanelInput<'a>,
    binder: &mut Binder<'a>,
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
                Ok((shape.to_string(), binder.bind(&shape, input.naming)?))
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
pub(super) fn seat(groups: &mut Vec<Group>, input: &PanelInput<'_>, policy: BoundPolicy) -> Vec<PanelQuery> {
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
    for bound in policy.bounds {
        if !home.bounds.contains(&bound) {
            home.bounds.push(bound);
        }
    }
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
