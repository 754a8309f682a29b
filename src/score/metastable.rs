//! Runs that ended in a metastable state, counted by scenario, rollout and player.
//!
//! The rule is in `replication::metastable`; here it is only counted. The share is over all replications in which the
//! scenario could start, so it is a lower limit where follow-ups are too short to tell.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::meta::ScenarioMeta;
use super::stratum::Who;
use crate::replication::record::{Player, ReplicationRecord, RunRecord};

/// Metastable runs of one player.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metastable {
    /// The scenario.
    pub scenario: String,
    /// The rollout.
    pub rollout: String,
    /// Who decided.
    pub player: Player,
    /// Replications that could start.
    pub of: u64,
    /// Those in which the world of the bad release ended metastable.
    pub bad: u64,
    /// Those of them in which the rollback was complete by then.
    pub bad_after_rollback: u64,
    /// Those in which the world of the healthy release did.
    pub healthy: u64,
    /// Share of the replications in which the bad release's did.
    pub share: f64,
}

/// Counts metastable runs; players without any are left out.
pub fn metastable(records: &[ReplicationRecord], scenarios: &[ScenarioMeta]) -> Vec<Metastable> {
    let of_scenario = |meta: &ScenarioMeta| {
        let mut counts: BTreeMap<(String, Who), Metastable> = BTreeMap::new();
        for record in records.iter().filter(|record| record.scenario == meta.name) {
            for rollout in &record.rollouts {
                for (bad, run) in twins(&rollout.bad.runs, &rollout.healthy.runs) {
                    let key = (rollout.rollout.clone(), Who::from(&run.player));
                    let entry = counts.entry(key).or_insert_with(|| Metastable {
                        scenario: meta.name.clone(),
                        rollout: rollout.rollout.clone(),
                        player: run.player.clone(),
                        of: 0,
                        bad: 0,
                        bad_after_rollback: 0,
                        healthy: 0,
                        share: 0.0,
                    });
                    entry.add(run, bad);
                }
            }
        }
        counts.into_values().filter(|entry| entry.bad + entry.healthy > 0).collect::<Vec<_>>()
    };
    scenarios.iter().flat_map(of_scenario).collect()
}

fn twins<'a>(bad: &'a [RunRecord], healthy: &'a [RunRecord]) -> impl Iterator<Item = (bool, &'a RunRecord)> {
    bad.iter().map(|run| (true, run)).chain(healthy.iter().map(|run| (false, run)))
}

impl Metastable {
    fn add(&mut self, run: &RunRecord, bad: bool) {
        let is_metastable = u64::from(run.metastable.is_some());
        if bad {
            self.of += 1;
            self.bad += is_metastable;
            self.bad_after_rollback += if run.rollback.is_some() { is_metastable } else { 0 };
        } else {
            self.healthy += is_metastable;
        }
        self.share = self.bad as f64 / self.of.max(1) as f64;
    }
}

/// "the rollback was complete and users were still refused in 12 of 40 runs of ...", scenario by scenario.
pub fn sentences(found: &[Metastable]) -> Vec<String> {
    let mut scenarios: Vec<&str> = found.iter().map(|entry| entry.scenario.as_str()).collect();
    scenarios.dedup();
    let sentence = |scenario: &str| {
        let sum = |part: fn(&Metastable) -> u64| -> u64 {
            found.iter().filter(|entry| entry.scenario == scenario).map(part).sum()
        };
        let (after, bad, healthy) = (sum(|e| e.bad_after_rollback), sum(|e| e.bad), sum(|e| e.healthy));
        if after > 0 {
            return format!(
                "the rollback was complete and users were still refused in {after} runs of {scenario}: the overload \
                 feeds itself (metastable)"
            );
        }
        let (count, release) = if bad > 0 { (bad, "bad") } else { (healthy, "good") };
        format!(
            "the trigger was gone and users were still refused in {count} runs of the {release} release of {scenario}: \
             the overload feeds itself (metastable)"
        )
    };
    scenarios.into_iter().map(sentence).collect()
}
