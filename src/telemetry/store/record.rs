//! Writing one scrape into the store.
//!
//! A target that does not answer, or has gone, ends all its series with a stale marker (`up` becomes 0 while the
//! target exists). A restarted process counts from zero and shows a code again only when it has occurred again.

use std::sync::Arc;

use super::block::Blocks;
use super::values::{Counted, counted, model_value, pod_value, set_value};
use super::{STALE, SampleStore};
use crate::effect::{Revision, ServiceId, SetName};
use crate::telemetry::instrument::{Instrument, Needs, SeriesKey, Target, WHOLE_SET};
use crate::world::instruments::{PodInstruments, PodKey, RequestCounters, ServiceInstruments};

const NOT_YET: u32 = u32::MAX;

/// Which targets did not answer a scrape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScrapeHealth {
    /// Nothing answers.
    pub gap: bool,
    /// Pods whose scrape was lost, in ascending order.
    pub lost_pods: Vec<PodKey>,
    /// Services whose callers' proxies were lost, in ascending order.
    pub lost_proxies: Vec<ServiceId>,
    /// Services whose nodes' container statistics were lost, in ascending order.
    pub lost_kubelets: Vec<ServiceId>,
    /// The exporter of API objects was lost.
    pub lost_cluster: bool,
    /// The request metrics of the candidate are in no series of its own.
    pub unlabelled: bool,
}

impl ScrapeHealth {
    /// Whether the request metrics of a set are in no series of its own.
    fn hides(&self, set: SetName) -> bool {
        self.unlabelled && set.revision() == Revision::Candidate
    }

    /// Whether a target answers about this pod.
    fn answers(&self, target: Target, pod: PodKey) -> bool {
        let lost = match target {
            Target::Pod => self.lost_pods.binary_search(&pod).is_ok(),
            Target::Proxy => self.lost_proxies.binary_search(&pod.service).is_ok(),
            Target::Kubelet => self.lost_kubelets.binary_search(&pod.service).is_ok(),
            Target::Cluster => self.lost_cluster,
        };
        !self.gap && !lost
    }
}

/// A series slot of a pod or set: where its samples go, once it has any.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Slot {
    id: u32,
    live: bool,
}

/// What was last seen of a pod.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Tracked {
    key: PodKey,
    first_slot: u32,
    client: RequestCounters,
    served: (u64, f64),
    restarts: u32,
    oom_kills: u32,
    killed_by_memory: Option<bool>,
}

/// What was last seen of a set.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct TrackedSet {
    first_slot: u32,
    existed: bool,
    retired: RequestCounters,
    answered: (u64, f64),
}

/// The needed instruments of one service and the state of its targets.
#[derive(Clone, Debug, PartialEq)]
struct Service {
    id: ServiceId,
    pod_side: Arc<[Instrument]>,
    set_side: Arc<[Instrument]>,
    has_client: bool,
    pods: Vec<Tracked>,
    sets: [TrackedSet; SetName::COUNT],
}

/// The writing half of a store.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Recorder {
    services: Vec<Service>,
    slots: Vec<Slot>,
    needs: Needs,
}

impl Recorder {
    pub(super) fn new(needs: &Needs) -> Self {
        Recorder { services: Vec::new(), slots: Vec::new(), needs: needs.clone() }
    }

    pub(super) fn needs(&self) -> &Needs {
        &self.needs
    }

    fn take_slots(&mut self, count: usize) -> u32 {
        let first = self.slots.len() as u32;
        self.slots.resize(self.slots.len() + count, Slot { id: NOT_YET, live: false });
        first
    }

    fn ensure_service(&mut self, index: usize) {
        while self.services.len() <= index {
            let id = ServiceId(self.services.len() as u16);
            let (pod_side, set_side): (Vec<_>, Vec<_>) = self.needs.of(id).partition(|i| i.is_per_pod());
            let mut sets = [TrackedSet::default(); SetName::COUNT];
            for set in &mut sets {
                set.first_slot = self.take_slots(set_side.len());
            }
            let has_client = set_side.iter().any(|i| i.target() == Target::Proxy);
            let (pod_side, set_side) = (pod_side.into(), set_side.into());
            self.services.push(Service { id, pod_side, set_side, has_client, pods: Vec::new(), sets });
        }
    }
}

