//! `backout init`: a commented scenario file to start from, made of a few numbers or of files that show the services.

use std::io::Write as _;

use super::super::args::{Global, Init, QuickArgs};
use super::super::exit::Failure;
use super::super::files::{self, Shipped, Text};
use super::super::inputs;
use super::super::output_failure;
use super::super::ui::{Sink, Ui};
use crate::diagnostic::Source;
use crate::document::{Node, NodeValue, parse_documents};
use crate::import::graph::{self, About, Graph, Known};
use crate::import::{ImportOptions, SourceText};
use crate::policy::loaded::Loaded;
use crate::scenario;
use crate::scenario::from_graph::{Wishes, draft};
use crate::scenario::quick::{FAMILY, NUMBERS, Quick, Variant};

pub(super) fn run(global: &Global, init: &Init, ui: &Ui) -> Result<(), Failure> {
    super::format(global, &["text"])?;
    files::check_stdin_once(&init.from)?;
    let variant = FAMILY.iter().find(|variant| variant.name == init.fault);
    let Some(variant) = variant else {
        return Err(Failure::Unexpected(format!("no variant `{}`", init.fault)));
    };
    let read = init.from.iter().map(|word| files::read(word, Shipped::None));
    let texts: Vec<Text> = read.collect::<Result<_, _>>()?;
    let text = if texts.iter().any(is_graph) {
        of_graph(&texts, &init.quick, variant, ui)?
    } else {
        let mut quick = inputs::quick_of(&init.quick)?.unwrap_or_default();
        if !texts.is_empty() {
            take_over(&mut quick, init, &texts)?;
        }
        quick.text(variant)
    };
    // What is written must be readable: numbers from a file can be as wrong as any.
    let name = scenario::name_of(&init.file);
    let resolved = scenario::read(&name, Source::new(NUMBERS, &text)).map_err(Failure::Input)?;
    ui.warn(&resolved.warnings);
    if init.file == "-" || global.out.is_some() {
        return super::sink(global)?.write(text.as_bytes());
    }
    write_new(&init.file, init.force, &text)?;
    ui.say(&format!("wrote {}; play it with: backout score --scenario {0}", init.file));
    Ok(())
}

fn is_graph(text: &Text) -> bool {
    graph::format_of(SourceText { name: &text.name, text: &text.text }).is_some()
}

/// Whether a text holds a rollout of an engine, beside whatever else.
fn has_rollout(text: &Text) -> bool {
    let documents = parse_documents(&text.name, &text.text).unwrap_or_default();
    let kind = |document: &Node| document.get("kind").and_then(Node::as_str).map(str::to_owned);
    documents.iter().any(|document| matches!(kind(document).as_deref(), Some("Canary" | "Rollout")))
}

/// The scenario of a service graph; files of other formats may bring the rollout.
fn of_graph(texts: &[Text], quick: &QuickArgs, variant: &Variant, ui: &Ui) -> Result<String, Failure> {
    // The numbers are checked as those of a quick study are.
    inputs::quick_of(quick)?;
    let graphs: Vec<SourceText<'_>> = texts
        .iter()
        .filter(|text| is_graph(text))
        .map(|text| SourceText { name: &text.name, text: &text.text })
        .collect();
    let graph = graph::load(&graphs).map_err(Failure::Input)?;
    let others: Vec<Text> =
        texts.iter().filter(|text| !is_graph(text) || has_rollout(text)).cloned().collect();
    let rollout = if others.is_empty() { None } else { Some(brought(&others)?) };
    let rollout = rollout.and_then(|policy| {
        let from = format!("{} ({})", policy.source, policy.summary);
        policy.rollout.map(|value| Known { value, from })
    });
    let wishes = Wishes {
        service: quick.service.clone(),
        rate: quick.rate,
        errors: quick.errors,
        p50: quick.p50,
        p99: quick.p99,
        users: quick.users,
        replicas: quick.replicas,
        rollout,
    };
    let made = draft(&graph, &wishes, variant).map_err(Failure::input)?;
    made.chosen.iter().for_each(|sentence| ui.say(sentence));
    notes(&graph).iter().for_each(|note| ui.say(note));
    Ok(made.text)
}

/// What the user must hear about a graph, one line each.
pub(super) fn notes(graph: &Graph) -> Vec<String> {
    let line = |note: &graph::Note| {
        let place =
            if note.line == 0 { note.source.clone() } else { format!("{}:{}", note.source, note.line) };
        let about = match note.about {
            About::Guess => "a guess",
            About::LeftOut => "left out",
            About::Changed => "otherwise here",
        };
        format!("{place}: {about}: {}", note.text)
    };
    graph.notes.iter().map(line).collect()
}

/// The first policy of the files that brings a rollout.
fn brought(texts: &[Text]) -> Result<Loaded, Failure> {
    let options = ImportOptions { allow_missing: true, ..ImportOptions::default() };
    let loaded = inputs::load(texts, &options)
        .map_err(|wrong| Failure::Input(wrong.into_iter().fold(Default::default(), push)))?;
    loaded.into_iter().find(|policy| policy.rollout.is_some()).ok_or_else(|| {
        let names: Vec<&str> = texts.iter().map(|text| text.name.as_str()).collect();
        let help = "give an Argo Rollout, a Flagger Canary, or a file that shows the services (`backout list formats`)";
        Failure::usage(format!("no rollout in {}", names.join(", ")), help)
    })
}

/// Rollout, service and replicas of the user's own files, where they say them and the command line does not.
fn take_over(quick: &mut Quick, init: &Init, texts: &[Text]) -> Result<(), Failure> {
    let policy = brought(texts)?;
    quick.strategy.clone_from(&policy.rollout);
    if init.quick.service.is_none() {
        quick.service.clone_from(&policy.naming.workload);
    }
    if quick.replicas.is_none() {
        quick.replicas = texts.iter().find_map(replicas);
    }
    Ok(())
}

fn push(
    mut all: crate::diagnostic::Diagnostics,
    one: crate::diagnostic::Diagnostic,
) -> crate::diagnostic::Diagnostics {
    all.push(one);
    all
}

/// `spec.replicas` of the first object that has it.
fn replicas(text: &Text) -> Option<u32> {
    let documents = parse_documents(&text.name, &text.text).ok()?;
    let of = |document: &Node| match document.get("spec")?.get("replicas")?.value {
        NodeValue::Int(count) => u32::try_from(count).ok(),
        _ => None,
    };
    documents.iter().find_map(of)
}

fn write_new(path: &str, force: bool, text: &str) -> Result<(), Failure> {
    if force {
        return Sink::open(Some(path.as_ref()))?.write(text.as_bytes());
    }
    let opened = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = opened.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::usage(format!("`{path}` exists"), "give another name, or `--force` to replace it")
        }
        _ => output_failure(error, &format!("`{path}`")),
    })?;
    file.write_all(text.as_bytes()).map_err(|error| output_failure(error, &format!("`{path}`")))
}
