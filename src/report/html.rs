//! One page that needs nothing else: no network, no script, light and dark, on a phone and in print.
//!
//! Everything on it comes from the [`Report`], so a stored report gives the same bytes. Sections are one file each; a
//! plot is SVG with colours that the page's style replaces by those of the reader's scheme ([`plot`](self)).
//!
//! Traps: names of policies and scenarios are the user's text and are escaped wherever they stand; a policy is told by its
//! number in plots, because names of any length do not fit beside a point.

mod clocks;
mod heat_map;
mod impact;
mod plot;
mod provenance;
mod score_table;
mod sensitivity;
mod tradeoff;

use std::fmt::Write as _;

use super::support::headline::{exposure, headline, played};
use super::support::ranking;
use super::support::verdict::verdict;
use super::{Artifact, Output, Report};
use crate::score::Row;

/// The entry of the catalogue.
pub const OUTPUT: Output =
    Output { name: "html", summary: "a page with plots, in one file that needs no network", render };

const STYLE: &str = include_str!("html/style.css");

/// A part of the page.
struct Section {
    /// Its anchor.
    id: &'static str,
    title: &'static str,
    /// What is to be seen, and how to read it.
    lead: &'static str,
    /// The rest, as HTML; `None` where there is nothing to show.
    body: fn(&Page<'_>) -> Option<String>,
}

const SECTIONS: &[Section] = &[
    score_table::SECTION,
    tradeoff::SECTION,
    heat_map::SECTION,
    clocks::SECTION,
    impact::SECTION,
    READINGS,
    sensitivity::SECTION,
    provenance::SECTION,
];

/// What sections are made from.
struct Page<'r> {
    report: &'r Report,
    /// Policies in order of rank: the place here plus one is the number of a policy on the page.
    policies: Vec<&'r Row>,
    frame: Vec<&'r Row>,
}

fn render(report: &Report) -> Vec<Artifact> {
    let page = Page { report, policies: ranking::policies(report), frame: ranking::frame(report) };
    let mut html = String::with_capacity(1 << 16);
    let title = text(&headline(report));
    let _ = write!(
        html,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"generator\" content=\"backout {}\">\n<title>backout: {title}</title>\n<style>\n{STYLE}</style>\n\
         </head>\n<body>\n<header>\n<h1>{title}</h1>\n",
        text(&report.version),
    );
    let _ = writeln!(html, "<p class=\"verdict\">{}</p>", text(&verdict(report)));
    let _ = writeln!(html, "<p>{}</p>", text(&played(report)));
    if let Some(exposure) = exposure(report) {
        let _ = writeln!(html, "<p>{}</p>", text(&exposure));
    }
    html.push_str(&doubts(report));
    html.push_str("</header>\n<main>\n");
    for section in SECTIONS {
        let Some(body) = (section.body)(&page) else { continue };
        let _ = write!(
            html,
            "<section id=\"{0}\">\n<h2><a href=\"#{0}\">{1}</a></h2>\n<p class=\"lead\">{2}</p>\n{3}</section>\n",
            section.id, section.title, section.lead, body
        );
    }
    html.push_str("</main>\n</body>\n</html>\n");
    vec![Artifact { name: "report.html".to_owned(), bytes: html.into_bytes() }]
}

/// Void rows, warnings and notes.
fn doubts(report: &Report) -> String {
    let mut html = String::new();
    for row in &report.void {
        let _ = writeln!(
            html,
            "<p class=\"warning\"><b>void</b> {} ({}): <code>{}</code></p>",
            text(&row.sentence()),
            text(&row.trouble.help),
            text(&row.command)
        );
    }
    for warning in &report.warnings {
        let _ = writeln!(html, "<p class=\"warning\"><b>warning</b> {}</p>", text(warning));
    }
    for note in &report.notes {
        let _ = writeln!(html, "<p class=\"note\"><b>note</b> {}</p>", text(note));
    }
    html
}

const READINGS: Section = Section {
    id: "readings",
    title: "Where each does worst, and why",
    lead: "The scenario with the largest regret, and the replications to look at: a command plays one again.",
    body: readings,
};

