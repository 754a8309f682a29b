//! The table of the first screen: fits its width exactly, never wraps a row, never overflows a cell.

use owo_colors::OwoColorize;

use super::lines::{pad, shorten, wrap};
use super::{cells, ranking};
use crate::replication::record::{Player, Reference};
use crate::report::Report;
use crate::score::Row;

/// Most rows of policies in the table, and of reference players.
const ROWS_MAX: usize = 24;
/// From this width on there is room for more intervals.
const WIDTH_ROOMY: usize = 110;

/// Widths of the columns after the name, all flush right.
fn widths(width: usize) -> [usize; 7] {
    if width >= WIDTH_ROOMY { [7, 7, 16, 16, 8, 10, 20] } else { [6, 6, 6, 15, 6, 8, 9] }
}

/// The lines of the table: policies by rank, a rule, the reference players, a legend.
pub fn table(report: &Report, width: usize) -> Vec<String> {
    let columns = widths(width);
    let name = width - columns.iter().map(|w| w + 1).sum::<usize>();
    let compose = |first: &str, cells: [&str; 7]| {
        let rest = cells.iter().zip(columns).map(|(cell, w)| format!(" {}", pad(&shorten(cell, w), w, true)));
        format!("{}{}", pad(first, name, false), rest.collect::<String>())
    };
    let [median, p95, ..] = columns;
    let detects = pad("detects in", name + median + p95 + 2, true);
    let above = compose("", ["", "", "", "good ones", "users", "rollback", ""]);
    let mut lines = vec![
        format!("{detects}{}", above.get(name + median + p95 + 2..).unwrap_or_default()),
        compose("policy", ["median", "p95", "misses", "rolled back", "hit", "time p95", "efficacy"]),
    ];
    let line = |row: &Row| {
        let mark = ranking::mark(report, row);
        let label = shorten(row.name(), name.saturating_sub(mark.chars().count()));
        let figures = figures(row, width);
        let [a, b, c, d, e, f, g] = &figures;
        compose(&format!("{label}{mark}"), [a, b, c, d, e, f, g])
    };
    let policies = ranking::policies(report);
    lines.extend(policies.iter().take(ROWS_MAX).map(|row| coloured(report, row, &line(row))));
    if policies.len() > ROWS_MAX {
        lines.push(format!("... {} more in --format csv", policies.len() - ROWS_MAX));
    }
    lines.push("-".repeat(width));
    let rollouts = ranking::rollouts(report);
    // Chance is worth a row once; with several rollouts the frame is long enough without it (csv and json have it).
    let chance = |row: &&&Row| rollouts.len() == 1 || row.player != Player::Reference(Reference::Random);
    let frame = ranking::frame(report);
    let framing = frame.iter().filter(chance).take(ROWS_MAX);
    lines.extend(framing.map(|row| coloured(report, row, &line(row))));
    if rollouts.len() > 1 {
        let legend = rollouts.iter().enumerate();
        let legend: Vec<String> =
            legend.map(|(i, label)| format!("[{}] {}", i + 1, ranking::rollout_words(label))).collect();
        lines.extend(wrap(&legend.join(", "), width, "", "  "));
    }
    lines.extend(wrap(LEGEND, width, "", ""));
    lines
}

const LEGEND: &str = "Below the line is the frame: oracle rolls back at the first harm, never does not, always does at \
once. Detects in: first harmed request to decision; >30m: not within 30m. Misses: of the bad releases that did harm. \
Good ones rolled back, efficacy: with 95 % intervals. Users hit: per bad release, beyond no deploy. Rollback time: \
decision to service restored, for bad releases. Efficacy: 0 is doing nothing, 100 the best known. -: nothing to show.";

fn figures(row: &Row, width: usize) -> [String; 7] {
    let detection = &row.detection;
    let times = &detection.detection_time;
    let roomy = width >= WIDTH_ROOMY;
    [
        cells::time(&times.median, times),
        cells::time(&times.p95, times),
        if roomy {
            cells::share_with_interval(&detection.missed_rate)
        } else {
            cells::share(&detection.missed_rate)
        },
        cells::share_with_interval(&detection.false_rollback_rate),
        cells::count(&row.impact.users),
        cells::time(&row.rollbacks.time.p95, &row.rollbacks.time),
        if roomy {
            cells::efficacy_with_interval(&row.efficacy)
        } else {
            cells::efficacy_within(&row.efficacy)
        },
    ]
}

fn coloured(report: &Report, row: &Row, line: &str) -> String {
    if !report.screen.colour {
        return line.to_owned();
    }
    match (&row.player, row.efficacy.low, row.efficacy.high) {
        (Player::Reference(_), _, _) => line.dimmed().to_string(),
        (_, Some(low), _) if low > 0.0 => line.green().to_string(),
        (_, _, Some(high)) if high < 0.0 => line.red().to_string(),
        (_, None, None) => line.to_owned(),
        _ => line.yellow().to_string(),
    }
}
