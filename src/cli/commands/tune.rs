//! `backout tune`: better numbers for a policy file, and the file with them.

use std::path::Path;

use super::super::args::{Global, RolloutFrom, StudyArgs, Tune};
use super::super::exit::Failure;
use super::super::files::{self, Shipped, Text};
use super::super::plan::{PlannedScenario, jobs, study_failed};
use super::super::repeat::{self, Invocation};
use super::super::ui::Ui;
use super::super::{chaos, inputs, progress, rewrite};
use crate::diagnostic::{Diagnostics, did_you_mean};
use crate::import::knobs::{self, Knob};
use crate::import::{ImportOptions, SourceText};
use crate::policy::loaded::Loaded;
use crate::replication::prepared::PrepareOptions;
use crate::report::tuning::{self, Edit, Tuning};
use crate::scenario::Scenario;
use crate::score::{CostWeights, ScenarioMeta};
use crate::study::tune::goal::Goal;
use crate::study::tune::{Measure, Question};
use crate::study::{Progress, Replications, scenario_meta};

/// What is played where nobody says: errors, latency, a fault that comes late, and one reason to fire for nothing.
const USUAL: [&str; 4] =
    ["canary/error-regression", "canary/latency-regression", "fault/late-onset", "confounder/traffic-spike"];

pub(super) fn run(global: &Global, tune: &Tune, ui: &Ui, invocation: &Invocation) -> Result<(), Failure> {
    let format = super::format(global, &["text", "json"])?;
    let sink = super::sink(global)?;
    files::check_stdin_once(tune.files.iter().chain(&tune.study.scenario))?;
    let texts: Vec<Text> =
        tune.files.iter().map(|word| files::read(word, Shipped::Policies)).collect::<Result<_, _>>()?;
    let sources: Vec<SourceText<'_>> =
        texts.iter().map(|text| SourceText { name: &text.name, text: &text.text }).collect();
    let (all, turned) = knobs_of(tune, &sources)?;
    if tune.list {
        let names: Vec<&str> = texts.iter().map(|text| text.name.as_str()).collect();
        let is_turned = |knob: &Knob| turned.iter().any(|other| other.path == knob.path);
        return sink.write(tuning::knobs(&names, &all, &is_turned).as_bytes());
    }
    check_targets(tune, &texts)?;
    let options = inputs::import_options(&tune.study.policy)?;
    let policy = policy_of(tune, &texts, &options)?;
    let tuning = play(global, tune, ui, (&sources, &options, &policy, &turned), invocation)?;
    let bytes = if format == "json" {
        super::json(&tuning)?
    } else {
        tuning::text(&tuning, Ui::width()).into_bytes()
    };
    sink.write(&bytes)?;
    write(tune, &texts, &tuning, ui)
}

