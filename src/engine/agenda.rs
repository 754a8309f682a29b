//! The agenda (future event list): what will happen, in order.
//!
//! Events leave in the order of (time, [`Class`], order of scheduling), exactly. Cancelling is cheap and safe, so a
//! timeout that is no longer needed is taken off instead of being left to go stale.
//!
//! How: a winner tree (see `tournament`) of one-word keys over a slab of events. A key holds the time since a moving
//! `base`, cut off where it no longer fits above the slot number; wherever the tree cannot tell two keys apart (equal
//! times, times beyond the cut-off, times before the base), the slab's full (time, class, sequence) decides. So no
//! precision is lost at any time up to [`SimTime::NEVER`], and events in the near future are told apart without
//! touching the slab.
//!
//! The leaf of a popped event stays as it is, a *hole*, until the next call: usually the handler schedules a
//! successor, which takes over the leaf, and the two updates cost one walk.
//!
//! Traps: the agenda does not forbid scheduling before the last popped time (`run_until` does); and it never gives
//! memory back, since what was pending once will be pending again.

use std::num::NonZeroU64;

use super::tournament::{Tournament, VACANT};
use crate::time::SimTime;

/// Bits of a [`Handle`] that hold the slot; also the largest supported tree.
const SLOT_BITS_MAX: u32 = 26;
/// The slot of a [`Handle`].
const SLOT_MASK: u64 = (1 << SLOT_BITS_MAX) - 1;
/// Bits of [`Entry::order`] below the class.
const SEQUENCE_BITS: u32 = 56;
/// "No slot" for [`Agenda::hole`].
const NO_SLOT: u32 = u32::MAX;

/// The rank of an event among those at the same instant: lower classes come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class(u8);

impl Class {
    /// Before every other class.
    pub const FIRST: Class = Class(0);
    /// After every other class.
    pub const LAST: Class = Class(u8::MAX);

    /// The class of this `rank`; the caller names its classes as constants.
    pub const fn new(rank: u8) -> Self {
        Class(rank)
    }

    /// Its rank.
    pub const fn rank(self) -> u8 {
        self.0
    }
}

/// A ticket to cancel one scheduled event. Once the event was popped or cancelled the handle is inert.
///
/// An `Option<Handle>` is one word, too. The sequence number is kept modulo 2^38, so a stale handle could be
/// mistaken only for an event in the same slot scheduled an exact multiple of 2.7e11 events later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handle(NonZeroU64);

impl Handle {
    fn new(slot: usize, order: u64) -> Self {
        // Plus one, so that the word is never zero; it cannot saturate because the last slot is never used.
        Handle(NonZeroU64::MIN.saturating_add(order << SLOT_BITS_MAX | slot as u64))
    }

    fn slot(self) -> usize {
        ((self.0.get() - 1) & SLOT_MASK) as usize
    }

    /// Whether this handle was issued for the event with this order.
    fn names(self, order: u64) -> bool {
        order << SLOT_BITS_MAX == (self.0.get() - 1) & !SLOT_MASK
    }
}

/// One slot of the slab.
#[derive(Clone, Copy, Debug)]
struct Entry<E> {
    at: SimTime,
    /// Class, then sequence number (from 1); 0 while the slot is free.
    order: u64,
    event: E,
}

/// Pending events, earliest first. See the module's documentation.
#[derive(Debug)]
pub struct Agenda<E> {
    tree: Tournament,
    slab: Vec<Entry<E>>,
    /// Free slots below `slab.len()`, except the hole.
    free: Vec<u32>,
    /// The slot of the event popped last, while its stale key is still in the tree; or [`NO_SLOT`]. Its key is not
    /// above any other: nothing enters the tree before the hole is filled.
    hole: u32,
    /// The time that key prefix 0 stands for. Earlier and too late times are cut off, not wrong.
    base: u64,
    /// Sequence number of the event scheduled last.
    sequence: u64,
}

impl<E: Copy> Default for Agenda<E> {
    fn default() -> Self {
        Agenda::new()
    }
}

