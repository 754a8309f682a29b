//! Clauses that do not pass as findings at their place in the gate file: what SARIF and GitHub's annotations are made of.
//!
//! What passed is no finding. GitHub shows ten errors and ten warnings of a step ([`github`]
//! counts the rest); a gate that is inconclusive is a warning, one that failed an error.

use serde_json::Value;

use super::{GateReport, sentence};
use crate::diagnostic::Diagnostic;
use crate::report::findings::{github, sarif};
use crate::study::gate::Verdict;

/// The findings, failed ones first.
pub fn findings(report: &GateReport) -> Vec<Diagnostic> {
    let of = |(ruling, replays): (&crate::study::gate::Ruling, &[String])| {
        let message = format!("{}: {}", ruling.text, sentence(ruling));
        let finding = match ruling.verdict {
            Verdict::Pass => return None,
            Verdict::Inconclusive => Diagnostic::warning(message).with_code("gate-inconclusive"),
            Verdict::Fail => Diagnostic::error(message).with_code("gate-failed"),
        };
        let mut finding = finding.in_source(&report.gate);
        finding.location = report.places.get(ruling.clause).copied();
        Some(match replays {
            [] => finding,
            commands => finding.with_help(format!("replay: {}", commands.join("\n"))),
        })
    };
    report.sorted().into_iter().filter_map(of).collect()
}

/// A SARIF log.
pub fn render_sarif(report: &GateReport) -> Value {
    sarif::render(&findings(report), &[])
}

/// Workflow commands of GitHub.
pub fn render_github(report: &GateReport) -> String {
    github::render(&findings(report))
}
