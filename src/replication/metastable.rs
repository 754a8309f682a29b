//! Whether a run ended in a metastable state: the trigger is gone and the harm goes on by itself.
//!
//! Bronson et al. ("Metastable Failures in Distributed Systems", HotOS 2021) call a state metastable in which a system
//! stays after the trigger is gone because something feeds the overload: retries, misses of a cache that nobody fills,
//! work for those who have given up. Huang et al. ("Metastable Failures in the Wild", OSDI 2022) add that nothing short of
//! a strong push (shedding, fewer retries, less load) ends it.
//!
//! The rule. The *trigger is over* when every disturbance of the replication has ended, and the rollout is at rest: its
//! rollback is complete and traffic and capacity are as before, or, where nobody rolled back, it was promoted and its
//! faults have ended. From five minutes after that ([`PATIENCE`]) a healthy system has drained its queues, forgiven its
//! pods and scaled back. The state is metastable if in each of the last three whole minutes ([`LOOKED_AT`]), which must
//! lie after that, users get less than half ([`FAR_BELOW`]) of the good answers they would get without the deploy *and*
//! without the disturbances. An answer later than the latency objective is no good one.
//!
//! It is asked only where something can feed itself: at request level, with calls or users that try again, sessions, or
//! caches. `None` means no, or that the follow-up was too short to tell.
//!
//! Traps: half is a matter of taste, and hardly matters: such systems are nearly all right or nearly dead. A world that
//! is simply too small for its traffic is not metastable, as it gets no better answers without the trigger.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

use crate::effect::WorldDisturbance;
use crate::time::{SimDuration, SimTime};
use crate::world::World;
use crate::world::spec::{TimedDisturbance, WorldSpec};
use crate::world::tally::Minute;

use super::baseline::{Baseline, Warm};
use super::play::Finished;
use super::prepared::Prepared;
use super::record::{BranchEnd, MetastableRecord};
use super::setting::Setting;
use super::station::Station;

/// Time after the end of the trigger before anything is judged.
pub const PATIENCE: SimDuration = SimDuration::from_mins(5);

/// Whole minutes that are looked at, the last ones.
pub const LOOKED_AT: u64 = 3;

/// Share of the good answers without deploy and disturbances below which users are far off.
pub const FAR_BELOW: f64 = 0.5;

/// Share of good answers from which on a world is well.
const WELL: f64 = 0.9;

/// Fewer good answers than this in a minute without deploy and disturbances say nothing.
const FEW: u64 = 10;

const MINUTE: SimDuration = SimDuration::from_mins(1);

/// What runs of one rollout in one replication are judged by.
pub struct Judge<'a> {
    prepared: &'a Prepared,
    setting: &'a Setting,
    baseline: &'a Baseline,
    replication: u32,
    counted_until: SimTime,
    /// Minutes of the world without deploy and disturbances, once somebody needs them.
    quiet: OnceCell<Vec<Minute>>,
}

impl<'a> Judge<'a> {
    /// One for the runs that are compared with this baseline; `None` where nothing can feed itself.
    pub fn new(
        prepared: &'a Prepared,
        setting: &'a Setting,
        baseline: &'a Baseline,
        (replication, counted_until): (u32, SimTime),
    ) -> Option<Self> {
        let can = !prepared.scenario.is_flow() && feeds_itself(&prepared.scenario.world);
        let quiet = OnceCell::new();
        can.then_some(Judge { prepared, setting, baseline, replication, counted_until, quiet })
    }

    /// The judgement of a branch, of the bad release or not.
    pub fn of(&self, finished: &Finished, bad: bool) -> Option<MetastableRecord> {
        let over = self.trigger_over(finished, bad)?;
        let deploy_at = self.setting.deploy_at;
        let last = self.counted_until.since(deploy_at).as_nanos() / MINUTE.as_nanos();
        let first = last.checked_sub(LOOKED_AT)?;
        if deploy_at + MINUTE * first < over + PATIENCE {
            return None;
        }
        let window = first as usize..last as usize;
        let here = self.good_here(finished, window.clone());
        let quiet = self.quiet(window.clone());
        let then: Vec<u64> = window.map(|index| quiet.get(index).map_or(0, good)).collect();
        let metastable = here.iter().zip(&then).all(|(&good, &of)| of >= FEW && is_far_below(good, of));
        let sum = |minutes: &[u64]| minutes.iter().sum::<u64>() as f64;
        metastable.then(|| MetastableRecord {
            trigger_over_at: over.as_nanos(),
            goodput: sum(&here) / sum(&then).max(1.0),
        })
    }

    /// Good answers of these minutes; where the branch ended early they are those without a deploy.
    fn good_here(&self, finished: &Finished, window: Range<usize>) -> Vec<u64> {
        let minutes = finished.branch.world.tally().map(|t| t.minutes.as_slice()).unwrap_or_default();
        let played =
            if finished.end == BranchEnd::Span { usize::MAX } else { minutes.len().saturating_sub(1) };
        let here =
            |index: usize| if index < played { minutes.get(index) } else { self.baseline.minutes.get(index) };
        window.map(|index| here(index).map_or(0, good)).collect()
    }

