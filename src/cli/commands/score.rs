//! `backout score`: policies over scenarios, to a scorecard.

use super::super::args::{Global, SCORE_FORMATS, Score};
use super::super::exit::Failure;
use super::super::plan::{StudyPlan, study_failed};
use super::super::progress;
use super::super::repeat::{self, Invocation};
use super::super::ui::Ui;
use crate::policy::process::Trouble;
use crate::replication::record::ReplicationRecord;
use crate::report::{self, Report, Screen, VoidRow};
use crate::score::{CostWeights, Input, PolicyMeta, ScenarioMeta, scorecard};
use crate::study::{Progress, Replications, without};

pub(super) fn run(global: &Global, score: &Score, ui: &Ui, invocation: &Invocation) -> Result<(), Failure> {
    let format = super::format(global, &SCORE_FORMATS)?;
    let sink = super::sink(global)?;
    let plan = StudyPlan::read(global, &score.files, &score.study, ui)?;
    let Played { records, mut policies, troubles } = play(&plan, ui)?;
    let scenarios = plan.scenario_metas();
    let weights = CostWeights::default();
    let void = void_rows(plan.seed, &scenarios, &policies, troubles);
    policies.retain(|policy| void.iter().all(|row| row.policy != policy.name));
    let input = Input { records: &records, scenarios: &scenarios, policies: &policies, weights: &weights };
    let card = scorecard(&input).map_err(|error| Failure::Unexpected(error.to_string()))?;
    let command = invocation.with_seed(plan.seed);
    let mut report = Report::new(&command, plan.seed, scenarios, policies, card);
    let options = repeat::study_options(&score.study);
    report.replays.iter_mut().for_each(|replay| replay.command.push_str(&options));
    report.void = void;
    report.void.iter_mut().for_each(|row| row.command.push_str(&options));
    report.warnings.extend(to_doubt(&plan));
    report.screen = Screen { width: Ui::width(), colour: sink.colour() };
    let is_void = !report.void.is_empty();
    let output = report::output(format).ok_or_else(|| Failure::Unexpected(format!("no form `{format}`")))?;
    let bytes: Vec<u8> = (output.render)(&report).into_iter().flat_map(|artifact| artifact.bytes).collect();
    sink.write(&bytes)?;
    if is_void { Err(Failure::Void) } else { Ok(()) }
}

/// What was played.
struct Played {
    /// In the order of scenarios and numbers, without the runs of void policies.
    records: Vec<ReplicationRecord>,
    /// What is to be known of each policy.
    policies: Vec<PolicyMeta>,
    /// The policies that are void, and why.
    troubles: Vec<(String, Trouble)>,
}

/// Plays the study.
fn play(plan: &StudyPlan, ui: &Ui) -> Result<Played, Failure> {
    let study = plan.bind(ui)?;
    let policies = study.policy_metas().to_vec();
    let done = Progress::default();
    let records = progress::with_bar(ui, study.total(), || done.done(), || study.play(&done));
    let (mut records, troubles) = (records.map_err(study_failed)?, study.troubles());
    without(&mut records, &troubles);
    Ok(Played { records, policies, troubles })
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
