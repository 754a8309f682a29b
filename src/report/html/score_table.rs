//! The scorecard with its intervals.

use std::fmt::Write as _;

use super::{Page, Section, name_cell, text};
use crate::report::support::{cells, ranking};
use crate::score::times::Times;
use crate::score::{Estimate, Row, words};

/// The section.
pub(super) const SECTION: Section = Section {
    id: "scores",
    title: "Scorecard",
    lead: "Best efficacy first: 0 is doing nothing, 100 the best known, below 0 worse than nothing. Below each figure its \
           95 % interval. Reference players, in italics, are the frame.",
    body,
};

const HEADS: [&str; 8] = [
    "efficacy",
    "detects in (median)",
    "p95",
    "misses",
    "rolls back good ones",
    "users hit",
    "rollback time p95",
    "promotion delay (median)",
];

fn body(page: &Page<'_>) -> Option<String> {
    let mut html = String::from("<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">policy</th>");
    for head in HEADS {
        let _ = write!(html, "<th scope=\"col\">{head}</th>");
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for (index, row) in page.policies.iter().enumerate() {
        let _ = writeln!(html, "<tr>{}{}</tr>", name_cell(index, row, page.report), figures(row));
    }
    for row in &page.frame {
        let name = format!("{}{}", text(row.name()), ranking::mark(page.report, row));
        let _ = writeln!(html, "<tr class=\"frame\"><th scope=\"row\">{name}</th>{}</tr>", figures(row));
    }
    html.push_str("</tbody>\n</table></div>\n");
    Some(html)
}

fn figures(row: &Row) -> String {
    let detection = &row.detection;
    let times = &detection.detection_time;
    let share = |estimate: &Estimate| (cells::share(estimate), limits(estimate, &words::percent));
    let seconds = |estimate: &Estimate, times: &Times| {
        (cells::time(estimate, times), limits(estimate, &words::duration))
    };
    let cells = [
        (cells::efficacy(&row.efficacy), limits(&row.efficacy, &cells::whole)),
        seconds(&times.median, times),
        seconds(&times.p95, times),
        share(&detection.missed_rate),
        share(&detection.false_rollback_rate),
        (cells::count(&row.impact.users), limits(&row.impact.users, &words::count)),
        seconds(&row.rollbacks.time.p95, &row.rollbacks.time),
        seconds(&row.promotion_delay.absolute.median, &row.promotion_delay.absolute),
    ];
    cells.iter().map(|(value, limits)| format!("<td>{}{limits}</td>", text(value))).collect()
}

/// "3 to 8", below a figure; an open end is said.
fn limits(estimate: &Estimate, words: &dyn Fn(f64) -> String) -> String {
    let told = match (estimate.low, estimate.high) {
        (None, None) => return String::new(),
        (Some(low), Some(high)) => format!("{} to {}", words(low), words(high)),
        (Some(low), None) => format!("at least {}", words(low)),
        (None, Some(high)) => format!("at most {}", words(high)),
    };
    format!("<small>{}</small>", text(&told))
}
