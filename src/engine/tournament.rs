//! A winner tree: a complete binary tree in which every node holds the smaller key of its two children, so the root
//! holds the smallest of all (Knuth, TAOCP vol. 3, 5.4.1, "tree of winners").
//!
//! One leaf per slot. A key is one word: a *prefix* (most significant, coarse position in the order) and the slot it
//! belongs to. Changing a leaf costs one walk to the root, in which the loads do not depend on each other and the
//! choice of the smaller is a conditional move: about a nanosecond a level, against a mispredicted branch a level in
//! a binary heap.
//!
//! Trap: prefixes may be equal. Then, and only then, the caller's `precedes(a, b)` decides between the two *slots*;
//! it must be a strict total order that never contradicts the prefixes. The result is therefore exact although the
//! keys are not, and the rare comparison stays off the critical path.
//!
//! Keys read from a node are never equal to each other unless both are [`VACANT`], because each holds its own slot.

use std::hint::select_unpredictable;

/// The key of a leaf without an event: larger than every key in use.
pub(super) const VACANT: u64 = u64::MAX;

/// The tree: `2^slot_bits` leaves, nodes in heap order, siblings stored together.
#[derive(Debug)]
pub(super) struct Tournament {
    /// Node `n` is `pairs[n / 2][n % 2]`; node 1 is the root, node `capacity + slot` a leaf, node 0 unused.
    pairs: Vec<[u64; 2]>,
    slot_bits: u32,
}

impl Clone for Tournament {
    fn clone(&self) -> Self {
        Tournament { pairs: self.pairs.clone(), slot_bits: self.slot_bits }
    }
    fn clone_from(&mut self, source: &Self) {
        self.pairs.clone_from(&source.pairs);
        self.slot_bits = source.slot_bits;
    }
}

impl Tournament {
    /// A tree of `2^slot_bits` vacant leaves.
    pub(super) fn new(slot_bits: u32) -> Self {
        Tournament { pairs: vec![[VACANT; 2]; 1 << slot_bits], slot_bits }
    }

    /// How many leaves there are.
    pub(super) fn capacity(&self) -> usize {
        self.pairs.len()
    }

    /// The largest prefix a key in use may have; the next one is that of [`VACANT`].
    pub(super) fn prefix_max(&self) -> u64 {
        (VACANT >> self.slot_bits) - 1
    }

    /// The key of `slot` with this `prefix`, which must not exceed [`Tournament::prefix_max`].
    #[inline]
    pub(super) fn key(&self, prefix: u64, slot: usize) -> u64 {
        debug_assert!(prefix <= self.prefix_max() && slot < self.capacity());
        prefix << self.slot_bits | slot as u64
    }

    /// The slot a key belongs to; meaningless for [`VACANT`].
    #[inline]
    pub(super) fn slot(&self, key: u64) -> usize {
        (key & self.slot_mask()) as usize
    }

    /// The smallest key, [`VACANT`] if there is none.
    #[inline]
    pub(super) fn winner(&self) -> u64 {
        self.node(1)
    }

    /// Gives the leaf of the current winner another key (or [`VACANT`]) and plays its matches again up to the root.
    ///
    /// Also right for any other leaf; [`Tournament::enter`] and [`Tournament::leave`] stop earlier there.
    #[inline]
    pub(super) fn replace(&mut self, slot: usize, key: u64, precedes: impl Fn(usize, usize) -> bool) {
        let mut node = self.capacity() + slot;
        let mut best = key;
        loop {
            let pair = &mut self.pairs[node >> 1];
            pair[node & 1] = best;
            if node == 1 {
                return;
            }
            let rival = pair[(node & 1) ^ 1];
            best = self.better(best, rival, &precedes);
            node >>= 1;
        }
    }

    /// Gives a vacant leaf a key: it climbs as long as it wins.
    #[inline]
    pub(super) fn enter(&mut self, slot: usize, key: u64, precedes: impl Fn(usize, usize) -> bool) {
        let mut node = self.capacity() + slot;
        debug_assert_eq!(self.node(node), VACANT);
        self.set(node, key);
        while node > 1 {
            node >>= 1;
            if self.better(key, self.node(node), &precedes) != key {
                return;
            }
            self.set(node, key);
        }
    }

    /// Vacates a leaf: only the matches it had won are played again.
    #[inline]
    pub(super) fn leave(&mut self, slot: usize, precedes: impl Fn(usize, usize) -> bool) {
        let mut node = self.capacity() + slot;
        let old = self.node(node);
        self.set(node, VACANT);
        while node > 1 {
            let [left, right] = self.pairs[node >> 1];
            node >>= 1;
            if self.node(node) != old {
                return;
            }
            self.set(node, self.better(left, right, &precedes));
        }
    }