impl Recorder {
    /// The same targets, of which only what is needed is stored from now on; `numbers` are the new ids of the series.
    fn narrowed(&self, needs: &Needs, numbers: &[u32]) -> Self {
        let mut narrow = Recorder::new(needs);
        for service in &self.services {
            let kept = |side: &[Instrument]| -> (Vec<usize>, Arc<[Instrument]>) {
                let kept = side.iter().enumerate().filter(|(_, i)| needs.contains(service.id, **i));
                let (places, side): (Vec<usize>, Vec<Instrument>) =
                    kept.map(|(place, i)| (place, *i)).unzip();
                (places, side.into())
            };
            let (of_pods, pod_side) = kept(&service.pod_side);
            let (of_sets, set_side) = kept(&service.set_side);
            let mut slots = |first: u32, places: &[usize]| {
                let moved = places.iter().filter_map(|place| self.slots.get(first as usize + place));
                let new = |slot: &Slot| Slot {
                    id: numbers.get(slot.id as usize).copied().unwrap_or(NOT_YET),
                    live: slot.live,
                };
                let first = narrow.slots.len() as u32;
                narrow.slots.extend(moved.map(new));
                first
            };
            let sets =
                service.sets.map(|set| TrackedSet { first_slot: slots(set.first_slot, &of_sets), ..set });
            let pods = service.pods.iter();
            let pods =
                pods.map(|pod| Tracked { first_slot: slots(pod.first_slot, &of_pods), ..*pod }).collect();
            let has_client = set_side.iter().any(|i| i.target() == Target::Proxy);
            narrow.services.push(Service { id: service.id, pod_side, set_side, has_client, pods, sets });
        }
        narrow
    }
}

impl SampleStore {
    /// A store that goes on as if it had never kept more than `needs`, which must be among what it keeps. Series have
    /// other ids there.
    #[must_use]
    pub fn narrowed(&self, needs: &Needs) -> SampleStore {
        let mut numbers = vec![NOT_YET; self.keys.len()];
        let mut kept: Vec<u32> = Vec::new();
        for (id, key) in self.keys.iter().enumerate() {
            if needs.contains(key.service, key.instrument) {
                numbers[id] = kept.len() as u32;
                kept.push(id as u32);
            }
        }
        let mut blocks = Blocks::default();
        let mut born = 0;
        for row in 0..self.rows() {
            blocks.begin_row();
            for (series, &id) in kept.iter().enumerate() {
                let Some(value) = self.sample(row, id) else { continue };
                // Ids are in the order of first samples, so this is the next one.
                if series == born {
                    blocks.add_series();
                    born += 1;
                }
                blocks.write(series as u32, value);
            }
        }
        SampleStore {
            stamps: self.stamps.clone(),
            visible: self.visible.clone(),
            keys: Arc::new(kept.iter().filter_map(|&id| self.keys.get(id as usize).copied()).collect()),
            blocks,
            recorder: self.recorder.narrowed(needs, &numbers),
        }
    }

    /// Records what a scrape at `stamp_ms` found; queries see it from `visible_ms` on.
    ///
    /// `services` are all services of the world, by index. Stamps must ascend: a stamp not after the last one is moved
    /// one millisecond behind it, and rows become visible in order.
    pub fn record_scrape(
        &mut self,
        stamp_ms: i64,
        visible_ms: i64,
        services: &[ServiceInstruments],
        health: &ScrapeHealth,
    ) {
        self.begin_row(stamp_ms, visible_ms);
        for (index, service) in services.iter().enumerate() {
            self.recorder.ensure_service(index);
            self.record_service(index, service, health);
        }
    }

    fn record_service(&mut self, index: usize, found: &ServiceInstruments, health: &ScrapeHealth) {
        let Some(service) = self.recorder.services.get_mut(index) else { return };
        let (pod_side, set_side) = (Arc::clone(&service.pod_side), Arc::clone(&service.set_side));
        let mut pods = std::mem::take(&mut service.pods);
        let mut sets = service.sets;
        let (id, has_client) = (service.id, service.has_client);
        // Nearly always the pods are those of the last scrape.
        if !pods.iter().map(|seen| seen.key).eq(found.pods.iter().map(|pod| pod.key)) {
            pods = self.match_up(&pods, found, &pod_side, &mut sets);
        }
        for (tracked, pod) in pods.iter_mut().zip(&found.pods) {
            if has_client {
                tracked.client = pod.client;
            }
            self.record_pod(tracked, pod, found, &pod_side, health);
        }
        if !set_side.is_empty() {
            let totals = if has_client { client_totals(&pods, &sets) } else { Default::default() };
            for set in SetName::ALL {
                let tracked = &mut sets[set.index()];
                self.record_set((id, set), tracked, &totals[set.index()], found, &set_side, health);
            }
        }
        if let Some(service) = self.recorder.services.get_mut(index) {
            service.pods = pods;
            service.sets = sets;
        }
    }

