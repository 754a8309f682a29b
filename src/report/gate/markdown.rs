//! The gate as Markdown: for the comment of a pull request, and for the step summary of a workflow.
//!
//! GitHub takes at most 1 MiB of summary from a step and refuses what is larger as a whole; the table is cut before that and
//! says so.

use super::{GateReport, sentence, word};
use crate::report::markdown::escape;
use crate::study::gate::Verdict;

/// Most bytes of a step summary: below GitHub's 1 MiB, with room for what other commands of the step add.
pub const SUMMARY_MAX: usize = 1_000_000;

/// The comment.
pub fn render(report: &GateReport) -> String {
    let verdict = word(report.outcome.verdict);
    let mut text = format!("### backout gate {}: {verdict}\n\n", escape(&report.gate));
    if !report.summary.is_empty() {
        text.push_str(&format!("{}\n\n", escape(&report.summary)));
    }
    text.push_str(&format!("{}. {}.\n\n", report.counts(), escape(&report.played())));
    text.push_str("| | clause | result |\n|---|---|---|\n");
    let mut left_out = 0;
    for (ruling, replays) in report.sorted() {
        let mark = match ruling.verdict {
            Verdict::Pass => "pass",
            Verdict::Inconclusive => "**inconclusive**",
            Verdict::Fail => "**FAIL**",
        };
        let mut cell = escape(&sentence(ruling));
        if report.why {
            replays.iter().for_each(|command| cell.push_str(&format!("<br>{}", code(command))));
        }
        let row = format!("| {mark} | {} | {cell} |\n", code(&ruling.text));
        if text.len() + row.len() + 1000 + report.command.len() > SUMMARY_MAX {
            left_out += 1;
        } else {
            text.push_str(&row);
        }
    }
    if left_out > 0 {
        text.push_str(&format!("\n{left_out} more results are in the json form.\n"));
    }
    text.push_str(&format!("\nRepeat it: {}\n", code(&report.command)));
    text
}

/// Code in a cell.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'").replace('|', "\\|").replace(['\n', '\r'], " "))
}
