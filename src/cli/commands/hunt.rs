//! `backout hunt`: the world in which a policy does worst, as a small scenario that replays.

use std::path::Path;

use super::super::args::{Global, Hunt, PlayArgs, QuickArgs, RolloutFrom};
use super::super::exit::Failure;
use super::super::files::{self, Shipped, Text};
use super::super::plan::jobs;
use super::super::repeat::{self, Invocation};
use super::super::ui::Ui;
use super::super::{inputs, output_failure, progress};
use crate::diagnostic::{Diagnostic, Source};
use crate::policy::loaded::Loaded;
use crate::replication::prepared::PrepareOptions;
use crate::report::hunt::{HEADER, Replay, file, text};
use crate::scenario::quick::{FAMILY, NUMBERS};
use crate::scenario::{self, Scenario};
use crate::study::Progress;
use crate::study::hunt::{Finding, Hunt as Question, HuntError, Hunted, Measure};

/// Worlds where nobody asks for a number: about a minute at flow level.
const FLOW: u32 = 1200;
const REQUEST: u32 = 60;

pub(super) fn run(global: &Global, hunt: &Hunt, ui: &Ui, invocation: &Invocation) -> Result<(), Failure> {
    let format = super::format(global, &["text", "json"])?;
    let sink = super::sink(global)?;
    files::check_stdin_once(hunt.files.iter().chain(&hunt.scenario))?;
    let base = base(hunt)?;
    let resolved = scenario::read(&scenario::name_of(&base.name), Source::new(&base.name, &base.text))
        .map_err(Failure::Input)?;
    ui.warn(&resolved.warnings);
    let policies = inputs::policies(&hunt.files, &hunt.policy)?;
    make_folder(&hunt.out_dir)?;
    let mut bytes = Vec::new();
    let command = invocation.with_seed(global.seed);
    let many = policies.len() > 1;
    let mut all = Vec::new();
    for policy in &policies {
        let prefix = if many { format!("{}-", plain(&policy.name)) } else { String::new() };
        let hunted = hunted(global, hunt, (policy, &prefix), (&base.text, &resolved.scenario), ui)?;
        let replays: Vec<Replay> =
            hunted.findings.iter().map(|finding| replay(global, hunt, &prefix, finding, &hunted)).collect();
        for (finding, replay) in hunted.findings.iter().zip(&replays) {
            write(&replay.path, &file(&hunted, finding, replay, &command))?;
        }
        if many && !all.is_empty() {
            bytes.push(b'\n');
        }
        bytes.extend(text(&hunted, &replays).into_bytes());
        all.push(hunted);
    }
    if format == "json" {
        bytes = super::json(&all)?;
    } else {
        bytes.extend(format!("\nrepeat: {command}\n").into_bytes());
    }
    sink.write(&bytes)
}

/// The text whose services, traffic and rollout are used.
fn base(hunt: &Hunt) -> Result<Text, Failure> {
    let made = |name: &str, quick: &QuickArgs| -> Result<Option<Text>, Failure> {
        let Some(variant) = FAMILY.iter().find(|variant| name.strip_prefix("quick/") == Some(variant.name))
        else {
            return Ok(None);
        };
        let numbers = inputs::quick_of(quick)?.unwrap_or_default();
        Ok(Some(Text { name: NUMBERS.to_owned(), text: numbers.text(variant) }))
    };
    let word = hunt.scenario.as_deref().unwrap_or("quick/errors");
    if let Some(text) = made(word, &hunt.quick)? {
        return Ok(text);
    }
    if hunt.quick.is_given() {
        let fact = format!("`{word}` is a scenario and the numbers describe another service");
        return Err(Failure::usage(
            fact,
            "leave out either `--scenario` or `--rate` and its like".to_owned(),
        ));
    }
    files::read(word, Shipped::Scenarios)
}

fn hunted(
    global: &Global,
    hunt: &Hunt,
    (policy, prefix): (&Loaded, &str),
    (base, scenario): (&str, &Scenario),
    ui: &Ui,
) -> Result<Hunted, Failure> {
    let requests = hunt.requests || !scenario.is_flow();
    let budget = hunt.budget.unwrap_or(if requests { REQUEST } else { FLOW });
    let name_of = |stem: &str| scenario::name_of(&path_of(hunt, prefix, stem));
    let question = Question {
        policy,
        base,
        measure: hunt.measure.into(),
        budget,
        floor: hunt.min_impact.as_secs_f64(),
        rate: hunt.shown.get(),
        requests,
        seed: global.seed,
        jobs: jobs(global),
        prepare: PrepareOptions {
            allow_missing: hunt.policy.allow_missing_series,
            scenario_rollout: hunt.policy.rollout == RolloutFrom::Scenario,
        },
        name_of: &name_of,
    };
    let done = Progress::default();
    let answer =
        progress::with_bar_of(ui, "worlds", u64::from(budget), || done.done(), || question.run(&done));
    answer.map_err(|error| match error {
        HuntError::NoWorld(_) => Failure::input(
            Diagnostic::error(error.to_string())
                .with_help("the policy must fit the scenario: `backout score` with `--scenario` says more"),
        ),
        HuntError::Threads(_) => Failure::Unexpected(error.to_string()),
    })
}

/// Where a finding is written. Its folder and name key its luck, so both must be known before it is checked.
fn path_of(hunt: &Hunt, prefix: &str, stem: &str) -> String {
    hunt.out_dir.join(format!("{prefix}{stem}.yaml")).to_string_lossy().into_owned()
}

fn replay(global: &Global, hunt: &Hunt, prefix: &str, finding: &Finding, hunted: &Hunted) -> Replay {
    let path = path_of(hunt, prefix, &finding.stem);
    let files: Vec<String> = hunt.files.iter().map(|file| repeat::quoted(file)).collect();
    let (quoted, files) = (repeat::quoted(&path), files.join(" "));
    let seed = repeat::seed_option(global.seed);
    let options = repeat::options(PlayArgs::default(), &hunt.policy, &QuickArgs::default());
    let twin = if hunted.measure == Measure::FalseRollback { " --twin healthy" } else { "" };
    let (replication, count) = (finding.replication, finding.shown.n);
    Replay {
        run: format!("backout run {quoted} {files}{seed} --replication {replication}{twin}{options}"),
        score: format!("backout score {files} --scenario {quoted}{seed} -n {count}{options}"),
        path,
    }
}

/// Letters, digits and hyphens of a name, for file names.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

fn make_folder(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| output_failure(error, &format!("`{}`", folder.display())))
}

/// Writes a finding; a file of that name that is none is left alone.
fn write(path: &str, text: &str) -> Result<(), Failure> {
    match std::fs::read(path) {
        Ok(known) if !known.starts_with(HEADER.as_bytes()) => {
            return Err(Failure::Output(format!("`{path}` is in the way: it was not written by a hunt")));
        }
        _ => {}
    }
    std::fs::write(path, text).map_err(|error| output_failure(error, &format!("`{path}`")))
}
