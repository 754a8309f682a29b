//! The table of variants: figures with their intervals, the file as it is first.

use crate::report::support::cells;
use crate::report::support::lines::{pad, wrap};
use crate::score::{Estimate, words};
use crate::study::tune::answer::{Answer, Row};

/// The lines of the table and its legend.
pub(super) fn table(answer: &Answer, picked: usize, width: usize) -> Vec<String> {
    let heads =
        ["", "detects in", "good ones rolled back", "misses", "users hit", "promoted in", "cost", "changes"];
    let mut rows = vec![heads.map(str::to_owned)];
    rows.extend(answer.rows.iter().enumerate().map(|(index, row)| cells_of(answer, picked, index, row)));
    let mut widths = [0; 8];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; 8]| {
        let cells = row.iter().zip(widths).enumerate();
        let padded: Vec<String> = cells.map(|(index, (cell, width))| pad(cell, width, index > 0)).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    lines.extend(wrap(LEGEND, width, "", ""));
    lines
}

const LEGEND: &str = "*: recommended, >: the difference below is of this one. Detects in: mean time from first harm to \
decision, a miss counts as the whole follow-up. Misses: of the bad releases that did harm. Users hit: per bad release. \
Promoted in: healthy releases that were left alone. Cost: failed requests per release. In brackets: 95 % intervals.";

fn cells_of(answer: &Answer, picked: usize, index: usize, row: &Row) -> [String; 8] {
    let f = &row.figures;
    let marks = match (index == answer.recommended, index == picked) {
        (true, true) => "*>",
        (true, false) => "* ",
        (false, true) => " >",
        (false, false) => "  ",
    };
    let name = if row.variant == 0 { "as it is".to_owned() } else { format!("variant {}", row.variant) };
    [
        format!("{marks}{name}"),
        time(&f.detection_time),
        cells::share_with_interval(&f.false_rollback_rate),
        cells::share_with_interval(&f.missed_rate),
        cells::count(&f.user_impact),
        f.promotion_delay.value.map_or_else(|| cells::NONE.to_owned(), words::duration),
        count(&f.cost),
        row.changes.len().to_string(),
    ]
}

/// `2m04s (1m50s-2m20s)`.
fn time(estimate: &Estimate) -> String {
    let within = |x: f64| words::duration(x.max(0.0));
    match (estimate.value, estimate.low, estimate.high) {
        (Some(value), Some(low), Some(high)) => {
            format!("{} ({}-{})", within(value), within(low), within(high))
        }
        (Some(value), ..) => within(value),
        (None, ..) => cells::NONE.to_owned(),
    }
}

/// `5210 (4890-5530)`.
fn count(estimate: &Estimate) -> String {
    match (estimate.value, estimate.low, estimate.high) {
        (Some(value), Some(low), Some(high)) => {
            format!("{} ({}-{})", words::count(value), words::count(low.max(0.0)), words::count(high))
        }
        _ => cells::count(estimate),
    }
}
