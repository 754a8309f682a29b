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

use super::ticket::{Class, Handle, SLOT_BITS_MAX};
use super::tournament::{Tournament, VACANT};
use crate::time::SimTime;

/// Bits of [`Entry::order`] below the class.
const SEQUENCE_BITS: u32 = 56;
/// "No slot" for [`Agenda::hole`].
const NO_SLOT: u32 = u32::MAX;

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
    /// When more than 2^25 events are pending (some 2 GB of them), like a `Vec` that outgrows memory.
    #[inline]
    pub fn schedule(&mut self, at: SimTime, class: Class, event: E) -> Handle {
        self.sequence += 1;
        let order = u64::from(class.rank()) << SEQUENCE_BITS | self.sequence;
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
mod tests;
