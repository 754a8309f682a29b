//! From records to the bytes of a report: the one way for what was just played, what a store holds and what shards bring.

use serde::{Deserialize, Serialize};

use super::args::StudyArgs;
use super::exit::Failure;
use super::plan::StudyPlan;
use super::repeat;
use super::ui::{Sink, Ui};
use crate::policy::process::Trouble;
use crate::replication::record::ReplicationRecord;
use crate::report::{self, Report, Screen, VoidRow};
use crate::score::{CostWeights, Input, PolicyMeta, ScenarioMeta, scorecard};
use crate::study::{Job, Replications, Study, without};

/// What a report says beside its figures. It is stored with the records, so that they can be reported again by whoever
/// has neither the files nor the program's idea of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// The command that gives the same result.
    pub(super) command: String,
    /// The seed.
    pub(super) seed: u64,
    /// Options that replay commands need too, as a shell reads them.
    pub(super) options: String,
    /// The scenarios, in order.
    pub(super) scenarios: Vec<ScenarioMeta>,
    /// How often each of them is played.
    pub(super) replications: Vec<u32>,
    /// The policies, in order.
    pub(super) policies: Vec<PolicyMeta>,
    /// What a reader should doubt.
    pub(super) doubts: Vec<String>,
}

impl Facts {
    /// The facts of a study that is about to be played.
    pub(super) fn of(plan: &StudyPlan, study: &Study, args: &StudyArgs, command: String) -> Self {
        let mut replications = vec![0; plan.scenarios.len()];
        study.plan().iter().for_each(|job| replications[job.scenario] += 1);
        Facts {
            command,
            seed: plan.seed,
            options: repeat::study_options(args),
            scenarios: plan.scenario_metas(),
            replications,
            policies: study.policy_metas().to_vec(),
            doubts: to_doubt(plan),
        }
    }

    /// Everything that is played, in the order of a study.
    pub(super) fn jobs(&self) -> impl Iterator<Item = Job> + '_ {
        let of = |(scenario, count): (usize, &u32)| {
            (0..*count).map(move |replication| Job { scenario, replication })
        };
        self.replications.iter().enumerate().flat_map(of)
    }

    /// The job a record is of; `None` if it is none of this study's.
    pub(super) fn job_of(&self, record: &ReplicationRecord) -> Option<Job> {
        let scenario = self.scenarios.iter().position(|meta| meta.name == record.scenario)?;
        let played = record.replication < *self.replications.get(scenario)?;
        played.then_some(Job { scenario, replication: record.replication })
    }
}

/// A study that was played.
pub(crate) struct Results {
    /// What a report says beside its figures.
    pub(super) facts: Facts,
    /// In the order of scenarios and numbers.
    pub(super) records: Vec<ReplicationRecord>,
    /// The policies that are void, and why.
    pub(super) troubles: Vec<(String, Trouble)>,
}

impl Results {
    /// Scores the records and writes the report.
    ///
    /// # Errors
    /// When it cannot be written; when it was, and rows are void.
    pub(super) fn write(self, format: &str, sink: Sink) -> Result<(), Failure> {
        let Results { facts, mut records, troubles } = self;
        let Facts { command, seed, options, scenarios, mut policies, doubts, .. } = facts;
        without(&mut records, &troubles);
        let void = void_rows(seed, &scenarios, &policies, troubles);
        policies.retain(|policy| void.iter().all(|row| row.policy != policy.name));
        let weights = CostWeights::default();
        let input =
            Input { records: &records, scenarios: &scenarios, policies: &policies, weights: &weights };
        let card = scorecard(&input).map_err(|error| Failure::Unexpected(error.to_string()))?;
        let mut report = Report::new(&command, seed, scenarios, policies, card);
        report.replays.iter_mut().for_each(|replay| replay.command.push_str(&options));
        report.void = void;
        report.void.iter_mut().for_each(|row| row.command.push_str(&options));
        report.warnings.extend(doubts);
        report.screen = Screen { width: Ui::width(), colour: sink.colour() };
        let is_void = !report.void.is_empty();
        let output =
            report::output(format).ok_or_else(|| Failure::Unexpected(format!("no form `{format}`")))?;
        let bytes: Vec<u8> =
            (output.render)(&report).into_iter().flat_map(|artifact| artifact.bytes).collect();
        sink.write(&bytes)?;
        if is_void { Err(Failure::Void) } else { Ok(()) }
    }
}

/// The rows of policies whose process failed.
pub(super) fn void_rows(
    seed: u64,
    scenarios: &[ScenarioMeta],
    policies: &[PolicyMeta],
    troubles: Vec<(String, Trouble)>,
) -> Vec<VoidRow> {
    let row = |(policy, trouble): (String, Trouble)| {
        let source = policies.iter().find(|meta| meta.name == policy).map_or("", |meta| &meta.source);
        let command = report::replay(seed, scenarios, &trouble.scenario, source, trouble.replication);
        VoidRow { source: source.to_owned(), policy, trouble, command }
    };
    troubles.into_iter().map(row).collect()
}

/// What a reader of the scores should doubt.
fn to_doubt(plan: &StudyPlan) -> Vec<String> {
    let mut doubts = Vec::new();
    let some = |flow: bool| plan.scenarios.iter().filter(|p| p.scenario.is_flow() == flow).count();
    let Replications { flow, request } = plan.replications();
    for (count, files, kind) in [(flow, some(true), ""), (request, some(false), " at request level")] {
        if files > 0 && count < 100 {
            let noun = if files == 1 { "scenario" } else { "scenarios" };
            doubts.push(format!(
                "{files} {noun}{kind} played {count} times: intervals are wide; ask for more with --replications"
            ));
        }
    }
    let silent: Vec<&str> = plan
        .policies
        .iter()
        .filter(|policy| !policy.unsupported.is_empty())
        .map(|policy| policy.name.as_str())
        .collect();
    if !silent.is_empty() {
        doubts.push(format!(
            "parts of {} have no effect here; `backout explain` lists them with their lines",
            silent.join(", ")
        ));
    }
    doubts
}