    /// The pods that are there now: those already seen, and new ones; the series of those that have gone end.
    fn match_up(
        &mut self,
        before: &[Tracked],
        found: &ServiceInstruments,
        side: &[Instrument],
        sets: &mut [TrackedSet; SetName::COUNT],
    ) -> Vec<Tracked> {
        let mut pods = Vec::with_capacity(found.pods.len());
        // Pods come set by set, so a new one may stand before others that are known.
        let mut still_there = vec![false; before.len()];
        for pod in &found.pods {
            let known = before.iter().position(|seen| seen.key == pod.key);
            pods.push(match known.and_then(|at| before.get(at).copied()) {
                Some(seen) => seen,
                None => self.welcome(pod, side.len()),
            });
            if let Some(there) = known.and_then(|at| still_there.get_mut(at)) {
                *there = true;
            }
        }
        for (gone, _) in before.iter().zip(&still_there).filter(|(_, there)| !**there) {
            self.retire(gone, side, sets);
        }
        pods
    }

    fn welcome(&mut self, pod: &PodInstruments, width: usize) -> Tracked {
        Tracked {
            key: pod.key,
            first_slot: self.recorder.take_slots(width),
            client: RequestCounters::default(),
            served: (0, 0.0),
            restarts: 0,
            oom_kills: 0,
            killed_by_memory: None,
        }
    }

    /// A pod is gone: its series end, and what callers counted about it is kept.
    fn retire(&mut self, gone: &Tracked, side: &[Instrument], sets: &mut [TrackedSet; SetName::COUNT]) {
        for offset in 0..side.len() as u32 {
            self.end(gone.first_slot + offset);
        }
        add(&mut sets[gone.key.set.index()].retired, &gone.client);
    }

    fn record_pod(
        &mut self,
        tracked: &mut Tracked,
        pod: &PodInstruments,
        service: &ServiceInstruments,
        side: &[Instrument],
        health: &ScrapeHealth,
    ) {
        let scraped = pod.up && health.answers(Target::Pod, pod.key);
        let kubelet = pod.up && health.answers(Target::Kubelet, pod.key);
        let hidden = health.hides(pod.key.set);
        let cluster = health.answers(Target::Cluster, pod.key);
        if cluster {
            note_restarts(tracked, pod);
        }
        let mean = if scraped { since(&mut tracked.served, &pod.server) } else { None };
        let read = Counted::new(&pod.server);
        let PodKey { service: id, set, ordinal } = pod.key;
        let mut writer = self.writer(tracked.first_slot, side.len());
        for &instrument in side {
            let answers = match instrument.target() {
                Target::Pod => scraped,
                Target::Kubelet => kubelet,
                _ => cluster,
            };
            let value = match instrument {
                Instrument::Up => Some(f64::from(u8::from(scraped))),
                _ if !answers => None,
                Instrument::ServerMean => mean,
                Instrument::LastKilledByMemory => {
                    tracked.killed_by_memory.map(|oom| f64::from(u8::from(oom)))
                }
                _ => read.value(instrument).or_else(|| pod_value(instrument, pod, service)),
            };
            let value = value.filter(|_| !(hidden && instrument.counts_requests()));
            writer.next(SeriesKey { service: id, set, pod: ordinal, instrument }, value);
        }
    }