impl<E: Copy> Clone for Agenda<E> {
    fn clone(&self) -> Self {
        Agenda {
            tree: self.tree.clone(),
            slab: self.slab.clone(),
            free: self.free.clone(),
            hole: self.hole,
            base: self.base,
            sequence: self.sequence,
        }
    }

    /// Keeps the memory already held: a replication clones its agenda once per branch.
    fn clone_from(&mut self, source: &Self) {
        self.tree.clone_from(&source.tree);
        self.slab.clone_from(&source.slab);
        self.free.clone_from(&source.free);
        self.hole = source.hole;
        self.base = source.base;
        self.sequence = source.sequence;
    }
}

impl<E: Copy> Agenda<E> {
    /// An agenda without events.
    pub fn new() -> Self {
        Agenda {
            tree: Tournament::new(0),
            slab: Vec::new(),
            free: Vec::new(),
            hole: NO_SLOT,
            base: 0,
            sequence: 0,
        }
    }

    /// Number of pending events.
    pub fn len(&self) -> usize {
        self.slab.len() - self.free.len() - usize::from(self.hole != NO_SLOT)
    }

    /// Whether nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts `event` on the agenda for time `at`, behind everything scheduled before for the same time and class.
    ///
    /// # Panics
    /// When more than 2^26 - 1 events are pending (some 4 GB of them), like a `Vec` that outgrows memory.
    #[inline]
    pub fn schedule(&mut self, at: SimTime, class: Class, event: E) -> Handle {
        self.sequence += 1;
        let order = u64::from(class.0) << SEQUENCE_BITS | self.sequence;
        let entry = Entry { at, order, event };
        if self.hole != NO_SLOT {
            let slot = self.hole as usize;
            self.hole = NO_SLOT;
            self.slab[slot] = entry;
            let key = self.tree.key(self.prefix(at), slot);
            self.tree.replace(slot, key, precedes(&self.slab));
            return Handle::new(slot, order);
        }
        let slot = self.put(entry);
        let key = self.tree.key(self.prefix(at), slot);
        self.tree.enter(slot, key, precedes(&self.slab));
        Handle::new(slot, order)
    }

    /// Takes the event of `handle` off; `false` if it was popped or cancelled before.
    #[inline]
    pub fn cancel(&mut self, handle: Handle) -> bool {
        let slot = handle.slot();
        match self.slab.get_mut(slot) {
            Some(entry) if entry.order != 0 && handle.names(entry.order) => entry.order = 0,
            _ => return false,
        }
        self.tree.leave(slot, precedes(&self.slab));
        self.free.push(slot as u32);
        true
    }

    /// Takes the earliest event off.
    #[inline]
    pub fn pop(&mut self) -> Option<(SimTime, E)> {
        self.pop_due(SimTime::NEVER)
    }

    /// Takes the earliest event off if it is not later than `until`.
    #[inline]
    pub fn pop_due(&mut self, until: SimTime) -> Option<(SimTime, E)> {
        if self.hole != NO_SLOT {
            self.fill_hole();
        }
        let key = self.tree.winner();
        if key == VACANT {
            return None;
        }
        let slot = self.tree.slot(key);
        let entry = &mut self.slab[slot];
        let (at, event) = (entry.at, entry.event);
        if at > until {
            return None;
        }
        entry.order = 0;
        self.hole = slot as u32;
        if at.as_nanos().saturating_sub(self.base) > self.tree.prefix_max() / 2 {
            self.rebase(at);
        }
        Some((at, event))
    }

    /// The time of the earliest event.
    pub fn peek_time(&self) -> Option<SimTime> {
        let key = match self.hole {
            NO_SLOT => self.tree.winner(),
            hole => self.tree.winner_without(hole as usize, precedes(&self.slab)),
        };
        (key != VACANT).then(|| self.slab[self.tree.slot(key)].at)
    }

