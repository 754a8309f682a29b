//! Finds the first harm before anything is scored.
//!
//! Both twins are played under `never`, without monitoring: the first request that is bad in the bad release and good
//! under the same key in its healthy twin is the first harm, or the first corrupted row if that comes before. It fixes how long everybody is followed, and it is what
//! the oracle knows. They are played side by side, scrape by scrape, only until it is found.
//!
//! Trap: a request that is bad here may not be answered there yet; then nothing after it can be the first harm before
//! that is known.

use crate::rng::{Key, Purpose};
use crate::time::SimTime;
use crate::world::World;
use crate::world::flow::SlotHarm;
use crate::world::outcomes::Outcomes;
use crate::world::tally::Fate;

use super::branch::Branch;
use super::play::{Stage, play_slot};

/// What is known of the first harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    At(SimTime),
    /// Not among what was looked at, the number of which is kept.
    NotYet(usize),
}

/// The first harm of the bad release against its healthy twin, both under `never`; looked for until both have ended.
pub fn first_harm(stages: [&Stage<'_>; 2], mut bad: Branch, mut healthy: Branch) -> Option<SimTime> {
    let [stage, healthy_stage] = stages;
    let key = stage.setting.key;
    let onset = stage.setting.draw.onset.unwrap_or(SimTime::ZERO);
    let mut seen = 0;
    loop {
        let over = play_slot(stage, &mut bad).is_some();
        let over = play_slot(healthy_stage, &mut healthy).is_some() && over;
        // A row that is corrupted harms its users, although no request is bad.
        let row = bad.world.first_corrupted().filter(|_| healthy.world.first_corrupted().is_none());
        match look(&bad.world, &healthy.world, seen, over, (key, onset)) {
            Found::At(at) => return Some(row.map_or(at, |row| row.min(at))),
            Found::NotYet(_) if over || row.is_some() => return row,
            Found::NotYet(now_seen) => seen = now_seen,
        }
    }
}

fn look(bad: &World, healthy: &World, seen: usize, over: bool, at: (Key, SimTime)) -> Found {
    let (key, onset) = at;
    match (bad.outcomes(), healthy.outcomes()) {
        (Some(bad), Some(healthy)) => first_request(bad, healthy, seen, over),
        _ => {
            let key = key.purpose(Purpose::FirstHarm);
            first_slot(bad.slot_harm(), healthy.slot_harm(), seen, (key, onset))
        }
    }
}

/// The first request that is bad here and good there, among those after the first `seen` bad ones.
fn first_request(bad: &Outcomes, healthy: &Outcomes, seen: usize, over: bool) -> Found {
    for (index, &(at, source, intent)) in bad.bad.iter().enumerate().skip(seen) {
        match healthy.fate(source as usize, intent) {
            Fate::Good => return Found::At(at),
            Fate::Open if !over => return Found::NotYet(index),
            _ => {}
        }
    }
    Found::NotYet(bad.bad.len())
}

/// At flow level the harm of a slot has no instants; the first of `k` harmed requests is placed by the law of the
/// smallest of `k` uniform numbers over the part of the slot in which the fault acts, at one keyed draw.
fn first_slot(bad: &[SlotHarm], healthy: &[SlotHarm], seen: usize, at: (Key, SimTime)) -> Found {
    let (key, onset) = at;
    let healthy = |index: usize| healthy.get(index).map_or(0, |slot| slot.harmed);
    let more = |(index, slot): &(usize, &SlotHarm)| slot.harmed > healthy(*index);
    let Some((index, slot)) = bad.iter().enumerate().skip(seen).find(more) else {
        return Found::NotYet(bad.len());
    };
    let more = f64::from(slot.harmed - healthy(index));
    let u = key.id(index as u64).uniform();
    let share = 1.0 - libm::pow(1.0 - u, 1.0 / more);
    let from = slot.from.max(onset).min(slot.until);
    Found::At(from + slot.until.since(from).scale(share))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SimDuration;

    fn slot(harmed: u32, from: u64, until: u64) -> SlotHarm {
        let at = |s| SimTime::ZERO + SimDuration::from_secs(s);
        SlotHarm { harmed, from: at(from), until: at(until) }
    }

    #[test]
    fn harm_that_the_healthy_twin_does_too_is_not_the_fault_s() {
        let bad = [slot(3, 0, 15), slot(5, 15, 30)];
        let healthy = [slot(3, 0, 15), slot(2, 15, 30)];
        let key = Key::root(1, "scout");
        let Found::At(at) = first_slot(&bad, &healthy, 0, (key, SimTime::ZERO)) else { panic!("no harm") };
        assert!((15.0..30.0).contains(&at.as_secs_f64()), "{at:?}");
        assert_eq!(first_slot(&bad, &healthy, 1, (key, SimTime::ZERO)), Found::At(at));
        assert_eq!(first_slot(&healthy, &healthy, 0, (key, SimTime::ZERO)), Found::NotYet(2));
    }

    #[test]
    fn much_harm_begins_early_in_its_slot() {
        let bad = [slot(100_000, 10, 15)];
        let Found::At(at) = first_slot(&bad, &[], 0, (Key::root(1, "scout"), SimTime::ZERO)) else {
            panic!("no harm")
        };
        assert!((10.0..10.1).contains(&at.as_secs_f64()), "{at:?}");
        let onset = SimTime::ZERO + SimDuration::from_secs(14);
        let Found::At(at) = first_slot(&bad, &[], 0, (Key::root(1, "scout"), onset)) else {
            panic!("no harm")
        };
        assert!(at >= onset, "harm before the fault: {at:?}");
    }

    #[test]
    fn nothing_is_decided_before_an_unanswered_request() {
        let at = |s| SimTime::ZERO + SimDuration::from_secs(s);
        let mut both = [Outcomes::new(1), Outcomes::new(1)];
        for outcomes in &mut both {
            outcomes.keep = true;
            (0..3).for_each(|intent| outcomes.begin(0, intent));
        }
        let [mut bad, mut healthy] = both;
        bad.set(0, 0, Fate::Failed, at(1));
        bad.set(0, 1, Fate::Failed, at(2));
        bad.set(0, 2, Fate::Failed, at(3));
        healthy.set(0, 0, Fate::Failed, at(1));
        healthy.set(0, 2, Fate::Good, at(3));
        assert_eq!(first_request(&bad, &healthy, 0, false), Found::NotYet(1));
        assert_eq!(first_request(&bad, &healthy, 1, true), Found::At(at(3)));
        healthy.set(0, 1, Fate::Good, at(9));
        assert_eq!(first_request(&bad, &healthy, 1, false), Found::At(at(2)));
    }
}
