//! The comparison as a table for a pull-request comment.

use super::{CompareReport, decision, delta, value, word};
use crate::report::markdown::escape;

/// The comment.
pub fn render(report: &CompareReport) -> String {
    let mut text = String::new();
    for (comparison, replay) in report.comparisons.iter().zip(&report.replays) {
        text.push_str(&format!(
            "### backout compare: {} against {}\n\n{}; {} scenarios, seed {}.\n\n",
            escape(&comparison.new),
            escape(&comparison.base),
            comparison.overall.sentence(),
            report.scenarios.len(),
            report.seed
        ));
        text.push_str(
            "| figure | base | new | difference (95 %) | | scenarios |\n|---|--:|--:|--:|---|---|\n",
        );
        for figure in &comparison.figures {
            let cells = [
                figure.figure.replace('_', "\\_"),
                value(figure, &figure.base),
                value(figure, &figure.new),
                delta(figure, &figure.difference),
                word(figure.standing).to_owned(),
                figure.tally.sentence(),
            ];
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        let found = &comparison.disagreements;
        text.push_str(&format!("\nThey disagreed in {} of {} worlds.", found.total, found.worlds));
        if let (Some(first), Some([base, new])) = (found.listed.first(), replay) {
            let twin = if first.healthy { "good" } else { "bad" };
            text.push_str(&format!(
                " The first is replication {} of {}, the {twin} release:\n\n- base {}: `{}`\n- new {}: `{}`\n",
                first.replication,
                escape(&first.scenario),
                escape(&decision(first.base.as_ref())),
                base.replace('`', "'"),
                escape(&decision(first.new.as_ref())),
                new.replace('`', "'")
            ));
        }
        text.push('\n');
    }
    for robust in &report.robustness {
        let held = robust.figures.iter().filter(|(_, _, holds)| *holds).count();
        text.push_str(&format!(
            "- {} with {}: {held} of {} figures stand as they do\n",
            escape(&robust.policy),
            robust.variant,
            robust.figures.len()
        ));
    }
    text.push_str(&format!("\nRepeat it: `{}`\n", report.command.replace('`', "'")));
    text
}
