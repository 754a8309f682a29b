//! Records sorted into strata: per player and rollout, one stratum per scenario file, one case per replication.
//!
//! A player of a replication that has a run in one twin only is left out of that replication. Trap: references of
//! different rollouts are different players; the same name does not make them comparable.

use std::collections::BTreeMap;

use super::case::{Case, Frames, case};
use super::meta::{ScenarioMeta, pool_shares};
use crate::replication::name::Name;
use crate::replication::record::{Player, Reference, ReplicationRecord, RolloutRecord, RunRecord};

/// Why records cannot be scored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScoreError {
    /// A record of a scenario nothing else is known about.
    #[error(
        "replication {replication} is of scenario `{scenario}`, which is not among the scenarios of the study"
    )]
    UnknownScenario {
        /// The name in the record.
        scenario: String,
        /// Its number.
        replication: u32,
    },
    /// The same replication of the same scenario more than once.
    #[error("replication {replication} of `{scenario}` is there twice")]
    Twice {
        /// The scenario.
        scenario: String,
        /// Its number.
        replication: u32,
    },
}

/// Who a row is about: a [`Player`] that can be sorted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// A reference player.
    Reference(Reference),
    /// A policy, by name.
    Policy(Name),
}

impl From<&Player> for Who {
    fn from(player: &Player) -> Self {
        match player {
            Player::Reference(reference) => Who::Reference(*reference),
            Player::Policy(name) => Who::Policy(name.clone()),
        }
    }
}

/// A player on a rollout.
pub type Key = (Who, String);

/// The cases of one player on one rollout in one scenario.
#[derive(Clone, Debug)]
pub struct Stratum {
    /// Index of the scenario.
    pub scenario: usize,
    /// Its share of the pooled row.
    pub weight: f64,
    /// Share of releases that are bad.
    pub base_rate: f64,
    /// In order of replication.
    pub cases: Vec<Case>,
}

/// Sorts the records; strata come in the order of the scenarios, players in the order of [`Who`].
///
/// # Errors
/// When a record belongs to no scenario or is there twice.
pub fn gather(
    records: &[ReplicationRecord],
    scenarios: &[ScenarioMeta],
) -> Result<BTreeMap<Key, Vec<Stratum>>, ScoreError> {
    let shares = pool_shares(scenarios);
    let mut players: BTreeMap<Key, Vec<Stratum>> = BTreeMap::new();
    for (scenario, record) in in_order(records, scenarios)? {
        let Some(meta) = scenarios.get(scenario) else { continue };
        for rollout in &record.rollouts {
            let frames = Frames::of(record, rollout, meta);
            for (bad, healthy) in pairs(rollout) {
                let key = (Who::from(&bad.player), rollout.rollout.clone());
                let strata = players.entry(key).or_default();
                if strata.last().is_none_or(|last| last.scenario != scenario) {
                    let weight = shares.get(scenario).copied().unwrap_or(0.0);
                    let base_rate = meta.base_rate.clamp(0.0, 1.0);
                    strata.push(Stratum { scenario, weight, base_rate, cases: Vec::new() });
                }
                if let Some(stratum) = strata.last_mut() {
                    stratum.cases.push(case(record, (rollout, &frames), bad, healthy, meta));
                }
            }
        }
    }
    Ok(players)
}

/// The records by scenario (in the order of the scenarios) and replication.
fn in_order<'a>(
    records: &'a [ReplicationRecord],
    scenarios: &[ScenarioMeta],
) -> Result<Vec<(usize, &'a ReplicationRecord)>, ScoreError> {
    let index: BTreeMap<&str, usize> =
        scenarios.iter().enumerate().map(|(i, m)| (m.name.as_str(), i)).collect();
    let mut ordered = Vec::with_capacity(records.len());
    for record in records {
        let unknown = || ScoreError::UnknownScenario {
            scenario: record.scenario.clone(),
            replication: record.replication,
        };
        ordered.push((*index.get(record.scenario.as_str()).ok_or_else(unknown)?, record));
    }
    ordered.sort_by_key(|(scenario, record)| (*scenario, record.replication));
    let twice = ordered.windows(2).find_map(|pair| match pair {
        [a, b] if a.0 == b.0 && a.1.replication == b.1.replication => Some(a.1),
        _ => None,
    });
    match twice {
        Some(record) => {
            Err(ScoreError::Twice { scenario: record.scenario.clone(), replication: record.replication })
        }
        None => Ok(ordered),
    }
}

/// The two runs of each player; twins list their players in the same order, so the search is for damaged records.
fn pairs(rollout: &RolloutRecord) -> impl Iterator<Item = (&RunRecord, &RunRecord)> {
    rollout.bad.runs.iter().enumerate().filter_map(|(i, bad)| {
        let same = |run: &&RunRecord| run.player == bad.player;
        let healthy = rollout.healthy.runs.get(i).filter(same);
        healthy.or_else(|| rollout.healthy.runs.iter().find(same)).map(|healthy| (bad, healthy))
    })
}
