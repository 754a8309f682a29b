//! `backout merge`: the shards of a plan, as the report of one machine.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::args::{Global, Merge, SCORE_FORMATS};
use super::super::exit::Failure;
use super::super::results::Results;
use super::super::store::{Shard, WorkPlan};
use crate::diagnostic::Diagnostic;

pub(super) fn run(global: &Global, merge: &Merge) -> Result<(), Failure> {
    let format = super::format(global, &SCORE_FORMATS)?;
    let sink = super::sink(global)?;
    let plan = WorkPlan::read(&merge.plan)?;
    let mut shards: BTreeMap<u32, (&Path, Shard)> = BTreeMap::new();
    for path in &merge.shards {
        let shard = Shard::read(&plan, path)?;
        match shards.get(&shard.number) {
            None => {
                shards.insert(shard.number, (path, shard));
            }
            Some((_, known)) if known.records == shard.records => {}
            Some((first, _)) => return Err(contradiction(shard.number, first, path)),
        }
    }
    let missing: Vec<u32> = (0..plan.shards.get()).filter(|shard| !shards.contains_key(shard)).collect();
    if !missing.is_empty() {
        return Err(unfinished(&missing, plan.shards.get(), &merge.plan));
    }
    let mut records: Vec<_> = shards.into_values().flat_map(|(_, shard)| shard.records).collect();
    records.sort_by_key(|(job, _)| *job);
    let records = records.into_iter().map(|(_, record)| record).collect();
    Results { facts: plan.facts, records, troubles: Vec::new() }.write(format, sink)
}

/// Two results of one shard that are not the same: one of the machines cannot be trusted.
fn contradiction(shard: u32, first: &Path, second: &Path) -> Failure {
    let fact = format!("`{}` and `{}` are both shard {shard} and differ", first.display(), second.display());
    let help =
        "a shard is a function of its plan: play it on a third machine, and look at the one that differs";
    Failure::input(Diagnostic::error(fact).with_help(help))
}

fn unfinished(missing: &[u32], of: u32, plan: &Path) -> Failure {
    let noun = if missing.len() == 1 { "shard is" } else { "shards are" };
    let fact = format!("{} of {of} {noun} missing: {}", missing.len(), ranges(missing));
    let first = missing.first().copied().unwrap_or_default();
    let help = format!("`backout work {} --shard {first}` plays the first of them", plan.display());
    Failure::Unfinished(Box::new(Diagnostic::error(fact).with_help(help)))
}

/// Numbers in ascending order, runs of them as `3-7`: as Slurm's `--array` reads them.
fn ranges(numbers: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => runs.push((*number, *number)),
        }
    }
    let said = |(first, last): &(u32, u32)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    runs.iter().map(said).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn missing_shards_are_said_as_a_queue_reads_them() {
        assert_eq!(ranges(&[0, 1, 2, 5, 7, 8]), "0-2,5,7-8");
        assert_eq!(ranges(&[63]), "63");
    }
}
