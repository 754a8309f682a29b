//! Charts whose statistic takes finitely many values.

use std::collections::BTreeMap;

use super::linear::{MOST_STATES, mean_steps};
use crate::rng::poisson_cdf;

/// Mean number of steps until `advance` says that it is over (`None`), from `start`. Each step has one of the given
/// `outcomes`, with these probabilities; what they sum to less than one ends it too.
///
/// The states are found by following all outcomes; `None` if there are more than 1500.
pub fn markov_chain<S: Ord + Clone, O>(
    start: S,
    outcomes: &[(f64, O)],
    advance: impl Fn(&S, &O) -> Option<S>,
) -> Option<f64> {
    let mut numbers = BTreeMap::from([(start.clone(), 0usize)]);
    let mut states = vec![start];
    let mut moves: Vec<Vec<(usize, f64)>> = Vec::new();
    while moves.len() < states.len() {
        let from = states[moves.len()].clone();
        let mut leaving = Vec::new();
        for (probability, outcome) in outcomes {
            let Some(to) = advance(&from, outcome) else { continue };
            let number = *numbers.entry(to.clone()).or_insert_with(|| {
                states.push(to);
                states.len() - 1
            });
            leaving.push((number, *probability));
        }
        if states.len() > MOST_STATES {
            return None;
        }
        moves.push(leaving);
    }
    let mut transition = vec![vec![0.0; states.len()]; states.len()];
    for (row, leaving) in transition.iter_mut().zip(moves) {
        leaving.into_iter().for_each(|(to, probability)| row[to] += probability);
    }
    mean_steps(transition).map(|lengths| lengths[0])
}

/// Mean run length of a CUSUM of Poisson counts with mean `mean`: `S = max(0, S + y - k)`, or `max(0, S + k - y)` for the
/// lower side, from `start`, an alarm at `S >= h` (Lucas 1985).
///
/// `k`, `h` and `start` must be multiples of some 1/n up to 1/100: then the sums stay on a lattice and the answer is exact.
#[must_use]
pub fn poisson_cusum(k: f64, h: f64, mean: f64, start: f64, lower: bool) -> Option<f64> {
    let sound = k > 0.0 && h > 0.0 && mean > 0.0 && mean < 1e4 && (0.0..h).contains(&start);
    let fits = |n: &f64| [k, h, start].iter().all(|x| is_whole(x * n)) && h * n <= MOST_STATES as f64;
    let fine = sound.then(|| (1..=100).map(f64::from).find(fits)).flatten()?;
    let at = |x: f64| (x * fine).round() as i64;
    let (reference, limit, step) = (at(k), at(h), at(1.0));
    // From here on all counts do the same: they end it, or, on the lower side, bring any sum back to zero.
    let most = (limit + reference) / step + 1;
    let below = |count: i64| if count < 0 { 0.0 } else { poisson_cdf(mean, count as u64).lower };
    let mut outcomes: Vec<(f64, i64)> = (0..most).map(|y| (below(y) - below(y - 1), y)).collect();
    outcomes.push((poisson_cdf(mean, most as u64 - 1).upper, most));
    let sign = if lower { -1 } else { 1 };
    markov_chain(at(start), &outcomes, |sum, count| {
        let next = (sum + sign * (count * step - reference)).max(0);
        (next < limit).then_some(next)
    })
}

fn is_whole(x: f64) -> bool {
    (x - x.round()).abs() < 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_in_a_row_take_the_textbook_time() {
        // Mean tosses until n heads in a row: 2^(n+1) - 2.
        let toss = [(0.5, true), (0.5, false)];
        let next = |run: &u32, head: &bool| if *head { Some(run + 1).filter(|r| *r < 6) } else { Some(0) };
        assert!((markov_chain(0, &toss, next).unwrap() - 126.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_off_any_lattice_or_endless_has_no_answer() {
        assert_eq!(poisson_cusum(std::f64::consts::PI, 10.0, 1.0, 0.0, false), None);
        assert_eq!(poisson_cusum(0.25, 10.0, f64::NAN, 0.0, false), None);
        assert_eq!(markov_chain(0u64, &[(1.0, ())], |n, ()| Some(n + 1)), None);
    }
}
