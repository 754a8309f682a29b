//! This project's own triggers: a PromQL expression, how long or how often it must be bad, and what follows.
//!
//! A trigger is evaluated on a grid of its own (`every`, phase from the start of the policy). Its expression is bad
//! when it has a result (a comparison filters) or, for a number, when it is not zero; a [condition](Condition) may stand
//! in its place, with detectors and what combines them. Being bad *fires* the trigger
//! at once, after a time (`for`, exactly as Prometheus does it, per series), after so many evaluations in a row, k
//! times in the last n, or so many times in all. When several triggers say something at once the strongest verdict
//! wins ([`Verdict::stronger`]) and reasons of equal verdicts are all given. [Trees](TreeDef) of questions stand beside
//! the triggers and are heard alike.
//!
//! Traps: comparisons are IEEE, so a NaN (0/0 without traffic) is never bad and is not "no data" either; an
//! expression without a result is good *or* without data, which is told apart by looking at its left side alone;
//! `advance` starts its trigger over, so that one good spell does not run through all the steps.

mod condition;
mod pending;
mod schedule;
mod spec;
mod tree;
mod trigger;

pub use condition::{
    Arm, ArmSpec, AtLeastSpec, Condition, ConditionSpec, DetectDef, DetectSpec, Detecting, HysteresisSpec,
    KOfSpec, LearnDef, LearnSpec, ScoreSpec, SharedAlpha, SharedAlphaSpec, Sharing, SilentSpec, WeighedSpec,
};
pub(in crate::policy) use schedule::Clock;
pub use schedule::{Later, Phase, paces};
pub use spec::{
    AfterDecision, AskSpec, Bind, Delayed, KOfN, LabelRoleSpec, MetricSpec, NativeFile, NodeSpec, OnTrouble,
    Rearm, Then, TreeSpec, TriggerSpec,
};
pub use tree::{Ask, Node, Test, TreeDef};
pub(in crate::policy) use trigger::verdict_of;
pub use trigger::{Rule, TriggerDef};

use std::sync::Arc;

use self::tree::Tree;
use self::trigger::Trigger;
use super::{Observation, Policy, Start, Verdict};
use crate::time::{SimDuration, SimTime};

/// A set of native triggers.
#[derive(Clone, Debug)]
pub struct Native {
    triggers: Vec<Trigger>,
    trees: Vec<Tree>,
    after: AfterDecision,
    /// Nothing is evaluated before this instant; [`SimTime::NEVER`] after a decision that is final or under way.
    resume_at: SimTime,
}

impl Native {
    /// The triggers in the order of their file.
    pub fn new(triggers: Vec<TriggerDef>, after: AfterDecision) -> Self {
        let triggers = triggers.into_iter().map(|def| Trigger::new(Arc::new(def))).collect();
        Native { triggers, trees: Vec::new(), after, resume_at: SimTime::ZERO }
    }

    /// The same with decision trees.
    #[must_use]
    pub fn with_trees(self, trees: Vec<TreeDef>) -> Self {
        Native { trees: trees.into_iter().map(|def| Tree::new(Arc::new(def))).collect(), ..self }
    }

    /// The verdicts of other instants that still stand.
    fn standing(&self) -> Verdict {
        let triggers = self.triggers.iter().map(Trigger::standing);
        triggers.chain(self.trees.iter().map(Tree::standing)).fold(Verdict::Continue, Verdict::stronger)
    }
}

impl Policy for Native {
    fn start(&mut self, start: &Start) {
        for trigger in &mut self.triggers {
            trigger.start(start);
        }
        self.trees.iter_mut().for_each(|tree| tree.start(start));
        self.resume_at = SimTime::ZERO;
    }

    fn next_tick(&self) -> SimTime {
        if self.resume_at == SimTime::NEVER {
            return SimTime::NEVER;
        }
        let triggers = self.triggers.iter().map(Trigger::next_tick);
        triggers.chain(self.trees.iter().map(Tree::next_tick)).min().unwrap_or(SimTime::NEVER)
    }

    fn observe(&mut self, observation: &mut Observation<'_>) -> Verdict {
        if observation.now < self.next_tick() {
            return self.standing();
        }
        let mut verdict = Verdict::Continue;
        for trigger in &mut self.triggers {
            let is_due = trigger.next_tick() <= observation.now;
            let said = if is_due { trigger.evaluate(observation) } else { trigger.standing() };
            verdict = merge(verdict, said);
        }
        for tree in &mut self.trees {
            let is_due = tree.next_tick() <= observation.now;
            let said = if is_due { tree.evaluate(observation) } else { tree.standing() };
            verdict = merge(verdict, said);
        }
        if verdict.is_decision() {
            self.resume_at = SimTime::NEVER;
        }
        verdict
    }

    fn on_rollback_end(&mut self, now: SimTime) {
        match self.after {
            // Also the end of a rollback that came with a delay, when nothing had been decided at once.
            AfterDecision::Stop => self.resume_at = SimTime::NEVER,
            AfterDecision::ReArm(Rearm { cooldown }) => {
                self.resume_at = now + cooldown;
                for trigger in &mut self.triggers {
                    trigger.restart(self.resume_at);
                }
                let at = self.resume_at;
                self.trees.iter_mut().for_each(|tree| tree.restart(at));
            }
        }
    }

    fn may_resume(&self) -> bool {
        matches!(self.after, AfterDecision::ReArm(_))
    }

    fn only_trigger(&self) -> Option<Arc<TriggerDef>> {
        match self.triggers.as_slice() {
            [only] if self.after == AfterDecision::Stop && self.trees.is_empty() => Some(only.def()),
            _ => None,
        }
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(self.clone())
    }
}

/// The stronger of two verdicts; equals give their reasons together.
fn merge(first: Verdict, second: Verdict) -> Verdict {
    let (mut first, mut second) = (first, second);
    if first.precedence() == second.precedence()
        && let (Some(all), Some(more)) = (reasons_of(&mut first), reasons_of(&mut second))
    {
        all.append(more);
        return first;
    }
    first.stronger(second)
}

fn reasons_of(verdict: &mut Verdict) -> Option<&mut Vec<String>> {
    match verdict {
        Verdict::Page { reasons }
        | Verdict::Defer { reasons }
        | Verdict::Investigate { reasons }
        | Verdict::Inconclusive { reasons }
        | Verdict::ForwardFix { reasons }
        | Verdict::RollBack { reasons }
        | Verdict::Stop { reasons } => Some(reasons),
        _ => None,
    }
}

/// The first instant of a grid at or after `at`.
fn on_grid(origin: SimTime, every: SimDuration, at: SimTime) -> SimTime {
    let every_nanos = every.as_nanos().max(1);
    let steps = at.since(origin).as_nanos().div_ceil(every_nanos);
    origin + SimDuration::from_nanos(steps.saturating_mul(every_nanos))
}

#[cfg(test)]
mod tests;
