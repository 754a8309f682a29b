//! Successive halving (Jamieson and Talwalkar 2016): many variants a few times, the better half twice as often, and so on
//! until those that are left have been played as often as the answer will be.
//!
//! A third of the variants turns every knob, a third about half of them, a third about a quarter: in many dimensions a
//! point with everything changed is far from a file that somebody wrote with thought, and small changes are easier to
//! review. Which knobs rest is a keyed draw.

use super::Measure;
use super::bench::{Bench, Id, Outcomes};
use super::figures::{Figures, difference};
use super::front::{Candidate, FRONT, first_front, survivors};
use super::polish::polish;
use super::sequence::point;
use crate::rng::Key;
use crate::score::meta::pool_shares;
use crate::study::{Replications, StudyError};

/// Replications of the first round.
const FIRST: u32 = 8;
/// Variants that are left at the end, the file as it is among them.
const LEFT: usize = 16;
/// Most variants of the front in the answer.
const SHOWN: usize = 12;

/// What the search found.
pub(super) struct Chosen {
    /// The variant to recommend; 0 if none is better.
    pub(super) recommended: Id,
    /// The variant that seemed most surely better on both detection time and false rollbacks, if any did.
    pub(super) both: Option<Id>,
    /// Variants nobody beats, and the two above.
    pub(super) shown: Vec<Id>,
    /// Variants that could be read and were played.
    pub(super) played: usize,
    /// Draws whose files could not be read.
    pub(super) dropped: usize,
}

/// A variant in the search.
struct Runner {
    id: Id,
    outcomes: Outcomes,
}

/// Draws, plays and chooses.
///
/// # Errors
/// As [`Bench::play`].
pub(super) fn search(bench: &mut Bench<'_>) -> Result<Chosen, StudyError> {
    let asked = bench.question;
    let (ids, dropped) = draw(bench);
    let played = ids.len();
    let shares = pool_shares(asked.metas);
    let scenarios = asked.scenarios.len();
    let mut running: Vec<Runner> =
        ids.into_iter().map(|id| Runner { id, outcomes: vec![Vec::new(); scenarios] }).collect();
    let full = asked.replications;
    let most = full.flow.max(full.request);
    let up_to = |count: u32| Replications { flow: count.min(full.flow), request: count.min(full.request) };
    let (mut done, mut next) = (0, FIRST.min(most));
    loop {
        let alive: Vec<Id> = running.iter().map(|runner| runner.id).collect();
        let more = bench.play(&alive, asked.seed, (up_to(done), up_to(next)))?;
        for (runner, more) in running.iter_mut().zip(more) {
            for (own, more) in runner.outcomes.iter_mut().zip(more) {
                own.extend(more);
            }
        }
        if next >= most {
            break;
        }
        let all: Vec<Candidate> =
            running.iter().map(|runner| candidate(bench, &runner.outcomes, &shares)).collect();
        let keep = survivors(&all, LEFT.max(running.len() / 2));
        let mut place = 0;
        running.retain(|_| {
            place += 1;
            keep.binary_search(&(place - 1)).is_ok()
        });
        (done, next) = (next, next.saturating_mul(2).min(most));
    }
    let chosen = choose(bench, &running, &shares)?;
    Ok(Chosen { played, dropped, ..chosen })
}

/// The file as it is and the draws that can be read; and how many cannot.
fn draw(bench: &mut Bench<'_>) -> (Vec<Id>, usize) {
    let asked = bench.question;
    let root = Key::root(asked.seed, "tune");
    let mut ids: Vec<Id> = vec![0];
    let mut dropped = 0;
    for index in 1..asked.variants as u64 {
        let turns = |at: usize| {
            let key = root.entity(&asked.knobs[at].path).entity("turns").id(index);
            key.uniform() < [1.0, 0.5, 0.25][(index % 3) as usize]
        };
        let mut drawn: Vec<f64> = Vec::with_capacity(asked.knobs.len());
        for (at, knob) in asked.knobs.iter().enumerate() {
            let u = point(root.entity(&knob.path), at, index);
            drawn.push(if turns(at) { knob.draw(u) } else { knob.value });
        }
        in_ladders(bench, &mut drawn);
        let values = asked.knobs.iter().zip(&drawn).map(|(knob, value)| knob.spell(*value)).collect();
        match bench.add(values) {
            Some(id) if !ids.contains(&id) => ids.push(id),
            Some(_) => {}
            None => dropped += 1,
        }
    }
    (ids, dropped)
}

