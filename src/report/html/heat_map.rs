//! Policies over scenarios, by efficacy.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Page, Section, number, text};
use crate::report::support::cells;
use crate::score::{Note, Row, words};

/// The section.
pub(super) const SECTION: Section = Section {
    id: "scenarios",
    title: "Policy by scenario",
    lead: "Efficacy in each scenario: blue saves, orange costs more than doing nothing, a dot where there is nothing to \
           gain or nothing was played. Point at a cell for its misses and false rollbacks.",
    body,
};

fn body(page: &Page<'_>) -> Option<String> {
    let mut by_name: BTreeMap<(&str, &str, &str), &Row> = BTreeMap::new();
    for row in &page.report.scorecard.files {
        by_name.insert((row.scenario.as_deref()?, row.name(), &row.rollout), row);
    }
    if page.policies.is_empty() || by_name.is_empty() {
        return None;
    }
    let mut html = String::from(
        "<div class=\"scroll\"><table class=\"heat\">\n<thead><tr><th scope=\"col\">scenario</th>",
    );
    for (index, row) in page.policies.iter().enumerate() {
        let _ = write!(html, "<th scope=\"col\">{} {}</th>", number(index), text(row.name()));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for scenario in &page.report.scenarios {
        let _ = write!(
            html,
            "<tr><th scope=\"row\" title=\"{}\">{}</th>",
            text(&scenario.summary),
            text(&scenario.name)
        );
        for row in &page.policies {
            html.push_str(&cell(by_name.get(&(&*scenario.name, row.name(), &*row.rollout)).copied()));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div>\n");
    Some(html)
}

fn cell(row: Option<&Row>) -> String {
    let Some(row) = row else { return "<td>·</td>".to_owned() };
    let Some(efficacy) = row.efficacy.value else {
        let why =
            if row.efficacy.note == Some(Note::NothingToGain) { "nothing to gain" } else { "no figure" };
        return format!("<td title=\"{why}; {}\">·</td>", told(row));
    };
    let (class, strength) =
        if efficacy >= 0.0 { ("plus", efficacy.min(100.0)) } else { ("minus", (-efficacy).min(100.0)) };
    format!(
        "<td class=\"{class}\" style=\"--v:{:.0}\" title=\"{}\">{}</td>",
        strength,
        told(row),
        cells::efficacy(&row.efficacy)
    )
}

fn told(row: &Row) -> String {
    let share = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), words::percent);
    let detection = &row.detection;
    let times = &detection.detection_time;
    text(&format!(
        "misses {}, rolls back {} of good ones, detects in {} (median)",
        share(detection.missed_rate.value),
        share(detection.false_rollback_rate.value),
        cells::time(&times.median, times)
    ))
}
