//! What each check of the policy read, column by column.
//!
//! A reading stands until the next one, but not much longer than readings are usually apart, so a blank is no data or
//! nobody asking. A column that covers several readings shows the worst news of them: a bad reading before a failed
//! query before a good reading before no data. How many there were of each stands below the row.

use crate::replication::record::{Nanos, RunRecord, TimelineEntry};
use crate::report::support::lines::wrap;
use crate::report::support::paint::{Tone, paint_cells};
use crate::report::support::sparkline::{Cell, Scale, sparkline};
use crate::score::meta::{CheckMeta, PolicyMeta};
use crate::score::words;

use super::{Page, cut};

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Found {
    NoData,
    Good,
    Error,
    Bad,
}

/// One evaluation of a check.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reading {
    pub(super) at: Nanos,
    pub(super) check: usize,
    pub(super) found: Found,
    /// NaN for a value that is not a number; `None` without data and on errors.
    pub(super) value: Option<f64>,
}

/// The entry as a reading of a check of this policy; `None` when it is none.
///
/// Entries read `name: value good`; the name tells the checks of policies apart that share a branch.
pub(super) fn reading(entry: &TimelineEntry, policy: &PolicyMeta) -> Option<Reading> {
    let (check, value) = entry.found?;
    let name = &policy.checks.get(check)?.name;
    let told = entry.text.strip_prefix(name.as_str())?.strip_prefix(": ")?;
    let (number, found) = match told {
        "no data" => (None, Found::NoData),
        "error" => (None, Found::Error),
        told => match told.rsplit_once(' ')? {
            (number, "good") => (Some(number), Found::Good),
            (number, "bad") => (Some(number), Found::Bad),
            _ => return None,
        },
    };
    // Values that are not finite are in the words only.
    let value = value.or_else(|| number.map(|n| n.parse().unwrap_or(f64::NAN)));
    Some(Reading { at: entry.at, check, found, value })
}

/// Three rows per check: the values, where they are bad, and figures.
pub(super) fn rows(page: &Page<'_>, run: &RunRecord) -> Vec<String> {
    let mut readings: Vec<Reading> =
        run.timeline.iter().filter_map(|entry| reading(entry, page.policy)).collect();
    readings.sort_by_key(|reading| reading.at);
    if page.policy.checks.is_empty() {
        return vec!["  nothing: it has no checks".to_owned()];
    }
    let mut rows = Vec::new();
    for (index, check) in page.policy.checks.iter().enumerate() {
        let own: Vec<Reading> = readings.iter().filter(|r| r.check == index).copied().collect();
        rows.extend(check_rows(page, check, &own));
    }
    rows
}

fn check_rows(page: &Page<'_>, check: &CheckMeta, readings: &[Reading]) -> Vec<String> {
    let good = if check.good.is_empty() { String::new() } else { format!("good {}", check.good) };
    if readings.is_empty() {
        let told = format!("{}, {good}: it was never evaluated", check.name);
        return wrap(&told, page.width, "  ", "    ").iter().flat_map(|line| cut(line, page.width)).collect();
    }
    let values = || readings.iter().filter_map(|r| r.value);
    let spanned = Scale::spanning(values()).unwrap_or(Scale { low: 0.0, high: 0.0 });
    let scale = limit(&check.good).map_or(spanned, |limit| spanned.and(limit));
    let columns = columns(page, readings, usual_gap(readings));
    let asked = self::columns(page, readings, 0);
    let is_bad = |reading: &Option<Reading>| reading.is_some_and(|r| r.found == Found::Bad);
    let tone = |reading: &Option<Reading>| match reading.map(|r| r.found) {
        Some(Found::Bad | Found::Error) => Tone::Bad,
        _ => Tone::Plain,
    };
    let drawn = sparkline(&columns.iter().map(cell).collect::<Vec<_>>(), scale, page.glyphs);
    let drawn: Vec<(char, Tone)> = drawn.into_iter().zip(columns.iter().map(tone)).collect();
    let marks: Vec<(char, Tone)> =
        asked.iter().map(|r| if is_bad(r) { ('^', Tone::Bad) } else { (' ', Tone::Plain) }).collect();
    let mut rows = vec![
        format!("{}{}", page.label(&check.name, ""), paint_cells(&drawn, page.colour)),
        format!("{}{}", page.label(&good, ""), paint_cells(&marks, page.colour)),
    ];
    let mut told = figures(readings);
    if scale != spanned {
        told.push_str(&format!("; drawn {}..{}", words::value(scale.low), words::value(scale.high)));
    }
    let told = wrap(&told, page.width, "    ", "    ");
    rows.extend(told.iter().flat_map(|line| cut(line, page.width)));
    rows
}

