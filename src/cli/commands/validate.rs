//! `backout validate`: files are read and checked, nothing is played.

use std::fmt::Write as _;

use serde::Serialize;

use super::super::args::{Global, Validate};
use super::super::exit::Failure;
use super::super::files::{self, Shipped, Text};
use super::super::inputs;
use super::super::ui::Ui;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity, Source};
use crate::document::parse_documents;
use crate::import::SourceText;
use crate::import::graph;
use crate::policy::loaded::Loaded;
use crate::scenario;

/// What was found.
#[derive(Debug, Default, Serialize)]
struct Findings {
    /// One line per file or policy that is in order.
    good: Vec<String>,
    findings: Diagnostics,
}

pub(super) fn run(global: &Global, validate: &Validate, ui: &Ui) -> Result<(), Failure> {
    let format = super::format(global, &["text", "json"])?;
    let sink = super::sink(global)?;
    files::check_stdin_once(&validate.files)?;
    let options = inputs::import_options(&validate.policy)?;
    let mut found = Findings::default();
    let mut policies: Vec<Text> = Vec::new();
    for word in &validate.files {
        let text = match files::read(word, Shipped::Any) {
            Ok(text) => text,
            Err(Failure::Input(findings)) => {
                found.findings.extend(findings);
                continue;
            }
            Err(failure) => return Err(failure),
        };
        if is_scenario(&text) {
            check_scenario(&text, &mut found);
        } else if check_graph(&text, &mut found) {
            policies.push(text);
        }
    }
    if !policies.is_empty() {
        match inputs::load(&policies, &options) {
            Ok(loaded) => loaded.iter().for_each(|policy| note_policy(policy, &mut found)),
            Err(wrong) => found.findings.extend(wrong),
        }
    }
    if format == "json" {
        sink.write(&super::json(&found)?)?;
        return if found.findings.has_errors() { Err(super::silent()) } else { Ok(()) };
    }
    let mut text = String::new();
    for line in &found.good {
        let _ = writeln!(text, "{line}");
    }
    sink.write(text.as_bytes())?;
    if found.findings.has_errors() {
        return Err(Failure::Input(found.findings));
    }
    ui.warn(&found.findings);
    Ok(())
}

/// Scenario files have services; a file that has neither these nor an `apiVersion` nor `triggers` and says `format`
/// is meant to be one.
fn is_scenario(text: &Text) -> bool {
    if graph::format_of(SourceText { name: &text.name, text: &text.text }).is_some() {
        return false;
    }
    let Ok(documents) = parse_documents(&text.name, &text.text) else {
        // Not YAML: the keys at the margin tell what it was meant to be.
        return text.text.lines().any(|line| line.starts_with("services:") || line.starts_with("rollouts:"));
    };
    let Some(first) = documents.first() else { return false };
    let has = |key: &str| first.get(key).is_some();
    let is_other = has("apiVersion") || has("kind") || has("triggers");
    !is_other && (has("services") || has("traffic") || has("rollouts") || has("warm_up") || has("horizon"))
}

/// Notes a service graph, if the text shows one; whether it is to be read as a policy.
fn check_graph(text: &Text, found: &mut Findings) -> bool {
    let source = SourceText { name: &text.name, text: &text.text };
    let Some(format) = graph::format_of(source) else { return true };
    let is_policy = graph::is_also_policy(source);
    if graph::shows_services(source) || !is_policy {
        match graph::load(&[source]) {
            Ok(graph) => {
                let (services, calls) = (graph.services.len(), graph.edges.len());
                found.good.push(format!("{}: {format}, {services} services and {calls} calls", text.name));
            }
            Err(findings) => found.findings.extend(findings),
        }
    }
    is_policy
}

fn check_scenario(text: &Text, found: &mut Findings) {
    let name = scenario::name_of(&text.name);
    match scenario::read(&name, Source::new(&text.name, &text.text)) {
        Ok(resolved) => {
            let played = match resolved.scenario.why_not_flow() {
                _ if resolved.scenario.is_flow() => "counts per scrape".to_owned(),
                Some(why) => format!("every request, because {why}"),
                None => "every request".to_owned(),
            };
            found.good.push(format!("{}: scenario `{name}` is valid; plays {played}", text.name));
            found.findings.extend(resolved.warnings);
        }
        Err(findings) => found.findings.extend(findings),
    }
}

fn note_policy(policy: &Loaded, found: &mut Findings) {
    let engine = policy.engine.name();
    found.good.push(format!("{}: {engine} policy `{}` is valid", policy.source, policy.name));
    for one in &policy.unsupported {
        let fact = format!("`{}` has no effect here: {}", one.path, one.note);
        let finding = Diagnostic::new(Severity::Note, fact);
        found.findings.push(finding.in_source(&format!("{}:{}", policy.source, one.line)));
    }
}