    /// When everything that could be the trigger was over; `None` if it was not.
    fn trigger_over(&self, finished: &Finished, bad: bool) -> Option<SimTime> {
        let branch = &finished.branch;
        let at_rest = match &branch.rollback {
            Some(rollback) if rollback.execution.is_pending() => None,
            Some(rollback) => rollback.restored,
            None => {
                let faults = if bad {
                    last_end(&self.setting.draw.faults, self.counted_until)
                } else {
                    Some(SimTime::ZERO)
                };
                branch.promoted_at.zip(faults).map(|(promoted, faults)| promoted.max(faults))
            }
        };
        at_rest.zip(last_end(&self.setting.draw.confounders, self.counted_until)).map(|(a, b)| a.max(b))
    }

    /// The minutes of the world without deploy and disturbances. Where no disturbance is, or the world without a deploy
    /// is well in these minutes, that stands for it.
    fn quiet(&self, window: Range<usize>) -> &[Minute] {
        if self.setting.draw.confounders.is_empty() || window.clone().all(|index| self.is_well(index)) {
            return &self.baseline.minutes;
        }
        self.quiet.get_or_init(|| {
            let scenario = &self.prepared.scenario;
            let setting = Setting::new(scenario, self.prepared.seed, self.replication, None);
            let world = World::new(Arc::clone(&setting.common), Arc::new([]), self.prepared.level);
            let warm = Warm::up(&setting, world, Station::blind());
            Baseline::play(&setting, &warm, self.counted_until).minutes
        })
    }
}

impl Judge<'_> {
    /// Whether users without a deploy got good answers in this minute, about as many as were asked for.
    fn is_well(&self, index: usize) -> bool {
        let Some(minute) = self.baseline.minutes.get(index) else { return false };
        let from = self.setting.deploy_at + MINUTE * index as u64;
        let asked = self.prepared.scenario.rate_over(from, from + MINUTE) * MINUTE.as_secs_f64();
        let answered = f64::from(minute.answered);
        good(minute) as f64 >= WELL * answered && answered >= FAR_BELOW * asked
    }
}

/// Whether a world has anything that can feed an overload.
fn feeds_itself(world: &WorldSpec) -> bool {
    let calls = || world.services.iter().flat_map(|service| &service.calls);
    let cached = calls().any(|call| call.options.as_ref().is_some_and(|options| options.cache.is_some()));
    let retried = calls().any(|call| call.attempts > 1);
    cached || retried || world.traffic.iter().any(|traffic| traffic.people.is_some())
}

/// When the last of those that began before `until` ended; `None` if one of them never does.
fn last_end(disturbances: &[TimedDisturbance], until: SimTime) -> Option<SimTime> {
    let ends = disturbances.iter().filter(|d| d.from < until).map(|d| match d.what {
        WorldDisturbance::PodsDown { back_after, .. } => d.from + back_after,
        WorldDisturbance::CacheLoss { .. } => d.from,
        _ => d.until,
    });
    Some(ends.fold(SimTime::ZERO, SimTime::max)).filter(|end| *end < SimTime::NEVER)
}

fn good(minute: &Minute) -> u64 {
    u64::from(minute.answered).saturating_sub(u64::from(minute.bad) + u64::from(minute.slow))
}

fn is_far_below(good: u64, of: u64) -> bool {
    (good as f64) < FAR_BELOW * of as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(seconds)
    }

    fn timed(from: u64, until: SimTime, what: WorldDisturbance) -> TimedDisturbance {
        TimedDisturbance { from: at(from), until, what }
    }

    #[test]
    fn triggers_end_when_the_last_of_them_does() {
        let spike = |from, until| timed(from, until, WorldDisturbance::TrafficSpike { factor: 2.0 });
        let down = WorldDisturbance::PodsDown {
            service: None,
            which: crate::effect::Which::Zone(1),
            graceful: false,
            restarts: true,
            back_after: SimDuration::from_secs(30),
        };
        assert_eq!(last_end(&[], at(100)), Some(SimTime::ZERO));
        assert_eq!(last_end(&[spike(1, at(5)), spike(2, at(4))], at(100)), Some(at(5)));
        assert_eq!(last_end(&[spike(1, SimTime::NEVER)], at(100)), None);
        assert_eq!(
            last_end(&[spike(200, SimTime::NEVER)], at(100)),
            Some(SimTime::ZERO),
            "not before the end"
        );
        assert_eq!(last_end(&[timed(10, SimTime::NEVER, down)], at(100)), Some(at(40)), "pods come back");
        let loss = WorldDisturbance::CacheLoss { service: None, share: crate::quantity::Ratio::ONE, salt: 1 };
        assert_eq!(last_end(&[timed(10, SimTime::NEVER, loss)], at(100)), Some(at(10)), "a moment");
    }

    #[test]
    fn an_answer_that_is_late_is_no_good_one() {
        let minute = Minute { answered: 100, bad: 20, slow: 40 };
        assert_eq!(good(&minute), 40);
        assert!(is_far_below(40, 100) && !is_far_below(50, 100) && !is_far_below(0, 0));
    }
}
