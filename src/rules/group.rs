//! A group at work: its rules one after the other, each seeing what those before it have written.

use std::collections::BTreeSet;

use crate::promql::{
    EvalError, Evaluator, Labels, METRIC_NAME, MemoryStorage, Options, Program, PromqlError, QueryId, STALE,
    Sample, Value,
};
use crate::time::SimDuration;

use super::alert::Alert;
use super::file::{GroupDef, Kind, RuleDef};
use super::template::Expansion;

/// Why a rule failed at an evaluation: it has written nothing then, and its series stay as they were.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Failure {
    /// Its query failed.
    #[error(transparent)]
    Query(#[from] EvalError),
    /// Its query gives a text or a range of samples.
    #[error("rule result is not a vector or scalar")]
    NoVector,
    /// Two series of its result would be one after its labels were set.
    #[error("vector contains metrics with the same labelset after applying rule labels: {0}")]
    SameLabels(Labels),
    /// It returned more series than its group allows.
    #[error("exceeded limit of {limit} with {found} series")]
    Limit {
        /// What is allowed.
        limit: u32,
        /// What there were.
        found: u32,
    },
}

#[derive(Clone, Debug)]
enum Rule {
    Record { name: String, labels: Vec<(String, String)> },
    Alert(Alert),
}

#[derive(Clone, Debug)]
struct Member {
    def: RuleDef,
    query: QueryId,
    rule: Rule,
    /// What it wrote at its last evaluation that did not fail.
    wrote: BTreeSet<Labels>,
}

/// A group with its state.
#[derive(Debug)]
pub struct Group {
    name: String,
    interval: Option<SimDuration>,
    offset_ms: i64,
    limit: u32,
    program: Program,
    evaluator: Evaluator,
    members: Vec<Member>,
}

impl Group {
    /// A group that has not been evaluated yet.
    ///
    /// # Errors
    /// If an expression cannot be compiled; those of a parsed file can.
    pub fn new(def: &GroupDef, options: Options) -> Result<Self, PromqlError> {
        let mut program = Program::with_options(options);
        let member = |def: &RuleDef| {
            let query = program.add(&def.expr)?;
            let rule = match (&def.kind, Alert::new(def)) {
                (_, Some(alert)) => Rule::Alert(alert),
                (Kind::Record(name) | Kind::Alert { name, .. }, None) => {
                    Rule::Record { name: name.clone(), labels: def.labels.clone() }
                }
            };
            Ok(Member { def: def.clone(), query, rule, wrote: BTreeSet::new() })
        };
        let members = def.rules.iter().map(member).collect::<Result<_, PromqlError>>()?;
        Ok(Group {
            name: def.name.clone(),
            interval: def.interval,
            offset_ms: def.query_offset.as_millis(),
            limit: def.limit,
            program,
            evaluator: Evaluator::new(),
            members,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Time between its evaluations, if it has a time of its own.
    pub fn interval(&self) -> Option<SimDuration> {
        self.interval
    }

    /// Its alerts, in order.
    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.members.iter().filter_map(|member| match &member.rule {
            Rule::Alert(alert) => Some(alert),
            Rule::Record { .. } => None,
        })
    }

    /// Evaluates every rule at `at_ms` and writes what follows; the rules that failed, with the reason.
    pub fn evaluate(
        &mut self,
        store: &mut MemoryStorage,
        at_ms: i64,
        world: &Expansion<'_>,
    ) -> Vec<(&RuleDef, Failure)> {
        let looked_at_ms = at_ms - self.offset_ms;
        let mut failures = Vec::new();
        for member in &mut self.members {
            let value = self.evaluator.eval(&self.program, store, member.query, looked_at_ms);
            let written = value
                .map_err(Failure::Query)
                .and_then(samples)
                .and_then(|returned| member.rule.write(&returned, at_ms, self.limit, world));
            match written {
                Ok(written) => member.store(written, store, looked_at_ms),
                Err(failure) => failures.push((&member.def, failure)),
            }
        }
        failures
    }
}

impl Member {
    fn store(&mut self, written: Vec<Sample>, store: &mut MemoryStorage, at_ms: i64) {
        let mut wrote = BTreeSet::new();
        for sample in written {
            store.append(&sample.labels, at_ms, sample.value);
            wrote.insert(sample.labels);
        }
        for gone in self.wrote.difference(&wrote) {
            store.append(gone, at_ms, STALE);
        }
        self.wrote = wrote;
    }
}

impl Rule {
    fn write(
        &mut self,
        returned: &[Sample],
        at_ms: i64,
        limit: u32,
        world: &Expansion<'_>,
    ) -> Result<Vec<Sample>, Failure> {
        match self {
            Rule::Alert(alert) => alert.observe(returned, at_ms, limit, world),
            Rule::Record { name, labels } => record(returned, name, labels, limit),
        }
    }
}

/// The result of a query as a vector: a number is a sample without labels.
fn samples(value: Value) -> Result<Vec<Sample>, Failure> {
    match value {
        Value::Scalar(value) => Ok(vec![Sample { labels: Labels::empty(), value }]),
        Value::Vector(samples) => Ok(samples),
        Value::Matrix(_) | Value::String(_) => Err(Failure::NoVector),
    }
}

/// What a recording rule writes; an empty label takes one away.
fn record(
    returned: &[Sample],
    name: &str,
    labels: &[(String, String)],
    limit: u32,
) -> Result<Vec<Sample>, Failure> {
    let mut seen = BTreeSet::new();
    let mut written = Vec::with_capacity(returned.len());
    for sample in returned {
        let named = sample.labels.with(METRIC_NAME, name);
        let labels = labels.iter().fold(named, |all, (name, value)| all.with(name, value));
        if !seen.insert(labels.clone()) {
            return Err(Failure::SameLabels(labels));
        }
        written.push(Sample { labels, value: sample.value });
    }
    let found = u32::try_from(written.len()).unwrap_or(u32::MAX);
    if limit > 0 && found > limit {
        return Err(Failure::Limit { limit, found });
    }
    Ok(written)
}