/// The worst news of each column; a reading that nobody renewed stands for `hold` nanoseconds.
fn columns(page: &Page<'_>, readings: &[Reading], hold: Nanos) -> Vec<Option<Reading>> {
    let mut columns: Vec<Option<Reading>> = vec![None; page.axis.columns()];
    let mut held = columns.clone();
    for (index, reading) in readings.iter().enumerate() {
        let Some(from) = page.axis.column(reading.at) else { continue };
        // The last one stands alone: nobody may have asked any more.
        let next = readings.get(index + 1).map_or(reading.at, |next| next.at);
        let until = reading.at.saturating_add(hold).min(next);
        let to = page.axis.column(until).unwrap_or(page.axis.columns() - 1).max(from);
        held.iter_mut().take(to + 1).skip(from).for_each(|cell| *cell = Some(*reading));
        if let Some(cell) = columns.get_mut(from)
            && cell.is_none_or(|known| known.found <= reading.found)
        {
            *cell = Some(*reading);
        }
    }
    if hold == 0 { columns } else { columns.into_iter().zip(held).map(|(own, held)| own.or(held)).collect() }
}

/// Half more than the middle one of the times between readings.
fn usual_gap(readings: &[Reading]) -> Nanos {
    let mut gaps: Vec<Nanos> = readings.windows(2).map(|w| w[1].at.saturating_sub(w[0].at)).collect();
    gaps.sort_unstable();
    gaps.get(gaps.len() / 2).map_or(0, |gap| gap / 2 * 3)
}

fn cell(reading: &Option<Reading>) -> Cell {
    match reading.map(|r| (r.found, r.value)) {
        None | Some((Found::NoData, _)) => Cell::Gap,
        Some((Found::Error, _)) => Cell::Error,
        Some((_, value)) => Cell::Value(value.unwrap_or(f64::NAN)),
    }
}

/// "min 0.002, max 0.31, last 0.3; 12 good, 3 bad, 1 no data".
fn figures(readings: &[Reading]) -> String {
    let values = || readings.iter().filter_map(|r| r.value);
    let mut parts = Vec::new();
    if let Some(range) = Scale::spanning(values()) {
        parts.push(format!("min {}, max {}", words::value(range.low), words::value(range.high)));
    }
    if let Some(last) = values().next_back() {
        let last = if last.is_finite() { words::value(last) } else { last.to_string() };
        parts.push(format!("last {last}"));
    }
    let counts =
        [(Found::Good, "good"), (Found::Bad, "bad"), (Found::NoData, "no data"), (Found::Error, "failed")];
    let counted: Vec<String> = counts
        .into_iter()
        .map(|(found, word)| (readings.iter().filter(|r| r.found == found).count(), word))
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{n} {word}"))
        .collect();
    let figures = parts.join(", ");
    if figures.is_empty() { counted.join(", ") } else { format!("{figures}; {}", counted.join(", ")) }
}

