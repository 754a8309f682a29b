//! The difference of two policies in a figure, replication by replication.
//!
//! Both played the same worlds (the same keys), so most of the noise is common and cancels; what is left is what one of
//! them did and the other did not.
//!
//! * **Shares**: `d = p10 - p01`, the shares of replications that count for the first only and for the second only
//!   (McNemar's discordant pairs); limits from the exact limits of both by recovered variances for correlated shares
//!   (Zou and Donner 2008; their correlation in a trinomial is `-sqrt(p10 p01 / ((1 - p10)(1 - p01)))`).
//! * **Means**, also of times: the stratified paired t interval. The times of a pair are both cut where the first of them
//!   was no longer followed, so one that was missed counts as a time at least that long: the restricted mean.
//! * **Quantiles of times**: the stratified percentile bootstrap over replications (Efron); pairs stay together. A quantile
//!   beyond the follow-up counts as its end. Below [`needed`] replications there are no limits.
//! * **Ratios**: the stratified jackknife of the difference.
//!
//! Traps: a replication in which only one of the two has a value (only one rolled back, so only one has a rollback time) is
//! in none of the differences but that of quantiles; the difference is one between pairs. Two policies that never differ
//! in a mean have an interval of width 0, which says "never seen", not "never".

use super::level::{mover, scaled};
use super::{Context, Figure, Kind, Stat, Summary, square, together, unbounded, worst};
use crate::rng::{Key, Purpose, binomial_cdf};
use crate::score::case::Case;
use crate::score::cost::KINDS;
use crate::score::estimate::mean_at;
use crate::score::stratum::Stratum;
use crate::score::times::{Timed, quantile_of};
use crate::stats::Estimate;
use crate::stats::estimate::{clopper_pearson, student_t_quantile, student_t_tail};
use crate::stats::quantile;

/// Resamples of a bootstrap interval.
const RESAMPLES: usize = 1000;

/// What two policies did in the replications of one scenario that both played.
#[derive(Clone, Debug)]
pub struct Paired<'c> {
    /// Index of the scenario.
    pub scenario: usize,
    /// Its share of pooled figures.
    pub weight: f64,
    /// Share of releases that are bad.
    pub base_rate: f64,
    /// First and second, in order of replication.
    pub pairs: Vec<(&'c Case, &'c Case)>,
}

/// Pairs the replications that both played, scenario by scenario; what only one played is left out.
pub fn pair<'c>(first: &[&'c Stratum], second: &[&'c Stratum]) -> Vec<Paired<'c>> {
    let of = |left: &&'c Stratum| {
        let right = second.iter().find(|right| right.scenario == left.scenario)?;
        let pairs: Vec<(&Case, &Case)> = left
            .cases
            .iter()
            .filter_map(|x| {
                let at = right.cases.binary_search_by_key(&x.replication, |y| y.replication).ok()?;
                right.cases.get(at).map(|y| (x, y))
            })
            .collect();
        let (weight, base_rate) = (left.weight, left.base_rate);
        Some(Paired { scenario: left.scenario, weight, base_rate, pairs })
    };
    first.iter().filter_map(of).collect()
}

