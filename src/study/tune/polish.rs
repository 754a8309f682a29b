//! Numbers of a chosen variant that make no difference are put back.
//!
//! A number makes no difference if, with it as it was, every run of the search comes out exactly the same. Several such
//! numbers may stand in for each other (two limits of which one is never reached), so those that can go alone are put
//! back together only if that is exact too, and else one by one.

use super::bench::{Bench, Id, Outcomes};
use crate::study::{Replications, StudyError};

/// The same variant with fewer changes.
///
/// # Errors
/// As [`Bench::play`].
pub(super) fn polish(bench: &mut Bench<'_>, id: Id, outcomes: &Outcomes) -> Result<Id, StudyError> {
    let mut current = id;
    loop {
        let alone = without_difference(bench, current, outcomes)?;
        if alone.is_empty() {
            return Ok(current);
        }
        let together = put_back(bench, current, &alone);
        current = match together {
            Some(fewer) if is_same(bench, fewer, outcomes)? => fewer,
            _ => match put_back(bench, current, &alone[..1]) {
                Some(fewer) => fewer,
                None => return Ok(current),
            },
        };
    }
}

/// The changed knobs that could each be put back alone.
fn without_difference(bench: &mut Bench<'_>, id: Id, outcomes: &Outcomes) -> Result<Vec<usize>, StudyError> {
    let changed: Vec<usize> = match bench.variant(id) {
        Some(variant) => {
            let knobs = bench.question.knobs.iter().zip(&variant.values).enumerate();
            knobs.filter(|(_, (knob, value))| knob.written != **value).map(|(at, _)| at).collect()
        }
        None => Vec::new(),
    };
    let made: Vec<(usize, Id)> =
        changed.into_iter().filter_map(|at| Some((at, put_back(bench, id, &[at])?))).collect();
    let ids: Vec<Id> = made.iter().map(|(_, id)| *id).collect();
    let played = play(bench, &ids)?;
    Ok(made.into_iter().zip(played).filter(|(_, own)| own == outcomes).map(|((at, _), _)| at).collect())
}

/// The variant with these knobs as they were.
fn put_back(bench: &mut Bench<'_>, id: Id, knobs: &[usize]) -> Option<Id> {
    let mut values = bench.variant(id)?.values.clone();
    for at in knobs {
        if let (Some(value), Some(knob)) = (values.get_mut(*at), bench.question.knobs.get(*at)) {
            value.clone_from(&knob.written);
        }
    }
    bench.add(values)
}

fn is_same(bench: &Bench<'_>, id: Id, outcomes: &Outcomes) -> Result<bool, StudyError> {
    Ok(play(bench, &[id])?.first() == Some(outcomes))
}

/// All runs of the search.
fn play(bench: &Bench<'_>, ids: &[Id]) -> Result<Vec<Outcomes>, StudyError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let none = Replications { flow: 0, request: 0 };
    bench.play(ids, bench.question.seed, (none, bench.question.replications))
}
