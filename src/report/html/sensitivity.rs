//! How ranks hang on the price list.

use std::fmt::Write as _;

use super::{Page, Section, name_cell, text};
use crate::score::words;

/// The section.
pub(super) const SECTION: Section = Section {
    id: "prices",
    title: "If prices were different",
    lead: "Rank with one price at a tenth and at ten times; an arrow where it differs from the rank at the prices of this \
           report.",
    body,
};

fn body(page: &Page<'_>) -> Option<String> {
    let first = page.policies.first().filter(|row| !row.sensitivity.is_empty())?;
    let mut html = format!(
        "<p>Cost, in failed requests: {}.</p>\n<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">policy</th>\
         <th scope=\"col\">rank</th>",
        text(&page.report.scorecard.weights.sentence())
    );
    for price in &first.sensitivity {
        let _ = write!(
            html,
            "<th scope=\"col\">{} x{}</th>",
            text(&price.weight.replace('_', " ")),
            words::value(price.factor)
        );
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for (index, row) in page.policies.iter().enumerate() {
        let rank = row.rank.unwrap_or_default();
        let _ = write!(html, "<tr>{}<td>{rank}</td>", name_cell(index, row, page.report));
        for price in &row.sensitivity {
            let moved = match price.rank {
                other if other < rank => "<span class=\"up\">▲</span> ",
                other if other > rank => "<span class=\"down\">▼</span> ",
                _ => "",
            };
            let _ = write!(html, "<td>{moved}{}</td>", price.rank);
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div>\n");
    Some(html)
}
