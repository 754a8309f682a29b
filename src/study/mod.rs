//! Studies: many replications of many scenarios, played over threads and collected in order.
//!
//! Traps: a replication is a pure function of (scenario, players, seed, number); threads only decide when it is
//! played. Results are collected by index, so no number depends on how many threads there are.

pub mod compare;
pub mod gate;
pub mod hunt;
pub mod journal;
mod meta;
pub mod rare;
pub mod sizing;
pub mod tune;
mod void;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::diagnostic::Diagnostic;
use crate::policy::loaded::Loaded;
use crate::policy::process::Trouble;
use crate::replication::prepared::{PrepareOptions, Prepared};
use crate::replication::record::ReplicationRecord;
use crate::replication::{Options, replicate};
use crate::scenario::Scenario;
use crate::score::{CostWeights, Input, PolicyMeta, ScenarioMeta, ScoreError, Scorecard, scorecard};

pub use meta::{policy_metas, scenario_meta};
pub use void::without;

/// What is played.
pub struct Study {
    scenarios: Vec<Prepared>,
    policies: Vec<PolicyMeta>,
    replications: Replications,
    jobs: NonZeroUsize,
    options: Options,
}

/// How often each scenario is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replications {
    /// Scenarios at flow level.
    pub flow: u32,
    /// Scenarios at request level.
    pub request: u32,
}

impl Default for Replications {
    fn default() -> Self {
        Replications { flow: 200, request: 8 }
    }
}

impl Replications {
    /// What is played where nobody asks for a number: fewer of each where there are many scenarios, so that a study of
    /// everything that is shipped is still something to wait for. `flow` is how many of them are at flow level.
    pub fn of_many(flow: usize) -> Self {
        let usual = Replications::default();
        let all = 24 * u64::from(usual.flow);
        let each = all / (flow as u64).max(1);
        Replications { flow: each.clamp(40, u64::from(usual.flow)) as u32, ..usual }
    }
}

/// One replication of a study: all that is to be said to play it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Job {
    /// Index of the scenario.
    pub scenario: usize,
    /// Number of the replication, from 0.
    pub replication: u32,
}

/// How far a study is: replications done and replications in all.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
}

impl Progress {
    /// Replications done.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// One more is done.
    fn one_more(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }
}

/// Why a study cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    /// Policies and scenarios do not fit.
    #[error("{} queries cannot be asked of these scenarios", .0.len())]
    Binding(Vec<Diagnostic>),
    /// The threads could not be started.
    #[error("the worker threads could not be started: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// The records do not fit the study.
    #[error(transparent)]
    Records(#[from] ScoreError),
}

impl Study {
    /// Binds every policy to every scenario.
    ///
    /// # Errors
    /// When a query of a policy can never match in a scenario; all of them are collected.
    pub fn new(
        scenarios: &[Arc<Scenario>],
        policies: &[Loaded],
        seed: u64,
        prepare: PrepareOptions,
    ) -> Result<Self, StudyError> {
        let mut errors: Vec<Diagnostic> = Vec::new();
        let mut prepared = Vec::new();
        for scenario in scenarios {
            match Prepared::new(Arc::clone(scenario), policies, seed, prepare) {
                Ok(one) => prepared.push(one),
                Err(found) => {
                    for diagnostic in found {
                        if !errors.iter().any(|known| known.to_string() == diagnostic.to_string()) {
                            errors.push(diagnostic);
                        }
                    }
                }
            }
        }
        if !errors.is_empty() {
            return Err(StudyError::Binding(errors));
        }
        Ok(Study {
            policies: policy_metas(policies, &prepared),
            scenarios: prepared,
            replications: Replications::default(),
            jobs: NonZeroUsize::MIN,
            options: Options::default(),
        })
    }

    /// Plays each scenario this often.
    #[must_use]
    pub fn with_replications(mut self, replications: Replications) -> Self {
        self.replications = replications;
        self
    }

    /// Plays on this many threads.
    #[must_use]
    pub fn with_jobs(mut self, jobs: NonZeroUsize) -> Self {
        self.jobs = jobs;
        self
    }

