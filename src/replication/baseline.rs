//! The world without a deploy: what users would have got, slot by slot, and the start of every other branch.

use std::sync::Arc;

use crate::time::{SimDuration, SimTime};
use crate::world::flow::Undisturbed;
use crate::world::outcomes::Outcomes;
use crate::world::tally::{Counts, Minute};
use crate::world::{Stop, World};

use super::prepared::{Prepared, RolloutPlan};
use super::setting::Setting;
use super::station::Station;
use super::steady;

/// Warm-up done: the instant before the deploy, from which all branches start.
#[derive(Clone)]
pub struct Warm {
    /// The world.
    pub world: World,
    /// What monitoring has stored.
    pub station: Station,
    /// Number of the next scrape.
    pub scrape: usize,
    /// Why the world is not in its steady state, if it is not.
    pub unsteady: Option<String>,
}

impl Warm {
    /// Plays the warm-up.
    pub fn up(setting: &Setting, world: World, station: Station) -> Self {
        let mut warm = Warm { world, station, scrape: 0, unsteady: None };
        let looked_at_from = setting.deploy_at.before(steady::LOOKED_AT);
        loop {
            let at = setting.sampler.scrape_at(warm.scrape as u64);
            if at > setting.deploy_at {
                break;
            }
            run(&mut warm.world, at);
            warm.world.end_slot(warm.scrape);
            warm.station.scrape(&setting.sampler, warm.scrape, at, &warm.world);
            warm.scrape += 1;
            // Slots are never cut for this: it begins with the first whole one.
            if at >= looked_at_from && warm.world.tally().is_none() {
                warm.world.begin_counting(None, false);
            }
        }
        // What is done to the world begins with the deploy at the earliest: the steady state is that of the moment before.
        run(&mut warm.world, setting.deploy_at.before(SimDuration::from_nanos(1)));
        let not_ready = steady::not_ready(&warm.world);
        run(&mut warm.world, setting.deploy_at);
        // Counting begins inside a slot: what came before is drawn now and belongs to the warm-up.
        warm.world.end_part(warm.scrape, 1);
        let counted = warm.world.stop_counting();
        warm.unsteady =
            not_ready.or_else(|| steady::off_objective(&warm.world, &counted.unwrap_or_default()));
        compared(setting, warm)
    }

    /// The same instant as the players of one rollout know it.
    #[must_use]
    pub fn watched_by(&self, prepared: &Prepared, plan: &RolloutPlan) -> Self {
        let station = self.station.open(prepared, &plan.reads);
        Warm { world: self.world.clone(), station, scrape: self.scrape, unsteady: self.unsteady.clone() }
    }
}

/// The warm world with what its branches compare themselves with, where that has to be played: the stable pods of a
/// target that scales by itself or is throttled, up to the end of the longest follow-up.
fn compared(setting: &Setting, mut warm: Warm) -> Warm {
    let spec = &setting.common.spec;
    if !(warm.world.is_flow() && spec.services[spec.target.0 as usize].depends_on_load()) {
        return warm;
    }
    let mut world = warm.world.clone();
    let mut undisturbed = Undisturbed::from(warm.scrape);
    let (mut scrape, until) = (warm.scrape, setting.end);
    loop {
        let at = setting.sampler.scrape_at(scrape as u64);
        run(&mut world, at);
        world.end_slot(scrape);
        undisturbed.push(world.stable_state());
        scrape += 1;
        if at > until {
            break;
        }
    }
    warm.world.compare_with(Arc::new(undisturbed));
    warm
}

/// Plays on to `until`, whatever changes on the way.
pub fn run(world: &mut World, until: SimTime) {
    while let Stop::Changed(_) = world.run_until(until) {}
}

/// The world without a deploy over the counted span.
pub struct Baseline {
    /// Counts at the end of each slot since the deploy; the first entry belongs to the first scrape after it.
    by_slot: Vec<Counts>,
    first_slot: usize,
    /// Counts over the whole span.
    pub total: Counts,
    /// Minutes since the deploy.
    pub minutes: Vec<Minute>,
    /// Fates of single requests; `None` at flow level.
    pub outcomes: Option<Arc<Outcomes>>,
    /// When nobody could serve the target.
    pub down: Arc<[(SimTime, SimTime)]>,
    /// Rolling hash of its events.
    pub fingerprint: u64,
}

impl Baseline {
    /// Plays on from the warm-up without a deploy.
    pub fn play(setting: &Setting, warm: &Warm, until: SimTime) -> Self {
        let mut world = warm.world.clone();
        world.begin_counting(None, true);
        let mut by_slot = Vec::new();
        let mut scrape = warm.scrape;
        loop {
            let at = setting.sampler.scrape_at(scrape as u64);
            if at > until {
                break;
            }
            run(&mut world, at);
            world.end_slot(scrape);
            by_slot.push(counts(&world));
            scrape += 1;
        }
        run(&mut world, until);
        world.end_part(scrape, 2);
        Baseline {
            by_slot,
            first_slot: warm.scrape,
            total: counts(&world),
            minutes: world.tally().map(|t| t.minutes.clone()).unwrap_or_default(),
            outcomes: world.outcomes().map(|o| Arc::new(o.clone())),
            down: world.tally().map(|t| t.down.as_slice()).unwrap_or_default().into(),
            fingerprint: world.fingerprint(),
        }
    }

    /// What a branch that is like this world from the scrape before `next_scrape` on has counted at the end.
    ///
    /// The requests open at that moment end as they do here; what more or fewer of them a branch has open counts as
    /// succeeded, so that every request stays accounted for.
    pub fn continued(&self, counted: &Counts, next_scrape: usize) -> Counts {
        let Some(then) = next_scrape.checked_sub(self.first_slot + 1).and_then(|i| self.by_slot.get(i))
        else {
            return *counted;
        };
        let mut rest = self.total.minus(then);
        rest.in_flight = 0;
        let mut sum = counted.plus(&rest);
        sum.in_flight = self.total.in_flight;
        let fates = sum.failed + sum.timed_out + sum.rejected + sum.in_flight;
        sum.succeeded = sum.issued.saturating_sub(fates);
        sum
    }
}

fn counts(world: &World) -> Counts {
    world.tally().map(|t| t.counts).unwrap_or_default()
}
