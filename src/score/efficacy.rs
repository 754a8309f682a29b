//! Cost per release, efficacy between doing nothing and the best known, and how both hang on the price list.
//!
//! ```text
//! efficacy = 100 * sum(cost(never) - cost(policy)) / sum(cost(never) - cost(best))
//! ```
//! summed over replications and both twins, twins weighted by the base rate; `best` is, per twin, the cheapest of
//! `never`, `always` and `oracle`. 0 is doing nothing, 100 the best known, negative worse than nothing. It can pass 100:
//! a policy that decides between onset and first harm is cheaper than an oracle that waits for the first harm.
//!
//! All differences are paired: the same replication, the same keys, another player.

use serde::{Deserialize, Serialize};

use super::case::{Case, Frame};
use super::cost::{Components, CostWeights, KIND_NAMES, KINDS};
use super::estimate::{Estimate, Note, PairedShare, Pairs, mean, paired_shares, ratio};
use super::stratum::Stratum;

/// Costs of a row, in failed requests per release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Per release at the base rate.
    pub mixed: Estimate,
    /// Per bad release.
    pub bad: Estimate,
    /// Per healthy release.
    pub healthy: Estimate,
    /// Saved per release at the base rate against `never` on the same rollout; paired.
    pub saved: Estimate,
    /// Beyond the best known, per release at the base rate; paired.
    pub regret: Estimate,
    /// What the mixed cost consists of.
    pub parts: Vec<CostPart>,
}

/// One kind of cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostPart {
    /// Its name in the price list.
    pub kind: String,
    /// Its part of the mixed cost.
    pub value: f64,
}

/// A price changed, and what became of a row's efficacy and rank.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sensitivity {
    /// The weight that was changed.
    pub weight: String,
    /// By which factor.
    pub factor: f64,
    /// Efficacy then; `None` when there is nothing to gain.
    pub efficacy: Option<f64>,
    /// Rank then, from 1.
    pub rank: u32,
}

type Prices = [f64; KINDS];

/// The cheapest of the reference players of one twin; `None` when `never` was not played.
fn best(frame: &Frame, prices: &Prices) -> Option<f64> {
    let never = frame.never?.cost(prices);
    Some([frame.always, frame.oracle].iter().flatten().map(|c| c.cost(prices)).fold(never, f64::min))
}

/// What one twin's player saves against `never`, and what the best known saves.
fn savings(own: &Components, frame: &Frame, prices: &Prices) -> Option<(f64, f64)> {
    let never = frame.never?.cost(prices);
    Some((never - own.cost(prices), never - best(frame, prices)?))
}

/// Saved by the player and by the best known per release at the base rate, in one replication.
pub fn mixed_savings(case: &Case, base_rate: f64, prices: &Prices) -> Option<(f64, f64)> {
    let (bad, bad_best) = savings(&case.bad.0, &case.bad.1, prices)?;
    let (healthy, healthy_best) = savings(&case.healthy.0, &case.healthy.1, prices)?;
    let mix = |bad: f64, healthy: f64| base_rate * bad + (1.0 - base_rate) * healthy;
    Some((mix(bad, healthy), mix(bad_best, healthy_best)))
}

/// Cost beyond the best known in one replication, of the bad and of the healthy twin, each at its part of the mix.
pub fn mixed_regret(case: &Case, base_rate: f64, prices: &Prices) -> Option<(f64, f64)> {
    let (bad, bad_best) = savings(&case.bad.0, &case.bad.1, prices)?;
    let (healthy, healthy_best) = savings(&case.healthy.0, &case.healthy.1, prices)?;
    Some((base_rate * (bad_best - bad), (1.0 - base_rate) * (healthy_best - healthy)))
}

/// Cost per release at the base rate, in one replication.
pub fn mixed_cost(case: &Case, base_rate: f64, prices: &Prices) -> f64 {
    base_rate * case.bad.0.cost(prices) + (1.0 - base_rate) * case.healthy.0.cost(prices)
}

/// Whether rolling the healthy release back cost less than leaving it alone would have.
pub fn helpful(case: &Case, prices: &Prices) -> bool {
    case.false_rollback
        && case.healthy.1.never.is_some_and(|never| case.healthy.0.cost(prices) < never.cost(prices))
}

