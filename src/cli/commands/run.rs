//! `backout run`: one replication, what happened when.

use std::sync::Arc;

use super::super::args::{Global, RolloutFrom, Run};
use super::super::exit::Failure;
use super::super::plan::{RunPlan, study_failed};
use super::super::ui::Ui;
use super::super::{chaos, files, inputs, repeat, results};
use crate::policy::loaded::Loaded;
use crate::policy::process::Trouble;
use crate::replication::prepared::PrepareOptions;
use crate::replication::record::ReplicationRecord;
use crate::replication::{Options, replicate};
use crate::report::timeline::{self, Glyphs, TimelineInput, Twin};
use crate::report::{self, Screen, VoidRow};
use crate::study::{Study, scenario_meta, without};

pub(super) fn run(global: &Global, run: &Run, ui: &Ui) -> Result<(), Failure> {
    let format = super::format(global, &["text", "json"])?;
    let sink = super::sink(global)?;
    let (plan, source) = plan(global, run, ui)?;
    let mut void = Vec::new();
    let bytes = if format == "json" {
        let (mut record, study) = play(&plan, &plan.policies)?;
        let troubles = study.troubles();
        without(std::slice::from_mut(&mut record), &troubles);
        void = void_rows(&plan, &source, &study, troubles);
        if !void.is_empty() {
            ui.say(report::void_lines(&void, Ui::width()).join("\n").trim_end());
        }
        super::json(&record)?
    } else {
        let screen = Screen { width: Ui::width(), colour: sink.colour() };
        let mut text = timelines(&plan, &source, screen, &mut void)?;
        text.push_str(&format!("\nrepeat: {}\n", repeat_command(run, &source, plan.seed)));
        text.into_bytes()
    };
    sink.write(&bytes)?;
    if void.is_empty() { Ok(()) } else { Err(Failure::Void) }
}

/// One timeline a policy. Each is played alone: its row is the same in company, and nobody else's words are in it. A policy
/// whose process failed has a timeline as far as it came, with what happened.
fn timelines(
    plan: &RunPlan,
    source: &str,
    screen: Screen,
    void: &mut Vec<VoidRow>,
) -> Result<String, Failure> {
    let scenario = scenario_meta(&plan.scenario, source);
    let twin = match plan.twin {
        super::super::args::Twin::Bad => Twin::Bad,
        super::super::args::Twin::Healthy => Twin::Healthy,
    };
    let mut texts = Vec::new();
    for policy in &plan.policies {
        let (record, study) = play(plan, std::slice::from_ref(policy))?;
        let Some(meta) = study.policy_metas().first() else { continue };
        let input = TimelineInput {
            record: &record,
            scenario: &scenario,
            policy: meta,
            seed: plan.seed,
            twin,
            screen,
            glyphs: Glyphs::Blocks,
        };
        let own = void_rows(plan, source, &study, study.troubles());
        let mut text = timeline::render(&input);
        if !own.is_empty() {
            text.push_str(&format!("\n{}", report::void_lines(&own, screen.width).join("\n")));
        }
        texts.push(text);
        void.extend(own);
    }
    Ok(texts.join("\n"))
}

fn void_rows(plan: &RunPlan, source: &str, study: &Study, troubles: Vec<(String, Trouble)>) -> Vec<VoidRow> {
    let scenario = [scenario_meta(&plan.scenario, source)];
    results::void_rows(plan.seed, &scenario, study.policy_metas(), troubles)
}

fn plan(global: &Global, run: &Run, ui: &Ui) -> Result<(RunPlan, String), Failure> {
    files::check_stdin_once(run.files.iter().chain([&run.scenario]))?;
    let planned = inputs::one_scenario(&run.scenario, &run.quick, ui)?;
    let mut planned = inputs::at_fidelity(chaos::apply(vec![planned], &run.chaos, ui)?, run.play)?;
    let planned = planned.remove(0);
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
fn play(plan: &RunPlan, policies: &[Loaded]) -> Result<(ReplicationRecord, Study), Failure> {
    let prepare = PrepareOptions {
        allow_missing: plan.allow_missing,
        scenario_rollout: plan.rollout == RolloutFrom::Scenario,
    };
    let study =
        Study::new(&[Arc::clone(&plan.scenario)], policies, plan.seed, prepare).map_err(study_failed)?;
    let prepared = study.prepared().first();
    let prepared = prepared.ok_or_else(|| Failure::Unexpected("no scenario was prepared".to_owned()))?;
    let record = replicate(prepared, plan.replication, Options { timeline: true, ..Options::default() });
    Ok((record, study))
}

fn repeat_command(run: &Run, source: &str, seed: u64) -> String {
    let words = std::iter::once(source).chain(run.files.iter().map(String::as_str));
    let words: Vec<String> = words.map(repeat::quoted).collect();
    let options = repeat::options(run.play, &run.policy, &run.quick) + &repeat::chaos(&run.chaos);
    let replication = run.replication;
    let twin = match run.twin {
        super::super::args::Twin::Bad => "",
        super::super::args::Twin::Healthy => " --twin healthy",
    };
    let seed = repeat::seed_option(seed);
    format!("backout run {}{seed} --replication {replication}{twin}{options}", words.join(" "))
}
