//! `backout size`: what a canary's traffic can show, and from which severity on policies catch a bad release.

use super::super::args::{EffectArg, Global, RolloutFrom, Size};
use super::super::exit::Failure;
use super::super::plan::{PlannedScenario, jobs, study_failed};
use super::super::ui::Ui;
use super::super::{files, inputs, progress};
use crate::replication::prepared::PrepareOptions;
use crate::report::sizing::{Sizing, text};
use crate::scenario::Scenario;
use crate::stats::sizing::Demands;
use crate::study::Progress;
use crate::study::sizing::exposure::exposure;
use crate::study::sizing::severity::{Effect, Question};

/// How often a severity is played where nobody asks for a number.
const FLOW: u32 = 100;
const REQUEST: u32 = 8;

pub(super) fn run(global: &Global, size: &Size, ui: &Ui) -> Result<(), Failure> {
    let format = super::format(global, &["text", "json"])?;
    let sink = super::sink(global)?;
    files::check_stdin_once(size.files.iter().chain(&size.scenario))?;
    let effect = effect(size)?;
    let severities = severities(size, effect)?;
    let planned = scenario(size, ui)?;
    let policies =
        if size.files.is_empty() { Vec::new() } else { inputs::policies(&size.files, &size.policy)? };
    let demands = Demands { alpha: size.alpha.get(), power: size.power.get() };
    check(demands)?;
    let question = Question {
        scenario: &planned.scenario,
        policies: &policies,
        effect,
        severities: &severities,
        power: demands.power,
        seed: global.seed,
        replications: size.replications.unwrap_or(if planned.scenario.is_flow() { FLOW } else { REQUEST }),
        jobs: jobs(global),
        prepare: PrepareOptions {
            allow_missing: size.policy.allow_missing_series,
            scenario_rollout: size.policy.rollout == RolloutFrom::Scenario,
        },
    };
    let sizing = answer(&question, &planned.scenario, demands, ui)?;
    let bytes = if format == "json" { super::json(&sizing)? } else { text(&sizing).into_bytes() };
    sink.write(&bytes)
}

fn answer(
    question: &Question<'_>,
    scenario: &Scenario,
    demands: Demands,
    ui: &Ui,
) -> Result<Sizing, Failure> {
    let plateaus = exposure(question.scenario, question.seed).map_err(study_failed)?;
    let done = Progress::default();
    let curves = if question.policies.is_empty() {
        Vec::new()
    } else {
        progress::with_bar(ui, question.total(), || done.done(), || question.answer(&done))
            .map_err(study_failed)?
    };
    let target = &scenario.world.services[usize::from(scenario.world.target.0)];
    let normal = target.error_ratio.get();
    let of_errors = if question.effect == Effect::Errors { question.severities } else { &[] };
    let first = plateaus.first();
    Ok(Sizing {
        format: 1,
        scenario: scenario.name.clone(),
        error_ratio: normal,
        rate: first.map_or(0.0, |p| (p.requests + p.others) / p.lasts.as_secs_f64()),
        alpha: demands.alpha,
        power: demands.power,
        needs: Sizing::needs_of(of_errors, normal, demands, &plateaus),
        bound: Sizing::bound_of(of_errors, normal, demands.alpha, &plateaus),
        plateaus,
        effect: question.effect,
        replications: question.replications,
        curves,
    })
}

/// The scenario that is asked about: the one named, or the service in numbers.
fn scenario(size: &Size, ui: &Ui) -> Result<PlannedScenario, Failure> {
    match &size.scenario {
        Some(word) if size.quick.is_given() => {
            let fact = format!("`{word}` is a scenario and the numbers describe another service");
            Err(Failure::usage(fact, "leave out either `--scenario` or `--rate` and its like".to_owned()))
        }
        Some(word) => inputs::one_scenario(word, &size.quick, ui),
        None => inputs::one_scenario("quick/errors", &size.quick, ui),
    }
}

fn effect(size: &Size) -> Result<Effect, Failure> {
    match (size.effect, size.files.is_empty()) {
        (EffectArg::Errors, _) => Ok(Effect::Errors),
        (EffectArg::Latency, false) => Ok(Effect::Latency),
        (EffectArg::Latency, true) => Err(Failure::usage(
            "what latency a policy catches needs a policy".to_owned(),
            "name a policy file, or ask about errors".to_owned(),
        )),
    }
}

/// The severities asked for, ascending, or the usual ones.
fn severities(size: &Size, effect: Effect) -> Result<Vec<f64>, Failure> {
    if size.severity.is_empty() {
        return Ok(effect.usual().to_vec());
    }
    let mut all = Vec::new();
    for word in size.severity.iter().flat_map(|list| list.split(',')).map(str::trim) {
        let number = match word.strip_suffix('%') {
            Some(percent) => percent.trim().parse().map(|percent: f64| percent / 100.0),
            None => word.trim_end_matches('x').parse(),
        };
        match number {
            Ok(severity) if effect.can_be(severity) => all.push(severity),
            _ => {
                let help = match effect {
                    Effect::Errors => "write shares above 0 and up to 100 %, like `--severity 0.5%,1%,5%`",
                    Effect::Latency => "write factors above 1, like `--severity 1.5,2,4`",
                };
                return Err(Failure::usage(format!("`{word}` is no severity"), help.to_owned()));
            }
        }
    }
    all.sort_by(f64::total_cmp);
    all.dedup();
    Ok(all)
}

fn check(Demands { alpha, power }: Demands) -> Result<(), Failure> {
    let fits = 0.0 < alpha && alpha < 1.0 && 0.0 < power && power < 1.0;
    let help = "write probabilities between 0 and 1, like `--alpha 5% --power 90%`".to_owned();
    if fits { Ok(()) } else { Err(Failure::usage(format!("a test with {alpha} and {power} is none"), help)) }
}
