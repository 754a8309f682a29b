//! What users suffered, by kind.

use std::fmt::Write as _;

use super::{Page, Section, name_cell, text};
use crate::report::support::{cells, ranking};
use crate::score::{Estimate, Row};

/// The section.
pub(super) const SECTION: Section = Section {
    id: "impact",
    title: "What users suffered",
    lead: "Requests per bad release that are bad here and good without the deploy, by kind; the longest bar is the most. \
           Below the policies, doing nothing and the best known.",
    body,
};

const KINDS: [(&str, &str); 5] = [
    ("failed", "failed"),
    ("timed_out", "timed out"),
    ("rejected", "rejected"),
    ("wrong", "wrong"),
    ("slow", "slow"),
];

fn parts(row: &Row) -> [&Estimate; 5] {
    let impact = &row.impact;
    [&impact.failed, &impact.timed_out, &impact.rejected, &impact.wrong, &impact.slow]
}

fn body(page: &Page<'_>) -> Option<String> {
    let all = || page.policies.iter().chain(&page.frame);
    let most = all().filter_map(|row| row.impact.gross.value).fold(0.0, f64::max);
    if page.policies.is_empty() || most <= 0.0 {
        return None;
    }
    let mut html = String::from("<p class=\"key\">");
    for (class, word) in KINDS {
        let _ = write!(html, "<span><i class=\"{class}\"></i>{word}</span>");
    }
    html.push_str(
        "</p>\n<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">policy</th><th scope=\"col\" class=\"text\"></th>",
    );
    for (_, word) in KINDS {
        let _ = write!(html, "<th scope=\"col\">{word}</th>");
    }
    html.push_str("<th scope=\"col\">users hit</th><th scope=\"col\">rows lost</th></tr></thead>\n<tbody>\n");
    for (index, row) in page.policies.iter().enumerate() {
        line(&mut html, &name_cell(index, row, page.report), "", row, most);
    }
    for row in &page.frame {
        let name = format!("<th scope=\"row\">{}{}</th>", text(row.name()), ranking::mark(page.report, row));
        line(&mut html, &name, " class=\"frame\"", row, most);
    }
    html.push_str("</tbody>\n</table></div>\n");
    Some(html)
}

fn line(html: &mut String, name: &str, class: &str, row: &Row, most: f64) {
    let bar: String = KINDS
        .iter()
        .zip(parts(row))
        .filter_map(|((class, _), part)| Some((class, part.value.filter(|value| *value > 0.0)?)))
        .map(|(class, value)| {
            format!("<i class=\"{class}\" style=\"width:{:.2}%\"></i>", 100.0 * value / most)
        })
        .collect();
    let figures: String = parts(row)
        .into_iter()
        .chain([&row.impact.users, &row.impact.rows])
        .map(|part| format!("<td>{}</td>", cells::count(part)))
        .collect();
    let _ = writeln!(
        html,
        "<tr{class}>{name}<td class=\"text\"><div class=\"bar\">{bar}</div></td>{figures}</tr>"
    );
}