    /// Vacates the leaf of the event popped last.
    #[inline]
    fn fill_hole(&mut self) {
        self.tree.replace(self.hole as usize, VACANT, precedes(&self.slab));
        self.free.push(self.hole);
        self.hole = NO_SLOT;
    }

    /// Stores an entry in a free slot, growing the tree when there is none.
    #[inline]
    fn put(&mut self, entry: Entry<E>) -> usize {
        if let Some(slot) = self.free.pop() {
            self.slab[slot as usize] = entry;
            return slot as usize;
        }
        if self.slab.len() == self.tree.capacity() {
            self.grow();
        }
        self.slab.push(entry);
        self.slab.len() - 1
    }

    #[cold]
    fn grow(&mut self) {
        let slot_bits = self.slab.len().ilog2() + 1;
        assert!(slot_bits < SLOT_BITS_MAX, "more than 2^{} pending events", SLOT_BITS_MAX - 1);
        self.rebuild(slot_bits);
    }

    /// Moves `base` to `now`, so that the near future has exact prefixes again.
    #[cold]
    fn rebase(&mut self, now: SimTime) {
        self.fill_hole();
        self.base = now.as_nanos();
        self.rebuild(self.slab.len().next_power_of_two().ilog2());
    }

    fn rebuild(&mut self, slot_bits: u32) {
        let base = self.base;
        // The prefixes of the new size, not of the present one.
        let prefix_max = (VACANT >> slot_bits) - 1;
        let prefixes = self.slab.iter().map(|entry| {
            (entry.order != 0).then(|| entry.at.as_nanos().saturating_sub(base).min(prefix_max))
        });
        self.tree.rebuild(slot_bits, prefixes, precedes(&self.slab));
    }

    #[inline]
    fn prefix(&self, at: SimTime) -> u64 {
        at.as_nanos().saturating_sub(self.base).min(self.tree.prefix_max())
    }
}

