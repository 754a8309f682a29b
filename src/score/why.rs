//! Why a policy misses bad releases and rolls back good ones: counts of causes, and a sentence a person can act on.
//!
//! The causes come with the records (the first that holds, found by the simulator, which knew the candidate alone).
//! This module counts them and puts the policy's own words to them: names of checks, limits, values seen.
//!
//! Trap: "it never looks at latency" is read from the names and queries of the checks, by words the field uses; it is
//! said only when the effect stayed below every check and most of the harm is of a kind no check has a word for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::case::{Case, Fate};
use super::meta::PolicyMeta;
use super::stratum::Stratum;
use super::words;
use crate::replication::record::{CheckSummary, MissCause};

/// A cause and how often it was the first that held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CauseCount {
    /// The cause, as in the records (`too_short`), or the name of a confounder.
    pub cause: String,
    /// The check it is about.
    pub check: Option<String>,
    /// Replications.
    pub count: u64,
}

/// Causes of a row, most frequent first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// Of misses.
    pub misses: Vec<CauseCount>,
    /// Of rollbacks of healthy releases.
    pub false_rollbacks: Vec<CauseCount>,
}

/// Counts the causes of a row.
pub fn why(strata: &[&Stratum], policy: Option<&PolicyMeta>) -> Why {
    let cases = || strata.iter().flat_map(|s| &s.cases);
    let misses = cases().filter(|c| c.fate == Fate::Missed).map(|c| miss_key(c.miss.as_ref(), policy));
    let falses = cases()
        .filter(|c| c.false_rollback)
        .map(|c| (c.false_cause.as_deref().unwrap_or("unknown").to_owned(), None));
    Why { misses: counted(misses), false_rollbacks: counted(falses) }
}

fn counted(causes: impl Iterator<Item = (String, Option<String>)>) -> Vec<CauseCount> {
    let mut counts: BTreeMap<(String, Option<String>), u64> = BTreeMap::new();
    for cause in causes {
        *counts.entry(cause).or_default() += 1;
    }
    let mut list: Vec<CauseCount> =
        counts.into_iter().map(|((cause, check), count)| CauseCount { cause, check, count }).collect();
    list.sort_by_key(|cause| std::cmp::Reverse(cause.count));
    list
}

fn miss_key(miss: Option<&MissCause>, policy: Option<&PolicyMeta>) -> (String, Option<String>) {
    let name = |check: usize| {
        let named = policy.and_then(|p| p.checks.get(check)).map(|c| c.name.clone());
        Some(named.unwrap_or_else(|| format!("check {}", check + 1)))
    };
    let (cause, check) = match miss {
        None => ("unknown", None),
        Some(MissCause::NoSuchSeries) => ("no_such_series", None),
        Some(MissCause::NoData) => ("no_data", None),
        Some(MissCause::BelowThreshold) => ("below_threshold", None),
        Some(MissCause::Diluted { check }) => ("diluted", name(*check)),
        Some(MissCause::TooShort { check }) => ("too_short", name(*check)),
        Some(MissCause::Paused) => ("paused", None),
        Some(MissCause::VerdictLost) => ("verdict_lost", None),
        Some(MissCause::PersonLate) => ("person_late", None),
        Some(MissCause::PersonLeftIt) => ("person_left_it", None),
        Some(MissCause::RollbackFailed) => ("rollback_failed", None),
    };
    (cause.to_owned(), check)
}

/// "misses 21 % of fault/latency: it never looks at latency"; `None` when it misses nothing there.
pub fn miss_sentence(stratum: &Stratum, file: &str, policy: &PolicyMeta) -> Option<String> {
    let missed: Vec<&Case> = stratum.cases.iter().filter(|c| c.fate == Fate::Missed).collect();
    let harmful = stratum.cases.iter().filter(|c| c.fate != Fate::Harmless).count();
    let causes = why(&[stratum], Some(policy)).misses;
    let top = causes.first()?;
    let share = words::percent(missed.len() as f64 / harmful.max(1) as f64);
    let reason = reason(top, &missed, policy);
    let often = match causes.len() {
        1 => String::new(),
        _ => format!(" ({} of {} misses)", top.count, missed.len()),
    };
    Some(format!("misses {share} of {file}: {reason}{often}"))
}

/// "rolls back 3.1 % of the healthy releases of fault/latency: mostly traffic_spike".
pub fn false_sentence(stratum: &Stratum, file: &str) -> Option<String> {
    let count = stratum.cases.iter().filter(|c| c.false_rollback).count();
    let causes = why(&[stratum], None).false_rollbacks;
    let top = causes.first()?;
    let share = words::percent(count as f64 / stratum.cases.len().max(1) as f64);
    let reason = match top.cause.as_str() {
        "noise" => "noise alone does it".to_owned(),
        "unknown" => "no cause was recorded".to_owned(),
        confounder => format!("it takes `{confounder}` for the release"),
    };
    let often = match causes.len() {
        1 => String::new(),
        _ => format!(" ({} of {count})", top.count),
    };
    Some(format!("rolls back {share} of the good releases of {file}: {reason}{often}"))
}

