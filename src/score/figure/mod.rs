//! The scores by name: what `compare` puts side by side and what the clauses of a gate are about.
//!
//! A [`Figure`] says what is taken from one [`Case`] (a share's hit, a time, an amount), in which unit, and which way is
//! better. [`level`] estimates a figure of one policy, [`paired`] the difference of two policies that played the same
//! replications. Names and definitions are those of the scorecard: a share of harmful bad releases here is the share the
//! scorecard shows.
//!
//! Traps: a time that did not end is never dropped. Its quantile may lie beyond the follow-up (then it is infinite
//! here), and its mean is the mean of times cut at the end of their follow-up. Limits of shares are exact (Clopper and
//! Pearson), not the scorecard's Wilson limits: who decides by an interval wants one that is never too narrow. The limits
//! of means are Student's: for few replications of a very skewed amount (users hit by a rare outage) they are too
//! narrow.

pub mod level;
pub mod paired;

use super::case::{Case, Fate, Rollback, harmed};
use super::cost::KINDS;
use super::efficacy;
use super::times::Timed;
use crate::replication::record::RollbackOutcome;

/// The level of an interval where none is given.
pub const CONFIDENCE: f64 = super::estimate::CONFIDENCE;

/// What a value of a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A share, from 0 to 1.
    Share,
    /// Seconds.
    Seconds,
    /// Requests, users, rows: a number of things.
    Count,
    /// Percent of the best known, without bounds.
    Percent,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Less of it.
    Lower,
    /// More of it.
    Higher,
}

/// What is beside a case: prices and base rate.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// Share of releases that are bad.
    pub base_rate: f64,
    /// The price list.
    pub prices: [f64; KINDS],
}

/// What is taken from a case; `None` where the case is not among those the figure is about.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A share of releases or rollbacks: whether this one counts.
    Share(fn(&Case) -> Option<bool>),
    /// A time.
    Time(fn(&Case) -> Option<Timed>),
    /// An amount.
    Mean(fn(&Case, &Context) -> Option<f64>),
    /// Numerator and denominator of a ratio of sums.
    Ratio(fn(&Case, &Context) -> Option<(f64, f64)>),
    /// How many there were, without weights and without an interval.
    Total(fn(&Case) -> bool),
}

/// A score.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// Its name in clauses and tables.
    pub name: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    /// What its values count.
    pub unit: Unit,
    /// Which way is better.
    pub better: Better,
    /// How it is made.
    pub kind: Kind,
}

/// How the values of a figure become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Summary {
    /// Mean, share or ratio; of times, cut at the end of their follow-up.
    Mean,
    /// The time within which so many percent end.
    Percentile(u8),
    /// The sum.
    Total,
}

/// A summary, over all scenarios together or of the worst one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// The summary.
    pub summary: Summary,
    /// Whether it is that of the scenario where it is worst.
    pub worst: bool,
}

impl Figure {
    /// The summary where none is asked for: the median of times, the mean of everything else.
    pub fn default_summary(&self) -> Summary {
        match self.kind {
            Kind::Time(_) => Summary::Percentile(50),
            Kind::Total(_) => Summary::Total,
            Kind::Share(_) | Kind::Mean(_) | Kind::Ratio(_) => Summary::Mean,
        }
    }

    /// Whether values can be summarised this way.
    pub fn allows(&self, summary: Summary) -> bool {
        match summary {
            Summary::Mean => !matches!(self.kind, Kind::Total(_)),
            Summary::Percentile(percent) => matches!(self.kind, Kind::Time(_)) && (1..=99).contains(&percent),
            Summary::Total => matches!(self.kind, Kind::Total(_)),
        }
    }
}

