//! The panel: all queries of a study, compiled and bound, and one branch's answers to them.
//!
//! Policy files that call the simulated service by the same names share one compiled [`Program`], so a query value is
//! computed once per branch and instant, whoever asks. Files are put together only where that cannot be told from their
//! answers: a metric that two files read must have the very same labels in both.
//!
//! Traps: values are those of what is *visible* at the instant of asking, also for range queries about the past. The
//! candidate-only value hides the samples of all other pods of the rolled-out service, but not of other services.

mod seating;
mod state;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::promql::{Comparison, Labels, Program, PromqlError, QueryId};
use crate::telemetry::binding::{BindError, Bound, FamilyBinding, WorldNames};
use crate::telemetry::dialect::Dialect;
use crate::telemetry::instrument::Needs;
use crate::telemetry::naming::Naming;
use crate::telemetry::projection::Projection;

use self::seating::{Binder, bind_policy, seat, together};
use self::state::Desk;

pub use self::state::{Known, PanelState, SpareDesks};

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

/// A query that compares one number with a constant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// The number, as [`Panel::query_id`] gives it.
    pub value: (usize, QueryId),
    /// How it is compared; the query has a result when this holds.
    pub comparison: Comparison,
    /// The constant.
    pub limit: f64,
}

/// Where a policy's query is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    group: usize,
    slot: usize,
}

#[derive(Debug)]
struct Group<'a> {
    naming: Naming,
    program: Program,
    slots: Vec<QueryId>,
    /// Slots by the texts that were met, and by what they compile to.
    texts: BTreeMap<&'a str, usize>,
    places: BTreeMap<QueryId, usize>,
    families: Vec<FamilyBinding>,
    bounds: Vec<Bound>,
    alone: bool,
}

/// A bound query of a policy.
#[derive(Debug)]
struct PanelQuery {
    place: Place,
    selectors: Arc<[BoundSelector]>,
}

/// What some of the players read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reads {
    /// By the number of a program: whether any of them asks it.
    programs: Vec<bool>,
    /// What has to be stored for them.
    pub needs: Needs,
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
        let mut binder = Binder::new(dialects, world);
        let mut groups: Vec<Group<'_>> = Vec::new();
        let mut queries = Vec::with_capacity(inputs.len());
        for (policy, input) in inputs.iter().enumerate() {
            match bind_policy(policy, input, &mut binder) {
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

    /// The comparison that a query is: one number, or none, against a constant.
    pub fn threshold(&self, policy: usize, query: usize) -> Option<Threshold> {
        let (group, id) = self.query_id(policy, query)?;
        let program = &self.programs.get(group)?.0;
        let (value, comparison, limit) = program.comparison(id)?;
        program.is_single(value).then_some(Threshold { value: (group, value), comparison, limit })
    }

    /// The program a query is computed in, and its number there: equal for queries that have the same value.
    pub fn query_id(&self, policy: usize, query: usize) -> Option<(usize, QueryId)> {
        let place = self.query(policy, query)?.place;
        let (_, slots, _) = self.programs.get(place.group)?;
        Some((place.group, *slots.get(place.slot)?))
    }

    /// What the selectors of a query were bound to; nothing if there is no such query.
    pub fn selectors(&self, policy: usize, query: usize) -> &[BoundSelector] {
        self.query(policy, query).map_or(&[], |query| &query.selectors)
    }

    /// How many programs are evaluated: policies of equal names share one.
    pub fn programs(&self) -> usize {
        self.programs.len()
    }

    /// What these policies read.
    pub fn reads(&self, policies: impl IntoIterator<Item = usize>) -> Reads {
        let mut reads = Reads { programs: vec![false; self.programs.len()], needs: Needs::none() };
        for number in policies.into_iter().filter_map(|policy| self.program_of(policy)) {
            let (Some(seen), Some((_, _, projection))) =
                (reads.programs.get_mut(number), self.programs.get(number))
            else {
                continue;
            };
            if !std::mem::replace(seen, true) {
                reads.needs.merge(projection.needs());
            }
        }
        reads
    }

    /// The state of a branch that has seen nothing yet.
    pub fn start(&self) -> PanelState {
        PanelState { desks: (0..self.programs.len()).map(|number| self.desk(number)).collect() }
    }

    fn desk(&self, number: usize) -> Option<Desk> {
        let (_, slots, projection) = self.programs.get(number)?;
        Some(Desk::new(projection, slots.len()))
    }

    fn query(&self, policy: usize, query: usize) -> Option<&PanelQuery> {
        self.queries.get(policy)?.get(query)
    }
}

#[cfg(test)]
mod tests;
