//! `backout gate`: policies against clauses, to an exit code.

use std::io::Write as _;
use std::path::Path;
use std::time::SystemTime;

use super::super::args::{GateArgs, Global};
use super::super::exit::Failure;
use super::super::files::{self, Shipped};
use super::super::output_failure;
use super::super::plan::{PlannedScenario, StudyPlan, study_failed};
use super::super::repeat::{self, Invocation};
use super::super::results::void_rows;
use super::super::ui::Ui;
use super::super::{chaos, inputs, progress, sides};
use crate::diagnostic::Source;
use crate::report::gate::{GateReport, findings, junit, markdown, text};
use crate::report::{self, Screen};
use crate::scenario::embedded;
use crate::score::CostWeights;
use crate::study::Progress;
use crate::study::gate::drills::{self, Day};
use crate::study::gate::file::matches;
use crate::study::gate::session::{Session, SessionError};
use crate::study::gate::{Gate, Verdict, file};

/// The forms of a gate.
const FORMATS: [&str; 6] = ["text", "json", "markdown", "junit", "sarif", "github"];

pub(super) fn run(global: &Global, args: &GateArgs, ui: &Ui, invocation: &Invocation) -> Result<(), Failure> {
    let format = super::format(global, &FORMATS)?;
    let sink = super::sink(global)?;
    let words = [&args.gate].into_iter().chain(&args.files).chain(&args.base).chain(&args.study.scenario);
    files::check_stdin_once(words.chain(&args.drill_history))?;
    let gate_text = files::read(&args.gate, Shipped::Gates)?;
    let gate = file::parse(Source::new(&gate_text.name, &gate_text.text)).map_err(Failure::Input)?;
    let as_of = as_of(args)?;
    let last_drill = last_drill(args, as_of)?;
    let scenarios = scenarios(args, &gate, ui)?;
    let plan = StudyPlan::with_scenarios(scenarios, global, &args.files, &args.study)?;
    let base = base(&plan, global, args)?;
    let policies = match &base {
        Some(base) => sides::pairs(&plan.policies, &base.policies)?
            .into_iter()
            .map(|(new, old)| (new, Some(old)))
            .collect(),
        None => plan.policies.iter().map(|policy| (policy.name.clone(), None)).collect::<Vec<_>>(),
    };
    check_base(&gate, (&gate_text.name, &gate_text.text), base.is_some())?;
    let new = plan.bind(ui)?;
    let old = base.as_ref().map(|base| base.bind(ui)).transpose()?;
    let metas = plan.scenario_metas();
    let session = Session {
        gate: &gate,
        new: &new,
        base: old.as_ref(),
        policies: &policies,
        scenarios: &metas,
        prices: CostWeights::default().prices(),
        days_since_drill: last_drill.map(|day| as_of.since(day)),
        seed: plan.seed,
    };
    let done = Progress::default();
    let played = progress::with_bar(ui, session.total(), || done.done(), || session.play(&done));
    let outcome = match played {
        Ok(outcome) => outcome,
        Err(SessionError::Void(troubles)) => {
            let rows = void_rows(plan.seed, &metas, new.policy_metas(), troubles);
            ui.say(report::void_lines(&rows, Ui::width()).join("\n").trim_end());
            return Err(Failure::Void);
        }
        Err(SessionError::Study(error)) => return Err(study_failed(error)),
        Err(error @ SessionError::NoBase(_)) => return Err(Failure::usage(error.to_string(), NO_BASE)),
    };
    let verdict = outcome.verdict;
    let options = repeat::study_options(&args.study);
    let dated = if args.as_of.is_some() { String::new() } else { format!(" --as-of {as_of}") };
    let command = invocation.with_seed(plan.seed) + &dated;
    let policy_metas = new.policy_metas().to_vec();
    let mut told =
        GateReport::new((&gate, outcome), (plan.seed, &command, &options), metas.clone(), policy_metas);
    told.as_of = as_of.to_string();
    told.last_drill = last_drill.map(|day| day.to_string());
    told.why = args.why;
    told.screen = Screen { width: Ui::width(), colour: sink.colour() };
    let bytes = match format {
        "json" => super::json(&told)?,
        "markdown" => markdown::render(&told).into_bytes(),
        "junit" => junit::render(&told).into_bytes(),
        "sarif" => super::json(&findings::render_sarif(&told))?,
        "github" => findings::render_github(&told).into_bytes(),
        _ => text::render(&told).into_bytes(),
    };
    if let Some(path) = &args.summary {
        append(path, markdown::render(&told).as_bytes())?;
    }
    sink.write(&bytes)?;
    match verdict {
        Verdict::Pass => Ok(()),
        Verdict::Inconclusive => Err(Failure::GateOpen),
        Verdict::Fail => Err(Failure::Gate),
    }
}

