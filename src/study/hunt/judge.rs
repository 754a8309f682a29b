//! How badly a policy does in a world, by a measure.
//!
//! Each replication *shows* the failure or does not, and has an *amount* of it. What counts is bounded below: a release
//! whose whole harm is less than a false rollback costs (30 s of mean traffic in the default prices) is nothing that
//! anybody should roll back for, so it is no miss.
//!
//! Trap: harm is weighed at the prices of the default list, a wrong answer three times a failed one and a slow one a fifth:
//! without the weights the worst world of every policy would be one that is a little slow.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;

use crate::diagnostic::Source;
use crate::policy::loaded::Loaded;
use crate::replication::prepared::{PrepareOptions, Prepared};
use crate::replication::record::{MissCause, Player, ReplicationRecord, RollbackOutcome};
use crate::replication::{Options, replicate};
use crate::scenario;
use crate::score::case::{Case, Fate, Frames, case};
use crate::score::cost::Components;
use crate::score::{CostWeights, ScenarioMeta};
use crate::study::scenario_meta;

/// By what a policy does worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Bad releases it does not decide against; amount: harm.
    #[default]
    Missed,
    /// Time from first harm to its decision, where it decides; amount: seconds.
    Slowest,
    /// Healthy releases it rolls back; amount: 1.
    FalseRollback,
    /// Harm beyond what somebody who knows of the first harm at once lets happen; amount: that harm.
    Impact,
    /// Rollbacks it orders that do not bring the service back; amount: harm.
    RollbackFailed,
}

impl Measure {
    /// Its name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Measure::Missed => "missed",
            Measure::Slowest => "slowest",
            Measure::FalseRollback => "false_rollback",
            Measure::Impact => "impact",
            Measure::RollbackFailed => "rollback_failed",
        }
    }

    /// Whether a replication shows it or not, whatever the amount; others show more or less of it.
    pub(super) fn is_yes_or_no(self) -> bool {
        matches!(self, Measure::Missed | Measure::FalseRollback | Measure::RollbackFailed)
    }
}

/// What some replications of a world showed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tally {
    /// Replications.
    pub(super) played: u32,
    /// Those that show it.
    pub(super) shown: u32,
    /// Sum of the amounts.
    pub(super) amount: f64,
    /// Sum of the amounts of those that show it.
    pub(super) shown_amount: f64,
    /// The one with the largest amount of those that show it.
    pub(super) worst: Option<(u32, f64)>,
    /// Why, by how often.
    pub(super) why: BTreeMap<String, u32>,
}

impl Tally {
    /// Share that shows it.
    pub(super) fn share(&self) -> f64 {
        if self.played == 0 { 0.0 } else { f64::from(self.shown) / f64::from(self.played) }
    }

    /// Mean amount.
    pub(super) fn mean(&self) -> f64 {
        if self.played == 0 { 0.0 } else { self.amount / f64::from(self.played) }
    }

    pub(super) fn add(&mut self, more: Tally) {
        self.played += more.played;
        self.shown += more.shown;
        self.amount += more.amount;
        self.shown_amount += more.shown_amount;
        let larger = |one: (u32, f64), other: (u32, f64)| if other.1 > one.1 { other } else { one };
        self.worst = match (self.worst, more.worst) {
            (Some(one), Some(other)) => Some(larger(one, other)),
            (one, other) => one.or(other),
        };
        for (why, count) in more.why {
            *self.why.entry(why).or_default() += count;
        }
    }
}

/// Plays worlds for one policy.
pub(super) struct Judge<'h> {
    /// The policy, alone.
    pub(super) policy: &'h Loaded,
    pub(super) seed: u64,
    pub(super) prepare: PrepareOptions,
    pub(super) measure: Measure,
    /// Least harm that counts, in seconds of mean traffic.
    pub(super) floor: f64,
    /// Whether worlds in which each request is an event are played.
    pub(super) requests: bool,
    /// The prices of harm.
    pub(super) prices: [f64; crate::score::cost::KINDS],
}

/// The default prices of harm; what does not hurt users costs nothing here.
pub(super) fn prices() -> [f64; crate::score::cost::KINDS] {
    CostWeights { false_rollback_s: 0.0, promotion_delay_s_per_h: 0.0, page: 0.0, ..CostWeights::default() }
        .prices()
}

/// A world that can be played.
pub(super) struct Ready {
    prepared: Prepared,
    meta: ScenarioMeta,
}

