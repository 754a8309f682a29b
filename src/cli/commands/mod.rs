//! The commands, one file each.

mod compare;
mod completions;
mod explain;
mod gate;
mod hunt;
mod init;
mod kubernetes;
mod lint;
mod list;
mod merge;
mod plan;
mod rare;
mod report;
mod run;
mod schema;
mod score;
mod size;
mod test;
mod tune;
mod validate;
mod work;

use super::args::{Args, Command, Global};
use super::exit::Failure;
use super::repeat::Invocation;
use super::ui::{Sink, Ui};

/// Runs a command.
pub(super) fn dispatch(args: Args, ui: &Ui, invocation: &Invocation) -> Result<(), Failure> {
    let global = &args.global;
    match args.command {
        Command::Score(score) => score::run(global, &score, ui, invocation),
        Command::Compare(args) => compare::run(global, &args, ui, invocation),
        Command::Gate(args) => gate::run(global, &args, ui, invocation),
        Command::Report(report) => report::run(global, &report),
        Command::Plan(plan) => plan::run(global, &plan, ui, invocation),
        Command::Work(work) => work::run(global, &work, ui),
        Command::Merge(merge) => merge::run(global, &merge),
        Command::Size(size) => size::run(global, &size, ui),
        Command::Tune(tune) => tune::run(global, &tune, ui, invocation),
        Command::Rare(rare) => rare::run(global, &rare, ui),
        Command::Run(run) => run::run(global, &run, ui),
        Command::Hunt(hunt) => hunt::run(global, &hunt, ui, invocation),
        Command::Explain(explain) => explain::run(global, &explain, ui),
        Command::Lint(lint) => lint::run(global, &lint, ui),
        Command::Validate(validate) => validate::run(global, &validate, ui),
        Command::List(list) => list::run(global, &list),
        Command::Schema(schema) => schema::run(global, &schema),
        Command::Test(tests) => test::run(global, &tests),
        Command::Init(init) => init::run(global, &init, ui),
        Command::Completions(completions) => completions::run(global, &completions),
    }
}

/// The form asked for, if the command knows it.
fn format<'g>(global: &'g Global, known: &[&str]) -> Result<&'g str, Failure> {
    let format = global.format.as_deref().unwrap_or("text");
    if known.contains(&format) {
        return Ok(format);
    }
    let fact = format!("this command has no form `{format}`");
    Err(Failure::usage(fact, format!("write `--format {}`", known.join("` or `--format "))))
}

/// Everything was said in the result; only the exit code is left.
fn silent() -> Failure {
    Failure::Input(crate::diagnostic::Diagnostics::new())
}

/// Where the result goes.
fn sink(global: &Global) -> Result<Sink, Failure> {
    Sink::open(global.out.as_deref())
}

/// A value as JSON with a final line break.
fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, Failure> {
    let mut bytes =
        serde_json::to_vec_pretty(value).map_err(|error| Failure::Unexpected(format!("no JSON: {error}")))?;
    bytes.push(b'\n');
    Ok(bytes)
}
