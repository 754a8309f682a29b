//! Every figure on a line of its own (tidy data): filter and pivot it as you like.
//!
//! A policy whose process failed has one line, `void`, with the reason as its note.
//! `scenario` is empty in the rows pooled over all files. Empty `value`, `low` or `high` are unknown; `note` says why.

use super::support::figures::figures;
use super::support::lines::clean;
use super::{Artifact, Output, Report};
use crate::score::Row;

/// The entry of the catalogue.
pub const OUTPUT: Output =
    Output { name: "csv", summary: "one figure a line, for spreadsheets and plots", render };

const HEADER: &str = "policy,scenario,score,stat,value,low,high,n,unit,rollout,note\n";

fn render(report: &Report) -> Vec<Artifact> {
    let mut text = HEADER.to_owned();
    for row in report.scorecard.rows.iter().chain(&report.scorecard.files) {
        add(&mut text, row);
    }
    for void in &report.void {
        let (name, reason) = (field(&void.policy), field(&clean(&void.trouble.reason)));
        text.push_str(&format!("{name},,void,,,,,0,,,{reason}\n"));
    }
    vec![Artifact { name: "scorecard.csv".to_owned(), bytes: text.into_bytes() }]
}

fn add(text: &mut String, row: &Row) {
    let number = |x: Option<f64>| x.map(|x| x.to_string()).unwrap_or_default();
    for figure in figures(row) {
        let e = &figure.estimate;
        let fields = [
            field(row.name()),
            field(row.scenario.as_deref().unwrap_or("")),
            figure.score.to_owned(),
            figure.stat.to_owned(),
            number(e.value),
            number(e.low),
            number(e.high),
            e.n.to_string(),
            figure.unit.to_owned(),
            field(&row.rollout),
            e.note.map_or("", |note| note.words()).to_owned(),
        ];
        text.push_str(&fields.join(","));
        text.push('\n');
    }
}

/// A field, quoted where it must be (RFC 4180).
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{rendered, sample};
    use super::*;

    #[test]
    fn tidy_lines() {
        let mut report = sample();
        report.scorecard.rows.retain(|row| row.name() == "quick");
        report.scorecard.files.clear();
        insta::assert_snapshot!(rendered(&OUTPUT, &report));
    }

    #[test]
    fn every_line_has_every_column_and_pooled_and_file_rows_are_there() {
        let text = rendered(&OUTPUT, &sample());
        let columns = HEADER.matches(',').count();
        assert!(text.lines().all(|line| line.matches(',').count() == columns));
        assert!(text.contains("thorough,canary/latency,missed_rate,value,0.8,"));
        assert!(text.contains("thorough,,missed_rate,value,0.4,"));
        assert_eq!(field("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