/// Every number of the files, and those that are turned.
fn knobs_of(tune: &Tune, sources: &[SourceText<'_>]) -> Result<(Vec<Knob>, Vec<Knob>), Failure> {
    let mut all = knobs::find(sources).map_err(Failure::input)?;
    if all.is_empty() {
        let fact = "there are no numbers in these files that could be turned";
        return Err(Failure::usage(fact, "`backout explain` shows what the files do"));
    }
    if tune.only {
        all.iter_mut().for_each(|knob| knob.usual = false);
    }
    for pair in &tune.tune {
        let (path, range) = inputs::pair_of("tune", pair)?;
        for at in named(&all, "tune", path)? {
            all[at].set_range(range).map_err(|fact| {
                Failure::usage(format!("`--tune {pair}`: {fact}"), "write `PATH=LOW..HIGH` or `PATH=A,B,C`")
            })?;
        }
    }
    for path in &tune.keep {
        for at in named(&all, "keep", path)? {
            all[at].usual = false;
        }
    }
    let turned: Vec<Knob> = all.iter().filter(|knob| knob.usual).cloned().collect();
    if turned.is_empty() {
        let fact = "no number is left to be turned";
        return Err(Failure::usage(fact, "name one with `--tune PATH=LOW..HIGH`; `--list` shows them"));
    }
    Ok((all, turned))
}

/// The places of the knobs that a pattern names.
fn named(all: &[Knob], option: &str, pattern: &str) -> Result<Vec<usize>, Failure> {
    let found: Vec<usize> = (0..all.len()).filter(|at| all[*at].is_named(pattern)).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let paths: Vec<&str> = all.iter().map(|knob| knob.path.as_str()).collect();
    let last = pattern.rsplit('.').next().unwrap_or(pattern);
    let near = paths.iter().find(|path| path.contains(last)).copied();
    let help = match near.or_else(|| did_you_mean(pattern, &paths)) {
        Some(near) => format!("did you mean `{near}`? `--list` shows all"),
        None => "`--list` shows what there is".to_owned(),
    };
    Err(Failure::usage(format!("`--{option} {pattern}` names no number of these files"), help))
}

/// What is written to has to be a file of the user's.
fn check_targets(tune: &Tune, texts: &[Text]) -> Result<(), Failure> {
    if !tune.write {
        return Ok(());
    }
    let is_file = |(word, _): &(&String, &Text)| *word == "-" || !Path::new(word.as_str()).is_file();
    match tune.files.iter().zip(texts).find(is_file) {
        None => Ok(()),
        Some((word, _)) => {
            let what = if word == "-" { "standard input".to_owned() } else { format!("`{word}`") };
            Err(Failure::usage(
                format!("{what} is no file that could be written"),
                "write copies with `--out-dir DIR`",
            ))
        }
    }
}

/// The policy that is tuned: the one of that name, or the only one.
fn policy_of(tune: &Tune, texts: &[Text], options: &ImportOptions) -> Result<Loaded, Failure> {
    let loaded = inputs::load(texts, options).map_err(|found| {
        let mut all = Diagnostics::new();
        all.extend(found);
        Failure::Input(all)
    })?;
    let names: Vec<String> = loaded.iter().map(|policy| policy.name.clone()).collect();
    let several = || {
        Failure::usage(
            format!("there are {} policies in these files", names.len()),
            format!("choose one with `--policy`: {}", names.join(", ")),
        )
    };
    match &tune.policy {
        None if loaded.len() > 1 => Err(several()),
        None => loaded.into_iter().next().ok_or_else(several),
        Some(name) => loaded.into_iter().find(|policy| policy.name == *name).ok_or_else(|| {
            Failure::usage(
                format!("no policy is called `{name}`"),
                format!("there are: {}", names.join(", ")),
            )
        }),
    }
}

/// Goals and what to minimise.
fn aims(tune: &Tune) -> Result<(Vec<Goal>, Measure), Failure> {
    let goal = |text: &String| {
        text.parse::<Goal>().map_err(|fact| {
            Failure::usage(
                format!("`--where '{text}'`: {fact}"),
                "write like `--where 'false_rollback_rate < 1%'`",
            )
        })
    };
    let goals = tune.goals.iter().map(goal).collect::<Result<Vec<Goal>, Failure>>()?;
    let names = Measure::ALL.map(Measure::name);
    let minimise = Measure::named(&tune.minimise).ok_or_else(|| {
        Failure::usage(
            format!("`--minimise {}` is no figure", tune.minimise),
            format!("write one of {}", names.join(", ")),
        )
    })?;
    Ok((goals, minimise))
}

type Asked<'a> = (&'a [SourceText<'a>], &'a ImportOptions, &'a Loaded, &'a [Knob]);

/// Searches, and makes the edits of the variant that is shown.
fn play(
    global: &Global,
    tune: &Tune,
    ui: &Ui,
    (sources, options, policy, turned): Asked<'_>,
    invocation: &Invocation,
) -> Result<Tuning, Failure> {
    let (goals, minimise) = aims(tune)?;
    let planned = scenarios(&tune.study, ui)?;
    let worlds: Vec<std::sync::Arc<Scenario>> = planned.iter().map(|one| one.scenario.clone()).collect();
    let metas: Vec<ScenarioMeta> =
        planned.iter().map(|one| scenario_meta(&one.scenario, &one.source)).collect();
    let flow = worlds.iter().filter(|scenario| scenario.is_flow()).count();
    let replications = tune
        .study
        .replications
        .map_or_else(|| Replications::of_many(flow), |n| Replications { flow: n, request: n });
    let question = Question {
        sources,
        options,
        policy: &policy.name,
        knobs: turned,
        scenarios: &worlds,
        metas: &metas,
        seed: global.seed,
        variants: tune.variants as usize,
        replications,
        jobs: jobs(global),
        prepare: PrepareOptions {
            allow_missing: tune.study.policy.allow_missing_series,
            scenario_rollout: tune.study.policy.rollout == RolloutFrom::Scenario,
        },
        goals: &goals,
        minimise,
        weights: CostWeights::default(),
    };
    let done = Progress::default();
    let answer = progress::with_bar(ui, question.total(), || done.done(), || question.answer(&done))
        .map_err(study_failed)?;
    let picked = match tune.pick {
        None => answer.recommended,
        Some(variant) => answer.rows.iter().position(|row| row.variant == variant).ok_or_else(|| {
            let rows: Vec<String> = answer.rows.iter().map(|row| row.variant.to_string()).collect();
            Failure::usage(
                format!("variant {variant} is not in the table"),
                format!("there are {}", rows.join(", ")),
            )
        })?,
    };
    let values = answer.rows.get(picked).map(|row| row.values.clone()).unwrap_or_default();
    let texts = knobs::edited(sources, turned, &values);
    let edits =
        sources.iter().zip(texts).map(|(source, text)| Edit::new(source.name, source.text, text)).collect();
    let command = invocation.with_seed(global.seed);
    let scenario = planned.first().map(|one| format!(" --scenario {}", repeat::quoted(&one.source)));
    let size = match scenario {
        Some(scenario) if !tune.study.quick.is_given() => format!("backout size{scenario}"),
        _ => format!(
            "backout size{}",
            repeat::options(Default::default(), &Default::default(), &tune.study.quick)
        ),
    };
    Ok(Tuning { answer, picked, edits, command, size })
}

/// The worlds, as other studies read them; everything that is shipped would be too much to search in.
fn scenarios(study: &StudyArgs, ui: &Ui) -> Result<Vec<PlannedScenario>, Failure> {
    let unsaid = study.scenario.is_empty() && !study.quick.is_given();
    let usual = if unsaid { USUAL.map(str::to_owned).to_vec() } else { Vec::new() };
    if unsaid {
        ui.say(&format!(
            "tuned for {}; name what looks like your service with --scenario or --rate",
            USUAL.join(", ")
        ));
    }
    let read = inputs::scenarios(if unsaid { &usual } else { &study.scenario }, &study.quick, ui)?;
    inputs::at_fidelity(chaos::apply(read, &study.chaos, ui)?, study.play)
}

/// Writes what was asked for; a file without a change is not touched.
fn write(tune: &Tune, texts: &[Text], tuning: &Tuning, ui: &Ui) -> Result<(), Failure> {
    for ((word, text), edit) in tune.files.iter().zip(texts).zip(&tuning.edits) {
        if let Some(folder) = &tune.out_dir {
            let path = rewrite::create(folder, &text.name, &edit.text)?;
            ui.say(&format!("written: {}", path.display()));
        } else if tune.write && edit.text != text.text {
            rewrite::replace(Path::new(word), &text.text, &edit.text)?;
            ui.say(&format!("written: {word}"));
        }
    }
    Ok(())
}
