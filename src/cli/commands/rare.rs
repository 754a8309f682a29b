//! `backout rare`: false rollbacks that are rarer than plain replications show.

use super::super::args::{Global, Rare, RolloutFrom};
use super::super::exit::Failure;
use super::super::plan::{PlannedScenario, jobs, study_failed};
use super::super::ui::Ui;
use super::super::{files, inputs, progress};
use crate::replication::prepared::PrepareOptions;
use crate::report::rarity::{Rarities, text};
use crate::study::Progress;
use crate::study::rare::{Question, RareError};

pub(super) fn run(global: &Global, rare: &Rare, ui: &Ui) -> Result<(), Failure> {
    let format = super::format(global, &["text", "json"])?;
    let sink = super::sink(global)?;
    files::check_stdin_once(rare.files.iter().chain(&rare.scenario))?;
    let planned = scenario(rare, ui)?;
    let policies = inputs::policies(&rare.files, &rare.policy)?;
    let question = Question {
        scenario: &planned.scenario,
        policies: &policies,
        seed: global.seed,
        replications: rare.replications,
        each: rare.pilots,
        jobs: jobs(global),
        prepare: PrepareOptions {
            allow_missing: rare.policy.allow_missing_series,
            scenario_rollout: rare.policy.rollout == RolloutFrom::Scenario,
        },
    };
    let done = Progress::default();
    let answers = progress::with_bar(ui, question.total(), || done.done(), || question.answer(&done));
    let rarities = Rarities {
        format: 1,
        scenario: planned.scenario.name.clone(),
        seed: global.seed,
        replications: rare.replications,
        policies: answers.map_err(failed)?,
    };
    let bytes = if format == "json" { super::json(&rarities)? } else { text(&rarities).into_bytes() };
    sink.write(&bytes)
}

/// The scenario that is asked about: the one named, or the service in numbers.
fn scenario(rare: &Rare, ui: &Ui) -> Result<PlannedScenario, Failure> {
    let word = rare.scenario.as_deref().unwrap_or("quick/errors");
    inputs::one_scenario(word, &rare.quick, ui)
}

fn failed(error: RareError) -> Failure {
    match error {
        RareError::Study(error) => study_failed(error),
        RareError::RequestLevel(_) => Failure::usage(
            error.to_string(),
            "play it with `backout score -n` as often as the rate asks for: 3,000 clean releases say less than 1 in 1,000"
                .to_owned(),
        ),
    }
}
