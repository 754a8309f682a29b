//! A policy as it was loaded from a file: the running part's prototype and everything a report says about it.

use serde::{Deserialize, Serialize};

use super::Policy;
use crate::rollback::ProcedureSpec;
use crate::strategy::StrategySpec;
use crate::telemetry::naming::{Engine, Naming};

/// Something in a user's file that has no effect here, with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsupported {
    /// Dotted path of the field.
    pub path: String,
    /// Line in the file, from 1.
    pub line: usize,
    /// What would be needed, or why it does not matter.
    pub note: String,
}

/// A setting that stands in for something the file asks for and a simulation does not have (a webhook, a person).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandIn {
    /// What is replaced.
    pub what: String,
    /// Line in the file, from 1; 0 when it is not from a line.
    pub line: usize,
    /// What happens instead.
    pub setting: String,
}

/// One comparison a policy makes, for `explain`, `why` and timelines.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckDef {
    /// Its name in the file.
    pub name: String,
    /// The query whose value is judged, as it is sent; `None` when the check is not about a metric.
    pub query: Option<String>,
    /// The good side in words and numbers, e.g. `>= 99`.
    pub good: String,
    /// Judges a number the way the policy does: `true` = bad. Used on the candidate-only value.
    pub limits: Limits,
    /// Line in the file, from 1.
    pub line: usize,
}

/// The band of values that are good.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Values below this are bad.
    pub min: Option<f64>,
    /// Values above this are bad.
    pub max: Option<f64>,
    /// Whether the limit itself is bad.
    pub strict: bool,
}

impl Limits {
    /// Whether the value is on the bad side; NaN is not.
    pub fn is_bad(&self, value: f64) -> bool {
        let below = self.min.is_some_and(|min| value < min || (self.strict && value == min));
        let above = self.max.is_some_and(|max| value > max || (self.strict && value == max));
        below || above
    }
}

/// A policy ready to be played.
#[derive(Clone)]
pub struct Loaded {
    /// Short name for tables: file stem, or name in the file if several share it.
    pub name: String,
    /// Where it came from, as given by the user.
    pub source: String,
    /// Whose file format it is.
    pub engine: Engine,
    /// Identity that keys the phase of its evaluations: `namespace/name`.
    pub identity: String,
    /// One line on what it does.
    pub summary: String,
    /// The policy before its start.
    pub prototype: Box<dyn Policy>,
    /// The queries it asks, by the index its policy asks with; bound when a study is set up.
    pub queries: Vec<QueryDef>,
    /// Its checks, in the order of their indices.
    pub checks: Vec<CheckDef>,
    /// The rollout the file brings, if it brings one.
    pub rollout: Option<StrategySpec>,
    /// How it rolls back, if the file's engine does that itself.
    pub rollback: Option<ProcedureSpec>,
    /// How names in its queries mean the simulated service.
    pub naming: Naming,
    /// Whether it may look at the truth.
    pub needs_truth: bool,
    /// Whether its file's engine only tells people, and nobody said that anything else follows.
    pub tells_only: bool,
    /// What the file says and the simulation does not honour.
    pub unsupported: Vec<Unsupported>,
    /// What stands in for what.
    pub stand_ins: Vec<StandIn>,
    /// Plain-language reading, one sentence a line.
    pub reading: Vec<String>,
}

impl Loaded {
    /// A policy made by a program: it plays on the scenario's rollout, asks no queries, has no checks, and its names
    /// are those of native triggers for the service `service`.
    pub fn custom(name: &str, service: &str, policy: impl Policy + 'static) -> Self {
        Loaded {
            name: name.to_owned(),
            source: "a program".to_owned(),
            engine: Engine::Native,
            identity: format!("custom/{name}"),
            summary: String::new(),
            prototype: Box::new(policy),
            queries: Vec::new(),
            checks: Vec::new(),
            rollout: None,
            rollback: None,
            naming: Naming::native(service),
            needs_truth: false,
            tells_only: false,
            unsupported: Vec::new(),
            stand_ins: Vec::new(),
            reading: Vec::new(),
        }
    }

    /// Adds a query and a check on its value; both get the next index, from 0, under which the policy asks
    /// ([`Queries::value`](super::Queries::value)) and reports ([`Observation::found`](super::Observation::found)).
    #[must_use]
    pub fn with_check(mut self, name: &str, query: &str, limits: Limits) -> Self {
        let bound = |word: &str, limit: Option<f64>| limit.map(|limit| format!("{word} {limit}"));
        let good: Vec<String> =
            [bound(">=", limits.min), bound("<=", limits.max)].into_iter().flatten().collect();
        self.queries.push(QueryDef { text: query.to_owned(), line: 0 });
        self.checks.push(CheckDef {
            name: name.to_owned(),
            query: Some(query.to_owned()),
            good: good.join(" and "),
            limits,
            line: 0,
        });
        self
    }
}

/// A query as a policy sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryDef {
    /// PromQL, every placeholder filled in.
    pub text: String,
    /// Line in the file, from 1.
    pub line: usize,
}