    /// The smallest key of all leaves but that of `slot`.
    pub(super) fn winner_without(&self, slot: usize, precedes: impl Fn(usize, usize) -> bool) -> u64 {
        let mut node = self.capacity() + slot;
        let mut best = VACANT;
        while node > 1 {
            best = self.better(best, self.node(node ^ 1), &precedes);
            node >>= 1;
        }
        best
    }

    /// Plays every match anew over a tree of `2^slot_bits` leaves whose first keys are `keys`; the rest are vacant.
    pub(super) fn rebuild(
        &mut self,
        slot_bits: u32,
        prefixes: impl Iterator<Item = Option<u64>>,
        precedes: impl Fn(usize, usize) -> bool,
    ) {
        self.slot_bits = slot_bits;
        self.pairs.clear();
        self.pairs.resize(1 << slot_bits, [VACANT; 2]);
        for (slot, prefix) in prefixes.enumerate() {
            let key = prefix.map_or(VACANT, |prefix| self.key(prefix, slot));
            self.set(self.capacity() + slot, key);
        }
        for node in (1..self.capacity()).rev() {
            let [left, right] = self.pairs[node];
            self.set(node, self.better(left, right, &precedes));
        }
    }

    /// The smaller of two keys, by slot order where the prefixes are equal.
    #[inline(always)]
    fn better(&self, a: u64, b: u64, precedes: impl Fn(usize, usize) -> bool) -> u64 {
        // Equal prefixes of two different keys; equal keys are two vacant leaves and wrap round to "large".
        if (a ^ b).wrapping_sub(1) < self.slot_mask() {
            return self.first_of(a, b, precedes);
        }
        select_unpredictable(b < a, b, a)
    }

    /// Out of line, so that the usual match compiles to a conditional move; a branch there costs three times the walk.
    #[cold]
    #[inline(never)]
    fn first_of(&self, a: u64, b: u64, precedes: impl Fn(usize, usize) -> bool) -> u64 {
        if precedes(self.slot(b), self.slot(a)) { b } else { a }
    }

    #[inline(always)]
    fn slot_mask(&self) -> u64 {
        (1 << self.slot_bits) - 1
    }

    #[inline(always)]
    fn node(&self, node: usize) -> u64 {
        self.pairs[node >> 1][node & 1]
    }

    #[inline(always)]
    fn set(&mut self, node: usize, key: u64) {
        self.pairs[node >> 1][node & 1] = key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slots with equal prefixes in descending order, to see that `precedes` and not the key decides.
    fn high_slot_first(a: usize, b: usize) -> bool {
        a > b
    }

    fn tree_of(prefixes: &[Option<u64>]) -> Tournament {
        let mut tree = Tournament::new(0);
        tree.rebuild(3, prefixes.iter().copied(), high_slot_first);
        tree
    }

    #[test]
    fn an_empty_tree_has_no_winner_at_any_size() {
        for bits in 0..5 {
            assert_eq!(Tournament::new(bits).winner(), VACANT);
        }
    }

    #[test]
    fn equal_prefixes_are_decided_by_the_callers_order() {
        let tree = tree_of(&[Some(7), Some(5), None, Some(5), Some(5), Some(9)]);
        assert_eq!(tree.slot(tree.winner()), 4);
        assert_eq!(tree.slot(tree.winner_without(4, high_slot_first)), 3);
    }

    #[test]
    fn the_largest_prefix_still_beats_a_vacant_leaf() {
        let mut tree = Tournament::new(2);
        let last = tree.key(tree.prefix_max(), 3);
        tree.enter(3, last, high_slot_first);
        assert_eq!(tree.winner(), last);
        tree.leave(3, high_slot_first);
        assert_eq!(tree.winner(), VACANT);
    }

    #[test]
    fn entering_leaving_and_replacing_agree_with_a_rebuilt_tree() {
        let mut prefixes = [None; 8];
        let mut tree = tree_of(&prefixes);
        let mut state = 1u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (slot, prefix) = ((state >> 61) as usize, (state >> 40) % 4);
            match (prefixes[slot], state >> 59 & 1) {
                (None, _) => {
                    tree.enter(slot, tree.key(prefix, slot), high_slot_first);
                    prefixes[slot] = Some(prefix);
                }
                (Some(_), 0) => {
                    tree.leave(slot, high_slot_first);
                    prefixes[slot] = None;
                }
                (Some(_), _) => {
                    tree.replace(slot, tree.key(prefix, slot), high_slot_first);
                    prefixes[slot] = Some(prefix);
                }
            }
            assert_eq!(tree.pairs[1..], tree_of(&prefixes).pairs[1..]);
            assert_eq!(tree.winner(), tree_of(&prefixes).winner());
        }
    }
}
