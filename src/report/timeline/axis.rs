//! Time from left to right: which column an instant falls into, the clock below, the markers above it.

use crate::replication::record::{Nanos, RunRecord, TwinRecord};
use crate::report::support::paint::{Tone, paint_cells};

use super::Page;

/// Columns from one label of the clock to the next, at least.
const LABEL_ROOM: f64 = 6.0;
/// Minutes between labels of the clock; longer spans go on in days.
const STEPS: [u64; 12] = [1, 2, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1440];
const MINUTE: f64 = 60e9;

/// Time cut into columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    start: Nanos,
    end: Nanos,
    columns: usize,
}

impl Axis {
    /// From the deploy to `end`; at least a second and a column.
    pub(super) fn new(start: Nanos, end: Nanos, columns: usize) -> Self {
        Axis { start, end: end.max(start.saturating_add(1_000_000_000)), columns: columns.max(1) }
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    fn span(&self) -> f64 {
        self.end.saturating_sub(self.start) as f64
    }

    /// Beginning and end of a column in nanoseconds after the start.
    pub(super) fn edges(&self, column: usize) -> (f64, f64) {
        let edge = |c: usize| self.span() * c as f64 / self.columns as f64;
        (edge(column), edge(column + 1))
    }

    /// The column of an instant; `None` when it is not on the axis. The very end belongs to the last column.
    pub(super) fn column(&self, at: Nanos) -> Option<usize> {
        if at < self.start || at > self.end {
            return None;
        }
        let column = (at - self.start) as f64 / self.span() * self.columns as f64;
        Some((column as usize).min(self.columns - 1))
    }

    /// Minutes after the deploy; the left edge of a number is its instant.
    pub(super) fn clock(&self) -> String {
        let per_minute = self.columns as f64 * MINUTE / self.span();
        let longest = ((self.span() / MINUTE) as u64).to_string().len();
        let room = LABEL_ROOM.max(longest as f64 + 2.0);
        let fits = |step: &&u64| **step as f64 * per_minute >= room;
        let days = (room / per_minute / 1440.0) as u64 + 1;
        let step = STEPS.iter().find(fits).copied().unwrap_or(1440 * days);
        let mut row = String::new();
        let mut minute = 0;
        loop {
            let column = (minute as f64 * per_minute).round() as usize;
            let label = minute.to_string();
            if column + label.len() > self.columns {
                return row;
            }
            row.push_str(&" ".repeat(column.saturating_sub(row.len())));
            row.push_str(&label);
            minute += step;
        }
    }
}

/// An instant worth a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marker {
    pub(super) at: Nanos,
    letter: char,
    meaning: &'static str,
    tone: Tone,
}

/// The instants that matter, in the order of time.
pub(super) fn markers(deploy_at: Nanos, twin: &TwinRecord, run: &RunRecord) -> Vec<Marker> {
    let rollback = run.rollback.as_ref();
    let all = [
        (Some(deploy_at), 'D', "deploy", Tone::Plain),
        (twin.onset, 'F', "fault begins", Tone::Bad),
        (twin.first_harm, 'H', "first harm", Tone::Bad),
        (run.decision.as_ref().map(|d| d.at), '!', "decision", Tone::Decision),
        (rollback.and_then(|r| r.drained), 'd', "drained", Tone::Good),
        (rollback.and_then(|r| r.restored), 'R', "restored", Tone::Good),
        (rollback.and_then(|r| r.verified), 'V', "verified", Tone::Good),
        (run.promoted_at, 'P', "promoted", Tone::Plain),
    ];
    let mut markers: Vec<Marker> = all
        .into_iter()
        .filter_map(|(at, letter, meaning, tone)| Some(Marker { at: at?, letter, meaning, tone }))
        .collect();
    markers.sort_by_key(|marker| marker.at);
    markers
}

/// Rows of letters; one that finds its column taken goes a row down.
pub(super) fn marker_rows(page: &Page<'_>, markers: &[Marker]) -> Vec<String> {
    let blank = || vec![(' ', Tone::Plain); page.axis.columns()];
    let mut rows: Vec<Vec<(char, Tone)>> = Vec::new();
    for marker in markers {
        let Some(column) = page.axis.column(marker.at) else { continue };
        let free = |row: &Vec<(char, Tone)>| row.get(column).is_some_and(|(c, _)| *c == ' ');
        let row = rows.iter().position(free).unwrap_or_else(|| {
            rows.push(blank());
            rows.len() - 1
        });
        if let Some(cell) = rows.get_mut(row).and_then(|row| row.get_mut(column)) {
            *cell = (marker.letter, marker.tone);
        }
    }
    let label = |i: usize| if i == 0 { "markers" } else { "" };
    rows.iter()
        .enumerate()
        .map(|(i, row)| format!("{}{}", page.label(label(i), ""), paint_cells(row, page.colour)))
        .collect()
}

/// What the letters mean, and when; no entry is split between lines.
pub(super) fn legend(page: &Page<'_>, markers: &[Marker]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for marker in markers {
        let entry = format!("  {} {} {}", marker.letter, marker.meaning, page.clock(marker.at));
        match lines.last_mut().filter(|line| line.len() + entry.len() <= page.width) {
            Some(line) => line.push_str(&entry),
            None => lines.push(entry),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Nanos = 60_000_000_000;

    #[test]
    fn instants_fall_into_columns() {
        let axis = Axis::new(MINUTE, 11 * MINUTE, 20);
        assert_eq!(axis.column(0), None);
        assert_eq!(axis.column(MINUTE), Some(0));
        assert_eq!(axis.column(6 * MINUTE), Some(10));
        assert_eq!(axis.column(11 * MINUTE), Some(19));
        assert_eq!(axis.column(12 * MINUTE), None);
        assert_eq!(axis.edges(0), (0.0, 0.5 * MINUTE as f64));
    }

    #[test]
    fn the_clock_has_room_for_its_numbers() {
        assert_eq!(Axis::new(0, 10 * MINUTE, 20).clock(), "0         5");
        assert_eq!(Axis::new(0, 3 * MINUTE, 24).clock(), "0       1       2");
        assert_eq!(Axis::new(0, 0, 10).clock(), "0");
        for minutes in [1, 7, 61, 1000, 20_000, 9_000_000] {
            let clock = Axis::new(0, minutes * MINUTE, 56).clock();
            assert!(clock.len() <= 56 && clock.split_whitespace().count() <= 11, "{clock}");
        }
    }
}
