//! What a clause rests on: its worst scenario and the replications to look at first.

use serde::Serialize;

use super::clause::{Clause, Score};
use crate::rng::Key;
use crate::score::ScenarioMeta;
use crate::score::case::Case;
use crate::score::cost::KINDS;
use crate::score::figure::paired::{Paired, difference};
use crate::score::figure::{CONFIDENCE, Context, Figure, Kind, Stat, level};
use crate::score::stratum::Stratum;

/// Most replications named.
const MOST: usize = 3;

/// The figure of one scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScenarioValue {
    /// The scenario.
    pub scenario: String,
    /// Its value; `None` (infinite) beyond the follow-up.
    pub value: f64,
}

/// A replication to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The scenario.
    pub scenario: String,
    /// Its number.
    pub replication: u32,
    /// Whether the good release is the one to look at.
    pub healthy: bool,
}

/// What a clause is judged by: the cases of a policy, or those of two.
#[derive(Clone, Debug)]
pub(super) enum Data<'d> {
    /// Of one policy.
    Own(Vec<&'d Stratum>),
    /// Of the new one and the base.
    Pairs(Vec<&'d Paired<'d>>),
}

impl Data<'_> {
    /// Index of the scenario of each part.
    pub(super) fn scenarios(&self) -> Vec<usize> {
        match self {
            Data::Own(strata) => strata.iter().map(|s| s.scenario).collect(),
            Data::Pairs(strata) => strata.iter().map(|s| s.scenario).collect(),
        }
    }

    /// The largest number of replications of a scenario.
    pub(super) fn replications(&self) -> u32 {
        let most = match self {
            Data::Own(strata) => strata.iter().map(|s| s.cases.len()).max(),
            Data::Pairs(strata) => strata.iter().map(|s| s.pairs.len()).max(),
        };
        most.unwrap_or(0) as u32
    }
}

/// The scenario that is worst for a clause, if any has a value.
pub(super) fn worst(
    clause: &Clause,
    data: &Data<'_>,
    prices: &[f64; KINDS],
    metas: &[ScenarioMeta],
) -> Option<(usize, ScenarioValue)> {
    let Score::Figure(figure, stat) = clause.score else { return None };
    let stat = Stat { worst: false, ..stat };
    let values: Vec<(usize, f64)> = match data {
        Data::Own(strata) => strata
            .iter()
            .map(|s| (s.scenario, level::estimate(figure, stat, &[s], prices, CONFIDENCE).value))
            .collect(),
        Data::Pairs(strata) => strata
            .iter()
            .map(|s| {
                let key = Key::root(0, "worst scenario");
                (s.scenario, difference(figure, stat, &[s], prices, (CONFIDENCE, key)).value)
            })
            .collect(),
    };
    let sign = if clause.op.wants_less() { 1.0 } else { -1.0 };
    let known = values.into_iter().filter(|(_, value)| !value.is_nan());
    // Of equal ones the first, so that the order of scenarios decides.
    let found = known.reduce(|a, b| if sign * b.1 > sign * a.1 { b } else { a })?;
    let meta = metas.get(found.0)?;
    Some((found.0, ScenarioValue { scenario: meta.name.clone(), value: found.1 }))
}

/// The replications of a scenario that speak most against a clause.
pub(super) fn replications(
    clause: &Clause,
    data: &Data<'_>,
    (scenario, name): (usize, &str),
    prices: &[f64; KINDS],
) -> Vec<Evidence> {
    let Score::Figure(figure, _) = clause.score else { return Vec::new() };
    let context = |base_rate: f64| Context { base_rate, prices: *prices };
    let mut weighed: Vec<(u32, f64)> = match data {
        Data::Own(strata) => {
            let stratum = strata.iter().filter(|s| s.scenario == scenario);
            let of = |s: &&Stratum| -> Vec<(u32, f64)> {
                let own = |c: &Case| Some((c.replication, amount(figure, c, &context(s.base_rate))?));
                s.cases.iter().filter_map(own).collect()
            };
            stratum.flat_map(of).collect()
        }
        Data::Pairs(strata) => {
            let of = |s: &&Paired<'_>| -> Vec<(u32, f64)> {
                let context = context(s.base_rate);
                let delta = |(new, old): &(&Case, &Case)| {
                    let delta = amount(figure, new, &context)? - amount(figure, old, &context)?;
                    Some((new.replication, delta)).filter(|(_, delta)| *delta != 0.0)
                };
                s.pairs.iter().filter_map(delta).collect()
            };
            strata.iter().filter(|s| s.scenario == scenario).flat_map(of).collect()
        }
    };
    let sign = if clause.op.wants_less() { 1.0 } else { -1.0 };
    if matches!((figure.kind, data), (Kind::Share(_), Data::Own(_))) {
        // Of a share only those on the wrong side are to be looked at.
        weighed.retain(|(_, hit)| (*hit > 0.0) == clause.op.wants_less());
    }
    weighed.retain(|(_, delta)| matches!(data, Data::Own(_)) || sign * delta > 0.0);
    weighed.sort_by(|a, b| (sign * b.1).total_cmp(&(sign * a.1)).then(a.0.cmp(&b.0)));
    let evidence = |(replication, _): &(u32, f64)| Evidence {
        scenario: name.to_owned(),
        replication: *replication,
        healthy: is_about_healthy(figure),
    };
    weighed.iter().take(MOST).map(evidence).collect()
}

/// What a case adds to a figure, larger the more of it; a time that did not end counts as its follow-up and a bit.
fn amount(figure: &Figure, case: &Case, context: &Context) -> Option<f64> {
    match figure.kind {
        Kind::Share(hit) => hit(case).map(f64::from),
        Kind::Time(time) => time(case).map(|t| if t.ended { t.seconds } else { t.seconds + 1.0 }),
        Kind::Mean(of) => of(case, context),
        Kind::Ratio(of) => of(case, context).map(|(saved, _)| saved),
        Kind::Total(counts) => Some(f64::from(counts(case))),
    }
}

/// Whether a figure is about good releases.
fn is_about_healthy(figure: &Figure) -> bool {
    matches!(figure.name, "false_rollback_rate" | "promotion_delay")
}