/// The values of a ladder, lowest first.
fn in_ladders(bench: &Bench<'_>, drawn: &mut [f64]) {
    let knobs = bench.question.knobs;
    let mut ladders: Vec<usize> = knobs.iter().filter_map(|knob| knob.ladder).collect();
    ladders.dedup();
    for ladder in ladders {
        let steps: Vec<usize> = (0..knobs.len()).filter(|at| knobs[*at].ladder == Some(ladder)).collect();
        let mut values: Vec<f64> = steps.iter().map(|at| drawn[*at]).collect();
        values.sort_by(f64::total_cmp);
        for (at, value) in steps.into_iter().zip(values) {
            drawn[at] = value;
        }
    }
}

/// What a variant is judged by.
fn candidate(bench: &Bench<'_>, outcomes: &Outcomes, shares: &[f64]) -> Candidate {
    let figures = Figures::of(outcomes, shares);
    Candidate {
        figures: FRONT.map(|measure| figures.value(measure)),
        objective: figures.value(bench.question.minimise),
        violation: bench.question.goals.iter().map(|goal| goal.missed_by(&figures)).sum(),
    }
}

/// Chooses among those that are left, and puts back what makes no difference in the chosen.
fn choose(bench: &mut Bench<'_>, running: &[Runner], shares: &[f64]) -> Result<Chosen, StudyError> {
    let all: Vec<Candidate> =
        running.iter().map(|runner| candidate(bench, &runner.outcomes, shares)).collect();
    let best = (0..all.len()).min_by(|a, b| {
        let (a_key, b_key) = ((all[*a].violation, all[*a].objective), (all[*b].violation, all[*b].objective));
        a_key.0.total_cmp(&b_key.0).then(a_key.1.total_cmp(&b_key.1)).then(a.cmp(b))
    });
    let recommended = match best.and_then(|at| running.get(at)) {
        Some(runner) => polish(bench, runner.id, &runner.outcomes)?,
        None => 0,
    };
    let both = match surest(running, &all, shares).and_then(|at| running.get(at)) {
        Some(runner) => Some(polish(bench, runner.id, &runner.outcomes)?),
        None => None,
    };
    let mut shown: Vec<Id> = [Some(0), Some(recommended), both].into_iter().flatten().collect();
    shown.extend(first_front(&all).into_iter().filter_map(|at| running.get(at)).map(|runner| runner.id));
    let mut seen = std::collections::BTreeSet::new();
    shown.retain(|id| seen.insert(*id));
    shown.truncate(SHOWN + 3);
    Ok(Chosen { recommended, both, shown, played: 0, dropped: 0 })
}

/// The variant that is better than the first on both figures, by the difference that is surer of the worse of the two.
fn surest(running: &[Runner], all: &[Candidate], shares: &[f64]) -> Option<usize> {
    let original = running.first()?;
    let sureness = |runner: &Runner| {
        [Measure::DetectionTime, Measure::FalseRollbackRate]
            .into_iter()
            .map(|measure| {
                let delta = difference(&original.outcomes, &runner.outcomes, shares, measure);
                let (value, low) = (delta.value.unwrap_or(0.0), delta.low.unwrap_or(f64::NEG_INFINITY));
                // The distance of zero from the figure in half widths of its interval.
                if value > 0.0 { value / (value - low).max(1e-12) } else { 0.0 }
            })
            .fold(f64::INFINITY, f64::min)
    };
    let fits = |at: &usize| all[*at].violation <= all[0].violation;
    let ranked = (1..running.len()).filter(fits).map(|at| (sureness(&running[at]), at));
    let best = ranked.filter(|(sure, _)| *sure > 0.0).max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    best.map(|(_, at)| at)
}
