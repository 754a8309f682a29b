//! A table for the comment of a pull request, with one sentence per policy below it.

use super::support::headline::{headline, played};
use super::support::lines::clean;
use super::support::{cells, ranking};
use super::{Artifact, Output, Report};
use crate::score::Row;

/// The entry of the catalogue.
pub const OUTPUT: Output = Output { name: "markdown", summary: "a table for a pull-request comment", render };

/// Most rows of policies, and of reference players: comments have a limit.
const ROWS_MAX: usize = 50;

const HEADER: &str = "\
| policy | detects in (median) | p95 | misses | rolls back good ones | users hit | rollback p95 | efficacy |
|---|--:|--:|--:|--:|--:|--:|--:|
";

fn render(report: &Report) -> Vec<Artifact> {
    let mut text = format!("### backout: {}\n\n{}\n\n{HEADER}", headline(report), played(report));
    let policies = ranking::policies(report);
    for row in policies.iter().take(ROWS_MAX) {
        text.push_str(&line(report, row, "**"));
    }
    for row in ranking::frame(report).into_iter().take(ROWS_MAX) {
        text.push_str(&line(report, row, "_"));
    }
    text.push('\n');
    if policies.len() > ROWS_MAX {
        text.push_str(&format!("{} more policies are in the csv.\n\n", policies.len() - ROWS_MAX));
    }
    for row in policies.iter().take(ROWS_MAX) {
        let Some(reading) = &row.reading else { continue };
        text.push_str(&format!("- **{}** {}\n", escape(row.name()), escape(&reading.worst)));
        for also in &reading.also {
            text.push_str(&format!("  - also {}\n", escape(also)));
        }
    }
    for void in &report.void {
        let sentence = escape(&clean(&format!("{} ({})", void.sentence(), void.trouble.help)));
        text.push_str(&format!("\n> **void** {sentence}: `{}`\n", void.command.replace('`', "'")));
    }
    for warning in &report.warnings {
        text.push_str(&format!("\n> **warning** {}\n", escape(warning)));
    }
    text.push_str(&format!("\nRepeat it: `{}`\n", report.command.replace('`', "'")));
    vec![Artifact { name: "scorecard.md".to_owned(), bytes: text.into_bytes() }]
}

fn line(report: &Report, row: &Row, emphasis: &str) -> String {
    let times = &row.detection.detection_time;
    let name = escape(&format!("{}{}", row.name(), ranking::mark(report, row)));
    let cells = [
        format!("{emphasis}{name}{emphasis}"),
        cells::time(&times.median, times),
        cells::time(&times.p95, times),
        cells::share_with_interval(&row.detection.missed_rate),
        cells::share_with_interval(&row.detection.false_rollback_rate),
        cells::count(&row.impact.users),
        cells::time(&row.rollbacks.time.p95, &row.rollbacks.time),
        cells::efficacy_with_interval(&row.efficacy),
    ];
    format!("| {} |\n", cells.join(" | "))
}

/// Text that Markdown takes as text; code between backticks stays code, except that a bar would end a cell.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let paired = text.matches('`').count().is_multiple_of(2);
    let mut code = false;
    for c in text.chars() {
        match c {
            '`' if paired => {
                code = !code;
                out.push(c);
            }
            '|' => out.push_str("\\|"),
            '*' | '_' | '[' | ']' | '<' | '>' | '\\' | '`' if !code => out.extend(['\\', c]),
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::testing::{rendered, sample};
    use super::*;

    #[test]
    fn a_comment() {
        insta::assert_snapshot!(rendered(&OUTPUT, &sample()));
    }

    #[test]
    fn names_cannot_break_the_table() {
        let mut report = sample();
        for row in &mut report.scorecard.rows {
            row.player = crate::replication::record::Player::Policy("a|b\nc".into());
        }
        let text = rendered(&OUTPUT, &report);
        let bars = |line: &str| line.replace("\\|", "").matches('|').count();
        assert!(text.lines().filter(|line| line.starts_with('|')).all(|line| bars(line) == 9));
    }
}
