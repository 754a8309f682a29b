//! `backout lint`: mistakes in policy files that can be read, by name.

use std::fmt::Write as _;

use serde::Serialize;

use super::super::args::{Global, Lint, QuickArgs};
use super::super::exit::Failure;
use super::super::files::Text;
use super::super::lint_inputs::{self, LintInputs};
use super::super::ui::Ui;
use super::super::{doubts, files, inputs};
use crate::diagnostic::{Diagnostics, Severity};
use crate::lint::{self, Files, Migrations, Rule};
use crate::report::findings::{github, sarif};

/// What was looked at and what was found.
#[derive(Debug, Serialize)]
struct Findings {
    /// Names of the policies.
    policies: Vec<String>,
    /// Names of the scenarios whose facts were used.
    scenarios: Vec<String>,
    /// How many SQL migrations there were.
    migrations: usize,
    /// How many files of chaos tools.
    chaos: usize,
    /// How many files of folders are none of these.
    passed_over: usize,
    findings: Diagnostics,
    /// Statements about which nothing is claimed.
    not_read: Diagnostics,
}

pub(super) fn run(global: &Global, args: &Lint, ui: &Ui) -> Result<(), Failure> {
    let format = super::format(global, &["text", "json", "sarif", "github"])?;
    let sink = super::sink(global)?;
    files::check_stdin_once(args.files.iter().chain(&args.scenario))?;
    let scenarios = inputs::scenarios(&args.scenario, &QuickArgs::default(), ui)?;
    let LintInputs { sets, migrations, others, chaos, passed_over, unusable } =
        lint_inputs::gather(&args.files, &args.policy)?;
    let mut findings = unusable;
    findings.extend(doubts::find(&sets, &scenarios, &args.policy)?);
    findings.extend(lint::check_files(&Files::parse(&texts_of(&others))));
    let texts = texts_of(&migrations);
    let migrations = Migrations::parse(&texts);
    findings.extend(lint::check_migrations(&migrations));
    let found = Findings {
        policies: sets.iter().flat_map(|set| &set.policies).map(|policy| policy.name.clone()).collect(),
        scenarios: scenarios.iter().map(|planned| planned.scenario.name.clone()).collect(),
        migrations: migrations.len(),
        chaos,
        passed_over,
        findings,
        not_read: migrations.not_read().clone(),
    };
    let rules: Vec<&Rule> = lint::rules().collect();
    let bytes = match format {
        "json" => super::json(&found)?,
        "sarif" => super::json(&sarif::render(&found.findings, &rules))?,
        "github" => github::render(&found.findings).into_bytes(),
        _ => text(&found, sink.colour()).into_bytes(),
    };
    sink.write(&bytes)?;
    if found.findings.has_errors() || (args.strict && !found.findings.is_empty()) {
        return Err(super::silent());
    }
    Ok(())
}

fn texts_of(texts: &[Text]) -> Vec<lint::Text<'_>> {
    texts.iter().map(|text| lint::Text { name: &text.name, text: &text.text }).collect()
}

/// What was looked at, in words: `2 policies, 7 migrations`.
fn looked_at(found: &Findings) -> String {
    let count = |count: usize, one: &str, many: &str| {
        (count > 0).then(|| format!("{count} {}", if count == 1 { one } else { many }))
    };
    let kinds = [
        count(found.policies.len(), "policy", "policies"),
        count(found.migrations, "migration", "migrations"),
        count(found.chaos, "chaos file", "chaos files"),
    ];
    let kinds: Vec<String> = kinds.into_iter().flatten().collect();
    let mut words = if kinds.is_empty() { "no file that is known".to_owned() } else { kinds.join(", ") };
    if !found.policies.is_empty() {
        words.push_str(&format!(", with the facts of {}", found.scenarios.join(", ")));
    }
    if found.passed_over > 0 {
        let files = if found.passed_over == 1 { "file is" } else { "files are" };
        words.push_str(&format!("; {} other {files} passed over", found.passed_over));
    }
    words
}

fn text(found: &Findings, colour: bool) -> String {
    let mut text = String::new();
    for finding in &found.findings {
        let _ = writeln!(text, "{}\n", finding.render(colour));
    }
    for statement in &found.not_read {
        let _ = writeln!(text, "{}\n", statement.render(colour));
    }
    let count =
        |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let errors = found.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let warnings = found.findings.len() - errors;
    let mut said = Vec::new();
    if errors > 0 {
        said.push(count(errors, "error", "errors"));
    }
    if warnings > 0 {
        said.push(count(warnings, "warning", "warnings"));
    }
    let said = if said.is_empty() { "nothing found".to_owned() } else { said.join(" and ") };
    let _ = writeln!(text, "{said} in {}", looked_at(found));
    if !found.not_read.is_empty() {
        let statements = count(found.not_read.len(), "statement was", "statements were");
        let _ = writeln!(text, "{statements} not read: nothing is claimed about them");
    }
    text
}
