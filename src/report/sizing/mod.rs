//! What a canary's traffic can show, and what policies catch of it, for people to read.

use std::fmt::Write as _;

use serde::Serialize;

use crate::report::support::lines::pad;
use crate::stats::sizing::{Demands, power_of, requests_alone, requests_beside, smallest_effect};
use crate::study::sizing::exposure::Plateau;
use crate::study::sizing::severity::{Curve, Effect};
use crate::time::SimDuration;

/// A finished question about size.
#[derive(Clone, Debug, Serialize)]
pub struct Sizing {
    /// Version of the form.
    pub format: u32,
    /// The scenario.
    pub scenario: String,
    /// The normal error ratio of the service that is rolled out.
    pub error_ratio: f64,
    /// Requests a second to it.
    pub rate: f64,
    /// The probability of a false alarm a test may have.
    pub alpha: f64,
    /// The probability with which an effect must be seen.
    pub power: f64,
    /// The rollout.
    pub plateaus: Vec<Plateau>,
    /// Error ratios beyond the normal one, and what seeing them takes.
    pub needs: Vec<Need>,
    /// What is wrong with the releases that were played.
    pub effect: Effect,
    /// How often each severity was played.
    pub replications: u32,
    /// The policies.
    pub curves: Vec<Curve>,
    /// What the best test of all the candidate's requests would catch, by severity; errors only.
    pub bound: Vec<f64>,
}

/// What it takes to see an error ratio.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Need {
    /// The error ratio beyond the normal one.
    pub extra: f64,
    /// Requests of the candidate, if the normal ratio is known.
    pub alone: Option<u64>,
    /// Requests of the candidate compared with everybody else, at the first plateau's shares; never fewer than `alone`, since
    /// whoever compares knows less (for few bad ones the usual formula promises more than can be).
    pub beside: Option<f64>,
    /// Time at the first plateau until it has served as many as `alone` asks for.
    pub bake: Option<SimDuration>,
}

/// Requests beyond which nobody waits: a year at 100,000/s would be 3e12.
const MOST: u64 = 1 << 40;

impl Sizing {
    /// What seeing these ratios takes.
    pub fn needs_of(extras: &[f64], normal: f64, demands: Demands, plateaus: &[Plateau]) -> Vec<Need> {
        let first = plateaus.first();
        let need = |&extra: &f64| {
            let changed = normal + (1.0 - normal) * extra;
            let alone = requests_alone(normal, changed, demands, MOST);
            let times = first.map_or(1.0, |plateau| plateau.others / plateau.requests);
            let per_second = first.map(|plateau| plateau.requests / plateau.lasts.as_secs_f64());
            let bake = alone.zip(per_second).map(|(n, rate)| SimDuration::from_secs_f64(n as f64 / rate));
            let beside = requests_beside(normal, changed, times.max(1e-9), demands);
            let beside = beside.zip(alone).map(|(beside, alone)| beside.max(alone as f64));
            Need { extra, alone, beside, bake }
        };
        extras.iter().map(need).collect()
    }

    /// What an exact test of all of the candidate's requests would catch at each severity.
    pub fn bound_of(severities: &[f64], normal: f64, alpha: f64, plateaus: &[Plateau]) -> Vec<f64> {
        let requests = plateaus.iter().map(|plateau| plateau.requests).sum::<f64>() as u64;
        let power = |extra: &f64| power_of(requests, normal, normal + (1.0 - normal) * extra, alpha);
        severities.iter().map(power).collect()
    }

    fn demands(&self) -> Demands {
        Demands { alpha: self.alpha, power: self.power }
    }
}

/// The whole answer as text.
pub fn text(sizing: &Sizing) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{}: {:.0} requests a second, {} of them fail when nothing is wrong",
        sizing.scenario,
        sizing.rate,
        percent(sizing.error_ratio)
    );
    let _ = writeln!(
        out,
        "seen = {} of bad releases, with at most {} of good ones\n",
        percent(sizing.power),
        percent(sizing.alpha)
    );
    plateaus(sizing, &mut out);
    if sizing.effect == Effect::Errors {
        needs(sizing, &mut out);
    }
    if !sizing.curves.is_empty() {
        curves(sizing, &mut out);
    }
    out
}

fn plateaus(sizing: &Sizing, out: &mut String) {
    let _ = writeln!(out, "What the rollout can show");
    if sizing.plateaus.is_empty() {
        let _ = writeln!(out, "  nothing before all traffic goes to the new revision\n");
        return;
    }
    let mut rows =
        vec![row(["candidate", "for", "its requests", "smallest extra errors seen", "its p99 rests on"])];
    let mut seen = 0.0;
    for plateau in &sizing.plateaus {
        seen += plateau.requests;
        rows.push([
            percent(plateau.share),
            plateau.lasts.to_string(),
            whole(plateau.requests),
            smallest(sizing, plateau.requests),
            format!("{} requests", whole(plateau.requests / 100.0)),
        ]);
    }
    if sizing.plateaus.len() > 1 {
        let lasts = sizing.plateaus.iter().fold(SimDuration::ZERO, |sum, plateau| sum + plateau.lasts);
        rows.push([
            "all of it".to_owned(),
            lasts.to_string(),
            whole(seen),
            smallest(sizing, seen),
            format!("{} requests", whole(seen / 100.0)),
        ]);
    }
    table(&rows, out);
    let _ = writeln!(
        out,
        "  No trigger sees less than that: it is what an exact test that knows what is normal and looks once could tell.\n"
    );
}

