//! Which burst of bad luck to draw from: a search with pilot runs.
//!
//! First a ladder: bursts in every direction that is named, of several lengths, at growing strength. The events seen in it, whatever
//! proposal they came from, are put together with the weights of the mixture of all proposals played (the balance heuristic,
//! Veach and Guibas 1995; Owen and Zhou 2000). From them follow new directions, the mean scores of the last slots before the
//! event under the plain law (the cross-entropy method for a shift of normal scores, Rubinstein and Kroese 2004), and for every
//! candidate the variance it would have: the mean of its weights over the events, `E[w]`, which is the second moment of its
//! estimate. The candidate with the least is played again, which adds events near it, and the choice is made once more.
//!
//! Trap: the search is as good as its ladder. Where not one event is seen, there is nothing to choose by.

use super::rare::{Proposal, Run};

/// Strengths of the ladder: the length of the vector of shifts times the root of the number of slots, about the number of
/// standard deviations by which a whole burst is unlikely.
const STRENGTHS: [f64; 5] = [0.0, 1.5, 3.0, 4.5, 6.0];
/// Slots of a burst.
const LENGTHS: [usize; 4] = [2, 8, 24, 64];
/// The part of plain runs in every mixture.
const PLAIN: f64 = 0.1;
/// Events that take part in the choice; more would say the same.
const MOST_EVENTS: usize = 300;

/// The runs a proposal was given, and the events they showed.
struct Rung {
    proposal: Proposal,
    runs: u64,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// What to draw from.
    pub proposal: Proposal,
    /// Runs that were played to find it.
    pub runs: u64,
    /// Events among them.
    pub events: usize,
}

/// Searches for a proposal. `directions` are vectors of shifts to begin with, one entry a strand; `play` plays as many runs
/// as asked from a proposal, from a number on that it has to make use of, so that no run is played twice.
///
/// `None` where the event was never seen.
pub fn search<E>(
    (directions, slots): (&[Vec<f64>], usize),
    each: u32,
    mut play: impl FnMut(&Proposal, std::ops::Range<u32>) -> Result<Vec<Run>, E>,
) -> Result<Option<Found>, E> {
    let mut rungs: Vec<Rung> = Vec::new();
    let mut events: Vec<Vec<Vec<f64>>> = Vec::new();
    let mut next = 0;
    let mut give =
        |proposal: &Proposal, count: u32, rungs: &mut Vec<Rung>, events: &mut Vec<_>| -> Result<(), E> {
            let runs = play(proposal, next..next + count)?;
            next += count;
            rungs.push(Rung {
                proposal: proposal.clone(),
                runs: runs.iter().filter(|run| **run != Run::Void).count() as u64,
            });
            events.extend(runs.into_iter().filter_map(|run| match run {
                Run::Event(scores) => Some(scores),
                Run::Void | Run::Quiet => None,
            }));
            Ok(())
        };
    for proposal in ladder(directions, slots) {
        give(&proposal, each, &mut rungs, &mut events)?;
    }
    let mut best = None;
    for _ in 0..3 {
        let Some(chosen) = choose(&rungs, &events, slots) else { break };
        give(&chosen, 4 * each, &mut rungs, &mut events)?;
        best = Some(chosen);
    }
    let runs = rungs.iter().map(|rung| rung.runs).sum();
    let chosen = choose(&rungs, &events, slots).or(best);
    Ok(chosen.map(|proposal| Found { proposal, runs, events: events.len() }))
}

/// What is played first.
fn ladder(directions: &[Vec<f64>], slots: usize) -> Vec<Proposal> {
    let strands = directions.first().map_or(0, Vec::len);
    let mut all = vec![Proposal::plain(strands, slots)];
    for strength in STRENGTHS.into_iter().filter(|strength| *strength > 0.0) {
        for direction in directions {
            for length in LENGTHS.into_iter().filter(|length| *length <= slots.max(2)) {
                all.push(leaning(direction, strength, length, slots));
            }
        }
    }
    all
}

fn leaning(direction: &[f64], strength: f64, length: usize, slots: usize) -> Proposal {
    let size = norm(direction);
    let per = if size > 0.0 { strength / (size * (length as f64).sqrt()) } else { 0.0 };
    Proposal { shifts: direction.iter().map(|x| x * per).collect(), length, slots, plain: PLAIN }
}

fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// The proposal whose estimate would have the least second moment, of those played and those the events suggest.
fn choose(rungs: &[Rung], events: &[Vec<Vec<f64>>], slots: usize) -> Option<Proposal> {
    // Spread over all rungs, later ones included.
    let step = events.len().div_ceil(MOST_EVENTS).max(1);
    let events: Vec<&Vec<Vec<f64>>> = events.iter().step_by(step).collect();
    if events.is_empty() {
        return None;
    }
    let all: f64 = rungs.iter().map(|rung| rung.runs as f64).sum();
    let played = |scores: &[Vec<f64>]| {
        rungs.iter().map(|rung| rung.runs as f64 / all * rung.proposal.ratio(scores)).sum::<f64>()
    };
    let weights: Vec<f64> = events.iter().map(|scores| 1.0 / played(scores)).collect();
    // Plain runs among them: what is not rare is best drawn as it is.
    let mut candidates: Vec<Proposal> = rungs.iter().map(|rung| rung.proposal.clone()).collect();
    for length in LENGTHS.into_iter().chain([4, 16, 40, 100]).filter(|length| *length <= slots.max(2)) {
        let mean = mean_before(&events, &weights, length);
        for part in [0.6, 0.8, 1.0, 1.25] {
            for least in [0.0, 0.3, 0.7] {
                let shifts = without_small(&mean, least).map(|x| x * part).collect();
                candidates.push(Proposal { shifts, length, slots, plain: PLAIN });
            }
        }
    }
    let moment = |proposal: &Proposal| {
        events.iter().zip(&weights).map(|(scores, w)| w / proposal.ratio(scores)).sum::<f64>()
    };
    candidates
        .into_iter()
        .map(|one| (moment(&one), one))
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, one)| one)
}

/// The shifts that are at least this part of the largest; the others are 0. A shift of a strand that does not matter, there by
/// chance of few events, costs variance and brings nothing.
fn without_small(shifts: &[f64], least: f64) -> impl Iterator<Item = f64> {
    let limit = least * shifts.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    shifts.iter().map(move |x| if x.abs() < limit { 0.0 } else { *x })
}

