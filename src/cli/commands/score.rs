//! `backout score`: policies over scenarios, to a scorecard.

use std::sync::Arc;

use super::super::args::{Global, RolloutFrom, SCORE_FORMATS, Score};
use super::super::exit::Failure;
use super::super::plan::StudyPlan;
use super::super::repeat::{self, Invocation};
use super::super::ui::Ui;
use super::super::{chaos, doubts, files, inputs, progress};
use crate::diagnostic::Diagnostics;
use crate::policy::process::Trouble;
use crate::replication::prepared::PrepareOptions;
use crate::replication::record::ReplicationRecord;
use crate::report::{self, Report, Screen, VoidRow};
use crate::scenario::Scenario;
use crate::score::{CostWeights, Input, PolicyMeta, ScenarioMeta, scorecard};
use crate::study::{Progress, Replications, Study, StudyError, scenario_meta, without};

pub(super) fn run(global: &Global, score: &Score, ui: &Ui, invocation: &Invocation) -> Result<(), Failure> {
    let format = super::format(global, &SCORE_FORMATS)?;
    let sink = super::sink(global)?;
    let plan = plan(global, score, ui)?;
    let Played { records, mut policies, troubles } = play(&plan, ui)?;
    let scenarios: Vec<ScenarioMeta> =
        plan.scenarios.iter().map(|planned| scenario_meta(&planned.scenario, &planned.source)).collect();
    let weights = CostWeights::default();
    let void = void_rows(plan.seed, &scenarios, &policies, troubles);
    policies.retain(|policy| void.iter().all(|row| row.policy != policy.name));
    let input = Input { records: &records, scenarios: &scenarios, policies: &policies, weights: &weights };
    let card = scorecard(&input).map_err(|error| Failure::Unexpected(error.to_string()))?;
    let command = invocation.with_seed(plan.seed);
    let mut report = Report::new(&command, plan.seed, scenarios, policies, card);
    let options = repeat::options(score.play, &score.policy, &score.quick) + &repeat::chaos(&score.chaos);
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

fn plan(global: &Global, score: &Score, ui: &Ui) -> Result<StudyPlan, Failure> {
    files::check_stdin_once(score.files.iter().chain(&score.scenario))?;
    let scenarios = chaos::apply(inputs::scenarios(&score.scenario, &score.quick, ui)?, &score.chaos, ui)?;
    let scenarios = inputs::at_fidelity(scenarios, score.play)?;
    let sets = inputs::policy_sets(&score.files, &score.policy)?;
    // Nobody who names no file has to be told about ours.
    let findings = if score.files.is_empty() {
        Diagnostics::new()
    } else {
        doubts::find(&sets, &scenarios, &score.policy)?
    };
    Ok(StudyPlan {
        scenarios,
        policies: sets.into_iter().flat_map(|set| set.policies).collect(),
        findings,
        seed: global.seed,
        replications: score.replications,
        jobs: super::jobs(global),
        rollout: score.policy.rollout,
        allow_missing: score.policy.allow_missing_series,
    })
}

/// Plays the study.
fn play(plan: &StudyPlan, ui: &Ui) -> Result<Played, Failure> {
    let scenarios: Vec<Arc<Scenario>> =
        plan.scenarios.iter().map(|planned| Arc::clone(&planned.scenario)).collect();
    let prepare = PrepareOptions {
        allow_missing: plan.allow_missing,
        scenario_rollout: plan.rollout == RolloutFrom::Scenario,
    };
    let study = Study::new(&scenarios, &plan.policies, plan.seed, prepare)
        .map_err(|error| placed(study_failed(error), &plan.findings))?
        .with_jobs(plan.jobs)
        .with_replications(replications(plan));
    ui.warn(&plan.findings);
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

/// Queries that cannot be asked are the fault of the files; threads that do not start are not.
pub(super) fn study_failed(error: StudyError) -> Failure {
    match error {
        StudyError::Binding(found) => {
            let mut all = Diagnostics::new();
            all.extend(found);
            Failure::Input(all)
        }
        StudyError::Threads(_) | StudyError::Records(_) => Failure::Unexpected(error.to_string()),
    }
}

/// Errors about queries, where the rules know their places.
fn placed(failure: Failure, findings: &Diagnostics) -> Failure {
    match failure {
        Failure::Input(errors) => Failure::Input(doubts::placed(errors, findings)),
        other => other,
    }
}

/// How often each scenario is played: as often as was asked for, or as suits their number.
fn replications(plan: &StudyPlan) -> Replications {
    let flow = plan.scenarios.iter().filter(|planned| planned.scenario.is_flow()).count();
    plan.replications.map_or_else(|| Replications::of_many(flow), |n| Replications { flow: n, request: n })
}

/// What a reader of the scores should doubt.
fn to_doubt(plan: &StudyPlan) -> Vec<String> {
    let mut doubts = Vec::new();
    let some = |flow: bool| plan.scenarios.iter().filter(|p| p.scenario.is_flow() == flow).count();
    let Replications { flow, request } = replications(plan);
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
