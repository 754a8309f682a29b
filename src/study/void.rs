//! Policies whose own process failed: their rows are void, and everything else is as if they had not been there.
//!
//! Trap: what a void policy did before and after its failure is in the records too. None of it may enter a score: its runs
//! are taken out before anything is counted, so that the rows of all others are those of a study without it.

use crate::policy::process::Trouble;
use crate::replication::prepared::Prepared;
use crate::replication::record::{Player, ReplicationRecord};
use crate::score::PolicyMeta;

/// The policies with trouble, in the order of the study.
pub(super) fn troubles(prepared: &[Prepared], policies: &[PolicyMeta]) -> Vec<(String, Trouble)> {
    let players = || prepared.iter().flat_map(|p| &p.rollouts).flat_map(|plan| &plan.players);
    let of = |policy: &PolicyMeta| {
        let own = players().filter(|player| player.name == policy.name);
        let trouble = own.filter_map(|player| player.prototype.trouble()).next()?;
        Some((policy.name.clone(), trouble))
    };
    policies.iter().filter_map(of).collect()
}

/// Takes all runs of these policies out of the records.
pub fn without(records: &mut [ReplicationRecord], void: &[(String, Trouble)]) {
    if void.is_empty() {
        return;
    }
    let is_void = |player: &Player| match player {
        Player::Policy(name) => void.iter().any(|(other, _)| **name == **other),
        Player::Reference(_) => false,
    };
    for rollout in records.iter_mut().flat_map(|record| &mut record.rollouts) {
        rollout.bad.runs.retain(|run| !is_void(&run.player));
        rollout.healthy.runs.retain(|run| !is_void(&run.player));
    }
}