/// Every figure, in the order of tables.
pub const FIGURES: &[Figure] = &[
    time("detection_time", "first harm to the decision", |c| c.detection),
    share("missed_rate", "harmful bad releases not decided in time", Better::Lower, |c| {
        harmful(c, Fate::Missed)
    }),
    share("detected_rate", "harmful bad releases decided within the follow-up", Better::Higher, |c| {
        harmful(c, Fate::Detected)
    }),
    share("early_rate", "harmful bad releases decided before the fault", Better::Lower, |c| {
        harmful(c, Fate::Early)
    }),
    share("prevented_rate", "harmful bad releases decided before the first harm", Better::Higher, |c| {
        harmful(c, Fate::Prevented)
    }),
    share("false_rollback_rate", "healthy releases rolled back", Better::Lower, |c| Some(c.false_rollback)),
    amount("user_impact", "requests harmed per bad release", |c, _| Some(harmed(&c.harm) as f64)),
    amount("users_harmed", "users with a harmed request per bad release", |c, _| Some(c.users)),
    Figure {
        unit: Unit::Share,
        ..amount("error_budget", "share of the 30-day error budget a bad release spends", |c, _| {
            c.error_budget
        })
    },
    amount("rows_lost", "rows lost or corrupted per bad release", |c, _| Some(c.rows as f64)),
    Figure {
        unit: Unit::Seconds,
        ..amount("downtime", "time without service per bad release", |c, _| Some(c.downtime_s))
    },
    time("rollback_time", "decision to capacity and traffic restored", |c| of_rollback(c, |r| r.time)),
    time("drain_time", "decision to the last request of the candidate", |c| of_rollback(c, |r| r.drained)),
    time("verify_time", "decision to somebody having checked that it helped", |c| {
        of_rollback(c, |r| r.verified)
    }),
    time("time_to_notify", "decision to somebody having been told", |c| c.rollback.and_then(|r| r.told)),
    time("time_to_recover", "first harm to recovery", |c| c.recovery),
    time("promotion_delay", "deploy of a healthy release to all traffic", |c| match c.promotion {
        super::case::Promotion::LeftAlone { delay, .. } => Some(delay),
        super::case::Promotion::RolledBack => None,
    }),
    share("worked_share", "rollbacks restored within 60 s", Better::Higher, |c| {
        c.rollback.map(|r| r.outcome == RollbackOutcome::Worked)
    }),
    share("restored_share", "rollbacks that restored capacity and traffic", Better::Higher, |c| {
        c.rollback.map(|r| r.time.ended)
    }),
    share("verified_share", "rollbacks that were checked afterwards", Better::Higher, |c| {
        c.rollback.map(|r| r.verified.ended)
    }),
    share("unattended_share", "rollbacks that finished with no human step", Better::Higher, |c| {
        c.rollback.map(|r| r.unattended && r.outcome != RollbackOutcome::Unfinished)
    }),
    share("made_worse_share", "rollbacks that harmed more than they saved", Better::Lower, |c| {
        c.rollback.map(|r| r.outcome == RollbackOutcome::MadeWorse)
    }),
    amount("cost", "cost per release at the base rate, in failed requests", |c, context| {
        Some(efficacy::mixed_cost(c, context.base_rate, &context.prices))
    }),
    Figure {
        name: "efficacy",
        summary: "percent of what the best known saves against doing nothing",
        unit: Unit::Percent,
        better: Better::Higher,
        kind: Kind::Ratio(|c, context| efficacy::mixed_savings(c, context.base_rate, &context.prices)),
    },
    Figure {
        name: "rollbacks",
        summary: "bad releases of which a rollback was begun",
        unit: Unit::Count,
        better: Better::Higher,
        kind: Kind::Total(|c| c.rollback.is_some()),
    },
];

/// The figure of this name.
pub fn figure(name: &str) -> Option<&'static Figure> {
    FIGURES.iter().find(|figure| figure.name == name)
}

const fn time(name: &'static str, summary: &'static str, of: fn(&Case) -> Option<Timed>) -> Figure {
    Figure { name, summary, unit: Unit::Seconds, better: Better::Lower, kind: Kind::Time(of) }
}

const fn share(
    name: &'static str,
    summary: &'static str,
    better: Better,
    of: fn(&Case) -> Option<bool>,
) -> Figure {
    Figure { name, summary, unit: Unit::Share, better, kind: Kind::Share(of) }
}

const fn amount(name: &'static str, summary: &'static str, of: fn(&Case, &Context) -> Option<f64>) -> Figure {
    Figure { name, summary, unit: Unit::Count, better: Better::Lower, kind: Kind::Mean(of) }
}

fn harmful(case: &Case, fate: Fate) -> Option<bool> {
    (case.fate != Fate::Harmless).then_some(case.fate == fate)
}

fn of_rollback(case: &Case, of: fn(&Rollback) -> Timed) -> Option<Timed> {
    case.rollback.as_ref().map(of)
}

/// A figure of the scorecard as one with limits that may be infinite: a time beyond the follow-up is infinite.
fn unbounded(estimate: super::Estimate) -> crate::stats::Estimate {
    let value = match (estimate.value, estimate.note) {
        (Some(value), _) => value,
        (None, Some(super::Note::BeyondFollowUp)) => f64::INFINITY,
        (None, _) => f64::NAN,
    };
    crate::stats::Estimate {
        value,
        low: estimate.low.unwrap_or(f64::NEG_INFINITY),
        high: estimate.high.unwrap_or(f64::INFINITY),
        n: estimate.n,
    }
}

/// The worst of several figures: the limits of each must hold together. NaN values are of scenarios that say nothing.
fn worst(better: Better, parts: impl Iterator<Item = crate::stats::Estimate>) -> crate::stats::Estimate {
    let pick = |a: f64, b: f64| if better == Better::Lower { a.max(b) } else { a.min(b) };
    parts
        .filter(|part| !part.value.is_nan())
        .reduce(|a, b| crate::stats::Estimate {
            value: pick(a.value, b.value),
            low: pick(a.low, b.low),
            high: pick(a.high, b.high),
            n: a.n + b.n,
        })
        .unwrap_or(crate::stats::Estimate::UNKNOWN)
}

/// The level at which each of `parts` intervals must hold so that all do together (Bonferroni).
fn together(confidence: f64, parts: usize) -> f64 {
    1.0 - (1.0 - confidence) / parts.max(1) as f64
}

fn square(x: f64) -> f64 {
    x * x
}
