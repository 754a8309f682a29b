//! Rules against promtool: its own test files with their exit codes, and the alert lifecycles of the compliance suite.

use std::process::Command;

use crate::shared;

/// Files that end otherwise than promtool's, and why.
const OTHERWISE: &[(&str, &str)] = &[("unittest.yml", "has native histograms, which are refused by name")];

/// Runs `backout test rules`; its exit code and what it said.
fn test_rules(folder: &std::path::Path, file: &str, run: Option<&str>) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backout"));
    command.current_dir(folder).args(["test", "rules", file, "--color", "never"]);
    if let Some(run) = run {
        command.args(["--run", run]);
    }
    let output = command.output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap_or(-1), text)
}

#[test]
fn promtools_own_files_end_as_with_promtool() {
    let Some(folder) = shared::folder().map(|folder| folder.join("conformance/promtool")) else { return };
    let index = std::fs::read_to_string(folder.join("expected.csv")).unwrap();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for row in index.lines().skip(1) {
        let mut cells = row.splitn(3, ',');
        let (file, exit) = (cells.next().unwrap(), cells.next().unwrap().parse::<i32>().unwrap());
        if OTHERWISE.iter().any(|(name, _)| *name == file) {
            continue;
        }
        // Two tests of these files, one of which is wrong on purpose; the index gives the exit of the right one.
        let run = file.starts_with("rules_run_fuzzy").then_some("correct");
        let (code, text) = test_rules(&folder, file, run);
        seen += 1;
        if code != exit {
            wrong.push(format!("{file}: exit {code}, promtool {exit}\n{text}"));
        }
    }
    assert!(wrong.is_empty() && seen >= 10, "{seen} files\n{}", wrong.join("\n"));
}

#[test]
fn what_is_left_of_promtools_unit_tests_passes() {
    let Some(folder) = shared::folder().map(|folder| folder.join("conformance/promtool")) else { return };
    // The same file without its native histograms.
    let text = std::fs::read_to_string(folder.join("unittest.yml")).unwrap();
    let mut kept = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let names = |line: &str| line.contains("test_histogram");
        if !names(line) {
            kept.push_str(line);
            kept.push('\n');
            continue;
        }
        // A series or a question with its deeper lines.
        let depth = |line: &str| line.len() - line.trim_start().len();
        while lines.peek().is_some_and(|next| depth(next) > depth(line)) {
            lines.next();
        }
    }
    assert!(!kept.contains("{{sum") && kept.contains("InstanceDown"));
    let here = tempfile::tempdir().unwrap();
    std::fs::write(here.path().join("unittest.yml"), kept).unwrap();
    std::fs::copy(folder.join("rules.yml"), here.path().join("rules.yml")).unwrap();
    let (code, text) = test_rules(here.path(), "unittest.yml", None);
    assert_eq!(code, 0, "{text}");
}

#[test]
fn alerts_live_as_in_the_compliance_suite() {
    let Some(folder) = shared::folder().map(|folder| folder.join("conformance/alerts")) else { return };
    let (code, text) = test_rules(&folder, "test.yaml", None);
    assert_eq!(code, 0, "{text}");
}
