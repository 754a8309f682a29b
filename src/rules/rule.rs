//! One rule at work: from the value of its query to the samples it writes.

use std::collections::BTreeSet;

use crate::promql::{EvalError, Labels, METRIC_NAME, MemoryStorage, STALE, Sample, Value};

use super::alert::Alert;
use super::file::{Kind, RuleDef};
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

/// A rule with its state.
#[derive(Clone, Debug)]
pub struct Rule {
    kind: Work,
    limit: u32,
    /// What it wrote at its last evaluation that did not fail.
    wrote: BTreeSet<Labels>,
}

#[derive(Clone, Debug)]
enum Work {
    Record { name: String, labels: Vec<(String, String)> },
    Alert(Alert),
}

impl Rule {
    /// A rule that has not been evaluated yet, of a group with this limit (0: none).
    pub fn new(def: &RuleDef, limit: u32) -> Self {
        let kind = match (&def.kind, Alert::new(def)) {
            (_, Some(alert)) => Work::Alert(alert),
            (Kind::Record(name) | Kind::Alert { name, .. }, None) => {
                Work::Record { name: name.clone(), labels: def.labels.clone() }
            }
        };
        Rule { kind, limit, wrote: BTreeSet::new() }
    }

    /// The alert it is, if it is one.
    pub fn alert(&self) -> Option<&Alert> {
        match &self.kind {
            Work::Alert(alert) => Some(alert),
            Work::Record { .. } => None,
        }
    }

    /// Takes in the value of its query and writes what follows into `store`. `at_ms` is the instant of the evaluation and
    /// the one its query looked at, under which samples are written; they differ by the offset of the group.
    ///
    /// # Errors
    /// See [`Failure`]; nothing is written then.
    pub fn take(
        &mut self,
        value: Value,
        store: &mut MemoryStorage,
        at_ms: (i64, i64),
        world: &Expansion<'_>,
    ) -> Result<(), Failure> {
        let returned = samples(value)?;
        let written = match &mut self.kind {
            Work::Alert(alert) => alert.observe(&returned, at_ms.0, self.limit, world)?,
            Work::Record { name, labels } => record(&returned, name, labels, self.limit)?,
        };
        let mut wrote = BTreeSet::new();
        for sample in written {
            store.append(&sample.labels, at_ms.1, sample.value);
            wrote.insert(sample.labels);
        }
        for gone in self.wrote.difference(&wrote) {
            store.append(gone, at_ms.1, STALE);
        }
        self.wrote = wrote;
        Ok(())
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
