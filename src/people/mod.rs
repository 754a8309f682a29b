//! People: how long it takes from a page until somebody acts, and what goes wrong in their hands.
//!
//! A page goes through a chain, each link with a law of its own: the pager's delay (and its losses), the
//! acknowledgement, the diagnosis (with or without a wrong idea first) and the decision. The sum is exact and drawn
//! once per page: keyed by the replication and the number of the page, so the same person is as quick in every branch
//! and under every policy.
//!
//! Where the defaults come from: the public incidents whose page and whose diagnosis have a time. From the alarm to
//! the cause it took 8 min (Google Cloud 2025-06), 14 (Stripe 2019), 15 (Cloudflare 2019), 18 (Google load balancer
//! 2021), 39 (Fastly 2021), 50 (AWS DynamoDB 2025) and 264 (AWS Kinesis 2020): the median is the median of the law, the
//! longest its 99th percentile. From the cause to the act 7, 9 and 10 min (Cloudflare, Fastly, Stripe). A wrong idea cost
//! 55 min (Google Compute Engine 2016, a VPN), 90 (Azure AD 2021, another change) and 125 (Cloudflare 2025, an attack), 3 of
//! 22 incidents. What has no source is called an assumption where it stands.
//!
//! Traps: public incidents are the bad ones, so these people are slow; a team that watches its own rollout should say
//! so. The laws are for one person: nobody hands over, and two pages at once are one.

pub mod reaction;
pub mod slip;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quantity::Ratio;
use crate::rng::Distribution;
use crate::time::SimDuration;

pub use reaction::Reaction;
pub use slip::{Slip, Slips};

/// The people of a scenario: who is paged, how long they take, and what they do wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct People {
    /// Whether somebody who is paged acts: looks, and rolls back if what they were paged for still stands. Pages are pages
    /// and alerts of the engine above information.
    pub act_on_pages: bool,
    /// How a page gets to a person.
    pub page: Page,
    /// From the page on the phone until somebody looks, when at work.
    pub acknowledge: Distribution<SimDuration>,
    /// From looking until the release is suspected, when that is the first idea.
    pub diagnose: Distribution<SimDuration>,
    /// From the suspicion until the rollback is begun.
    pub decide: Distribution<SimDuration>,
    /// Who is on call.
    pub on_call: OnCall,
    /// The release is not the first idea.
    pub wrong_hypothesis: WrongHypothesis,
    /// Whether they have practised rolling back.
    pub practised: bool,
    /// What that means for those who have not.
    pub unpractised: Unpractised,
    /// Multiplier of the time a fix forwards takes when a rollback before it removed the containers, logs and all, that the
    /// cause could have been found by.
    pub without_evidence: f64,
    /// From the end of a rollback by hand until whoever did it looks at users again. What was done wrong is seen then.
    pub looks_again: SimDuration,
    /// Chance that somebody who finds everything fine again rolls back anyway.
    pub rolls_back_anyway: Ratio,
    /// How people hear of a rollback that nobody of them began; if absent, nothing is said about it.
    pub notify: Option<Notify>,
}

/// How a page gets to a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Page {
    /// From the page until the phone rings: 30 s, Alertmanager's `group_wait`, if absent.
    pub delay: Distribution<SimDuration>,
    /// Share of pages that nobody gets.
    pub lost: Ratio,
    /// After how long a page that nobody got is sent again: 4 h, Alertmanager's `repeat_interval`, if absent.
    pub repeat: SimDuration,
}

/// Who is on call.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OnCall {
    /// Share of replications in which whoever is on call sleeps; all the others find them at work.
    pub asleep: Ratio,
    /// Multiplier of the time to acknowledge then: an assumption (half of them after ten minutes instead of two).
    pub slower: f64,
}

/// The release is not the first idea.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WrongHypothesis {
    /// Chance that something else is suspected first.
    pub chance: Ratio,
    /// Time lost before the right idea.
    pub costs: Distribution<SimDuration>,
}

/// What it means not to have practised.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Unpractised {
    /// Multiplier of the time to decide and of the time each step takes: an assumption.
    pub slower: f64,
    /// Chance, for each step done by hand, that it is left out and counted as done.
    pub skip: Ratio,
    /// Chance that two neighbouring steps are done in the wrong order.
    pub reorder: Ratio,
    /// Chance that everything is done to something else.
    pub wrong_target: Ratio,
}

/// How people hear of a rollback that nobody of them began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Notify {
    /// From the decision until somebody is told.
    pub delay: Distribution<SimDuration>,
    /// Share of rollbacks that nobody is told of.
    pub lost: Ratio,
}

const MINUTE: f64 = 60.0;

/// A law of durations by two quantiles; callers pass constants that make one.
fn law(p50: f64, p99: f64) -> Distribution<SimDuration> {
    Distribution::lognormal(p50, p99).unwrap_or_else(|_| Distribution::certain(p50))
}

fn share(value: f64) -> Ratio {
    Ratio::new(value).unwrap_or(Ratio::ZERO)
}

impl Default for People {
    fn default() -> Self {
        People {
            act_on_pages: true,
            page: Page::default(),
            // Google Cloud 2025-06 triaged within 2 min of the alarm; the width is an assumption.
            acknowledge: law(2.0 * MINUTE, 10.0 * MINUTE),
            diagnose: law(15.0 * MINUTE, 240.0 * MINUTE),
            decide: law(9.0 * MINUTE, 30.0 * MINUTE),
            on_call: OnCall::default(),
            wrong_hypothesis: WrongHypothesis::default(),
            practised: true,
            unpractised: Unpractised::default(),
            without_evidence: People::WITHOUT_EVIDENCE,
            looks_again: SimDuration::from_mins(5),
            rolls_back_anyway: Ratio::ZERO,
            notify: None,
        }
    }
}

impl Default for Page {
    fn default() -> Self {
        Page { delay: Distribution::certain(30.0), lost: Ratio::ZERO, repeat: SimDuration::from_mins(240) }
    }
}

impl Default for OnCall {
    fn default() -> Self {
        OnCall { asleep: Ratio::ZERO, slower: 5.0 }
    }
}

impl Default for WrongHypothesis {
    fn default() -> Self {
        WrongHypothesis { chance: share(3.0 / 22.0), costs: law(90.0 * MINUTE, 180.0 * MINUTE) }
    }
}

/// The chance of leaving something out or choosing the wrong one of two that look alike is 0.003 in the handbook of
/// Swain and Guttmann (THERP, 1983), ten times that for novices under stress.
const NOVICE_SLIPS: f64 = 0.03;

impl Default for Unpractised {
    fn default() -> Self {
        let slip = share(NOVICE_SLIPS);
        Unpractised { slower: 2.0, skip: slip, reorder: slip, wrong_target: slip }
    }
}

impl Default for Notify {
    fn default() -> Self {
        Notify { delay: Distribution::certain(30.0), lost: Ratio::ZERO }
    }
}

impl People {
    /// How many times as long a fix takes without the containers that failed: an assumption.
    pub const WITHOUT_EVIDENCE: f64 = 2.0;

    /// How much slower they decide and do things than people who have practised.
    pub fn slowness(&self) -> f64 {
        if self.practised { 1.0 } else { self.unpractised.slower }
    }

    /// What slips from their hands; nothing from practised ones.
    pub fn slips(&self) -> Slips {
        let Unpractised { skip, reorder, wrong_target, .. } = self.unpractised;
        if self.practised { Slips::default() } else { Slips { skip, reorder, wrong_target } }
    }
}
