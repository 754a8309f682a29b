//! What a hunt found and what it tried, for people to read; and the files that replay it.

mod file;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::report::support::lines::{clean, pad};
use crate::score::words;
use crate::study::hunt::{Finding, Hunted, Measure, Trial};

pub use file::{HEADER, file};

/// A finding with the file it is written to and the command that replays it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// Path of the file.
    pub path: String,
    /// The command that plays the replication that shows most.
    pub run: String,
    /// The command that plays many.
    pub score: String,
}

/// What a measure is about, in words.
pub fn measure_in_words(measure: Measure) -> &'static str {
    match measure {
        Measure::Missed => "bad releases it does not decide against",
        Measure::Slowest => "time from first harm to its decision",
        Measure::FalseRollback => "healthy releases it rolls back",
        Measure::Impact => "harm beyond what rolling back at the first harm leaves",
        Measure::RollbackFailed => "rollbacks it orders that do not bring the service back",
    }
}

/// What the amount of a finding is.
fn amount_in_words(measure: Measure) -> &'static str {
    match measure {
        Measure::Missed | Measure::Impact | Measure::RollbackFailed => "harm",
        Measure::Slowest => "time",
        Measure::FalseRollback => "",
    }
}

/// The amount as people read it; harm is in seconds of mean traffic.
fn amount(measure: Measure, finding: &Finding) -> String {
    match measure {
        Measure::FalseRollback => String::new(),
        _ => words::duration(finding.amount),
    }
}

/// The share that shows it, with its interval.
pub(super) fn shown(finding: &Finding) -> String {
    let estimate = finding.shown;
    let (low, high) = (words::bare_percent(estimate.low), words::bare_percent(estimate.high));
    format!("{} ({low} to {high})", words::percent(estimate.value))
}

/// What is in a finding's world, in a line.
pub(super) fn what(finding: &Finding) -> String {
    let events: Vec<&str> = finding.events.iter().map(|event| event.entry.as_str()).collect();
    let settings: Vec<&str> = finding.settings.iter().map(String::as_str).collect();
    match (events.is_empty(), settings.is_empty()) {
        (false, _) => events.join(" + "),
        (true, false) => format!("no event; otherwise: {}", settings.join(", ")),
        (true, true) => "the scenario as it is".to_owned(),
    }
}

/// The result as text. `replays` has one entry for each finding, in their order.
pub fn text(hunted: &Hunted, replays: &[Replay]) -> String {
    let mut out = String::new();
    head(&mut out, hunted);
    findings(&mut out, hunted, replays);
    lost(&mut out, hunted);
    tried(&mut out, "events", &hunted.events);
    tried(&mut out, "of the scenario", &hunted.settings);
    left_out(&mut out, &hunted.left_out);
    out
}

fn head(out: &mut String, hunted: &Hunted) {
    let Hunted { measure, seed, .. } = hunted;
    let policy = clean(&hunted.policy);
    let _ = writeln!(out, "the worst of `{policy}` by {}: {}", measure.name(), measure_in_words(*measure));
    let _ = writeln!(
        out,
        "{} worlds searched ({} of them cannot be played), {} scenarios while shrinking, {} replications, seed {seed}",
        words::thousands(u64::from(hunted.worlds)),
        words::thousands(u64::from(hunted.invalid)),
        words::thousands(u64::from(hunted.shrinking)),
        words::thousands(hunted.replications),
    );
}

