//! Policies that are processes: `format: 1` and a `process:` block. Nothing is started here; whoever loads the file gives
//! a launcher, and the first question starts the process.
//!
//! Trap: the process is started in the folder of its file, so relative words of the command are from there, wherever the
//! user stands.

use super::native::{check_schedule, naming};
use super::query_book::QueryBook;
use super::{ImportOptions, SourceText, line, stem};
use crate::diagnostic::{Diagnostic, Source};
use crate::document::{self, Reader};
use crate::policy::loaded::{CheckDef, Limits, Loaded};
use crate::policy::process::{Asks, Order, Process, ProcessBlock, ProcessFile, hello};
use crate::telemetry::naming::Engine;
use crate::time::SimDuration;

/// The JSON schema of these files.
pub fn schema() -> schemars::Schema {
    schemars::SchemaGenerator::default().into_root_schema_for::<ProcessFile>()
}

/// The policy in such a file.
pub(super) fn load(source: SourceText<'_>, options: &ImportOptions) -> Result<Loaded, Diagnostic> {
    let file: ProcessFile = document::parse_typed(source.name, source.text)?;
    let documents = document::parse_documents(source.name, source.text)?;
    let first = documents.first().ok_or_else(|| Diagnostic::error("the file is empty"))?;
    let root = Reader::new(Source::new(source.name, source.text), first);
    let at = root.get("process").unwrap_or_else(|| root.clone());
    check(&file, &root, &at)?;
    let launcher = options.processes.as_ref().ok_or_else(|| {
        at.diagnostic_at("no process can be started here", "the command line can: `backout score FILE`")
    })?;
    let mut book = QueryBook::default();
    let (queries, checks) = queries(&file.process, &at, &mut book)?;
    let name = stem(source.name).to_owned();
    let ProcessBlock { command, every, start_after, params, answer_within, start_within, .. } = file.process;
    let asks = Asks { every, start_after, queries };
    let reading = reading(&command, &asks, answer_within);
    let order = Order {
        hello: hello(&name, &asks, &params),
        folder: folder(source.name).to_owned(),
        start_within: real(start_within),
        answer_within: real(answer_within),
        command,
    };
    let service = file.bind.service.as_deref().or(options.service.as_deref()).unwrap_or("app");
    Ok(Loaded {
        identity: format!("process/{name}"),
        source: source.name.to_owned(),
        engine: Engine::Process,
        summary: file.summary.unwrap_or_else(|| format!("the process `{}`", order.command.join(" "))),
        prototype: Box::new(Process::new(&name, &asks, launcher.host(order))),
        queries: book.into_queries(),
        checks,
        rollout: None,
        rollback: None,
        naming: naming(&file.bind, service, options).with_engine(Engine::Process),
        needs_truth: false,
        tells_only: false,
        unsupported: Vec::new(),
        stand_ins: Vec::new(),
        reading,
        name,
    })
}

fn check(file: &ProcessFile, root: &Reader<'_>, at: &Reader<'_>) -> Result<(), Diagnostic> {
    if file.format != 1 {
        let at = root.get("format").unwrap_or_else(|| root.clone());
        return Err(at.diagnostic_at(format!("format {} is not known", file.format), "write `format: 1`"));
    }
    let block = &file.process;
    let place = |key: &str| at.get(key).unwrap_or_else(|| at.clone());
    check_schedule(block.every, &[], at)?;
    if block.command.first().is_none_or(String::is_empty) {
        let help = "write the program and its words: `command: [python3, my_policy.py]`";
        return Err(place("command").diagnostic_at("there is no command", help));
    }
    if block.command.iter().any(|word| word.contains('\0')) {
        let fact = "a word of the command has a NUL character in it";
        return Err(place("command").diagnostic_at(fact, "remove it"));
    }
    for (key, within) in [("answer_within", block.answer_within), ("start_within", block.start_within)] {
        if within.is_zero() {
            let fact = format!("`{key}` leaves no time at all");
            return Err(place(key).diagnostic_at(fact, "write `1s`, or more for a slow policy"));
        }
    }
    Ok(())
}

/// The names the process sees with the queries they stand for, and one check for each, judged by nobody but the process.
type Named = (Vec<(String, usize)>, Vec<CheckDef>);

fn queries(block: &ProcessBlock, at: &Reader<'_>, book: &mut QueryBook) -> Result<Named, Diagnostic> {
    let list = at.get("queries").unwrap_or_else(|| at.clone());
    let (mut names, mut checks) = (Vec::new(), Vec::new());
    for (name, text) in &block.queries {
        let place = list.get(name).unwrap_or_else(|| list.clone());
        let query = book.add(text, &place)?;
        names.push((name.clone(), query));
        checks.push(CheckDef {
            name: name.clone(),
            query: book.text(query).map(str::to_owned),
            good: "when the process says so".to_owned(),
            limits: Limits { min: None, max: None, strict: false },
            line: line(&place),
        });
    }
    Ok((names, checks))
}

fn reading(command: &[String], asks: &Asks, answer_within: SimDuration) -> Vec<String> {
    let names: Vec<&str> = asks.queries.iter().map(|(name, _)| name.as_str()).collect();
    let shown = if names.is_empty() { "the rollout".to_owned() } else { names.join(", ") };
    let grace = if asks.start_after.is_zero() {
        String::new()
    } else {
        format!(" from {} after the deploy on", asks.start_after)
    };
    vec![
        format!(
            "Every {}{grace}, the process `{}` is shown {shown} and says what to do.",
            asks.every,
            command.join(" ")
        ),
        "After a decision it is asked no more.".to_owned(),
        format!(
            "If it ends, says what is no answer, answers later than {answer_within}, or answers the same observations \
             differently, its row is void."
        ),
    ]
}

/// Where a file lies, as the user wrote it.
fn folder(source: &str) -> &str {
    match source.rsplit_once('/') {
        Some(("", _)) => "/",
        Some((folder, _)) => folder,
        None => ".",
    }
}

/// A duration of the file in real time.
fn real(duration: SimDuration) -> std::time::Duration {
    std::time::Duration::from_nanos(duration.as_nanos())
}
