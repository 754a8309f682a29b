//! The gate on a terminal: a headline, then clause by clause, failed ones first.

use super::{GateReport, sentence, word};
use crate::report::support::lines::{pad, wrap};
use crate::report::support::paint::{Tone, paint};
use crate::study::gate::Verdict;

/// Columns of the verdict.
const VERDICT: usize = 13;

/// The text.
pub fn render(report: &GateReport) -> String {
    let width = report.screen.width.max(80);
    let headline = format!("gate {}: {} ({})", report.gate, word(report.outcome.verdict), report.counts());
    let mut lines = wrap(&headline, width, "", "  ");
    if !report.summary.is_empty() {
        lines.extend(wrap(&report.summary, width, "", ""));
    }
    lines.extend(wrap(&report.played(), width, "", "  "));
    if let Some(last) = &report.last_drill {
        lines.push(format!("last drill {last}"));
    }
    lines.push(String::new());
    let indent = " ".repeat(VERDICT);
    for (ruling, replays) in report.sorted() {
        let tone = match ruling.verdict {
            Verdict::Pass => Tone::Good,
            Verdict::Inconclusive => Tone::Decision,
            Verdict::Fail => Tone::Bad,
        };
        let mark = paint(&pad(word(ruling.verdict), VERDICT, false), tone, report.screen.colour);
        for (at, line) in wrap(&ruling.text, width - VERDICT, "", "").iter().enumerate() {
            lines.push(if at == 0 { format!("{mark}{line}") } else { format!("{indent}{line}") });
        }
        lines.extend(wrap(&sentence(ruling), width, &indent, &indent));
        if report.why {
            lines.extend(replays.iter().map(|command| format!("{indent}{command}")));
        }
    }
    if !report.why && report.outcome.rulings.iter().any(|ruling| !ruling.evidence.is_empty()) {
        lines.push(String::new());
        lines.push("--why names the replications behind it and the commands that replay them".to_owned());
    }
    lines.push(String::new());
    lines.push(format!("repeat: {}", report.command));
    lines.join("\n") + "\n"
}
