//! What the scores need to know of the scenarios and policies of a study, beside its records.

use std::collections::BTreeMap;

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

/// What the scores need to know of policies, in their order.
pub fn policy_metas(policies: &[Loaded], prepared: &[Prepared]) -> Vec<PolicyMeta> {
    let mut rollouts: BTreeMap<&str, &str> = BTreeMap::new();
    for plan in prepared.iter().flat_map(|prepared| &prepared.rollouts) {
        for player in &plan.players {
            rollouts.entry(&player.name).or_insert(&plan.label);
        }
    }
    let rollout = |policy: &Loaded| rollouts.get(policy.name.as_str()).copied().unwrap_or("scenario");
    policies.iter().map(|policy| policy_meta(policy, rollout(policy))).collect()
}

fn policy_meta(policy: &Loaded, rollout: &str) -> PolicyMeta {
    let check = |check: &CheckDef| CheckMeta {
        name: check.name.clone(),
        good: check.good.clone(),
        query: check.query.clone(),
    };
    PolicyMeta {
        name: policy.name.clone(),
        source: policy.source.clone(),
        engine: policy.engine.name().to_owned(),
        rollout: rollout.to_owned(),
        checks: policy.checks.iter().map(check).collect(),
        unsupported: policy.unsupported.len() as u32,
        stand_ins: policy.stand_ins.len() as u32,
    }
}