fn readings(page: &Page<'_>) -> Option<String> {
    let mut html = String::from("<dl>\n");
    for (index, row) in page.policies.iter().enumerate() {
        let Some(reading) = &row.reading else { continue };
        let _ = writeln!(html, "<dt>{} {}</dt>", number(index), text(row.name()));
        let _ = writeln!(html, "<dd>{}", sentence(&reading.worst));
        for also in &reading.also {
            let _ = writeln!(html, "<br>also {}", sentence(also));
        }
        let own = page.report.replays.iter().filter(|replay| replay.policy == row.name());
        let commands: Vec<String> = own
            .map(|replay| {
                format!("<li>{}: <code>{}</code></li>", replay.singled.what.words(), text(&replay.command))
            })
            .collect();
        if !commands.is_empty() {
            let _ = write!(
                html,
                "<details><summary>{} to play again</summary><ul>{}</ul></details>",
                commands.len(),
                commands.concat()
            );
        }
        html.push_str("</dd>\n");
    }
    html.push_str("</dl>\n");
    (!page.policies.is_empty()).then_some(html)
}

/// The number of a policy on the page.
fn number(index: usize) -> String {
    format!("<span class=\"number\">{}</span>", index + 1)
}

/// A policy's cell: its number and name.
fn name_cell(index: usize, row: &Row, report: &Report) -> String {
    format!("<th scope=\"row\">{} {}{}</th>", number(index), text(row.name()), ranking::mark(report, row))
}

/// Text as text: what HTML takes as markup is escaped, what no reader can see is dropped.
fn text(plain: &str) -> String {
    let mut out = String::with_capacity(plain.len());
    for c in plain.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\r' | '\t' => out.push(' '),
            c if c.is_control() || is_invisible(c) => {}
            c => out.push(c),
        }
    }
    out
}

/// Marks that turn the order of text around, or have no width: nobody needs them in a name, and they mislead.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Text in which what stands between backticks is code.
fn sentence(plain: &str) -> String {
    let escaped = text(plain);
    if !escaped.matches('`').count().is_multiple_of(2) {
        return escaped;
    }
    let mut out = String::with_capacity(escaped.len());
    for (index, part) in escaped.split('`').enumerate() {
        let code = index % 2 == 1;
        let _ = if code { write!(out, "<code>{part}</code>") } else { write!(out, "{part}") };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::testing::{rendered, sample};
    use super::*;

    #[test]
    fn a_page() {
        insta::assert_snapshot!(rendered(&OUTPUT, &sample()));
    }

    #[test]
    fn names_are_text_whatever_they_hold() {
        assert_eq!(text("<b>&\"'\n\u{202e}x\u{7}"), "&lt;b&gt;&amp;&quot;&#39; x");
        assert_eq!(sentence("it `never <x>` looks"), "it <code>never &lt;x&gt;</code> looks");
        assert_eq!(sentence("a ` b"), "a ` b");
        let mut report = sample();
        let hostile = "</style><script>alert(1)</script>";
        report.policies[0].name = hostile.to_owned();
        report.scenarios[0].name = hostile.to_owned();
        for row in report.scorecard.rows.iter_mut().chain(&mut report.scorecard.files) {
            row.player = crate::replication::record::Player::Policy(hostile.into());
        }
        report.command = hostile.to_owned();
        report.warnings.push(hostile.to_owned());
        let html = rendered(&OUTPUT, &report);
        assert!(!html.contains("<script"), "{html}");
        assert_eq!(html.matches("</style>").count(), 1);
    }

    #[test]
    fn nothing_is_fetched() {
        let html = rendered(&OUTPUT, &sample());
        for word in ["src=", "@import", "url(", "<link", "<script", "<iframe"] {
            assert!(!html.contains(word), "{word}");
        }
        // The only addresses are names of XML, which nobody fetches.
        let addresses =
            html.match_indices("http").filter(|(at, _)| !html[*at..].starts_with("http://www.w3.org/"));
        assert_eq!(addresses.count(), 0);
    }

    #[test]
    fn a_report_without_policies_is_a_page_too() {
        let mut report = sample();
        report.scorecard.rows.clear();
        report.scorecard.files.clear();
        report.policies.clear();
        assert!(rendered(&OUTPUT, &report).ends_with("</html>\n"));
    }
}
