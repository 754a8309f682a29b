//! What riders do, and who does the same at one instant: the groups into which a branch is parted.

use crate::rollback::ProcedureSpec;

use super::branch::Rider;
use super::record::DecisionKind;
use super::sweep::Party;

/// What a group of riders does that others do not.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Act {
    RollBack(Box<ProcedureSpec>),
    RollBackByHand(Box<ProcedureSpec>),
    ForwardFix,
    Stop,
    Advance,
    Promote,
}

impl Act {
    /// Whether the rollout is over for those who act like this: nothing but the end of a rollback is told them.
    pub(super) fn ends_rollout(&self) -> bool {
        matches!(self, Act::RollBack(_) | Act::RollBackByHand(_) | Act::ForwardFix | Act::Stop)
    }
}

/// Those who act alike at one instant.
pub(super) struct Acting {
    pub(super) act: Act,
    /// The first of them among the players.
    pub(super) first: usize,
    /// By index among the riders.
    pub(super) riders: Vec<usize>,
    pub(super) parties: Vec<Party>,
}

/// Puts those who leave a sweep with the riders who do the same.
pub(super) fn join(acting: &mut Vec<Acting>, leaving: Vec<Party>) {
    for party in leaving {
        let (kind, procedure) = party.decides();
        let first = party.first();
        let act = match kind {
            DecisionKind::RollBack => Act::RollBack(Box::new(procedure.clone())),
            DecisionKind::ForwardFix => Act::ForwardFix,
            DecisionKind::Stop => Act::Stop,
        };
        match acting.iter_mut().find(|other| other.act == act) {
            Some(group) => {
                group.first = group.first.min(first);
                group.parties.push(party);
            }
            None => acting.push(Acting { act, first, riders: Vec::new(), parties: vec![party] }),
        }
    }
}

/// Those who do nothing, then one group per act, each in the order of the riders.
pub(super) fn part(riders: Vec<Rider>, acting: &[Acting]) -> Vec<Vec<Rider>> {
    if acting.is_empty() {
        return vec![riders];
    }
    let mut group_of = vec![0; riders.len()];
    for (group, Acting { riders: members, .. }) in acting.iter().enumerate() {
        members.iter().for_each(|&index| group_of[index] = group + 1);
    }
    let mut groups: Vec<Vec<Rider>> = Vec::new();
    groups.resize_with(acting.len() + 1, Vec::new);
    for (rider, group) in riders.into_iter().zip(group_of) {
        groups[group].push(rider);
    }
    groups
}