/// First minus second, with its interval. `key` is that of the resampling.
pub fn difference(
    figure: &Figure,
    stat: Stat,
    strata: &[&Paired<'_>],
    prices: &[f64; KINDS],
    (confidence, key): (f64, Key),
) -> Estimate {
    let some = strata.iter().any(|s| s.weight > 0.0);
    let weight = |s: &Paired<'_>| if some { s.weight } else { 1.0 };
    let used: Vec<(f64, &Paired<'_>)> =
        strata.iter().map(|s| (weight(s), *s)).filter(|(w, s)| *w > 0.0 && !s.pairs.is_empty()).collect();
    if !stat.worst {
        return pooled(figure, stat.summary, &used, prices, (confidence, key));
    }
    let level = together(confidence, used.len());
    let of = |one: &(f64, &Paired<'_>)| {
        pooled(figure, stat.summary, &[*one], prices, (level, key.id(one.1.scenario as u64)))
    };
    worst(figure.better, used.iter().map(of))
}

fn pooled(
    figure: &Figure,
    summary: Summary,
    used: &[(f64, &Paired<'_>)],
    prices: &[f64; KINDS],
    (confidence, key): (f64, Key),
) -> Estimate {
    let context = |s: &Paired<'_>| Context { base_rate: s.base_rate, prices: *prices };
    match (figure.kind, summary) {
        (Kind::Share(hit), _) => {
            let parts: Vec<(f64, Estimate)> = used
                .iter()
                .map(|(w, s)| (*w, share_difference(discordant(s, hit), confidence)))
                .filter(|(_, part)| part.n > 0)
                .collect();
            let combined = mover(&parts);
            Estimate { low: combined.low.max(-1.0), high: combined.high.min(1.0), ..combined }
        }
        (Kind::Time(of), Summary::Percentile(percent)) => {
            quantile_difference(used, of, f64::from(percent) / 100.0, (confidence, key))
        }
        (Kind::Ratio(of), _) => ratio_difference(used, &|s, c| of(c, &context(s)), confidence),
        (Kind::Total(counts), _) => {
            let all = || used.iter().flat_map(|(_, s)| &s.pairs);
            let total = |first: bool| all().filter(|(x, y)| counts(if first { x } else { y })).count() as f64;
            let value = total(true) - total(false);
            Estimate { value, low: value, high: value, n: all().count() as u64 }
        }
        (Kind::Time(_) | Kind::Mean(_), _) => {
            let strata: Vec<(f64, Vec<f64>)> =
                used.iter().map(|(w, s)| (*w, deltas(figure, s, prices))).collect();
            unbounded(mean_at(&strata, confidence))
        }
    }
}

/// The differences of a mean or of cut times, one per pair that both have a value.
fn deltas(figure: &Figure, stratum: &Paired<'_>, prices: &[f64; KINDS]) -> Vec<f64> {
    let context = Context { base_rate: stratum.base_rate, prices: *prices };
    let of = |(x, y): &(&Case, &Case)| match figure.kind {
        Kind::Time(time) => Some(cut(time(x)?, time(y)?)),
        Kind::Mean(amount) => Some(amount(x, &context)? - amount(y, &context)?),
        _ => None,
    };
    stratum.pairs.iter().filter_map(of).collect()
}

/// The difference of two times, both cut where the first of them was no longer followed.
fn cut(x: Timed, y: Timed) -> f64 {
    let end = |t: Timed| if t.ended { f64::INFINITY } else { t.seconds };
    let followed = end(x).min(end(y));
    x.seconds.min(followed) - y.seconds.min(followed)
}

/// Pairs that count for the first only, for the second only, and all.
fn discordant(stratum: &Paired<'_>, hit: fn(&Case) -> Option<bool>) -> (u64, u64, u64) {
    let both = stratum.pairs.iter().filter_map(|(x, y)| Some((hit(x)?, hit(y)?)));
    both.fold((0, 0, 0), |(first, second, n), (x, y)| {
        (first + u64::from(x && !y), second + u64::from(y && !x), n + 1)
    })
}

/// The difference of two shares from their discordant pairs.
fn share_difference((first, second, n): (u64, u64, u64), confidence: f64) -> Estimate {
    if n == 0 {
        return Estimate::UNKNOWN;
    }
    let (a, b) = (clopper_pearson(first, n, confidence), clopper_pearson(second, n, confidence));
    let odds = (a.value * b.value / ((1.0 - a.value) * (1.0 - b.value))).sqrt();
    let correlation = if odds.is_finite() { -odds.min(1.0) } else { 0.0 };
    let reach = |x: f64, y: f64| (square(x) + square(y) - 2.0 * correlation * x * y).max(0.0).sqrt();
    let value = a.value - b.value;
    Estimate {
        value,
        low: value - reach(a.value - a.low, b.high - b.value),
        high: value + reach(a.high - a.value, b.value - b.low),
        n,
    }
}

/// Fewest observations of a quantile for which its larger tail can be seen at this confidence: `q^n <= (1 - c) / 2`.
pub fn needed(level: f64, confidence: f64) -> u64 {
    let larger = level.max(1.0 - level);
    libm::ceil(libm::log((1.0 - confidence) / 2.0) / libm::log(larger)) as u64
}

fn quantile_difference(
    used: &[(f64, &Paired<'_>)],
    of: fn(&Case) -> Option<Timed>,
    level: f64,
    (confidence, key): (f64, Key),
) -> Estimate {
    // Times are taken once; resamples only pick among them.
    let times: Vec<(f64, Vec<[Option<Timed>; 2]>)> = used
        .iter()
        .map(|(weight, s)| (*weight, s.pairs.iter().map(|(x, y)| [of(x), of(y)]).collect()))
        .collect();
    let side = |pick: &[Vec<usize>], side: usize| {
        let strata: Vec<(f64, Vec<Timed>)> = times
            .iter()
            .zip(pick)
            .map(|((weight, pairs), pick)| {
                let chosen = pick.iter().filter_map(|at| pairs.get(*at)?.get(side).copied().flatten());
                (*weight, chosen.collect())
            })
            .collect();
        let observed = || strata.iter().flat_map(|(_, times)| times);
        // Beyond the follow-up: its end.
        quantile_of(&strata, level).or_else(|| observed().map(|t| t.seconds).reduce(f64::max))
    };
    let statistic =
        |pick: &[Vec<usize>]| Some(side(pick, 0)? - side(pick, 1)?).filter(|delta| delta.is_finite());
    let all: Vec<Vec<usize>> = times.iter().map(|(_, pairs)| (0..pairs.len()).collect()).collect();
    let n: u64 = all.iter().map(|pick| pick.len() as u64).sum();
    let Some(value) = statistic(&all) else { return Estimate { n, ..Estimate::UNKNOWN } };
    if n < needed(level, confidence) {
        return Estimate { value, n, ..Estimate::UNKNOWN };
    }
    let mut stream = key.purpose(Purpose::Bootstrap).stream();
    let mut pick = all;
    let mut drawn = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        for stratum in &mut pick {
            let count = stratum.len() as u64;
            stratum.iter_mut().for_each(|at| *at = stream.below(count) as usize);
        }
        drawn.extend(statistic(&pick));
    }
    drawn.sort_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    let end = |q: f64| quantile::of_sorted(&drawn, q);
    Estimate { value, low: end(tail).min(value), high: end(1.0 - tail).max(value), n }
}

/// Sums of numerator and denominator, of both sides.
type Sums = [f64; 4];

/// Numerator and denominator of a case.
type PartsOf<'a> = dyn Fn(&Paired<'_>, &Case) -> Option<(f64, f64)> + 'a;

fn ratio_difference(used: &[(f64, &Paired<'_>)], of: &PartsOf<'_>, confidence: f64) -> Estimate {
    let rows = |s: &Paired<'_>| -> Vec<Sums> {
        let both = |(x, y): &(&Case, &Case)| {
            let ((a, b), (c, d)) = (of(s, x)?, of(s, y)?);
            Some([a, b, c, d])
        };
        s.pairs.iter().filter_map(both).collect()
    };
    let strata: Vec<(f64, Vec<Sums>)> =
        used.iter().map(|(w, s)| (*w, rows(s))).filter(|(_, rows)| !rows.is_empty()).collect();
    let n: usize = strata.iter().map(|(_, rows)| rows.len()).sum();
    let add = |a: Sums, b: Sums, by: f64| -> Sums { std::array::from_fn(|i| a[i] + by * b[i]) };
    let mean = |rows: &[Sums]| rows.iter().fold([0.0; 4], |sum, row| add(sum, *row, 1.0 / rows.len() as f64));
    let total = strata.iter().fold([0.0; 4], |sum, (w, rows)| add(sum, mean(rows), *w));
    let value = |t: Sums| t[0] / t[1] - t[2] / t[3];
    // Nothing to gain, on one side or both: there is no efficacy.
    if n == 0 || total[1] <= 0.0 || total[3] <= 0.0 {
        return Estimate { n: n as u64, ..Estimate::UNKNOWN };
    }
    let mut variance = 0.0;
    for (weight, rows) in &strata {
        let (count, centre) = (rows.len() as f64, mean(rows));
        let without = |row: &Sums| {
            let step: Sums = std::array::from_fn(|i| centre[i] - row[i]);
            value(add(total, step, weight / (count - 1.0)))
        };
        let left_out: Vec<f64> = rows.iter().map(without).collect();
        let middle = left_out.iter().sum::<f64>() / count;
        variance += (count - 1.0) / count * left_out.iter().map(|v| square(v - middle)).sum::<f64>();
    }
    let freedom = n as f64 - strata.len() as f64;
    let half = if variance == 0.0 {
        0.0
    } else {
        student_t_quantile(0.5 + confidence / 2.0, freedom) * variance.sqrt()
    };
    let v = value(total);
    let estimate = Estimate { value: v, low: v - half, high: v + half, n: n as u64 };
    if half.is_finite() {
        scaled(estimate, 100.0)
    } else {
        Estimate { value: 100.0 * v, n: n as u64, ..Estimate::UNKNOWN }
    }
}

/// The two-sided probability of a difference at least this large in one scenario if there were none: McNemar's exact test of
/// shares (the binomial test of the discordant pairs), else the paired t test. 1 where nothing can be said.
pub fn p_value(figure: &Figure, stratum: &Paired<'_>, prices: &[f64; KINDS]) -> f64 {
    match figure.kind {
        Kind::Share(hit) => {
            let (first, second, _) = discordant(stratum, hit);
            let n = first + second;
            if n == 0 { 1.0 } else { (2.0 * binomial_cdf(n, 0.5, first.min(second)).lower).min(1.0) }
        }
        Kind::Total(_) => 1.0,
        Kind::Time(_) | Kind::Mean(_) | Kind::Ratio(_) => {
            const LEVEL: f64 = 0.95;
            let one = pooled(figure, Summary::Mean, &[(1.0, stratum)], prices, (LEVEL, Key::root(0, "")));
            let freedom = one.n as f64 - 1.0;
            let error = one.half_width() / student_t_quantile(0.5 + LEVEL / 2.0, freedom);
            if one.value == 0.0 || !error.is_finite() {
                return 1.0;
            }
            (2.0 * student_t_tail(one.value.abs() / error, freedom)).min(1.0)
        }
    }
}

/// Which hypotheses are rejected when the chance of rejecting any true one may be `alpha` (Holm 1979): in the order of their
/// probabilities, the k-th smallest of m is held against `alpha / (m - k + 1)`, up to the first that is not below.
pub fn holm(p_values: &[f64], alpha: f64) -> Vec<bool> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]).then(a.cmp(b)));
    let mut rejected = vec![false; p_values.len()];
    for (rank, index) in order.iter().enumerate() {
        if p_values[*index] > alpha / (p_values.len() - rank) as f64 {
            break;
        }
        rejected[*index] = true;
    }
    rejected
}

#[cfg(test)]
mod tests;
