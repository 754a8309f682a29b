//! `backout run`: one replication, what happened when.

use std::sync::Arc;

use super::super::args::{Global, RolloutFrom, Run};
use super::super::exit::Failure;
use super::super::plan::RunPlan;
use super::super::ui::Ui;
use super::super::{files, inputs, repeat};
use super::{score, timeline};
use crate::replication::prepared::PrepareOptions;
use crate::replication::record::ReplicationRecord;
use crate::replication::{Options, replicate};
use crate::study::Study;

pub(super) fn run(global: &Global, run: &Run, ui: &Ui) -> Result<(), Failure> {
    let format = super::format(global, &["text", "json"])?;
    let sink = super::sink(global)?;
    let (plan, source) = plan(global, run, ui)?;
    let record = play(&plan)?;
    let bytes = if format == "json" {
        super::json(&record)?
    } else {
        let repeat = repeat_command(run, &source, plan.seed);
        timeline::text(&record, &plan, &repeat).into_bytes()
    };
    sink.write(&bytes)
}

fn plan(global: &Global, run: &Run, ui: &Ui) -> Result<(RunPlan, String), Failure> {
    files::check_stdin_once(run.files.iter().chain([&run.scenario]))?;
    let planned = inputs::one_scenario(&run.scenario, &run.quick, ui)?;
    let plan = RunPlan {
        scenario: planned.scenario,
        policies: inputs::policies(&run.files, &run.policy)?,
        seed: global.seed,
        replication: run.replication,
        twin: run.twin,
        rollout: run.policy.rollout,
        allow_missing: run.policy.allow_missing_series,
    };
    Ok((plan, planned.source))
}

/// Plays the one replication, with timelines.
fn play(plan: &RunPlan) -> Result<ReplicationRecord, Failure> {
    let prepare = PrepareOptions {
        allow_missing: plan.allow_missing,
        scenario_rollout: plan.rollout == RolloutFrom::Scenario,
    };
    let study = Study::new(&[Arc::clone(&plan.scenario)], &plan.policies, plan.seed, prepare)
        .map_err(score::study_failed)?;
    let prepared = study.prepared().first();
    let prepared = prepared.ok_or_else(|| Failure::Unexpected("no scenario was prepared".to_owned()))?;
    Ok(replicate(prepared, plan.replication, Options { timeline: true, ..Options::default() }))
}

fn repeat_command(run: &Run, source: &str, seed: u64) -> String {
    let words = std::iter::once(source).chain(run.files.iter().map(String::as_str));
    let words: Vec<String> = words.map(repeat::quoted).collect();
    let options = repeat::options(&run.policy, &run.quick);
    let replication = run.replication;
    let twin = match run.twin {
        super::super::args::Twin::Bad => "",
        super::super::args::Twin::Healthy => " --twin healthy",
    };
    let seed = repeat::seed_option(seed);
    format!("backout run {}{seed} --replication {replication}{twin}{options}", words.join(" "))
}
