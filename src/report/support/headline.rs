//! What was played, in the lines that stand first: how many of what, how, and for how long.

use super::ranking;
use crate::report::Report;
use crate::score::words;

/// "2 scenarios x 2 policies x 80 releases, seed 7".
pub fn headline(report: &Report) -> String {
    let replications = replications(report);
    format!(
        "{} x {} x {}, seed {}",
        counted(report.scenarios.len() as u64, "scenario"),
        counted(ranking::policies(report).len() as u64, "policy"),
        counted(2 * (replications.0 + replications.1), "release"),
        report.seed
    )
}

/// How the releases were played.
pub fn played(report: &Report) -> String {
    let (flow, request) = replications(report);
    let how = match (flow, request) {
        (flow, 0) => format!("{} at flow level", counted(flow, "replication")),
        (0, request) => format!("{} at request level", counted(request, "replication")),
        (flow, request) => {
            format!(
                "{} at flow and {} at request level",
                counted(flow, "replication"),
                words::thousands(request)
            )
        }
    };
    format!("{how}, each one bad release and its healthy twin; {}", base_rates(report))
}

/// How many bad releases did no harm, and how long the healthy ones were watched.
pub fn exposure(report: &Report) -> Option<String> {
    let row = ranking::frame(report).into_iter().next()?;
    let harmless = row.detection.harmless_rate.value?;
    Some(format!(
        "{} of the bad releases do no harm and are in no rate; healthy ones were watched for {} h",
        words::percent(harmless),
        words::count(row.exposure_h)
    ))
}

fn base_rates(report: &Report) -> String {
    let rates = || report.scenarios.iter().map(|meta| meta.base_rate);
    let (low, high) = (rates().fold(f64::INFINITY, f64::min), rates().fold(0.0, f64::max));
    match () {
        () if low > high => "no scenario".to_owned(),
        () if low == high => format!("a release is bad in {}", words::percent(low)),
        () => format!("a release is bad in {} to {}", words::percent(low), words::percent(high)),
    }
}

/// Replications at flow and at request level, of the player with most of them.
fn replications(report: &Report) -> (u64, u64) {
    let rows = report.scorecard.rows.iter().map(|row| (row.replications.flow, row.replications.request));
    rows.max_by_key(|(flow, request)| flow + request).unwrap_or_default()
}

/// "1 policy", "1,200 releases".
pub fn counted(n: u64, noun: &str) -> String {
    let plural = match noun.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{noun}s"),
    };
    format!("{} {}", words::thousands(n), if n == 1 { noun.to_owned() } else { plural })
}
