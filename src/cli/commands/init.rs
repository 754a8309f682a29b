//! `backout init`: a commented scenario file to start from.

use std::io::Write as _;

use super::super::args::{Global, Init};
use super::super::exit::Failure;
use super::super::files::{self, Shipped, Text};
use super::super::inputs;
use super::super::output_failure;
use super::super::ui::{Sink, Ui};
use crate::diagnostic::Source;
use crate::document::{Node, NodeValue, parse_documents};
use crate::import::ImportOptions;
use crate::scenario;
use crate::scenario::quick::{FAMILY, NUMBERS, Quick};

pub(super) fn run(global: &Global, init: &Init, ui: &Ui) -> Result<(), Failure> {
    super::format(global, &["text"])?;
    files::check_stdin_once(&init.from)?;
    let mut quick = inputs::quick_of(&init.quick)?.unwrap_or_default();
    if !init.from.is_empty() {
        take_over(&mut quick, init)?;
    }
    let variant = FAMILY.iter().find(|variant| variant.name == init.fault);
    let Some(variant) = variant else {
        return Err(Failure::Unexpected(format!("no variant `{}`", init.fault)));
    };
    let text = quick.text(variant);
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

/// Rollout, service and replicas of the user's own files, where they say them and the command line does not.
fn take_over(quick: &mut Quick, init: &Init) -> Result<(), Failure> {
    let read = init.from.iter().map(|word| files::read(word, Shipped::None));
    let texts: Vec<Text> = read.collect::<Result<_, _>>()?;
    let options = ImportOptions { allow_missing: true, ..ImportOptions::default() };
    let loaded = inputs::load(&texts, &options)
        .map_err(|wrong| Failure::Input(wrong.into_iter().fold(Default::default(), push)))?;
    let Some(policy) = loaded.iter().find(|policy| policy.rollout.is_some()) else {
        let fact = format!("no rollout in {}", init.from.join(", "));
        return Err(Failure::usage(fact, "give an Argo Rollout or a Flagger Canary"));
    };
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
