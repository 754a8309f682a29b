//! The opponent: std's binary heap of 16-byte keys, and the one interface under which a model can run on either list.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use backout::engine::{Agenda, Class, Handle};
use backout::time::SimTime;
use rand_distr::{Distribution, Exp1};
use rand_xoshiro::Xoshiro256PlusPlus;

/// The class of every event here.
pub(crate) const TRAFFIC: Class = Class::new(0);

/// The same seed for all.
pub(crate) const SEED: u64 = 20_260_101;

/// An exponential draw of this mean, in whole nanoseconds (ziggurat: the cheapest there is, so that the lists count).
#[inline(always)]
pub(crate) fn exponential(rng: &mut Xoshiro256PlusPlus, mean_ns: f64) -> u64 {
    let unit: f64 = Exp1.sample(rng);
    (unit * mean_ns) as u64
}

/// Events that fit in 32 bits, so that a heap entry is one `u128` of time, sequence and event.
pub(crate) trait Packed: Copy {
    fn pack(self) -> u32;
    fn unpack(word: u32) -> Self;
}

/// What a model needs of an event list.
pub(crate) trait List<E> {
    type Ticket: Copy + Default;
    fn schedule(&mut self, at: u64, event: E) -> Self::Ticket;
    fn cancel(&mut self, ticket: Self::Ticket);
}

/// First in, first out at equal times by a 32-bit sequence number; cannot cancel.
#[derive(Default)]
pub(crate) struct StdHeap {
    pub(crate) heap: BinaryHeap<Reverse<u128>>,
    sequence: u32,
}

impl StdHeap {
    #[inline(always)]
    pub(crate) fn push(&mut self, at: u64, word: u32) {
        self.sequence = self.sequence.wrapping_add(1);
        self.heap.push(Reverse(u128::from(at) << 64 | u128::from(self.sequence) << 32 | u128::from(word)));
    }

    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Option<(u64, u32)> {
        self.heap.pop().map(|Reverse(key)| ((key >> 64) as u64, key as u32))
    }

    /// Time of the earliest event.
    #[inline(always)]
    pub(crate) fn next(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse(key)| (key >> 64) as u64)
    }
}

impl<E: Packed> List<E> for StdHeap {
    type Ticket = ();
    #[inline(always)]
    fn schedule(&mut self, at: u64, event: E) {
        self.push(at, event.pack());
    }
    #[inline(always)]
    fn cancel(&mut self, (): ()) {}
}

impl<E: Copy> List<E> for Agenda<E> {
    type Ticket = Option<Handle>;
    #[inline(always)]
    fn schedule(&mut self, at: u64, event: E) -> Option<Handle> {
        Some(Agenda::schedule(self, SimTime::from_nanos(at), TRAFFIC, event))
    }
    #[inline(always)]
    fn cancel(&mut self, ticket: Option<Handle>) {
        if let Some(handle) = ticket {
            Agenda::cancel(self, handle);
        }
    }
}
