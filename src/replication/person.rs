//! A person who was paged: when they act, what they look at, and what they do then.
//!
//! The chain from the page to the act is [`crate::people`]'s. At its end the person looks at what the policy itself looks
//! at, as it was last evaluated: of the checks that were bad when the page went out (if none was: those without an
//! answer), is one still not good? Then they roll back. If all of them are good again they leave the release alone, but for
//! the share who roll back anyway. Whoever has no checks to look at believes the page.
//!
//! Traps: a person knows no more than the policy: a healthy release is rolled back if the alarm still stands. One chain at
//! a time: what else is paged meanwhile goes to somebody who is at it already. A decision of the policy itself ends
//! the chain.

use crate::people::Reaction;
use crate::policy::Verdict;
use crate::rng::Purpose;
use crate::rollback::{Hands, RollbackConditions};
use crate::time::{SimDuration, SimTime};

use super::branch::{Branch, CheckAccount, Latest, Rider};
use super::play::Stage;
use super::record::Lane;
use super::way_back::WayBack;

/// A person at work on a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// When they act.
    pub acts_at: SimTime,
    /// Whether the rollout is held until then.
    pub holds: bool,
    /// How long after the page that is.
    took: SimDuration,
    /// Which page of its policy it was.
    number: u64,
    /// What it said.
    reasons: Vec<String>,
    /// The checks they look at.
    looks_at: Vec<usize>,
}

/// Somebody is paged, unless somebody is at it already.
pub(super) fn summon(
    stage: &Stage<'_>,
    branch: &mut Branch,
    rider: &mut Rider,
    reasons: &[String],
    holds: bool,
) {
    if let Some(call) = &mut rider.call {
        call.holds |= holds;
        return;
    }
    let number = rider.calls;
    rider.calls += 1;
    let reaction = Reaction::draw(&stage.setting.people, stage.setting.key, number);
    let took = reaction.total();
    let looks_at = alarming(&rider.checks);
    let reasons = reasons.to_vec();
    let acts_at = branch.world.now() + took;
    branch.note(Lane::Policy, || chain(&reaction));
    rider.call = Some(Call { acts_at, holds, took, number, reasons, looks_at });
}

/// What becomes of a page, in words: each time is counted from the page.
fn chain(reaction: &Reaction) -> String {
    let words = |span: SimDuration| SimDuration::from_secs(span.as_secs_f64() as u64).to_string();
    let (awake, looks) =
        (if reaction.asleep { "wakes up and " } else { "" }, reaction.page + reaction.acknowledge);
    let wrong = match reaction.wrong {
        SimDuration::ZERO => String::new(),
        wrong => format!(", is after something else for {}", words(wrong)),
    };
    let suspects = looks + reaction.wrong + reaction.diagnose;
    format!(
        "a person is paged: {awake}looks after {}{wrong}, suspects the release after {}, acts after {}",
        words(looks),
        words(suspects),
        words(reaction.total())
    )
}

/// The checks that are bad; if none is, those without an answer.
fn alarming(checks: &[CheckAccount]) -> Vec<usize> {
    let of = |latest: Latest| -> Vec<usize> {
        (0..checks.len()).filter(|&index| checks[index].latest == Some(latest)).collect()
    };
    let bad = of(Latest::Bad);
    if bad.is_empty() { of(Latest::Unanswered) } else { bad }
}

/// What the person does; `None` if they find everything fine again.
pub(super) fn act(stage: &Stage<'_>, rider: &Rider, call: &Call) -> Option<Verdict> {
    let still = |&check: &usize| rider.checks.get(check).is_some_and(|c| c.latest != Some(Latest::Good));
    let stands = call.looks_at.is_empty() || call.looks_at.iter().any(still);
    let anyway = || {
        let luck = stage.setting.key.purpose(Purpose::People).id(call.number).entity("anyway").uniform();
        luck < stage.setting.people.rolls_back_anyway.get()
    };
    if !stands && !anyway() {
        return None;
    }
    let after = SimDuration::from_secs(call.took.as_secs_f64() as u64);
    let doubt = if stands { "" } else { ", though it looks fine again" };
    let reason = format!("a person, {after} after the page{doubt}: {}", call.reasons.join("; "));
    Some(Verdict::RollBack { reasons: vec![reason] })
}

/// The ways back when a person goes them.
pub(super) fn by_hand(stage: &Stage<'_>, way: WayBack) -> WayBack {
    let people = &stage.setting.people;
    let again = Reaction::draw(people, stage.setting.key, AT_THE_DESK).decide;
    let hands =
        Hands { slips: people.slips(), slower: people.slowness(), looks_after: people.looks_again, again };
    let conditions: RollbackConditions = way.conditions.by_hand(hands);
    WayBack { conditions: conditions.into(), ..way }
}

/// Number of the draws for what a person does who is there already, beyond all pages.
const AT_THE_DESK: u64 = u64::MAX - 1;

/// Number of the draws for whoever is called when the command of a controller fails, beyond all pages.
pub(super) const FAILED_COMMAND: u64 = u64::MAX;