    /// What to do beyond the records.
    #[must_use]
    pub fn with_options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// What the scores need to know of the policies, in their order.
    pub fn policy_metas(&self) -> &[PolicyMeta] {
        &self.policies
    }

    /// Plays everything and scores it at these prices. A policy that is void counts as not played.
    ///
    /// # Errors
    /// When the threads cannot be started.
    pub fn score(&self, weights: &CostWeights) -> Result<Scorecard, StudyError> {
        let mut records = self.play(&Progress::default())?;
        without(&mut records, &self.troubles());
        let scenarios: Vec<ScenarioMeta> =
            self.scenarios.iter().map(|p| scenario_meta(&p.scenario, &p.scenario.name)).collect();
        let input = Input { records: &records, scenarios: &scenarios, policies: &self.policies, weights };
        Ok(scorecard(&input)?)
    }

    /// The scenarios, bound.
    pub fn prepared(&self) -> &[Prepared] {
        &self.scenarios
    }

    /// The policies whose rows are void after what was played so far, with the reason; in their order.
    pub fn troubles(&self) -> Vec<(String, Trouble)> {
        void::troubles(&self.scenarios, &self.policies)
    }

    /// Everything that is to be played: scenario by scenario, each from replication 0 on.
    pub fn plan(&self) -> Vec<Job> {
        let count = |p: &Prepared| {
            if p.scenario.is_flow() { self.replications.flow } else { self.replications.request }
        };
        self.scenarios
            .iter()
            .enumerate()
            .flat_map(|(scenario, p)| (0..count(p)).map(move |replication| Job { scenario, replication }))
            .collect()
    }

    /// Replications in all.
    pub fn total(&self) -> u64 {
        self.plan().len() as u64
    }

    /// Plays everything; records come in the order of scenarios and replication numbers.
    ///
    /// # Errors
    /// When the threads cannot be started.
    pub fn play(&self, progress: &Progress) -> Result<Vec<ReplicationRecord>, StudyError> {
        self.play_jobs(&self.plan(), progress)
    }

    /// Plays these; records come in their order. What one of them gives does not depend on the others.
    ///
    /// # Errors
    /// When the threads cannot be started.
    pub fn play_jobs(&self, jobs: &[Job], progress: &Progress) -> Result<Vec<ReplicationRecord>, StudyError> {
        let pool = self.threads()?;
        Ok(pool.install(|| jobs.par_iter().map(|job| self.play_one(*job, progress)).collect()))
    }

    /// Plays these and hands each over as soon as it is finished, in no order that means anything: the job says which it
    /// is. After the first `false` nothing more is begun.
    ///
    /// # Errors
    /// When the threads cannot be started.
    pub fn play_each(
        &self,
        jobs: &[Job],
        progress: &Progress,
        finished: impl Fn(Job, ReplicationRecord) -> bool + Sync,
    ) -> Result<(), StudyError> {
        let one = |job: &Job| finished(*job, self.play_one(*job, progress)).then_some(());
        let pool = self.threads()?;
        // Whoever takes them has said why when it wants no more.
        let _ = pool.install(|| jobs.par_iter().try_for_each(one));
        Ok(())
    }

    fn play_one(&self, job: Job, progress: &Progress) -> ReplicationRecord {
        let record = replicate(&self.scenarios[job.scenario], job.replication, self.options);
        progress.one_more();
        record
    }

    fn threads(&self) -> Result<rayon::ThreadPool, StudyError> {
        Ok(rayon::ThreadPoolBuilder::new().num_threads(self.jobs.get()).build()?)
    }
}

#[cfg(test)]
mod tests {
    use super::Replications;

    #[test]
    fn many_scenarios_are_played_less_often_each_and_few_as_often_as_ever() {
        let flow = |count: usize| Replications::of_many(count).flow;
        assert_eq!([0, 1, 24].map(flow), [200; 3]);
        assert_eq!([48, 96, 5000].map(flow), [100, 50, 40]);
        assert_eq!(Replications::of_many(96).request, Replications::default().request);
    }
}
