//! Where the time went, from the first harmed request to recovery.

use std::fmt::Write as _;

use super::{Page, Section, name_cell, text};
use crate::report::support::cells;
use crate::score::times::Times;

/// The section.
pub(super) const SECTION: Section = Section {
    id: "time",
    title: "Where the time went",
    lead: "Medians, each over the releases in which it happened: first harm to decision (detect), decision to capacity and \
           traffic restored (restore). What was not reached within the follow-up has a &gt; and no bar. Somebody is told, \
           and the rollback is checked, beside that; recovery is counted from first harm.",
    body,
};

fn body(page: &Page<'_>) -> Option<String> {
    if page.policies.is_empty() {
        return None;
    }
    let of = |times: &Times| times.median.value.unwrap_or(0.0);
    let both = |row: &&crate::score::Row| of(&row.detection.detection_time) + of(&row.rollbacks.time);
    let longest = page.policies.iter().map(both).fold(1.0, f64::max);
    let mut html = String::from(
        "<p class=\"key\"><span><i class=\"detect\"></i>detect</span><span><i class=\"restore\"></i>restore</span></p>\n\
         <div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">policy</th><th scope=\"col\" class=\"text\"></th>\
         <th scope=\"col\">detect</th><th scope=\"col\">restore</th><th scope=\"col\">verified after</th>\
         <th scope=\"col\">somebody told after</th><th scope=\"col\">recovered after</th></tr></thead>\n<tbody>\n",
    );
    for (index, row) in page.policies.iter().enumerate() {
        let detect = &row.detection.detection_time;
        let back = &row.rollbacks;
        let part = |class: &str, times: &Times| {
            format!("<i class=\"{class}\" style=\"width:{:.2}%\"></i>", 100.0 * of(times) / longest)
        };
        let cell = |times: &Times| format!("<td>{}</td>", text(&cells::time(&times.median, times)));
        let _ = writeln!(
            html,
            "<tr>{}<td class=\"text\"><div class=\"bar\">{}{}</div></td>{}</tr>",
            name_cell(index, row, page.report),
            part("detect", detect),
            part("restore", &back.time),
            [detect, &back.time, &back.verified, &back.notify, &row.time_to_recover].map(cell).concat()
        );
    }
    html.push_str("</tbody>\n</table></div>\n");
    Some(html)
}