impl Judge<'_> {
    /// Reads and binds the text of a world under a name that keys its luck.
    ///
    /// # Errors
    /// Why it is no world of this hunt, in words.
    pub(super) fn ready(&self, name: &str, text: &str) -> Result<Ready, String> {
        let first = |found: Option<String>| found.unwrap_or_else(|| "it cannot be read".to_owned());
        let resolved = scenario::read(name, Source::new(name, text))
            .map_err(|found| first(found.iter().next().map(|one| one.message.clone())))?;
        let scenario = Arc::new(resolved.scenario);
        if !self.requests
            && let Some(why) = scenario.why_not_flow()
        {
            return Err(format!("each request would have to be played: {why}"));
        }
        let meta = scenario_meta(&scenario, name);
        let policies = std::slice::from_ref(self.policy);
        let prepared = Prepared::new(scenario, policies, self.seed, self.prepare)
            .map_err(|found| first(found.first().map(|one| one.message.clone())))?;
        Ok(Ready { prepared, meta })
    }

    /// Plays these replications. From `least` on an amount shows the failure, for measures of more or less.
    pub(super) fn play(&self, world: &Ready, numbers: Range<u32>, least: f64, blame: bool) -> Tally {
        let mut tally = Tally::default();
        for number in numbers {
            self.play_one(world, number, least, blame, &mut tally);
        }
        tally
    }

    /// The same, ended as soon as it is settled whether `needed` of them show it.
    pub(super) fn shows(&self, world: &Ready, numbers: Range<u32>, least: f64, needed: u32) -> (bool, u32) {
        let mut tally = Tally::default();
        let all = numbers.end.saturating_sub(numbers.start);
        for number in numbers {
            let failed = tally.played - tally.shown;
            if tally.shown >= needed || failed > all.saturating_sub(needed) {
                break;
            }
            self.play_one(world, number, least, false, &mut tally);
        }
        (tally.shown >= needed, tally.played)
    }

    fn play_one(&self, world: &Ready, number: u32, least: f64, blame: bool, tally: &mut Tally) {
        let options = Options { no_blame: !blame, ..Options::default() };
        let record = replicate(&world.prepared, number, options);
        tally.played += 1;
        let Some(case) = self.case(&record, &world.meta) else { return };
        let (shows, amount) = self.seen(&case, least);
        tally.amount += amount;
        if !shows {
            return;
        }
        tally.shown += 1;
        tally.shown_amount += amount;
        if tally.worst.is_none_or(|(_, most)| amount > most) {
            tally.worst = Some((number, amount));
        }
        if let Some(why) = self.why(&case) {
            *tally.why.entry(why).or_default() += 1;
        }
    }

    /// What became of the policy; `None` where the world could not start.
    fn case(&self, record: &ReplicationRecord, meta: &ScenarioMeta) -> Option<Case> {
        let is_own = |player: &Player| matches!(player, Player::Policy(name) if **name == *self.policy.name);
        record.rollouts.iter().find_map(|rollout| {
            let bad = rollout.bad.runs.iter().find(|run| is_own(&run.player))?;
            let healthy = rollout.healthy.runs.iter().find(|run| is_own(&run.player))?;
            let frames = Frames::of(record, rollout, meta);
            Some(case(record, (rollout, &frames), bad, healthy, meta))
        })
    }

    /// Whether a release shows it, and how much of it.
    fn seen(&self, case: &Case, least: f64) -> (bool, f64) {
        let harm_of = |components: &Components| match case.mean_rate {
            rate if rate > 0.0 => components.cost(&self.prices) / rate,
            _ => 0.0,
        };
        let harm = harm_of(&case.bad.0);
        let amount = match self.measure {
            Measure::Missed if case.fate == Fate::Missed => harm,
            Measure::RollbackFailed if fails(case) => harm,
            Measure::FalseRollback => {
                let by_itself = case.healthy.1.never.as_ref().map_or(0.0, harm_of);
                let fires = case.false_rollback && by_itself < self.floor;
                return (fires, f64::from(u8::from(fires)));
            }
            Measure::Slowest => {
                let seconds = case.detection.filter(|time| time.ended).map_or(0.0, |time| time.seconds);
                return (seconds > 0.0 && seconds >= least && harm >= self.floor, seconds);
            }
            Measure::Impact => {
                let beyond = harm - case.bad.1.oracle.as_ref().map_or(0.0, harm_of);
                return (beyond >= least.max(self.floor), beyond.max(0.0));
            }
            Measure::Missed | Measure::RollbackFailed => return (false, 0.0),
        };
        if amount >= self.floor { (true, amount) } else { (false, 0.0) }
    }

    fn why(&self, case: &Case) -> Option<String> {
        match self.measure {
            Measure::Missed => case.miss.as_ref().map(|cause| cause_in_words(cause).to_owned()),
            Measure::FalseRollback => case.false_cause.as_ref().map(ToString::to_string),
            Measure::RollbackFailed => case.rollback.map(|way| outcome_in_words(way.outcome).to_owned()),
            Measure::Slowest | Measure::Impact => None,
        }
    }
}

/// A rollback was ordered for a harmful release, and did not bring the service back.
fn fails(case: &Case) -> bool {
    let failed = |outcome| !matches!(outcome, RollbackOutcome::Worked | RollbackOutcome::Slow);
    case.true_positive && case.rollback.is_some_and(|way| failed(way.outcome))
}

fn cause_in_words(cause: &MissCause) -> &'static str {
    match cause {
        MissCause::NoSuchSeries => "no check ever had a series to look at",
        MissCause::NoData => "most evaluations had no data",
        MissCause::BelowThreshold => "even the candidate alone stays on the good side of every check",
        MissCause::Diluted { .. } => "the candidate alone crosses a limit, what the policy looks at does not",
        MissCause::TooShort { .. } => "a check crosses its limit, but not for long or often enough",
        MissCause::Paused => "it was paused or inconclusive",
        MissCause::VerdictLost => "it decided, and nobody who acts heard of it",
        MissCause::PersonLate => "it paged, and whoever came was too late",
        MissCause::PersonLeftIt => "it paged, and whoever came found everything fine again",
        MissCause::RollbackFailed => "it decided, and the rollback failed",
    }
}

fn outcome_in_words(outcome: RollbackOutcome) -> &'static str {
    match outcome {
        RollbackOutcome::Worked => "it worked",
        RollbackOutcome::Slow => "it was slow",
        RollbackOutcome::NoEffect => "the rollback ended and users were no better off",
        RollbackOutcome::Impossible => "there was nothing to go back to",
        RollbackOutcome::MadeWorse => "the rollback harmed more requests than it saved",
        RollbackOutcome::Unfinished => "the rollback had not ended when the follow-up did",
    }
}