/// Savings of every replication of a row.
fn all_savings(strata: &[&Stratum], prices: &Prices) -> Vec<Pairs> {
    let of = |s: &Stratum| s.cases.iter().filter_map(|c| mixed_savings(c, s.base_rate, prices)).collect();
    strata.iter().map(|s| Pairs { weight: s.weight, values: of(s) }).collect()
}

/// Efficacy of a row, in percent.
pub fn efficacy(strata: &[&Stratum], prices: &Prices) -> Estimate {
    let pairs = all_savings(strata, prices);
    let gain = mean(&column(&pairs, |pair| pair.1));
    match gain.value {
        None => Estimate::absent(Note::NoObservations, gain.n),
        // One replication has no interval; then only an exact 0 says that there is nothing to gain.
        Some(value) if value <= 0.0 || (gain.low.is_some() && gain.holds_zero()) => {
            Estimate::absent(Note::NothingToGain, gain.n)
        }
        Some(_) => ratio(&pairs).scaled(100.0),
    }
}

/// Efficacy without its interval, as fast as many price lists need it.
fn efficacy_point(strata: &[&Stratum], prices: &Prices) -> Option<f64> {
    let mut total = (0.0, 0.0);
    for pairs in all_savings(strata, prices).iter().filter(|pairs| !pairs.values.is_empty()) {
        let per = pairs.weight / pairs.values.len() as f64;
        let sum = pairs.values.iter().fold((0.0, 0.0), |sum, v| (sum.0 + v.0, sum.1 + v.1));
        total = (total.0 + per * sum.0, total.1 + per * sum.1);
    }
    (total.1 > 0.0).then(|| 100.0 * total.0 / total.1)
}

fn column(pairs: &[Pairs], value: impl Fn(&(f64, f64)) -> f64) -> Vec<(f64, Vec<f64>)> {
    pairs.iter().map(|p| (p.weight, p.values.iter().map(&value).collect())).collect()
}

/// Costs of a row.
pub fn cost(strata: &[&Stratum], prices: &Prices) -> Cost {
    let of = |value: &dyn Fn(&Case, f64) -> f64| {
        let per = |s: &&Stratum| (s.weight, s.cases.iter().map(|c| value(c, s.base_rate)).collect());
        mean(&strata.iter().map(per).collect::<Vec<_>>())
    };
    let pairs = all_savings(strata, prices);
    let part = |kind: usize| {
        let mut only = [0.0; KINDS];
        only[kind] = prices[kind];
        of(&|c, base_rate| mixed_cost(c, base_rate, &only)).value.unwrap_or(0.0)
    };
    let parts = KIND_NAMES.iter().enumerate();
    Cost {
        mixed: of(&|c, base_rate| mixed_cost(c, base_rate, prices)),
        bad: of(&|c, _| c.bad.0.cost(prices)),
        healthy: of(&|c, _| c.healthy.0.cost(prices)),
        saved: mean(&column(&pairs, |pair| pair.0)),
        regret: mean(&column(&pairs, |pair| pair.1 - pair.0)),
        parts: parts.map(|(i, name)| CostPart { kind: (*name).to_owned(), value: part(i) }).collect(),
    }
}

/// One row for ranking: its name and its strata.
pub type Ranked<'a> = (&'a str, Vec<&'a Stratum>);

/// Ranks from 1: higher efficacy first, then lower cost, then by name.
pub fn ranks(rows: &[Ranked<'_>], prices: &Prices) -> Vec<(Option<f64>, u32)> {
    let figures: Vec<(Option<f64>, f64)> =
        rows.iter().map(|(_, strata)| (efficacy_point(strata, prices), mean_cost(strata, prices))).collect();
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|&a, &b| {
        let key = |i: usize| figures[i].0.unwrap_or(f64::NEG_INFINITY);
        key(b).total_cmp(&key(a)).then(figures[a].1.total_cmp(&figures[b].1)).then(rows[a].0.cmp(rows[b].0))
    });
    let mut ranks = vec![(None, 0); rows.len()];
    for (rank, &row) in order.iter().enumerate() {
        ranks[row] = (figures[row].0, rank as u32 + 1);
    }
    ranks
}

