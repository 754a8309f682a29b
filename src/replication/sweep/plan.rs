//! Which players of a rollout can be accounted for together.

use std::sync::Arc;

use crate::policy::Policy;
use crate::policy::native::{OnTrouble, Rule, Then, TriggerDef};
use crate::promql::{Comparison, QueryId};
use crate::replication::panel::{Panel, Threshold};
use crate::replication::prepared::PlayerSpec;
use crate::time::SimDuration;

use super::Seen;

/// Policies that look at one number at the same instants.
pub struct Group {
    key: Key,
    /// Whose query it is, by index among the players, and its number among their queries.
    pub(super) asker: usize,
    pub(super) query: usize,
    /// A policy like all of them before its start: says when they look.
    pub(super) prototype: Box<dyn Policy>,
    /// Keys the phase of their ticks.
    pub(super) phase_key: String,
    pub(super) every: SimDuration,
    pub(super) on_no_data: OnTrouble,
    pub(super) on_error: OnTrouble,
    /// Turned and sorted thresholds, one list a rule.
    pub(super) ladders: Vec<Ladder>,
}

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Group")
            .field("key", &self.key)
            .field("ladders", &self.ladders)
            .finish_non_exhaustive()
    }
}

/// What the policies of a group have in common.
#[derive(Clone, Debug, PartialEq)]
struct Key {
    value: (usize, QueryId),
    comparison: Comparison,
    phase_key: String,
    every: SimDuration,
    start_after: SimDuration,
    on_no_data: OnTrouble,
    on_error: OnTrouble,
}

/// Policies of one rule, those that fire first in front.
#[derive(Debug)]
pub(super) struct Ladder {
    pub(super) rule: Rule,
    pub(super) rungs: Vec<Rung>,
}

/// One policy.
#[derive(Debug)]
pub(super) struct Rung {
    /// Its threshold, turned as values are.
    pub(super) limit: f64,
    pub(super) player: usize,
    pub(super) def: Arc<TriggerDef>,
}

impl Group {
    fn is_downward(&self) -> bool {
        matches!(self.key.comparison, Comparison::Less | Comparison::LessOrEqual)
    }

    /// A value turned so that higher is worse; NaN if there is none.
    pub(super) fn up(&self, seen: Seen) -> f64 {
        match seen {
            Seen::Value(value) if self.is_downward() => -value,
            Seen::Value(value) => value,
            Seen::NoData | Seen::Error => f64::NAN,
        }
    }

    /// Whether a turned value is bad for a turned threshold.
    #[inline]
    pub(super) fn is_above(&self, up: f64, limit: f64) -> bool {
        let with_limit = matches!(self.key.comparison, Comparison::GreaterOrEqual | Comparison::LessOrEqual);
        if with_limit { up >= limit } else { up > limit }
    }
}

/// Who of a rollout's players is in a sweep, and who is asked by himself.
#[derive(Debug, Default)]
pub struct SweepPlan {
    pub(super) groups: Vec<Arc<Group>>,
    /// The others, by index among the players.
    pub alone: Vec<usize>,
}

impl SweepPlan {
    /// Sorts the players of a rollout.
    pub fn new(players: &[PlayerSpec], panel: &Panel) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        let mut alone = Vec::new();
        for (index, player) in players.iter().enumerate() {
            match member(player, panel) {
                Some((def, threshold)) => join(&mut groups, (index, player), def, threshold),
                None => alone.push(index),
            }
        }
        for ladder in groups.iter_mut().flat_map(|group| &mut group.ladders) {
            ladder.rungs.sort_by(|a, b| a.limit.total_cmp(&b.limit));
        }
        SweepPlan { groups: groups.into_iter().map(Arc::new).collect(), alone }
    }
}

/// The trigger and the threshold of a player that may take part: one trigger that compares one number with a constant
/// and whose first word is a decision that ends it.
fn member(player: &PlayerSpec, panel: &Panel) -> Option<(Arc<TriggerDef>, Threshold)> {
    let def = player.prototype.only_trigger()?;
    let ends = matches!(def.then, Then::RollBack | Then::Stop | Then::ForwardFix);
    let counts = |trouble| matches!(trouble, OnTrouble::Ignore | OnTrouble::Count | OnTrouble::Page);
    let counted = match def.rule {
        Rule::For { .. } => true,
        Rule::Consecutive(k) | Rule::Cumulative(k) => k > 0,
        Rule::KOfN { k, n } => k > 0 && k <= n,
    };
    if !ends
        || !def.later.is_empty()
        || !counts(def.on_no_data)
        || !counts(def.on_error)
        || !counted
        || def.every.is_zero()
    {
        return None;
    }
    let threshold = panel.threshold(player.asks_as?, def.query)?;
    let side = match def.sides.as_slice() {
        &[side] => side,
        _ => return None,
    };
    let is_ordered = !matches!(threshold.comparison, Comparison::Equal | Comparison::NotEqual);
    let is_side = panel.query_id(player.asks_as?, side) == Some(threshold.value);
    let fits = is_ordered && is_side && threshold.limit.is_finite() && player.checks.len() == 1;
    (fits && !player.needs_truth).then_some((def, threshold))
}

fn join(
    groups: &mut Vec<Group>,
    (index, player): (usize, &PlayerSpec),
    def: Arc<TriggerDef>,
    threshold: Threshold,
) {
    let key = Key {
        value: threshold.value,
        comparison: threshold.comparison,
        phase_key: player.phase_key.clone(),
        every: def.every,
        start_after: def.start_after,
        on_no_data: def.on_no_data,
        on_error: def.on_error,
    };
    let place = groups.iter().position(|group| group.key == key).unwrap_or_else(|| {
        groups.push(Group {
            asker: index,
            query: def.sides[0],
            prototype: player.prototype.clone(),
            phase_key: key.phase_key.clone(),
            every: key.every,
            on_no_data: key.on_no_data,
            on_error: key.on_error,
            ladders: Vec::new(),
            key,
        });
        groups.len() - 1
    });
    let group = &mut groups[place];
    let limit = if group.is_downward() { -threshold.limit } else { threshold.limit };
    let rung = Rung { limit, player: index, def };
    match group.ladders.iter_mut().find(|ladder| ladder.rule == rung.def.rule) {
        Some(ladder) => ladder.rungs.push(rung),
        None => group.ladders.push(Ladder { rule: rung.def.rule, rungs: vec![rung] }),
    }
}
