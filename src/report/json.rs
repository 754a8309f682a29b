//! The whole report as JSON: the contract for other programs.
//!
//! Keys stand in the order of the types, numbers are what they are, and a figure that does not exist is `null` beside a
//! `note` that says why. The same report gives the same bytes.

use super::{Artifact, Output, Report};

/// The entry of the catalogue.
pub const OUTPUT: Output =
    Output { name: "json", summary: "everything, for programs; stable from format 1 on", render };

fn render(report: &Report) -> Vec<Artifact> {
    // Writing to memory cannot fail, and no key of the report is anything but a string.
    let mut bytes = serde_json::to_vec_pretty(report).unwrap_or_default();
    bytes.push(b'\n');
    vec![Artifact { name: "scorecard.json".to_owned(), bytes }]
}

#[cfg(test)]
mod tests {
    use super::super::testing::{rendered, sample};
    use super::*;

    #[test]
    fn the_contract() {
        let mut report = sample();
        // One policy and one file show every key; the rest repeats them.
        report.scorecard.rows.retain(|row| row.name() == "thorough");
        report.scorecard.files.truncate(1);
        insta::assert_snapshot!(rendered(&OUTPUT, &report));
    }

    #[test]
    fn it_reads_back() {
        let report = sample();
        let back: Report = serde_json::from_str(&rendered(&OUTPUT, &report)).unwrap();
        assert_eq!(back, report);
    }
}