fn mean_cost(strata: &[&Stratum], prices: &Prices) -> f64 {
    let total: f64 = strata.iter().filter(|s| !s.cases.is_empty()).map(|s| s.weight).sum();
    let sum: f64 = strata
        .iter()
        .filter(|s| !s.cases.is_empty())
        .map(|s| {
            let costs = s.cases.iter().map(|c| mixed_cost(c, s.base_rate, prices));
            s.weight * costs.sum::<f64>() / s.cases.len() as f64
        })
        .sum();
    if total > 0.0 { sum / total } else { 0.0 }
}

/// How each row's efficacy and rank move at a tenth and at ten times of each weight that is not 0.
pub fn sensitivity(rows: &[Ranked<'_>], weights: &CostWeights) -> Vec<Vec<Sensitivity>> {
    let prices = weights.prices();
    let mut moved = vec![Vec::new(); rows.len()];
    for (kind, name) in KIND_NAMES.iter().enumerate().filter(|(kind, _)| prices[*kind] != 0.0) {
        for factor in [0.1, 10.0] {
            let mut changed = prices;
            changed[kind] *= factor;
            for (row, (efficacy, rank)) in moved.iter_mut().zip(ranks(rows, &changed)) {
                row.push(Sensitivity { weight: (*name).to_owned(), factor, efficacy, rank });
            }
        }
    }
    moved
}

/// The difference of two players over the replications both played, paired.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// First minus second: cost per release at the base rate.
    pub cost: Estimate,
    /// First minus second: missed share of harmful bad releases.
    pub missed_rate: Estimate,
    /// First minus second: share of healthy releases rolled back.
    pub false_rollback_rate: Estimate,
    /// First minus second: users harmed per bad release.
    pub users: Estimate,
}

/// Compares two players replication by replication; those only one of them played are left out.
pub fn difference(a: &[&Stratum], b: &[&Stratum], prices: &Prices) -> Difference {
    use super::case::Fate;
    let of = |value: &dyn Fn(&Case, f64) -> Option<f64>| {
        let strata: Vec<(f64, Vec<f64>)> = a
            .iter()
            .filter_map(|left| {
                let right = b.iter().find(|right| right.scenario == left.scenario)?;
                let deltas = both(left, right);
                let values =
                    deltas.filter_map(|(x, y)| Some(value(x, left.base_rate)? - value(y, left.base_rate)?));
                Some((left.weight, values.collect()))
            })
            .collect();
        mean(&strata)
    };
    let of_shares = |happened: &dyn Fn(&Case) -> Option<bool>| {
        let parts = a.iter().filter_map(|left| {
            let right = b.iter().find(|right| right.scenario == left.scenario)?;
            let mut part = PairedShare { weight: left.weight, first_only: 0, second_only: 0, n: 0 };
            for (x, y) in both(left, right) {
                let (Some(first), Some(second)) = (happened(x), happened(y)) else { continue };
                part.n += 1;
                part.first_only += u64::from(first && !second);
                part.second_only += u64::from(second && !first);
            }
            Some(part)
        });
        paired_shares(&parts.collect::<Vec<_>>())
    };
    let missed = |c: &Case| (c.fate != Fate::Harmless).then_some(c.fate == Fate::Missed);
    Difference {
        cost: of(&|c, base_rate| Some(mixed_cost(c, base_rate, prices))),
        missed_rate: of_shares(&missed),
        false_rollback_rate: of_shares(&|c| Some(c.false_rollback)),
        users: of(&|c, _| Some(c.users)),
    }
}

/// Cases of the same replication; both sides are in order of replication.
fn both<'a>(left: &'a Stratum, right: &'a Stratum) -> impl Iterator<Item = (&'a Case, &'a Case)> {
    left.cases.iter().filter_map(|x| {
        let at = right.cases.binary_search_by_key(&x.replication, |y| y.replication).ok()?;
        right.cases.get(at).map(|y| (x, y))
    })
}