/// The cause of most misses in words.
fn reason(top: &CauseCount, missed: &[&Case], policy: &PolicyMeta) -> String {
    let check = top.check.as_deref().unwrap_or("a check");
    let index = policy.checks.iter().position(|c| Some(&c.name) == top.check.as_ref());
    let good = index.and_then(|i| policy.checks.get(i)).map_or("", |c| c.good.as_str());
    let seen = index.map(|i| extremes(missed, i)).unwrap_or_default();
    match top.cause.as_str() {
        "no_such_series" => "none of its queries ever finds a series".to_owned(),
        "no_data" => "most of its evaluations after the fault had no data".to_owned(),
        "below_threshold" | "diluted" if stopped(missed) => {
            "it has stopped looking when the fault begins".to_owned()
        }
        "below_threshold" => below_threshold(missed, policy),
        "diluted" => {
            let worst =
                worst_seen(&seen, good).map_or(String::new(), |(text, _)| format!(", which saw {text}"));
            format!(
                "the candidate alone would cross `{check}` (good: {good}), but it is diluted in the value{worst}"
            )
        }
        "too_short" => {
            let times = if seen.longest_bad == 1 { "evaluation" } else { "evaluations in a row" };
            format!("`{check}` (good: {good}) crosses, but for {} {times} at most", seen.longest_bad)
        }
        "paused" => "it was paused or inconclusive when it mattered".to_owned(),
        "verdict_lost" => "it decides, but its verdict gets lost on the way".to_owned(),
        "person_late" => "it pages, and whoever comes has not acted when the watch ends".to_owned(),
        "person_left_it" => "it pages, and whoever comes finds everything fine again".to_owned(),
        "rollback_failed" => "it decides, but the rollback fails".to_owned(),
        _ => "no cause was recorded".to_owned(),
    }
}

/// Whether most of the misses were of a policy that had looked, but no longer did when the fault began.
fn stopped(missed: &[&Case]) -> bool {
    let stopped = |case: &&&Case| {
        let looked = case.checks.iter().any(|check| check.evaluations > 0);
        looked && case.checks.iter().all(|check| check.after_onset == 0)
    };
    missed.iter().filter(stopped).count() * 2 > missed.len()
}

/// The effect stays on the good side: either of a kind nobody looks at, or too small for the limits.
fn below_threshold(missed: &[&Case], policy: &PolicyMeta) -> String {
    if let Some(blind) = blind_spot(missed, policy) {
        return blind.to_owned();
    }
    let nearest = policy
        .checks
        .iter()
        .enumerate()
        .filter_map(|(i, check)| {
            let (text, distance) = worst_seen(&extremes(missed, i), &check.good)?;
            Some((distance, check, text))
        })
        .min_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((_, check, text)) => {
            format!("the effect stays below its limits: `{}` (good: {}) saw {text}", check.name, check.good)
        }
        None => "the effect stays below its limits".to_owned(),
    }
}

/// What a row's checks have no word for, if most of the harm is of that kind.
fn blind_spot(missed: &[&Case], policy: &PolicyMeta) -> Option<&'static str> {
    let mut harm = [0.0f64; 5];
    for frame in missed.iter().filter_map(|c| c.bad.1.never) {
        for (sum, part) in harm.iter_mut().zip(frame.0) {
            *sum += part;
        }
    }
    let [failed, timed_out, rejected, wrong, slow] = harm;
    let total: f64 = harm.iter().sum();
    let asks = |words: &[&str]| {
        policy.checks.iter().any(|check| {
            let text = format!("{} {}", check.name, check.query.as_deref().unwrap_or("")).to_lowercase();
            words.iter().any(|word| text.contains(word))
        })
    };
    const LATENCY: [&str; 6] = ["latency", "duration", "quantile", "bucket", "response_time", "sojourn"];
    const ERRORS: [&str; 8] = ["error", "5xx", "5..", "five_xx", "code", "status", "success", "fail"];
    const CONTENT: [&str; 7] = ["prediction", "wrong", "mismatch", "accuracy", "drift", "quality", "correct"];
    let most = |part: f64| total > 0.0 && part > total / 2.0;
    if most(slow) && !asks(&LATENCY) {
        Some("it never looks at latency")
    } else if most(failed + rejected + timed_out) && !asks(&ERRORS) {
        Some("it never looks at errors")
    } else if most(wrong) && !asks(&CONTENT) {
        Some("it never looks at what the answers say")
    } else {
        None
    }
}

/// The most extreme values one check saw over several replications.
fn extremes(missed: &[&Case], check: usize) -> CheckSummary {
    let mut all = CheckSummary::default();
    for seen in missed.iter().filter_map(|c| c.checks.get(check)) {
        let fold = |a: Option<f64>, b: Option<f64>, pick: fn(f64, f64) -> f64| match (a, b) {
            (Some(a), Some(b)) => Some(pick(a, b)),
            (a, b) => a.or(b),
        };
        all.lowest = fold(all.lowest, seen.lowest, f64::min);
        all.highest = fold(all.highest, seen.highest, f64::max);
        all.longest_bad = all.longest_bad.max(seen.longest_bad);
    }
    all
}

/// The value nearest to (or furthest beyond) the limit in words, and its distance from the limit relative to it.
fn worst_seen(seen: &CheckSummary, good: &str) -> Option<(String, f64)> {
    let number = good.trim_start_matches(['<', '>', '=', ' ']);
    let limit = number.split_whitespace().next().and_then(|n| n.trim_end_matches('%').parse::<f64>().ok());
    let (value, side) = match good.trim_start().chars().next()? {
        '<' => (seen.highest?, "at most"),
        '>' => (seen.lowest?, "at least"),
        _ => {
            return Some((
                format!("{} to {}", words::value(seen.lowest?), words::value(seen.highest?)),
                f64::MAX,
            ));
        }
    };
    let distance = limit.map_or(f64::MAX, |limit| (value - limit).abs() / limit.abs().max(f64::MIN_POSITIVE));
    Some((format!("{} {side}", words::value(value)), distance))
}
