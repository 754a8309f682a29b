//! `backout test rules`: unit tests of Prometheus rules, as promtool runs them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use regex::Regex;
use serde::Serialize;

use super::super::args::{Global, TestKind, TestRules, Tests};
use super::super::exit::Failure;
use super::super::files::{self, Shipped};
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::rules::unit_test::{self, Mismatch, Test, TestFile};
use crate::rules::{self, GroupDef};

/// What came of a file.
#[derive(Debug, Serialize)]
struct Outcome {
    file: String,
    /// Tests that were run.
    tests: usize,
    failures: Diagnostics,
}

pub(super) fn run(global: &Global, tests: &Tests) -> Result<(), Failure> {
    let TestKind::Rules(rules) = &tests.kind;
    let format = super::format(global, &["text", "json"])?;
    let sink = super::sink(global)?;
    let chosen = pattern(rules)?;
    let outcomes: Vec<Outcome> = rules.files.iter().map(|file| outcome(file, chosen.as_ref())).collect();
    let bytes = if format == "json" {
        super::json(&outcomes)?
    } else {
        outcomes.iter().map(|outcome| text(outcome, sink.colour())).collect::<String>().into_bytes()
    };
    sink.write(&bytes)?;
    if outcomes.iter().all(|outcome| outcome.failures.is_empty()) { Ok(()) } else { Err(Failure::Tests) }
}

fn pattern(rules: &TestRules) -> Result<Option<Regex>, Failure> {
    let read = |text: &String| {
        let wrong = |_| {
            Failure::usage(
                format!("`--run {text}` is no regular expression"),
                "name a part of the test's name",
            )
        };
        Regex::new(text).map_err(wrong)
    };
    rules.run.as_ref().map(read).transpose()
}

/// Runs the tests of one file. Whatever is wrong with it, or with the rules it names, is a failure of it.
fn outcome(path: &str, chosen: Option<&Regex>) -> Outcome {
    let mut outcome = Outcome { file: path.to_owned(), tests: 0, failures: Diagnostics::new() };
    match prepared(path) {
        Ok((text, file, groups)) => {
            let source = Source::new(path, &text);
            for test in file.tests.iter().filter(|test| is_chosen(test, chosen)) {
                outcome.tests += 1;
                for mismatch in unit_test::play(&file, test, &groups) {
                    outcome.failures.push(told(source, test, &mismatch));
                }
            }
        }
        Err(Failure::Input(wrong)) => outcome.failures.extend(wrong),
        Err(_) => outcome.failures.push(Diagnostic::error(format!("`{path}` cannot be read"))),
    }
    outcome
}

fn is_chosen(test: &Test, chosen: Option<&Regex>) -> bool {
    chosen.is_none_or(|pattern| pattern.is_match(test.name.as_deref().unwrap_or_default()))
}

/// The text of a file, what it says, and the groups of the rule files it names.
fn prepared(path: &str) -> Result<(String, TestFile, Vec<GroupDef>), Failure> {
    let text = files::read(path, Shipped::None)?.text;
    let file = unit_test::parse(Source::new(path, &text)).map_err(Failure::Input)?;
    let mut groups = Vec::new();
    for (pattern, place) in &file.rule_files {
        let found = matching(path, pattern);
        if found.is_empty() {
            let fact = format!("no file matches `{pattern}`");
            let help = "rule files are looked for beside the test file";
            let missing = Source::new(path, &text).error(*place, fact).with_help(help);
            return Err(Failure::input(missing));
        }
        for rule_file in found {
            let rule_file = rule_file.to_string_lossy();
            let text = files::read(&rule_file, Shipped::None)?.text;
            groups.extend(rules::parse(Source::new(&rule_file, &text)).map_err(Failure::Input)?);
        }
    }
    Ok((text, file, groups))
}

/// The files a pattern beside a test file stands for, in order.
fn matching(test_file: &str, pattern: &str) -> Vec<PathBuf> {
    let beside = Path::new(test_file).parent().unwrap_or(Path::new("")).join(pattern);
    let found = glob::glob(&beside.to_string_lossy()).map(|paths| paths.filter_map(Result::ok).collect());
    found.unwrap_or_default()
}

fn told(source: Source<'_>, test: &Test, mismatch: &Mismatch) -> Diagnostic {
    let name = test.name.as_ref().map(|name| format!(" in `{name}`")).unwrap_or_default();
    let list = |lines: &[String]| match lines {
        [] => "nothing".to_owned(),
        lines => lines.join("\n"),
    };
    let help = if mismatch.expected.is_empty() && mismatch.found.len() == 1 {
        format!("expected nothing\n   found {}", list(&mismatch.found))
    } else {
        format!("expected {}\n   found {}", list(&mismatch.expected), list(&mismatch.found))
    };
    source.error(mismatch.place, format!("{}{name} is not as expected", mismatch.what)).with_help(help)
}

fn text(outcome: &Outcome, colour: bool) -> String {
    let mut text = String::new();
    for failure in &outcome.failures {
        let _ = writeln!(text, "{}\n", failure.render(colour));
    }
    let word = if outcome.failures.is_empty() { "ok" } else { "FAILED" };
    let tests = if outcome.tests == 1 { "test" } else { "tests" };
    let _ = writeln!(text, "{word}: {} ({} {tests})", outcome.file, outcome.tests);
    text
}