const NO_BASE: &str = "give the files to compare with: `--base FILE`";

/// A clause that compares needs something to compare with.
fn check_base(gate: &Gate, (name, text): (&str, &str), has_base: bool) -> Result<(), Failure> {
    match gate.clauses.iter().find(|placed| placed.clause.vs_base && !has_base) {
        None => Ok(()),
        Some(placed) => {
            let fact = "this clause compares with a base";
            Err(Failure::input(Source::new(name, text).error(placed.location, fact).with_help(NO_BASE)))
        }
    }
}

/// The other side, if files were given for it.
fn base(plan: &StudyPlan, global: &Global, args: &GateArgs) -> Result<Option<StudyPlan>, Failure> {
    if args.base.is_empty() {
        return Ok(None);
    }
    sides::beside(plan, global, (&args.base, &args.study)).map(Some)
}

/// The scenarios asked for, else those the gate names, else all that ship.
fn scenarios(args: &GateArgs, gate: &Gate, ui: &Ui) -> Result<Vec<PlannedScenario>, Failure> {
    let study = &args.study;
    let asked = !study.scenario.is_empty() || study.quick.is_given();
    let named: Vec<String> = if asked || gate.scenarios.is_empty() {
        study.scenario.clone()
    } else {
        let names = embedded::SCENARIOS.iter().map(embedded::File::name);
        names.filter(|name| matches(&gate.scenarios, name)).map(str::to_owned).collect()
    };
    if named.is_empty() && !asked && !gate.scenarios.is_empty() {
        let fact = format!("the scenarios of `{}` match none that ships", gate.source);
        return Err(Failure::usage(fact, "name scenarios of yours with `--scenario FILE`"));
    }
    let planned = chaos::apply(inputs::scenarios(&named, &study.quick, ui)?, &study.chaos, ui)?;
    inputs::at_fidelity(planned, study.play)
}

/// The day to count to: the one given, or today.
fn as_of(args: &GateArgs) -> Result<Day, Failure> {
    match &args.as_of {
        Some(text) => text.parse().map_err(|fact: String| {
            Failure::usage(format!("`--as-of {text}`: {fact}"), "write a date like `--as-of 2026-11-21`")
        }),
        None => {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            Ok(Day::of_unix(i64::try_from(since.as_secs()).unwrap_or(i64::MAX)))
        }
    }
}

/// The day of the last drill, if there is a history with one.
fn last_drill(args: &GateArgs, as_of: Day) -> Result<Option<Day>, Failure> {
    let Some(path) = &args.drill_history else { return Ok(None) };
    let text = files::read(path, Shipped::None)?;
    drills::last(Source::new(&text.name, &text.text), as_of).map_err(Failure::input)
}

/// Adds to a file what others may have begun.
fn append(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let open = std::fs::OpenOptions::new().append(true).create(true).open(path);
    let done = open.and_then(|mut file| file.write_all(bytes));
    done.map_err(|error| output_failure(error, &format!("`{}`", path.display())))
}
