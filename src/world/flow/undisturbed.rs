//! What the stable pods of the target do when nothing is deployed, slot by slot.
//!
//! Harm at flow level is a difference: requests that are slow here and would not be without the deploy. Where a pod's
//! speed depends only on its noise, that is worked out on the spot. Where it depends on the load and on how many pods
//! share it (an autoscaler, a CPU limit), the world without a deploy is played first and its figures are kept here.

/// Figures by slot, from the first one after the deploy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Undisturbed {
    first_slot: usize,
    slots: Vec<(f64, u64)>,
}

impl Undisturbed {
    /// An empty table whose first entry is for this slot.
    pub fn from(first_slot: usize) -> Self {
        Undisturbed { first_slot, slots: Vec::new() }
    }

    /// Adds the next slot: the mean service-time multiplier of the stable pods in it, and a digest of their state at
    /// its end.
    pub fn push(&mut self, (multiplier, digest): (f64, u64)) {
        self.slots.push((multiplier, digest));
    }

    /// The mean multiplier in a slot; after the last one that is known, as in that one.
    pub fn multiplier(&self, slot: usize) -> Option<f64> {
        let index = slot.saturating_sub(self.first_slot);
        self.slots.get(index).or(self.slots.last()).map(|(multiplier, _)| *multiplier)
    }

    /// The digest at the end of a slot.
    pub fn digest(&self, slot: usize) -> Option<u64> {
        let index = slot.checked_sub(self.first_slot)?;
        self.slots.get(index).map(|(_, digest)| *digest)
    }
}
