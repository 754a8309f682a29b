//! What a study says in a sentence or two.

use super::ranking;
use crate::report::Report;
use crate::score::{Row, words};

/// "Fastest: a (median 1m). Fewest misses: b (3.1 %). Good releases rolled back by: a (2 %), c (1 %)."
pub fn verdict(report: &Report) -> String {
    let rows = ranking::policies(report);
    let name = |row: &Row| row.name().to_owned();
    let least = |value: &dyn Fn(&Row) -> Option<f64>| {
        let mut best: Option<(&Row, f64)> = None;
        for row in &rows {
            if let Some(value) = value(row).filter(|v| best.is_none_or(|(_, least)| *v < least)) {
                best = Some((row, value));
            }
        }
        best
    };
    let mut parts = Vec::new();
    if let Some((row, median)) = least(&|row| row.detection.detection_time.median.value) {
        parts.push(format!("Fastest: {} (median {}).", name(row), words::duration(median)));
    }
    if let Some((row, share)) = least(&|row| row.detection.missed_rate.value) {
        parts.push(format!("Fewest misses: {} ({}).", name(row), words::percent(share)));
    }
    let share = |row: &Row| row.detection.false_rollback_rate.value.unwrap_or(0.0);
    let mut guilty: Vec<&&Row> = rows.iter().filter(|row| share(row) > 0.0).collect();
    guilty.sort_by(|a, b| share(b).total_cmp(&share(a)));
    let told: Vec<String> =
        guilty.iter().take(3).map(|row| format!("{} ({})", name(row), words::percent(share(row)))).collect();
    match guilty.len() {
        0 => parts.push("No policy rolled back a good release.".to_owned()),
        n if n > 3 => parts.push(format!("Roll back good ones: {} and {} more.", told.join(", "), n - 3)),
        _ => parts.push(format!("Roll back good ones: {}.", told.join(", "))),
    }
    parts.join(" ")
}
