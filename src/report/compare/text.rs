//! The comparison on a terminal of 80 columns.

use super::{CompareReport, decision, delta, value, word};
use crate::report::support::lines::{pad, shorten, wrap};
use crate::report::support::paint::{Tone, paint};
use crate::study::compare::{Comparison, Standing};

/// Widths of the columns: figure, base, new, difference; the standing has the rest.
const COLUMNS: [usize; 4] = [20, 9, 9, 28];

/// Most scenarios named per figure.
const NAMED: usize = 4;

/// The text.
pub fn render(report: &CompareReport) -> String {
    let width = report.screen.width.max(80);
    let mut lines = Vec::new();
    for (comparison, replay) in report.comparisons.iter().zip(&report.replays) {
        one(report, comparison, width, &mut lines);
        disagreement(comparison, replay.as_ref(), width, &mut lines);
        lines.push(String::new());
    }
    robustness(report, width, &mut lines);
    lines.push(format!("repeat: {}", report.command));
    lines.join("\n") + "\n"
}

fn tone(standing: Standing) -> Tone {
    match standing {
        Standing::Better => Tone::Good,
        Standing::Worse => Tone::Bad,
        Standing::Mixed => Tone::Decision,
        Standing::WithinNoise => Tone::Plain,
    }
}

fn one(report: &CompareReport, comparison: &Comparison, width: usize, lines: &mut Vec<String>) {
    let headline = format!(
        "{} (new) against {} (base): {}",
        comparison.new,
        comparison.base,
        comparison.overall.sentence()
    );
    lines.extend(wrap(&headline, width, "", "  "));
    lines.push(format!("{} scenarios, seed {}", report.scenarios.len(), report.seed));
    lines.push(String::new());
    let row = |cells: [&str; 4]| -> String {
        let cell = |(at, (text, width)): (usize, (&&str, usize))| {
            format!("{} ", pad(&shorten(text, width), width, at > 0))
        };
        cells.iter().zip(COLUMNS).enumerate().map(cell).collect()
    };
    lines.push(row(["mean over scenarios", "base", "new", "difference (95 %)"]).trim_end().to_owned());
    for figure in &comparison.figures {
        let cells =
            [value(figure, &figure.base), value(figure, &figure.new), delta(figure, &figure.difference)];
        let [base, new, difference] = &cells;
        let standing = paint(word(figure.standing), tone(figure.standing), report.screen.colour);
        lines.push(row([&figure.figure, base, new, difference]) + &standing);
        if let Some(median) = figure.median.filter(|median| !median.value.is_nan()) {
            lines.push(row(["  median", "", "", &delta(figure, &median)]).trim_end().to_owned());
        }
        let changed: Vec<_> =
            figure.scenarios.iter().filter(|s| s.standing != Standing::WithinNoise).collect();
        if !changed.is_empty() {
            lines.extend(wrap(&figure.tally.sentence(), width, "  ", "    "));
        }
        for scenario in changed.iter().take(NAMED) {
            let text = format!(
                "{} in {}: {}",
                word(scenario.standing),
                scenario.scenario,
                delta(figure, &scenario.difference)
            );
            lines.extend(wrap(&text, width, "    ", "      "));
        }
        if changed.len() > NAMED {
            lines.push(format!("    and {} more in the json form", changed.len() - NAMED));
        }
    }
}

fn disagreement(
    comparison: &Comparison,
    replay: Option<&[String; 2]>,
    width: usize,
    lines: &mut Vec<String>,
) {
    let found = &comparison.disagreements;
    lines.push(String::new());
    let text = format!(
        "they disagreed in {} of {} worlds, in {} of them on whether to decide at all",
        found.total, found.worlds, found.outright
    );
    lines.extend(wrap(&text, width, "", "  "));
    let Some(first) = found.listed.first() else { return };
    let twin = if first.healthy { "good" } else { "bad" };
    lines.push(format!("first: {}, replication {}, the {twin} release", first.scenario, first.replication));
    for (side, decided) in [("base", &first.base), ("new", &first.new)] {
        lines.extend(wrap(
            &decision(decided.as_ref()),
            width,
            &format!("  {} ", pad(side, 4, false)),
            "       ",
        ));
    }
    lines.extend(replay.iter().flat_map(|commands| commands.iter()).map(|command| format!("  {command}")));
}

fn robustness(report: &CompareReport, width: usize, lines: &mut Vec<String>) {
    for robust in &report.robustness {
        let moved: Vec<String> = robust
            .figures
            .iter()
            .filter(|(_, _, holds)| !holds)
            .map(|(figure, standing, _)| format!("{figure} is {}", word(*standing)))
            .collect();
        let text =
            if moved.is_empty() { "every figure stands as it does".to_owned() } else { moved.join(", ") };
        let first = format!("{} with {}: ", robust.policy, robust.variant);
        lines.extend(wrap(&text, width, &first, "    "));
    }
    if !report.robustness.is_empty() {
        lines.push(String::new());
    }
}
