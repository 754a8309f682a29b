//! The worlds in which two policies disagreed, and what each did in the first of them.
//!
//! A world is one release of one replication. They disagree when one decided against it and the other did not, and when both
//! did at different instants; the first kind comes first in lists. Trap: a later decision of the same kind may still be the
//! same decision, one evaluation later.

use serde::Serialize;

use super::Side;
use crate::replication::record::{DecisionKind, Nanos, Player, ReplicationRecord, RunRecord};
use crate::score::ScenarioMeta;

/// Most worlds listed.
const LISTED: usize = 20;

/// What a policy decided.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decided {
    /// Seconds after the deploy.
    pub after_deploy_s: f64,
    /// What.
    pub kind: DecisionKind,
    /// Why, in the engine's words.
    pub reasons: Vec<String>,
}

/// A world in which they disagreed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Disagreement {
    /// The scenario.
    pub scenario: String,
    /// Number of the replication.
    pub replication: u32,
    /// Whether it is the good release.
    pub healthy: bool,
    /// What the base decided, if anything.
    pub base: Option<Decided>,
    /// What the new one decided, if anything.
    pub new: Option<Decided>,
}

impl Disagreement {
    /// Whether only one of them decided.
    pub fn is_outright(&self) -> bool {
        self.base.is_some() != self.new.is_some()
    }
}

/// All of them, counted, and the first ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Disagreements {
    /// Worlds that both played.
    pub worlds: u64,
    /// Worlds in which they disagreed.
    pub total: u64,
    /// Of these: only one of them decided.
    pub outright: u64,
    /// The first, outright ones before others, in the order of scenarios and replications.
    pub listed: Vec<Disagreement>,
}

/// Looks for worlds in which two policies disagreed.
pub fn disagreements(base: Side<'_>, new: Side<'_>, scenarios: &[ScenarioMeta]) -> Disagreements {
    let order = |record: &ReplicationRecord| {
        (scenarios.iter().position(|meta| meta.name == record.scenario), record.replication)
    };
    let mut old: Vec<&ReplicationRecord> = base.records.iter().collect();
    let mut ours: Vec<&ReplicationRecord> = new.records.iter().collect();
    old.sort_by_cached_key(|record| order(record));
    ours.sort_by_cached_key(|record| order(record));
    let mut found = Disagreements::default();
    let mut at = 0;
    for record in ours {
        while old.get(at).is_some_and(|other| order(other) < order(record)) {
            at += 1;
        }
        let Some(other) = old.get(at).filter(|other| order(other) == order(record)) else { continue };
        for healthy in [false, true] {
            let (Some(a), Some(b)) = (run(other, base.policy, healthy), run(record, new.policy, healthy))
            else {
                continue;
            };
            found.worlds += 1;
            if a.decision.as_ref().map(|d| d.at) == b.decision.as_ref().map(|d| d.at) {
                continue;
            }
            let one = Disagreement {
                scenario: record.scenario.clone(),
                replication: record.replication,
                healthy,
                base: decided(a, other.deploy_at),
                new: decided(b, record.deploy_at),
            };
            found.total += 1;
            found.outright += u64::from(one.is_outright());
            found.listed.push(one);
        }
    }
    // Stable: within each kind the order stays that of scenarios and replications.
    found.listed.sort_by_key(|one| !one.is_outright());
    found.listed.truncate(LISTED);
    found
}

/// The run of a policy in a replication.
fn run<'r>(record: &'r ReplicationRecord, policy: &str, healthy: bool) -> Option<&'r RunRecord> {
    let twins = record.rollouts.iter().map(|r| if healthy { &r.healthy } else { &r.bad });
    let is = |run: &&RunRecord| matches!(&run.player, Player::Policy(name) if **name == *policy);
    twins.flat_map(|twin| &twin.runs).find(is)
}

fn decided(run: &RunRecord, deploy_at: Nanos) -> Option<Decided> {
    run.decision.as_ref().map(|decision| Decided {
        after_deploy_s: decision.at as f64 / 1e9 - deploy_at as f64 / 1e9,
        kind: decision.kind,
        reasons: decision.reasons.to_vec(),
    })
}
