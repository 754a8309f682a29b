//! What the scores need to know of the scenarios and policies of a study, beside its records.

use crate::policy::loaded::{CheckDef, Loaded};
use crate::replication::prepared::Prepared;
use crate::scenario::Scenario;
use crate::score::{CheckMeta, PolicyMeta, ScenarioMeta};

/// What the scores need to know of a scenario.
pub fn scenario_meta(scenario: &Scenario, source: &str) -> ScenarioMeta {
    ScenarioMeta {
        name: scenario.name.clone(),
        source: source.to_owned(),
        folder: scenario.folder.clone(),
        weight: Some(scenario.weight),
        summary: scenario.summary.clone(),
        base_rate: scenario.base_rate.get(),
        availability: Some(scenario.world.slo.availability.get()).filter(|share| *share < 1.0),
        users: Some(scenario.world.traffic.iter().map(|traffic| traffic.users).sum()),
        watch: scenario.watch.as_nanos(),
    }
}

/// What the scores need to know of a policy.
pub fn policy_meta(policy: &Loaded, prepared: &[Prepared]) -> PolicyMeta {
    let plans = prepared.iter().flat_map(|prepared| &prepared.rollouts);
    let mut watched = plans.filter(|plan| plan.players.iter().any(|player| player.name == policy.name));
    let rollout = watched.next().map_or_else(|| "scenario".to_owned(), |plan| plan.label.clone());
    let check = |check: &CheckDef| CheckMeta {
        name: check.name.clone(),
        good: check.good.clone(),
        query: check.query.clone(),
    };
    PolicyMeta {
        name: policy.name.clone(),
        source: policy.source.clone(),
        engine: policy.engine.name().to_owned(),
        rollout,
        checks: policy.checks.iter().map(check).collect(),
        unsupported: policy.unsupported.len() as u32,
        stand_ins: policy.stand_ins.len() as u32,
    }
}
