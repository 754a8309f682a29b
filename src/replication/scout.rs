//! Finds the first harm before anything is scored.
//!
//! Both twins are played once under `never`, without monitoring: the first request that is bad in the bad release
//! and good under the same key in its healthy twin is the first harm. It fixes how long everybody is followed, and it
//! is what the oracle knows.

use crate::rng::{Key, Purpose};
use crate::time::SimTime;
use crate::world::World;
use crate::world::flow::SlotHarm;

/// The first harm of the bad release against its healthy twin, both played under `never` to the horizon.
pub fn first_harm(bad: &World, healthy: &World, key: Key) -> Option<SimTime> {
    match (bad.outcomes(), healthy.outcomes()) {
        (Some(bad), Some(healthy)) => bad.first_harm(healthy),
        _ => first_slot_harm(bad.slot_harm(), healthy.slot_harm(), key.purpose(Purpose::FirstHarm)),
    }
}

/// At flow level the harm of a slot has no instants; the first of `k` harmed requests is placed by the law of the
/// smallest of `k` uniform numbers, at one keyed draw.
fn first_slot_harm(bad: &[SlotHarm], healthy: &[SlotHarm], key: Key) -> Option<SimTime> {
    let healthy = |index: usize| healthy.get(index).map_or(0, |slot| slot.harmed);
    let (index, slot) = bad.iter().enumerate().find(|(index, slot)| slot.harmed > healthy(*index))?;
    let more = f64::from(slot.harmed - healthy(index));
    let u = key.id(index as u64).uniform();
    let share = 1.0 - libm::pow(1.0 - u, 1.0 / more);
    Some(slot.from + slot.until.since(slot.from).scale(share))
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
        let at = first_slot_harm(&bad, &healthy, key).unwrap().as_secs_f64();
        assert!((15.0..30.0).contains(&at), "{at}");
        assert_eq!(first_slot_harm(&healthy, &healthy, key), None);
    }

    #[test]
    fn much_harm_begins_early_in_its_slot() {
        let bad = [slot(100_000, 10, 15)];
        let at = first_slot_harm(&bad, &[], Key::root(1, "scout")).unwrap().as_secs_f64();
        assert!((10.0..10.1).contains(&at), "{at}");
    }
}