/// The mean scores of the last `length` slots before the event, under the plain law.
fn mean_before(events: &[&Vec<Vec<f64>>], weights: &[f64], length: usize) -> Vec<f64> {
    let strands = events.iter().find_map(|scores| scores.first()).map_or(0, Vec::len);
    let (mut sums, mut total) = (vec![0.0; strands], 0.0);
    for (scores, weight) in events.iter().zip(weights) {
        for slot in scores.iter().rev().take(length) {
            sums.iter_mut().zip(slot).for_each(|(sum, z)| *sum += weight * z);
            total += weight;
        }
    }
    sums.iter().map(|sum| if total > 0.0 { sum / total } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Key, normal_quantile};
    use crate::stats::rare::{RareShare, weigh};
    use crate::stats::run_length::cusum_alarm_by;
    use std::convert::Infallible;

    /// The one-sided CUSUM with k = 1/2 on independent normal scores, alarm at `S > h`.
    fn chart(key: Key, h: f64, proposal: &Proposal, number: u32) -> Run {
        let key = key.replication(number);
        let burst = proposal.burst(key.id(0).uniform()).unwrap_or(0..0);
        let (mut sum, mut scores) = (0.0f64, Vec::new());
        for slot in 0..proposal.slots {
            let lean = if burst.contains(&slot) { proposal.shifts[0] } else { 0.0 };
            let z = normal_quantile(key.id(1 + slot as u64).uniform_open()) + lean;
            scores.push(vec![z]);
            sum = (sum + z - 0.5).max(0.0);
            if sum > h {
                return Run::Event(scores);
            }
        }
        Run::Quiet
    }

    fn estimate(seed: u64, h: f64, slots: usize, n: u32) -> RareShare {
        let pilot = Key::root(seed, "pilot");
        let runs = |key: Key, proposal: &Proposal, numbers: std::ops::Range<u32>| {
            numbers.map(|number| chart(key, h, proposal, number)).collect::<Vec<_>>()
        };
        let found = search((&[vec![1.0], vec![-1.0]], slots), 100, |proposal, numbers| {
            Ok::<_, Infallible>(runs(pilot, proposal, numbers))
        });
        let Ok(Some(found)) = found else { panic!("no event") };
        let (weights, counted) =
            weigh(&found.proposal, &runs(Key::root(seed, "main"), &found.proposal, 0..n));
        RareShare::of(&weights, counted, found.proposal.plain, 0.95)
    }

    #[test]
    fn alarms_of_a_cusum_are_as_rare_as_the_exact_recursion_says() {
        // Published beside the run lengths: P(alarm by n = 100, 1000) is 0.0967, 0.6588 for h = 5, 0.004646, 0.05081 for
        // h = 8, 6.008e-4, 6.994e-3 for h = 10. The last rows go on by the recursion to one in a million.
        let published =
            [(5.0, 100, 0.0967), (8.0, 100, 0.004646), (8.0, 1000, 0.05081), (10.0, 100, 6.008e-4)];
        for (h, slots, expected) in published {
            let exact = cusum_alarm_by(0.5, h, 0.0, slots).unwrap();
            assert!((exact / expected - 1.0).abs() < 1e-3, "{exact} {expected}");
        }
        for (h, slots) in [(8.0, 100), (10.0, 100), (10.0, 1000), (13.0, 100), (16.0, 100)] {
            let exact = cusum_alarm_by(0.5, h, 0.0, slots).unwrap();
            let found = estimate(1, h, slots as usize, 4000);
            assert!(!found.is_degenerate() && found.relative_error < 0.08, "{found:?}");
            let off = libm::log(found.value / exact) / found.relative_error;
            assert!(off.abs() < 4.0, "h {h}, n {slots}: {off} standard errors off {exact}: {found:?}");
        }
    }

    #[test]
    fn intervals_hold_the_exact_probability_as_often_as_they_say() {
        let exact = cusum_alarm_by(0.5, 10.0, 0.0, 60).unwrap();
        let held = (0..60).filter(|seed| {
            let found = estimate(100 + seed, 10.0, 60, 600);
            found.low <= exact && exact <= found.high
        });
        // Of 60, 95 %: 57; fewer than 51 has probability below one in a thousand.
        let held = held.count();
        assert!(held >= 51, "{held} of 60");
    }

    #[test]
    fn strands_that_do_not_matter_are_left_alone() {
        // A CUSUM of Poisson counts of mean 1.5 (k = 3), driven by the second of three strands; P(S >= 12 within 59) is 4.32e-6
        // by its Markov chain.
        let play = |key: Key, proposal: &Proposal, number: u32| {
            let key = key.replication(number);
            let burst = proposal.burst(key.id(0).uniform()).unwrap_or(0..0);
            let (mut sum, mut scores) = (0u64, Vec::new());
            for slot in 0..proposal.slots {
                let z = |strand: usize| {
                    let lean = if burst.contains(&slot) { proposal.shifts[strand] } else { 0.0 };
                    normal_quantile(key.id(1 + slot as u64).id(strand as u64).uniform_open()) + lean
                };
                scores.push(vec![z(0), z(1), z(2)]);
                let count = crate::rng::poisson_quantile(1.5, crate::rng::normal_cdf(z(1)).min(1.0 - 1e-16));
                sum = (sum + count).saturating_sub(3);
                if sum >= 12 {
                    return Run::Event(scores);
                }
            }
            Run::Quiet
        };
        let directions = [
            vec![0.0, 1.0, 1.0],
            vec![0.0, 1.0, 0.0],
            vec![0.0, 0.0, 1.0],
            vec![1.0, 0.0, 0.0],
            vec![-1.0, 0.0, 0.0],
        ];
        for seed in 0..4 {
            let (pilot, main) = (Key::root(seed, "pilot"), Key::root(seed, "main"));
            let found = search((&directions, 59), 40, |proposal, numbers| {
                Ok::<_, Infallible>(numbers.map(|number| play(pilot, proposal, number)).collect())
            });
            let Ok(Some(found)) = found else { panic!("no event") };
            let runs: Vec<Run> = (0..4000).map(|number| play(main, &found.proposal, number)).collect();
            let (weights, counted) = weigh(&found.proposal, &runs);
            let share = RareShare::of(&weights, counted, found.proposal.plain, 0.95);
            assert!(!share.is_degenerate() && share.relative_error < 0.12, "{share:?}");
            let off = libm::log(share.value / 4.3212e-6) / share.relative_error;
            assert!(off.abs() < 4.0, "{off} standard errors off: {share:?}");
        }
    }

    #[test]
    fn what_is_never_seen_gives_no_proposal() {
        let found = search((&[vec![1.0]], 10), 5, |_, numbers| {
            Ok::<_, Infallible>(numbers.map(|_| Run::Quiet).collect())
        });
        assert_eq!(found, Ok(None));
    }
}