/// The exact order of two occupied slots, for the tree to decide where prefixes are equal.
#[inline(always)]
fn precedes<E>(slab: &[Entry<E>]) -> impl Fn(usize, usize) -> bool {
    |a, b| {
        let (a, b) = (&slab[a], &slab[b]);
        (a.at, a.order) < (b.at, b.order)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const TRAFFIC: Class = Class::new(0);
    const SCRAPE: Class = Class::new(1);

    fn at(nanos: u64) -> SimTime {
        SimTime::from_nanos(nanos)
    }

    fn drain(agenda: &mut Agenda<u32>) -> Vec<(u64, u32)> {
        std::iter::from_fn(|| agenda.pop()).map(|(time, event)| (time.as_nanos(), event)).collect()
    }

    /// The plain truth the agenda is held against: a sorted map, and every handle ever issued with its key.
    #[derive(Clone, Default)]
    struct Model {
        agenda: Agenda<u32>,
        pending: BTreeMap<(u64, Class, u32), u32>,
        issued: Vec<(Handle, (u64, Class, u32))>,
    }

    impl Model {
        fn schedule(&mut self, time: u64, class: Class) {
            let event = self.issued.len() as u32;
            let handle = self.agenda.schedule(at(time), class, event);
            self.pending.insert((time, class, event), event);
            self.issued.push((handle, (time, class, event)));
        }

        fn cancel(&mut self, pick: usize) {
            if let Some(&(handle, key)) = self.issued.get(pick % self.issued.len().max(1)) {
                assert_eq!(self.agenda.cancel(handle), self.pending.remove(&key).is_some());
                assert!(!self.agenda.cancel(handle), "a second cancel must do nothing");
            }
        }

        fn pop_due(&mut self, until: u64) -> Option<u64> {
            let first = self.pending.first_key_value().map(|(&(time, ..), &event)| (at(time), event));
            let due = first.filter(|&(time, _)| time <= at(until));
            assert_eq!(self.agenda.pop_due(at(until)), due);
            due.and_then(|_| self.pending.pop_first()).map(|((time, ..), _)| time)
        }

        fn check(&self) {
            assert_eq!(self.agenda.len(), self.pending.len());
            assert_eq!(self.agenda.is_empty(), self.pending.is_empty());
            let first = self.pending.first_key_value().map(|(&(time, ..), _)| at(time));
            assert_eq!(self.agenda.peek_time(), first);
        }

        fn drain(mut self) {
            while self.pop_due(u64::MAX).is_some() {
                self.check();
            }
            assert!(self.pending.is_empty());
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Schedule {
            delay: u64,
            class: u8,
        },
        /// At any time at all, the past included.
        ScheduleAt {
            time: u64,
            class: u8,
        },
        Cancel(usize),
        Pop,
        PopDue {
            span: u64,
        },
        /// Go on with a clone; the original is checked to the end.
        Clone,
        /// Go on with another agenda overwritten by `clone_from`.
        CloneFrom,
    }

    /// Delays of every size: lattices full of ties, seconds, the far end of time.
    fn delay() -> impl Strategy<Value = u64> {
        prop_oneof![
            4 => 0..4u64,
            4 => 0..3_000_000_000u64,
            2 => (0..5u64).prop_map(|n| n * 15_000_000_000),
            1 => (0..64u32).prop_map(|bits| 1 << bits),
            1 => (0..3u64).prop_map(|n| u64::MAX - n),
        ]
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => (delay(), 0..3u8).prop_map(|(delay, class)| Step::Schedule { delay, class }),
            1 => (delay(), 0..3u8).prop_map(|(time, class)| Step::ScheduleAt { time, class }),
            3 => any::<usize>().prop_map(Step::Cancel),
            4 => Just(Step::Pop),
            2 => delay().prop_map(|span| Step::PopDue { span }),
            1 => Just(Step::Clone),
            1 => Just(Step::CloneFrom),
        ]
    }

    proptest! {
           #![proptest_config(ProptestConfig::with_cases(400))]

           #[test]
           fn agrees_with_a_sorted_map(steps in prop::collection::vec(step(), 1..200)) {
               let mut model = Model::default();
               let mut now = 0u64;
               for step in steps {
                   match step {
                       Step::Schedule { delay, class } => model.schedule(now.saturating_add(delay), Class::new(class)),
                       Step::ScheduleAt { time, class } => model.schedule(time, Class::new(class)),
                       Step::Cancel(pick) => model.cancel(pick),
                       Step::Pop => now = model.pop_due(u64::MAX).unwrap_or(now),
                       Step::PopDue { span } => now = model.pop_due(now.saturating_add(span)).unwrap_or(now),
                       Step::Clone => {
    let twin = model.clone();
    std::mem::replace(&mut model, twin).drain();
    }
                       Step::CloneFrom => {
                           let mut other = Agenda::new();
                           for event in 0..50 {
                               other.schedule(at(u64::from(event)), TRAFFIC, event);
                           }
                           other.pop();
                           other.clone_from(&model.agenda);
                           model.agenda = other;
                       }
                   }
                   model.check();
               }
               model.drain();
           }
       }

    #[test]
    fn equal_times_leave_by_class_then_first_in_first_out() {
        let mut agenda = Agenda::new();
        for event in 0..1000 {
            agenda.schedule(at(7), if event % 3 == 0 { SCRAPE } else { TRAFFIC }, event);
        }
        let order: Vec<u32> = drain(&mut agenda).into_iter().map(|(_, event)| event).collect();
        let (scrapes, traffic): (Vec<u32>, Vec<u32>) = (0..1000).partition(|event| event % 3 == 0);
        assert_eq!(order, [traffic, scrapes].concat());
    }

    #[test]
    fn first_in_first_out_survives_slots_changing_hands() {
        let mut agenda = Agenda::new();
        for event in 0..10 {
            agenda.schedule(at(1), TRAFFIC, event);
        }
        for event in 10..10_000 {
            assert_eq!(agenda.pop(), Some((at(1), event - 10)));
            agenda.schedule(at(1), TRAFFIC, event);
        }
    }

    #[test]
    fn handles_are_inert_after_pop_and_after_cancel() {
        let mut agenda = Agenda::new();
        let popped = agenda.schedule(at(1), TRAFFIC, 1);
        assert_eq!(agenda.pop(), Some((at(1), 1)));
        assert!(!agenda.cancel(popped));
        let reused = agenda.schedule(at(2), TRAFFIC, 2);
        assert_eq!(reused.slot(), popped.slot());
        assert!(!agenda.cancel(popped), "the slot has another tenant");
        assert_eq!(agenda.len(), 1);
        assert!(agenda.cancel(reused));
        assert!(!agenda.cancel(reused));
        assert_eq!(agenda.pop(), None);
    }

    #[test]
    fn cancelling_between_pop_and_schedule_keeps_the_order() {
        let mut agenda = Agenda::new();
        let handles: Vec<Handle> =
            (0..8).map(|event| agenda.schedule(at(u64::from(event)), TRAFFIC, event)).collect();
        assert_eq!(agenda.pop(), Some((at(0), 0)));
        assert!(agenda.cancel(handles[1]));
        assert_eq!(agenda.peek_time(), Some(at(2)));
        agenda.schedule(at(3), TRAFFIC, 8);
        assert!(agenda.cancel(handles[2]));
        assert_eq!(drain(&mut agenda), [(3, 3), (3, 8), (4, 4), (5, 5), (6, 6), (7, 7)]);
    }

    #[test]
    fn a_clone_has_the_same_future_and_its_own_handles() {
        let mut agenda = Agenda::new();
        let handles: Vec<Handle> =
            (0..100).map(|event| agenda.schedule(at(u64::from(event * 37 % 50)), TRAFFIC, event)).collect();
        agenda.pop();
        let mut twin = agenda.clone();
        assert!(twin.cancel(handles[60]));
        assert!(agenda.cancel(handles[60]), "cancelled in the clone only");
        assert_eq!(drain(&mut agenda), drain(&mut twin));
    }

    #[test]
    fn grows_to_a_hundred_thousand_and_stays_sorted() {
        let mut model = Model::default();
        let mut state = 1u64;
        for round in 0..120_000u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Three days of nanoseconds, with ties by a coarse grid for every other event.
            let time = (state >> 20) % 259_200_000_000_000;
            model.schedule(
                if round % 2 == 0 { time } else { time / 15_000_000_000 * 15_000_000_000 },
                TRAFFIC,
            );
        }
        for pick in (0..20_000).map(|i| i * 6) {
            model.cancel(pick);
        }
        assert_eq!(model.agenda.len(), 100_000);
        let mut last = 0;
        while let Some(time) = model.pop_due(u64::MAX) {
            assert!(time >= last);
            last = time;
        }
    }

    #[test]
    fn nanoseconds_are_told_apart_after_years() {
        let year = 31_557_600_000_000_000u64;
        let mut agenda = Agenda::new();
        for event in (0..600u32).rev() {
            agenda.schedule(at(u64::from(event / 3) * year + u64::from(event % 3)), TRAFFIC, event);
        }
        let order: Vec<u32> = drain(&mut agenda).into_iter().map(|(_, event)| event).collect();
        assert_eq!(order, (0..600).collect::<Vec<_>>());
    }

    #[test]
    fn never_is_a_time_like_any_other() {
        let mut agenda = Agenda::new();
        for event in 0..5 {
            agenda.schedule(SimTime::NEVER, TRAFFIC, event);
        }
        agenda.schedule(at(u64::MAX - 1), SCRAPE, 9);
        assert_eq!(agenda.pop_due(at(u64::MAX - 2)), None);
        assert_eq!(agenda.pop().map(|(_, event)| event), Some(9));
        assert_eq!(drain(&mut agenda).len(), 5);
    }

    #[test]
    fn an_optional_handle_is_one_word() {
        assert_eq!(size_of::<Option<Handle>>(), 8);
        let last = Handle::new(SLOT_MASK as usize - 1, u64::MAX);
        assert!(last.names(u64::MAX) && last.slot() == SLOT_MASK as usize - 1);
    }
}