/// The number a good side begins with, in the unit of the values; `None` when it is a band, a word or a percentage.
fn limit(good: &str) -> Option<f64> {
    good.trim_start_matches(['<', '>', '=', ' ']).split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::axis::Axis;
    use super::*;
    use crate::replication::record::Lane;
    use crate::report::support::sparkline::Glyphs;

    fn policy() -> PolicyMeta {
        let check = |name: &str| CheckMeta { name: name.to_owned(), ..CheckMeta::default() };
        PolicyMeta { checks: vec![check("errors"), check("p99: web")], ..PolicyMeta::default() }
    }

    fn read(check: usize, text: &str, value: Option<f64>) -> Option<(Found, Option<f64>)> {
        let entry =
            TimelineEntry { at: 0, lane: Lane::Observed, text: text.to_owned(), found: Some((check, value)) };
        reading(&entry, &policy()).map(|r| (r.found, r.value))
    }

    #[test]
    fn entries_are_read_back() {
        assert_eq!(read(0, "errors: 0.010000 good", Some(0.01)), Some((Found::Good, Some(0.01))));
        assert_eq!(read(1, "p99: web: 3.0 bad", Some(3.0)), Some((Found::Bad, Some(3.0))));
        assert_eq!(read(0, "errors: no data", None), Some((Found::NoData, None)));
        assert_eq!(read(0, "errors: error", None), Some((Found::Error, None)));
        assert_eq!(read(0, "errors: inf bad", None), Some((Found::Bad, Some(f64::INFINITY))));
        assert!(read(0, "errors: NaN bad", None).is_some_and(|(_, v)| v.is_some_and(f64::is_nan)));
        assert_eq!(read(0, "somebody else's: 1 bad", Some(1.0)), None);
        assert_eq!(read(7, "errors: 1 bad", Some(1.0)), None);
    }

    #[test]
    fn limits_are_read_from_plain_numbers_only() {
        assert_eq!(limit("<= 0.01"), Some(0.01));
        assert_eq!(limit(">= 99"), Some(99.0));
        assert_eq!(limit("<= 5%"), None);
        assert_eq!(limit(""), None);
        assert_eq!(limit("result[0] > 1"), None);
    }

    #[test]
    fn rows_hold_readings_and_leave_gaps() {
        let policy = policy();
        let page = Page {
            width: 80,
            axis: Axis::new(0, 56_000_000_000, 56),
            deploy_at: 0,
            glyphs: Glyphs::Ascii,
            colour: false,
            policy: &policy,
        };
        let one = |second: u64, found, value| Reading { at: second * 1_000_000_000, check: 0, found, value };
        let readings = [
            one(0, Found::NoData, None),
            one(5, Found::Good, Some(0.0)),
            one(10, Found::Bad, Some(4.0)),
            one(15, Found::Error, None),
            one(20, Found::Good, Some(f64::NAN)),
            one(25, Found::NoData, None),
            one(40, Found::Good, Some(2.0)),
            one(45, Found::Good, Some(2.0)),
        ];
        let check = CheckMeta { name: "errors".into(), good: "<= 3".into(), query: None };
        assert_eq!(
            check_rows(&page, &check, &readings),
            [
                "  errors                     _____#####EEEEE?????               ======",
                "  good <= 3                       ^",
                "    min 0, max 4, last 2; 4 good, 1 bad, 2 no data, 1 failed",
            ]
        );
        assert_eq!(check_rows(&page, &check, &[]), ["  errors, good <= 3: it was never evaluated"]);
    }

    #[test]
    fn figures_say_what_there_was() {
        let one = |found, value| Reading { at: 0, check: 0, found, value };
        let some = [
            one(Found::Good, Some(0.25)),
            one(Found::NoData, None),
            one(Found::Bad, Some(2.0)),
            one(Found::Good, Some(f64::NAN)),
        ];
        assert_eq!(figures(&some), "min 0.25, max 2, last NaN; 2 good, 1 bad, 1 no data");
        assert_eq!(figures(&some[1..2]), "1 no data");
    }
}
