//! Where the figures come from: command, seed, scenarios, policies and what of their files was not honoured.

use std::fmt::Write as _;

use super::{Page, Section, text};
use crate::score::words;

/// The section.
pub(super) const SECTION: Section = Section {
    id: "provenance",
    title: "Where this comes from",
    lead: "The command repeats the run to the byte.",
    body,
};

fn body(page: &Page<'_>) -> Option<String> {
    let report = page.report;
    let mut html = format!(
        "<p><code>{}</code></p>\n<p>backout {}, seed {}.</p>\n",
        text(&report.command),
        text(&report.version),
        report.seed
    );
    for next in &report.next {
        let _ = writeln!(html, "<p>{}: <code>{}</code></p>", text(&next.what), text(&next.command));
    }
    html.push_str(&policies(page));
    html.push_str(&scenarios(page));
    Some(html)
}

fn policies(page: &Page<'_>) -> String {
    let mut html = String::from(
        "<details><summary>policies</summary><div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">policy</th>\
         <th scope=\"col\" class=\"text\">file</th><th scope=\"col\">engine</th><th scope=\"col\">rollout</th>\
         <th scope=\"col\" class=\"text\">checks</th><th scope=\"col\">not honoured</th>\
         <th scope=\"col\">stand-ins</th></tr></thead>\n<tbody>\n",
    );
    for meta in &page.report.policies {
        let checks: Vec<String> =
            meta.checks.iter().map(|check| format!("{}: {}", check.name, check.good)).collect();
        let _ = writeln!(
            html,
            "<tr><th scope=\"row\">{}</th><td class=\"text\">{}</td><td>{}</td><td>{}</td><td class=\"text\">{}</td>\
             <td>{}</td><td>{}</td></tr>",
            text(&meta.name),
            text(&meta.source),
            text(&meta.engine),
            text(&meta.rollout),
            text(&checks.join("; ")),
            meta.unsupported,
            meta.stand_ins
        );
    }
    html.push_str("</tbody>\n</table></div></details>\n");
    html
}

fn scenarios(page: &Page<'_>) -> String {
    let mut html = String::from(
        "<details><summary>scenarios</summary><div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">scenario</th>\
         <th scope=\"col\" class=\"text\">what it is</th><th scope=\"col\">bad releases</th>\
         <th scope=\"col\">followed after harm</th></tr></thead>\n<tbody>\n",
    );
    for meta in &page.report.scenarios {
        let _ = writeln!(
            html,
            "<tr><th scope=\"row\">{}</th><td class=\"text\">{}</td><td>{}</td><td>{}</td></tr>",
            text(&meta.name),
            text(&meta.summary),
            words::percent(meta.base_rate),
            words::duration(meta.watch as f64 / 1e9)
        );
    }
    html.push_str("</tbody>\n</table></div></details>\n");
    html
}
