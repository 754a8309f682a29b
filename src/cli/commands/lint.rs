//! `backout lint`: mistakes in policy files that can be read, by name.

use std::fmt::Write as _;

use serde::Serialize;

use super::super::args::{Global, Lint, QuickArgs};
use super::super::exit::Failure;
use super::super::ui::Ui;
use super::super::{doubts, files, inputs};
use crate::diagnostic::Diagnostics;
use crate::lint::{self, Rule};
use crate::report::findings::{github, sarif};

/// What was looked at and what was found.
#[derive(Debug, Serialize)]
struct Findings {
    /// Names of the policies.
    policies: Vec<String>,
    /// Names of the scenarios whose facts were used.
    scenarios: Vec<String>,
    findings: Diagnostics,
}

pub(super) fn run(global: &Global, args: &Lint, ui: &Ui) -> Result<(), Failure> {
    let format = super::format(global, &["text", "json", "sarif", "github"])?;
    let sink = super::sink(global)?;
    files::check_stdin_once(args.files.iter().chain(&args.scenario))?;
    let scenarios = inputs::scenarios(&args.scenario, &QuickArgs::default(), ui)?;
    let sets = inputs::policy_sets(&args.files, &args.policy)?;
    let found = Findings {
        policies: sets.iter().flat_map(|set| &set.policies).map(|policy| policy.name.clone()).collect(),
        scenarios: scenarios.iter().map(|planned| planned.scenario.name.clone()).collect(),
        findings: doubts::find(&sets, &scenarios, &args.policy)?,
    };
    let rules: Vec<&Rule> = lint::rules().collect();
    let bytes = match format {
        "json" => super::json(&found)?,
        "sarif" => super::json(&sarif::render(&found.findings, &rules))?,
        "github" => github::render(&found.findings).into_bytes(),
        _ => text(&found, sink.colour()).into_bytes(),
    };
    sink.write(&bytes)?;
    if args.strict && !found.findings.is_empty() {
        return Err(super::silent());
    }
    Ok(())
}

fn text(found: &Findings, colour: bool) -> String {
    let mut text = String::new();
    for finding in &found.findings {
        let _ = writeln!(text, "{}\n", finding.render(colour));
    }
    let count =
        |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let findings = match found.findings.len() {
        0 => "nothing found".to_owned(),
        some => count(some, "warning", "warnings"),
    };
    let _ = writeln!(
        text,
        "{findings} in {}, with the facts of {}",
        count(found.policies.len(), "policy", "policies"),
        found.scenarios.join(", ")
    );
    text
}