    fn record_set(
        &mut self,
        (id, set): (ServiceId, SetName),
        tracked: &mut TrackedSet,
        client: &RequestCounters,
        found: &ServiceInstruments,
        side: &[Instrument],
        health: &ScrapeHealth,
    ) {
        let view = found.sets[set.index()];
        tracked.existed |= set == SetName::Old || view.desired > 0 || view.created > 0;
        let target = PodKey { service: id, set, ordinal: WHOLE_SET };
        let proxy = health.answers(Target::Proxy, target);
        let cluster = tracked.existed && health.answers(Target::Cluster, target);
        let hidden = health.hides(set);
        let mean = if proxy { since(&mut tracked.answered, client) } else { None };
        let read = Counted::new(client);
        let mut writer = self.writer(tracked.first_slot, side.len());
        for &instrument in side {
            let answers = if instrument.target() == Target::Proxy { proxy } else { cluster };
            let value = match instrument {
                _ if !answers => None,
                Instrument::ClientMean => mean,
                Instrument::ClientNoPod => no_pod(set, found),
                // The table is one for all sets; its figure is kept with the one that is always there.
                Instrument::RowMismatches => found.mismatches.filter(|_| set == SetName::Old),
                _ if instrument.is_of_model() => {
                    found.model.as_ref().and_then(|model| model_value(instrument, set, model))
                }
                _ => read.value(instrument).or_else(|| set_value(instrument, &view)),
            };
            let value = value.filter(|_| !(hidden && instrument.counts_requests()));
            writer.next(SeriesKey { service: id, set, pod: WHOLE_SET, instrument }, value);
        }
    }

    /// Writes the present row of `count` slots in order, from slot `first` on.
    fn writer(&mut self, first: u32, count: usize) -> Writer<'_> {
        let first = first as usize;
        let slots = self.recorder.slots.get_mut(first..first + count).unwrap_or_default();
        Writer { slots: slots.iter_mut(), keys: &mut self.keys, blocks: &mut self.blocks }
    }

    fn end(&mut self, slot: u32) {
        let Some(place) = self.recorder.slots.get_mut(slot as usize) else { return };
        if place.live {
            place.live = false;
            self.blocks.write(place.id, STALE);
        }
    }
}

/// Slots being written, one after the other.
struct Writer<'a> {
    slots: std::slice::IterMut<'a, Slot>,
    keys: &'a mut Arc<Vec<SeriesKey>>,
    blocks: &'a mut Blocks,
}

impl Writer<'_> {
    /// Writes a value into the next slot, or the end of a series that had one.
    #[inline]
    fn next(&mut self, key: SeriesKey, value: Option<f64>) {
        let Some(slot) = self.slots.next() else { return };
        match value {
            Some(value) => {
                if slot.id == NOT_YET {
                    slot.id = self.keys.len() as u32;
                    Arc::make_mut(self.keys).push(key);
                    self.blocks.add_series();
                }
                slot.live = true;
                self.blocks.write(slot.id, value);
            }
            None if slot.live => {
                slot.live = false;
                self.blocks.write(slot.id, STALE);
            }
            None => {}
        }
    }
}

fn note_restarts(tracked: &mut Tracked, pod: &PodInstruments) {
    if pod.restarts > tracked.restarts {
        tracked.killed_by_memory = Some(pod.oom_kills > tracked.oom_kills);
    }
    tracked.restarts = pod.restarts;
    tracked.oom_kills = pod.oom_kills;
}

/// Requests that found no pod behind the destination of this set; counted once per destination.
fn no_pod(set: SetName, found: &ServiceInstruments) -> Option<f64> {
    match set {
        SetName::Old => counted(found.no_pod.rejected[0]),
        SetName::New => counted(found.no_pod.rejected[1]),
        SetName::Baseline => counted(found.no_pod.rejected[2]),
        SetName::Promoted | SetName::Other => None,
    }
}

fn client_totals(pods: &[Tracked], sets: &[TrackedSet; SetName::COUNT]) -> [RequestCounters; SetName::COUNT] {
    let mut totals = sets.map(|set| set.retired);
    for pod in pods {
        add(&mut totals[pod.key.set.index()], &pod.client);
    }
    totals
}

fn add(to: &mut RequestCounters, from: &RequestCounters) {
    to.by_code.iter_mut().zip(from.by_code).for_each(|(to, from)| *to += from);
    to.buckets.iter_mut().zip(from.buckets).for_each(|(to, from)| *to += from);
    to.seconds += from.seconds;
}

/// The mean latency since the last call, and the totals for the next; a restart begins anew.
fn since(seen: &mut (u64, f64), counters: &RequestCounters) -> Option<f64> {
    let total = counters.total();
    let (count, seconds) =
        if total < seen.0 { (total, counters.seconds) } else { (total - seen.0, counters.seconds - seen.1) };
    *seen = (total, counters.seconds);
    (count > 0).then(|| seconds / count as f64)
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