fn findings(out: &mut String, hunted: &Hunted, replays: &[Replay]) {
    let counts = floor(hunted);
    if hunted.findings.is_empty() {
        let _ =
            writeln!(out, "\nnothing found: {counts}. That is no proof: a larger --budget looks further.");
        return;
    }
    let count = hunted.findings.len();
    let noun = if count == 1 { "finding" } else { "findings, the worst first" };
    let _ = writeln!(out, "\n{count} {noun}; {counts}\n");
    let rows = hunted.findings.iter().map(|one| (shown(one), amount(hunted.measure, one), one));
    let rows: Vec<(String, String, &Finding)> = rows.collect();
    let share = rows.iter().map(|row| row.0.len()).max().unwrap_or(0).max("shown".len());
    let amount_name = amount_in_words(hunted.measure);
    let much = rows.iter().map(|row| row.1.len()).max().unwrap_or(0).max(amount_name.len());
    let _ = writeln!(out, "  {}  {}  lines  what", pad("shown", share, false), pad(amount_name, much, false));
    for (at, (shown, amount, finding)) in rows.iter().enumerate() {
        let lines = format!("{:>5}", finding.lines);
        let _ = writeln!(
            out,
            "  {}  {}  {lines}  {}",
            pad(shown, share, false),
            pad(amount, much, false),
            what(finding)
        );
        if let Some(replay) = replays.get(at) {
            let _ = writeln!(out, "      {}", replay.run);
        }
    }
}

/// What counts as shown.
fn floor(hunted: &Hunted) -> String {
    let rate = words::percent(hunted.rate);
    let fresh = hunted.findings.first().map(|one| one.shown.n);
    let fresh = fresh.map_or_else(|| "fresh".to_owned(), |n| format!("{n} fresh"));
    let harm = words::duration(hunted.min_impact_s);
    let least = match hunted.measure {
        Measure::FalseRollback => format!("where the deploy itself harms less than {harm} of mean traffic"),
        Measure::Slowest => {
            format!("with harm of at least {harm} of mean traffic, half as late as found or later")
        }
        Measure::Impact => format!("with at least {harm} of mean traffic and half of the harm found"),
        Measure::Missed | Measure::RollbackFailed => {
            format!("with harm of at least {harm} of mean traffic")
        }
    };
    format!("a finding shows in at least {rate} of {fresh} releases, {least}")
}

fn lost(out: &mut String, hunted: &Hunted) {
    if hunted.lost.is_empty() {
        return;
    }
    let one = |(stem, share): &(String, f64)| format!("{stem} ({})", words::percent(*share));
    let all: Vec<String> = hunted.lost.iter().map(one).collect();
    let _ = writeln!(out, "\nlooked like one and did not hold on fresh luck: {}", all.join(", "));
}

fn tried(out: &mut String, of: &str, trials: &BTreeMap<String, Trial>) {
    if trials.is_empty() {
        return;
    }
    let name = trials.keys().map(String::len).max().unwrap_or(0).max(of.len() + 6);
    let _ = writeln!(out, "\n  {}  worlds  most shown  from to", pad(&format!("tried {of}"), name, false));
    for (kind, trial) in trials {
        let numbers = trial.numbers.iter().map(|(field, [least, most])| {
            let bare = |value: &serde_json::Value| value.as_str().map_or(value.to_string(), str::to_owned);
            format!("{field} {} {}", bare(least), bare(most))
        });
        let numbers: Vec<String> = numbers.collect();
        let most = words::percent(trial.most_shown);
        let _ = writeln!(
            out,
            "  {}  {:>6}  {most:>10}  {}",
            pad(kind, name, false),
            trial.worlds,
            numbers.join(", ")
        );
    }
}

/// Kinds that cannot be, by reason.
fn left_out(out: &mut String, left_out: &BTreeMap<String, String>) {
    let mut reasons: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (kind, why) in left_out {
        // Reasons name the kind and where it stands; without that they are the same for many.
        let why = why.rsplit_once("]) ").map_or(why.as_str(), |(_, why)| why);
        reasons.entry(why.replace(&format!("`{kind}` "), "")).or_default().push(kind);
    }
    if !reasons.is_empty() {
        let _ = writeln!(out, "\nnot tried here:");
    }
    for (why, kinds) in reasons {
        let _ = writeln!(out, "  {}: {why}", kinds.join(", "));
    }
}
