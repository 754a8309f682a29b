//! Every figure of a row as a flat list, for tidy outputs.

use crate::score::times::Times;
use crate::score::{Estimate, Note, Row};

/// One figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// The score it belongs to.
    pub score: &'static str,
    /// Which figure of it.
    pub stat: &'static str,
    /// The figure.
    pub estimate: Estimate,
    /// Its unit.
    pub unit: &'static str,
}

const SHARE: &str = "share";
const SECONDS: &str = "s";
const PER_BAD: &str = "requests/bad release";
const COST: &str = "failed requests/release";

/// All figures of a row, in a fixed order.
pub fn figures(row: &Row) -> Vec<Figure> {
    let mut list = counts(row);
    list.extend(detection(row));
    if let Some(blame) = &row.blame {
        list.push(figure("blame", "value", blame.share, SHARE));
        list.push(exact("blame", "rollbacks", blame.rollbacks));
        list.push(exact("blame", "blamed", blame.blamed));
    }
    list.extend(impact(row));
    list.extend(aftermath(row));
    list.extend([
        figure("cost", "mixed", row.cost.mixed, COST),
        figure("cost", "bad", row.cost.bad, COST),
        figure("cost", "healthy", row.cost.healthy, COST),
        figure("cost", "saved", row.cost.saved, COST),
        figure("cost", "regret", row.cost.regret, COST),
        figure("efficacy", "value", row.efficacy, "%"),
    ]);
    list
}

fn figure(score: &'static str, stat: &'static str, estimate: Estimate, unit: &'static str) -> Figure {
    Figure { score, stat, estimate, unit }
}

/// A plain count: exact, so its limits are itself.
fn exact(score: &'static str, stat: &'static str, count: u64) -> Figure {
    let value = count as f64;
    figure(score, stat, Estimate::new(value, Some(value), Some(value), count), "releases")
}

fn counts(row: &Row) -> Vec<Figure> {
    let o = &row.detection.outcomes;
    vec![
        exact("outcome", "harmless", o.harmless),
        exact("outcome", "early", o.early),
        exact("outcome", "prevented", o.prevented),
        exact("outcome", "detected", o.detected),
        exact("outcome", "missed", o.missed),
        exact("outcome", "healthy", o.healthy),
        exact("outcome", "false_rollbacks", o.false_rollbacks),
        exact("outcome", "helpful", o.helpful),
    ]
}

fn detection(row: &Row) -> Vec<Figure> {
    let d = &row.detection;
    let mut list = vec![
        figure("harmless_rate", "value", d.harmless_rate, SHARE),
        figure("early_rate", "value", d.early_rate, SHARE),
        figure("prevented_rate", "value", d.prevented_rate, SHARE),
        figure("detected_rate", "value", d.detected_rate, SHARE),
        figure("missed_rate", "value", d.missed_rate, SHARE),
        figure("false_rollback_rate", "value", d.false_rollback_rate, SHARE),
        figure("helpful_rate", "value", d.helpful_rate, SHARE),
        figure("false_per_1000", "value", d.false_per_1000, "per 1000 releases"),
        figure("precision", "value", d.precision, SHARE),
    ];
    list.extend(quantiles("detection_time", &d.detection_time));
    list
}

fn impact(row: &Row) -> Vec<Figure> {
    let i = &row.impact;
    vec![
        figure("user_impact", "failed", i.failed, PER_BAD),
        figure("user_impact", "timed_out", i.timed_out, PER_BAD),
        figure("user_impact", "rejected", i.rejected, PER_BAD),
        figure("user_impact", "wrong", i.wrong, PER_BAD),
        figure("user_impact", "slow", i.slow, PER_BAD),
        figure("user_impact", "gross", i.gross, PER_BAD),
        figure("user_impact", "net", i.net, PER_BAD),
        figure("user_impact", "users", i.users, "users/bad release"),
        figure("user_impact", "users_share", i.users_share, SHARE),
        figure("user_impact", "error_budget", i.error_budget, SHARE),
        figure("user_impact", "rows", i.rows, "rows/bad release"),
        figure("user_impact", "downtime", i.downtime, "s/bad release"),
        figure("user_impact", "healthy", i.healthy, "requests/healthy release"),
    ]
}

fn aftermath(row: &Row) -> Vec<Figure> {
    let r = &row.rollbacks;
    let mut list = quantiles("rollback_time", &r.time);
    list.extend(quantiles("rollback_drained", &r.drained));
    list.extend(quantiles("rollback_verified", &r.verified));
    list.extend([
        figure("rollback_outcome", "worked", r.worked, SHARE),
        figure("rollback_outcome", "slow", r.slow, SHARE),
        figure("rollback_outcome", "no_effect", r.no_effect, SHARE),
        figure("rollback_outcome", "impossible", r.impossible, SHARE),
        figure("rollback_outcome", "made_worse", r.made_worse, SHARE),
        figure("rollback_outcome", "unfinished", r.unfinished, SHARE),
        figure("rollback_outcome", "unverified", r.unverified, SHARE),
        figure("rollback_outcome", "unattended", r.unattended, SHARE),
        figure("rollback_outcome", "silent", r.silent, SHARE),
    ]);
    list.extend(quantiles("time_to_notify", &r.notify));
    list.extend(quantiles("time_to_recover", &row.time_to_recover));
    list.extend(quantiles("promotion_delay", &row.promotion_delay.absolute));
    list.extend(quantiles("promotion_delay_beyond_never", &row.promotion_delay.beyond_never));
    list.push(exact("promotion_delay", "stuck", row.promotion_delay.stuck));
    list.push(exact("promotion_delay", "rolled_back", row.promotion_delay.rolled_back));
    list
}

fn quantiles(score: &'static str, times: &Times) -> Vec<Figure> {
    let followed = times.followed.map_or(Estimate::absent(Note::NoObservations, 0), |f| {
        Estimate::new(f, Some(f), Some(f), times.censored)
    });
    vec![
        figure(score, "median", times.median, SECONDS),
        figure(score, "p95", times.p95, SECONDS),
        figure(score, "followed", followed, SECONDS),
    ]
}
