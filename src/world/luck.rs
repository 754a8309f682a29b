//! Luck that leans: a stretch of slots in which some draws of the world come from a law with more bad luck in it.
//!
//! What importance sampling of rare events needs of a world at flow level. The draws that can lean are the strands of the
//! service that is rolled out; each is one normal score a slot:
//!
//! * counts: how many requests arrive, how many fail anyway, and how many of those the candidate gets;
//! * the innovations of slow noise: of arrivals, of the error ratio, of the service time, of the candidate's first pods.
//!
//! Everything else is drawn as ever: latency buckets, scrapes that get lost, quick noise, spikes, parameters and times of
//! circumstances, start-up times. An event that only those can bring about is not found any sooner.
//!
//! Trap: nothing may lean before the deploy. Whether a replication starts at all is decided there, under the plain law.

use super::climate::{Climate, REPLICA_PATHS};
use super::spec::WorldSpec;
use crate::effect::{ServiceId, SetName};
use crate::rng::{Key, Lean, Purpose, normal_quantile};

/// Pods of the candidate whose own noise can lean, by ordinal.
const PODS: u16 = 4;

/// A sequence of draws of the world, one normal score a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strand {
    /// Requests that arrive at the target in a slot.
    Arrivals,
    /// Of those, how many fail without any fault.
    Failures,
    /// Of those that fail, how many the candidate had.
    CandidateFailures,
    /// The slow noise of the target's error ratio.
    ErrorNoise,
    /// The slow noise of the service time that all pods of the target have in common.
    TimeNoise,
    /// The slow noise of the service time that a pod of the candidate has alone, by ordinal.
    PodNoise(u16),
    /// The slow noise of a traffic source, by its number.
    TrafficNoise(u16),
}

/// Which strands lean, where and how much.
#[derive(Clone, Debug, PartialEq)]
pub struct Luck {
    /// Each strand with the mean of its scores in the stretch.
    pub shifts: Vec<(Strand, f64)>,
    /// The first slot that leans.
    pub from: usize,
    /// The first slot after the stretch.
    pub until: usize,
}

impl Luck {
    /// How a strand leans.
    #[must_use]
    pub fn of(&self, strand: Strand) -> Lean {
        let by = self.shifts.iter().find(|(one, _)| *one == strand).map_or(0.0, |(_, by)| *by);
        Lean { from: self.from as u64, until: self.until as u64, by }
    }

    /// How the first pods of the candidate lean, by ordinal.
    pub(super) fn of_pods(&self) -> Vec<Lean> {
        (0..PODS).map(|ordinal| self.of(Strand::PodNoise(ordinal))).collect()
    }

    /// How a strand leans where there may be no luck at all.
    pub(super) fn lean(luck: Option<&Luck>, strand: Strand) -> Lean {
        luck.map_or(Lean::NONE, |luck| luck.of(strand))
    }
}

/// The strands that a world has: those that are not there cannot lean.
#[must_use]
pub fn strands(spec: &WorldSpec) -> Vec<Strand> {
    let target = &spec.services[usize::from(spec.target.0)];
    let mut all = vec![Strand::Arrivals, Strand::Failures, Strand::CandidateFailures];
    let drifts = |noise: &super::spec::NoiseSpec, part: f64, own: bool| {
        let (common, alone) = noise.noise().split(part);
        if own { alone.drifts() } else { common.drifts() }
    };
    if drifts(&target.error_noise, 1.0, false) {
        all.push(Strand::ErrorNoise);
    }
    if drifts(&target.noise, target.noise.shared.get(), false) {
        all.push(Strand::TimeNoise);
    }
    if drifts(&target.noise, target.noise.shared.get(), true) {
        all.extend((0..PODS).map(Strand::PodNoise));
    }
    for (index, source) in spec.traffic.iter().enumerate() {
        if source.to == spec.target && drifts(&source.noise, 1.0, false) {
            all.push(Strand::TrafficNoise(index as u16));
        }
    }
    all
}

/// The key of a strand's draw in a slot, under the root key of the replication.
fn key_of(spec: &WorldSpec, root: Key, strand: Strand, slot: u64) -> Key {
    let target = root.entity(&spec.services[usize::from(spec.target.0)].name);
    let count = target.purpose(Purpose::Arrivals).id(slot).id(0);
    match strand {
        Strand::Arrivals => count.purpose(Purpose::Arrivals),
        Strand::Failures => count.purpose(Purpose::BackgroundErrors),
        Strand::CandidateFailures => count.purpose(Purpose::BackgroundErrors).id(super::flow::TO_CANDIDATE),
        Strand::ErrorNoise => target.purpose(Purpose::BackgroundErrors).id(slot),
        Strand::TimeNoise => target.purpose(Purpose::Noise).id(slot),
        Strand::PodNoise(ordinal) => {
            let path = SetName::New.index() * REPLICA_PATHS + usize::from(ordinal);
            target.purpose(Purpose::ReplicaNoise).id(path as u64).id(slot)
        }
        Strand::TrafficNoise(source) => {
            root.entity(&spec.traffic[usize::from(source)].name).purpose(Purpose::Arrivals).id(slot)
        }
    }
}

/// The plain score of a strand in a slot, before any shift.
#[must_use]
pub fn plain_score(spec: &WorldSpec, root: Key, strand: Strand, slot: usize) -> f64 {
    normal_quantile(key_of(spec, root, strand, slot as u64).uniform_open())
}

/// How the counts of a slot lean; nothing where it is no whole slot of the target.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlotLuck {
    slot: u64,
    leans: [Lean; 3],
}

impl SlotLuck {
    pub(super) fn of(luck: Option<&Luck>, (slot, part): (usize, u64), is_target: bool) -> Option<Self> {
        let luck = luck.filter(|luck| part == 0 && is_target && luck.from <= slot && slot < luck.until)?;
        let leans = [Strand::Arrivals, Strand::Failures, Strand::CandidateFailures].map(|s| luck.of(s));
        Some(SlotLuck { slot: slot as u64, leans })
    }

    fn bend(luck: Option<&SlotLuck>, which: usize, plain: f64, key: Key) -> f64 {
        luck.map_or(plain, |luck| luck.leans[which].uniform(plain, key, luck.slot))
    }

    /// The uniform number that decides how many arrive.
    pub(super) fn arrivals(luck: Option<&SlotLuck>, key: Key) -> f64 {
        Self::bend(luck, 0, key.uniform_open(), key)
    }

    /// The uniform number that decides how many fail.
    pub(super) fn failures(luck: Option<&SlotLuck>, key: Key) -> f64 {
        Self::bend(luck, 1, key.uniform(), key)
    }

    /// The uniform number that decides how many of those the candidate has.
    pub(super) fn to_candidate(luck: Option<&SlotLuck>, key: Key) -> f64 {
        Self::bend(luck, 2, key.uniform(), key)
    }
}

/// Whether a service's own paths lean: those of the target.
pub(super) fn is_target(spec: &WorldSpec, service: usize) -> bool {
    ServiceId(service as u16) == spec.target
}

impl Climate {
    /// The slots in which luck may lean between two instants, all of them after the first.
    #[must_use]
    pub fn slots_between(
        &self,
        after: crate::time::SimTime,
        until: crate::time::SimTime,
    ) -> std::ops::Range<usize> {
        self.slot_of(after) + 1..self.slot_of(until) + 2
    }
}
