//! What a policy sees.

use serde::{Deserialize, Serialize};

use super::facts::Facts;
use crate::effect::RolloutView;
use crate::promql::{Storage, Value};
use crate::strategy::{Progress, StepStatus};
use crate::time::{SimDuration, SimTime};

/// Why a query gave no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// Monitoring did not answer.
    #[error("query timed out")]
    Unavailable,
    /// Monitoring answered with an error.
    #[error("{0}")]
    Failed(String),
}

/// The answers of monitoring at one instant; a value is computed once per branch and instant, whoever asks.
pub trait Queries {
    /// The value of a query (by its index in [`Loaded::queries`](super::loaded::Loaded)) at the instant of the observation.
    ///
    /// # Errors
    /// When monitoring fails to answer; an empty vector is an answer.
    fn value(&mut self, query: usize) -> Result<&Value, QueryError>;

    /// The values of a query at `start`, `start + step`, ... up to `end`, as one matrix (Argo's `rangeQuery`).
    ///
    /// # Errors
    /// When monitoring fails to answer.
    fn range(
        &mut self,
        query: usize,
        start: SimTime,
        end: SimTime,
        step: SimDuration,
    ) -> Result<Value, QueryError>;

    /// Shows `read` the samples themselves, as visible at the instant of the observation: for engines that compute over
    /// what was scraped and what they have written themselves. Only series that the policy's queries select are there.
    ///
    /// # Errors
    /// When monitoring fails to answer, or answers queries only; `read` is not called then.
    fn scraped(&mut self, _read: &mut dyn FnMut(&dyn Storage)) -> Result<(), QueryError> {
        Err(QueryError::Failed("monitoring answers queries only".to_owned()))
    }
}

/// What the API of the cluster and the rollout controller show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RolloutStatus {
    /// Sets, weight and routing.
    pub view: RolloutView,
    /// The step the rollout is in.
    pub step: StepStatus,
    /// Whether the new revision has become the stable one.
    pub progress: Progress,
    /// The last instant at which the rollout made progress (pods created, ready or gone).
    pub progressed_at: SimTime,
}

/// What only an oracle knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Truth {
    /// The first request that is bad in the bad release and good in its healthy twin.
    pub first_harm: Option<SimTime>,
}

/// What one check of a policy found; collected for `why` and for the timeline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CheckOutcome {
    /// The value is on the good side.
    Good(f64),
    /// The value is on the bad side.
    Bad(f64),
    /// There was no value (empty vector or NaN where that counts as none).
    NoData,
    /// The query or the evaluation failed.
    Error,
    /// It is good and there is nothing to show for it; counted nowhere.
    Nothing,
}

/// How bad an event is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Somebody should look.
    Warn,
    /// Something failed.
    Error,
}

/// Something an engine tells people, beside what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// How bad it is.
    pub severity: Severity,
    /// Who is told.
    pub whom: String,
    /// What they are told.
    pub text: String,
}

/// What a policy is shown at one instant.
pub struct Observation<'a> {
    /// The present.
    pub now: SimTime,
    /// What the cluster's API shows.
    pub rollout: RolloutStatus,
    /// A number in `[0, 1)`, keyed by policy and tick, for policies that need chance.
    pub chance: f64,
    /// What an oracle knows; `None` for every policy that is not marked as needing it.
    pub truth: Option<Truth>,
    /// What people know about the change, whatever monitoring shows.
    pub facts: Facts,
    /// The metrics.
    pub queries: &'a mut dyn Queries,
    /// What the checks found, by index in the policy's list of checks.
    pub findings: &'a mut Vec<(usize, CheckOutcome)>,
    /// What people are told at this instant.
    pub notices: &'a mut Vec<Notice>,
    /// Sentences in the engine's own words; `None` when nobody listens.
    pub log: Option<&'a mut Vec<String>>,
}

impl Observation<'_> {
    /// Notes what a check found.
    pub fn found(&mut self, check: usize, outcome: CheckOutcome) {
        self.findings.push((check, outcome));
    }

    /// Tells people something.
    pub fn tell(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    /// Says something in the engine's own words, made only when somebody listens.
    pub fn say(&mut self, sentence: impl FnOnce() -> String) {
        if let Some(log) = self.log.as_deref_mut() {
            log.push(sentence());
        }
    }
}
