//! Which players of a rollout can be accounted for together.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::policy::native::{OnTrouble, Rule, TriggerDef};
use crate::policy::{Policy, Verdict};
use crate::promql::{Comparison, QueryId};
use crate::replication::panel::{Panel, Threshold};
use crate::replication::prepared::PlayerSpec;
use crate::replication::record::DecisionKind;
use crate::rollback::ProcedureSpec;
use crate::time::SimDuration;

use super::Seen;

/// Policies that look at one number at the same instants.
#[derive(Clone)]
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
    /// Turned and sorted thresholds, one list for each rule and what follows from it.
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

/// Policies of one rule who do the same when they fire; those that fire first are in front.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    pub(super) rule: Rule,
    /// What they decide.
    pub(super) kind: DecisionKind,
    /// How they roll back.
    pub(super) procedure: ProcedureSpec,
    pub(super) rungs: Vec<Rung>,
}

/// One policy.
#[derive(Clone, Debug)]
pub(super) struct Rung {
    /// Its threshold, turned as values are.
    pub(super) limit: f64,
    pub(super) player: usize,
    /// Why it decides.
    pub(super) reasons: Arc<[String]>,
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
        let mut groups = Groups::default();
        let mut alone = Vec::new();
        for (index, player) in players.iter().enumerate() {
            match member(player, panel) {
                Some(member) => groups.join((index, player), member),
                None => alone.push(index),
            }
        }
        let mut groups = groups.all;
        for ladder in groups.iter_mut().flat_map(|group| &mut group.ladders) {
            ladder.rungs.sort_by(|a, b| a.limit.total_cmp(&b.limit));
        }
        SweepPlan { groups: groups.into_iter().map(Arc::new).collect(), alone }
    }

    /// The same for some of the players only, given by their indices in order.
    pub fn among(&self, players: &[usize]) -> Self {
        let stays = |player: usize| players.binary_search(&player).is_ok();
        let thinned = |group: &Arc<Group>| {
            let mut group = Group::clone(group);
            group.ladders.iter_mut().for_each(|ladder| ladder.rungs.retain(|rung| stays(rung.player)));
            group.ladders.retain(|ladder| !ladder.rungs.is_empty());
            (!group.ladders.is_empty()).then(|| Arc::new(group))
        };
        SweepPlan {
            groups: self.groups.iter().filter_map(thinned).collect(),
            alone: self.alone.iter().copied().filter(|player| stays(*player)).collect(),
        }
    }
}

/// What a trigger compares with, and what it does.
struct Member {
    /// The query of the number.
    side: usize,
    def: Arc<TriggerDef>,
    threshold: Threshold,
    kind: DecisionKind,
    reasons: Vec<String>,
}

/// The decision of a trigger that fires; `None` if it does something else or does it later.
fn decision(def: &TriggerDef) -> Option<(DecisionKind, Vec<String>)> {
    match def.verdict() {
        Verdict::RollBack { reasons } => Some((DecisionKind::RollBack, reasons)),
        Verdict::Stop { reasons } => Some((DecisionKind::Stop, reasons)),
        Verdict::ForwardFix { reasons } => Some((DecisionKind::ForwardFix, reasons)),
        _ => None,
    }
}

/// The trigger and the threshold of a player that may take part: one trigger that compares one number with a constant
/// and whose first word is a decision that ends it.
fn member(player: &PlayerSpec, panel: &Panel) -> Option<Member> {
    let def = player.prototype.only_trigger()?;
    let (kind, reasons) = decision(&def)?;
    let counts = |trouble| matches!(trouble, OnTrouble::Ignore | OnTrouble::Count | OnTrouble::Page);
    let counted = match def.rule {
        Rule::For { .. } => true,
        Rule::Consecutive(k) | Rule::Cumulative(k) => k > 0,
        Rule::KOfN { k, n } => k > 0 && k <= n,
    };
    if !def.later.is_empty()
        || !counts(def.on_no_data)
        || !counts(def.on_error)
        || !counted
        || def.every.is_zero()
    {
        return None;
    }
    let (query, sides) = def.when.expr()?;
    let threshold = panel.threshold(player.asks_as?, query)?;
    let &[side] = sides else { return None };
    let is_ordered = !matches!(threshold.comparison, Comparison::Equal | Comparison::NotEqual);
    let is_side = panel.query_id(player.asks_as?, side) == Some(threshold.value);
    let fits = is_ordered && is_side && threshold.limit.is_finite() && player.checks.len() == 1;
    (fits && !player.needs_truth).then_some(Member { side, def, threshold, kind, reasons })
}

/// Groups in the making.
#[derive(Default)]
struct Groups {
    all: Vec<Group>,
    /// Those of a phase: policies of a thousand files may have a thousand.
    by_phase: BTreeMap<String, Vec<usize>>,
}

impl Groups {
    fn join(&mut self, (index, player): (usize, &PlayerSpec), member: Member) {
        let Member { side, def, threshold, kind, reasons } = member;
        let key = Key {
            value: threshold.value,
            comparison: threshold.comparison,
            phase_key: player.phase_key.clone(),
            every: def.every,
            start_after: def.start_after,
            on_no_data: def.on_no_data,
            on_error: def.on_error,
        };
        let places = self.by_phase.entry(player.phase_key.clone()).or_default();
        let all = &mut self.all;
        let known = places.iter().copied().find(|place| all.get(*place).is_some_and(|g| g.key == key));
        let place = known.unwrap_or_else(|| {
            places.push(all.len());
            all.push(Group {
                asker: index,
                query: side,
                prototype: player.prototype.clone(),
                phase_key: key.phase_key.clone(),
                every: key.every,
                on_no_data: key.on_no_data,
                on_error: key.on_error,
                ladders: Vec::new(),
                key,
            });
            all.len() - 1
        });
        let group = &mut all[place];
        let limit = if group.is_downward() { -threshold.limit } else { threshold.limit };
        let ladder = group.ladder(def.rule, kind, &player.procedure);
        // Nearly all of them say the same.
        let reasons = match ladder.rungs.last() {
            Some(last) if *last.reasons == *reasons => Arc::clone(&last.reasons),
            _ => reasons.into(),
        };
        ladder.rungs.push(Rung { limit, player: index, reasons });
    }
}

impl Group {
    /// The list of those who do this by this rule.
    fn ladder(&mut self, rule: Rule, kind: DecisionKind, procedure: &ProcedureSpec) -> &mut Ladder {
        let alike =
            |ladder: &Ladder| (ladder.rule, ladder.kind) == (rule, kind) && ladder.procedure == *procedure;
        let place = self.ladders.iter().position(alike).unwrap_or_else(|| {
            self.ladders.push(Ladder { rule, kind, procedure: procedure.clone(), rungs: Vec::new() });
            self.ladders.len() - 1
        });
        &mut self.ladders[place]
    }
}