/// The smallest share of requests beyond the normal ones that so many requests show.
fn smallest(sizing: &Sizing, requests: f64) -> String {
    let changed = smallest_effect(requests as u64, sizing.error_ratio, sizing.demands());
    changed.map_or("nothing".to_owned(), |changed| {
        percent((changed - sizing.error_ratio) / (1.0 - sizing.error_ratio))
    })
}

fn needs(sizing: &Sizing, out: &mut String) {
    let Some(first) = sizing.plateaus.first() else { return };
    let _ = writeln!(out, "What it takes at {} of the traffic", percent(first.share));
    let mut rows = vec![row(["extra errors", "its requests", "that is a bake of", "compared with the rest"])];
    for need in &sizing.needs {
        rows.push([
            percent(need.extra),
            need.alone.map_or("never".to_owned(), |n| whole(n as f64)),
            need.bake.map_or("never".to_owned(), rounded),
            need.beside.map_or("never".to_owned(), whole),
        ]);
    }
    table(&rows, out);
    out.push('\n');
}

fn curves(sizing: &Sizing, out: &mut String) {
    let severity = |value: f64| match sizing.effect {
        Effect::Errors => percent(value),
        Effect::Latency => format!("{value}x"),
    };
    let what = match sizing.effect {
        Effect::Errors => "extra errors",
        Effect::Latency => "slower answers",
    };
    let _ = writeln!(out, "What policies catch of {what}, {} releases each", sizing.replications);
    let points = sizing.curves.first().map(|curve| curve.points.as_slice()).unwrap_or_default();
    let mut head = vec!["policy".to_owned()];
    head.extend(points.iter().map(|point| severity(point.severity)));
    head.push(format!("{} from", percent(sizing.power)));
    head.push("good ones back".to_owned());
    let mut rows = vec![head];
    for curve in &sizing.curves {
        let mut cells = vec![curve.policy.clone()];
        cells.extend(curve.points.iter().map(|point| whole_percent(point.caught.value)));
        cells.push(curve.reliable_from.map_or("never".to_owned(), severity));
        let false_ones = curve.false_rollbacks;
        cells.push(format!(
            "{} ({} to {})",
            whole_percent(false_ones.value),
            percent(false_ones.low),
            percent(false_ones.high)
        ));
        rows.push(cells);
    }
    if !sizing.bound.is_empty() {
        let mut cells = vec!["(best test possible)".to_owned()];
        cells.extend(sizing.bound.iter().map(|power| whole_percent(*power)));
        cells.push(String::new());
        cells.push(format!("at most {}", percent(sizing.alpha)));
        rows.push(cells);
    }
    table(&rows, out);
}

fn row<const N: usize>(cells: [&str; N]) -> [String; N] {
    cells.map(str::to_owned)
}

/// Columns side by side, the first one to the left and the others to the right.
fn table<R: AsRef<[String]>>(rows: &[R], out: &mut String) {
    let columns = rows.iter().map(|row| row.as_ref().len()).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.as_ref().get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let cells = row.as_ref().iter().zip(&widths).enumerate();
        let cells: Vec<String> = cells.map(|(at, (cell, width))| pad(cell, *width, at > 0)).collect();
        let _ = writeln!(out, "  {}", cells.join("  ").trim_end());
    }
}

fn percent(share: f64) -> String {
    let value = 100.0 * share;
    let digits = match value {
        value if value >= 10.0 || value == 0.0 => 0,
        value if value >= 1.0 => 1,
        value if value >= 0.1 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} %")
}

fn whole_percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// A number with its thousands apart.
fn whole(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A long time without its small change.
fn rounded(span: SimDuration) -> String {
    let seconds = span.as_secs_f64();
    let unit = match seconds {
        seconds if seconds >= 86_400.0 => 3600,
        seconds if seconds >= 3600.0 => 60,
        _ => 1,
    };
    SimDuration::from_secs(((seconds / f64::from(unit)).ceil() as u64).saturating_mul(u64::from(unit as u32)))
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_do() {
        assert_eq!(
            [0.0, 0.00123, 0.0123, 0.05, 0.1, 1.0].map(percent),
            ["0 %", "0.12 %", "1.2 %", "5 %", "10 %", "100 %"]
        );
        assert_eq!([0.0, 999.4, 1000.0, 1_234_567.0].map(whole), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(rounded(SimDuration::from_secs_f64(59.2)), "1m");
        assert_eq!(rounded(SimDuration::from_secs(86_400 * 3 + 5)), "73h");
    }
}
