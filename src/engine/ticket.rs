//! What a caller holds of a scheduled event: the [`Class`] it goes in with and the [`Handle`] that takes it off.

use std::num::NonZeroU64;

/// Bits of a [`Handle`] that hold the slot; a tree has fewer, so the word never overflows.
pub(super) const SLOT_BITS_MAX: u32 = 26;
/// The slot of a [`Handle`].
const SLOT_MASK: u64 = (1 << SLOT_BITS_MAX) - 1;

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
    pub(super) fn new(slot: usize, order: u64) -> Self {
        // Plus one, so that the word is never zero; it cannot saturate because the last slot is never used.
        Handle(NonZeroU64::MIN.saturating_add(order << SLOT_BITS_MAX | slot as u64))
    }

    pub(super) fn slot(self) -> usize {
        ((self.0.get() - 1) & SLOT_MASK) as usize
    }

    /// Whether this handle was issued for the event with this order.
    pub(super) fn names(self, order: u64) -> bool {
        order << SLOT_BITS_MAX == (self.0.get() - 1) & !SLOT_MASK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_optional_handle_is_one_word() {
        assert_eq!(size_of::<Option<Handle>>(), 8);
        let last = Handle::new(SLOT_MASK as usize - 1, u64::MAX);
        assert!(last.names(u64::MAX) && last.slot() == SLOT_MASK as usize - 1);
    }
}
