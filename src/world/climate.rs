//! The weather of one replication: every slow random influence that no release and no policy can change.
//!
//! Multipliers on arrival rates, service times and error ratios, one value per slot (scrape interval), as
//! [`Noise`] makes them. All branches of a replication share one climate; that is what
//! keeps them comparable.
//!
//! Traps: the multipliers have mean 1 but their average over a short run does not; per-replica paths belong to a
//! (set, ordinal), so the first new pod has its own luck in every branch alike.

use std::sync::OnceLock;

use super::luck::{Luck, Strand, is_target};
use super::spec::{NoiseSpec, WorldSpec};
use crate::effect::{ServiceId, SetName};
use crate::rng::{Key, Lean, Noise, Purpose};
use crate::time::{SimDuration, SimTime};

/// Per-replica paths are made for this many ordinals a set and then used again.
pub(super) const REPLICA_PATHS: usize = 16;

/// Precomputed multipliers, by slot.
#[derive(Clone, Debug)]
pub struct Climate {
    slot: SimDuration,
    arrivals: Vec<Path>,
    services: Vec<ServiceClimate>,
}

/// The slot that was asked for last; finding one takes a division.
#[derive(Clone, Copy, Debug, Default)]
pub struct SlotCursor {
    slot: usize,
    from: SimTime,
    /// The first instant of the next slot.
    pub until: SimTime,
}

#[derive(Clone, Debug)]
struct ServiceClimate {
    service_time: Path,
    errors: Path,
    replicas: Option<Replicas>,
}

/// The paths of the replicas of a service, made when they are first asked for: few of them ever are.
#[derive(Clone, Debug)]
struct Replicas {
    process: Noise,
    key: Key,
    slot: SimDuration,
    slots: usize,
    paths: Vec<OnceLock<Path>>,
    /// How the first pods of the candidate lean, by ordinal.
    leans: Vec<Lean>,
}

impl Replicas {
    fn new(
        noise: &NoiseSpec,
        key: Key,
        (slot, slots): (SimDuration, usize),
        leans: Vec<Lean>,
    ) -> Option<Self> {
        let (_, process) = noise.noise().split(noise.shared.get());
        (!process.is_still()).then(|| Replicas {
            process,
            key: key.purpose(Purpose::ReplicaNoise),
            slot,
            slots,
            paths: vec![OnceLock::new(); SetName::ALL.len() * REPLICA_PATHS],
            leans,
        })
    }

    fn path(&self, index: usize) -> &Path {
        let key = self.key.id(index as u64);
        // What the clock does is common to all replicas, so it is not in here.
        let ordinal = index.checked_sub(SetName::New.index() * REPLICA_PATHS);
        let lean = ordinal.and_then(|ordinal| self.leans.get(ordinal)).copied().unwrap_or(Lean::NONE);
        self.paths[index].get_or_init(|| self.process.leaning_path(key, key, self.slot, (self.slots, lean)))
    }
}

/// One multiplier path; empty = 1 throughout.
type Path = Vec<f64>;

impl Climate {
    /// Draws the climate of a replication that lasts until `end`.
    pub fn new(spec: &WorldSpec, key: Key, end: SimTime) -> Self {
        Climate::leaning(spec, key, end, None)
    }

    /// The same where the noise of some slots may lean.
    pub fn leaning(spec: &WorldSpec, key: Key, end: SimTime, luck: Option<&Luck>) -> Self {
        let slots = (end.as_nanos() / spec.slot.as_nanos().max(1)) as usize + 2;
        let common = |noise: &NoiseSpec, shared: f64, own: Key, lean: Lean| {
            let (process, _) = noise.noise().split(shared);
            let path = || process.leaning_path(own, key, spec.slot, (slots, lean));
            if process.is_still() { Vec::new() } else { path() }
        };
        let arrivals = spec
            .traffic
            .iter()
            .enumerate()
            .map(|(index, t)| {
                let lean = Luck::lean(luck, Strand::TrafficNoise(index as u16));
                common(&t.noise, 1.0, key.entity(&t.name).purpose(Purpose::Arrivals), lean)
            })
            .collect();
        let services = spec
            .services
            .iter()
            .enumerate()
            .map(|(index, s)| {
                let key = key.entity(&s.name);
                let luck = luck.filter(|_| is_target(spec, index));
                let (of_time, of_errors) =
                    (Luck::lean(luck, Strand::TimeNoise), Luck::lean(luck, Strand::ErrorNoise));
                let leans = luck.map(Luck::of_pods).unwrap_or_default();
                let shared = s.noise.shared.get();
                ServiceClimate {
                    service_time: common(&s.noise, shared, key.purpose(Purpose::Noise), of_time),
                    errors: common(&s.error_noise, 1.0, key.purpose(Purpose::BackgroundErrors), of_errors),
                    replicas: Replicas::new(&s.noise, key, (spec.slot, slots), leans),
                }
            })
            .collect();
        Climate { slot: spec.slot, arrivals, services }
    }

    /// The slot an instant lies in.
    #[inline]
    pub fn slot_of(&self, at: SimTime) -> usize {
        (at.as_nanos() / self.slot.as_nanos().max(1)) as usize
    }

    /// As [`Climate::slot_of`], for somebody who asks again and again about instants near each other.
    #[inline]
    pub fn slot_by(&self, cursor: &mut SlotCursor, at: SimTime) -> usize {
        if !(cursor.from <= at && at < cursor.until) {
            let slot = self.slot_of(at);
            let length = self.slot.as_nanos();
            let from = SimTime::from_nanos((slot as u64).saturating_mul(length));
            let until = SimTime::from_nanos((slot as u64 + 1).saturating_mul(length));
            *cursor = SlotCursor { slot, from, until };
        }
        cursor.slot
    }

    /// Length of a slot.
    pub fn slot(&self) -> SimDuration {
        self.slot
    }

    /// Multiplier of the arrival rate of a traffic source in a slot.
    #[inline]
    pub fn arrivals(&self, source: usize, slot: usize) -> f64 {
        at(&self.arrivals[source], slot)
    }

    /// Multiplier of the service time common to the whole service.
    #[inline]
    pub fn service_time(&self, service: ServiceId, slot: usize) -> f64 {
        at(&self.services[service.0 as usize].service_time, slot)
    }

    /// Multiplier of the background error ratio.
    #[inline]
    pub fn errors(&self, service: ServiceId, slot: usize) -> f64 {
        at(&self.services[service.0 as usize].errors, slot)
    }

    /// Multiplier of the service time of one replica, beyond the common one.
    #[inline]
    pub fn replica_time(&self, service: ServiceId, set: SetName, ordinal: u16, slot: usize) -> f64 {
        let Some(replicas) = &self.services[service.0 as usize].replicas else { return 1.0 };
        at(replicas.path(set.index() * REPLICA_PATHS + ordinal as usize % REPLICA_PATHS), slot)
    }
}

#[inline]
fn at(path: &Path, slot: usize) -> f64 {
    path.get(slot).or(path.last()).copied().unwrap_or(1.0)
}
