//! Flow level: counts per slot instead of single requests.
//!
//! Where no queue couples the requests, the counts of a slot are independent Poisson and binomial numbers whose
//! parameters are integrals over the slot (which share of the traffic went where, how long a fault acted). Those
//! integrals are kept exactly, piece by piece between events; the numbers are drawn once, at the end of the slot.
//!
//! Every number is the quantile of its distribution at one keyed uniform number: a branch with a smaller candidate
//! share has fewer candidate requests *out of the same* requests, and the same background errors. What a fault breaks
//! is drawn apart, so harm is exactly the requests that are bad here and would be good without the deploy.
//!
//! Requests that find no pod are harmed only as far as there was one without the deploy: what the surroundings take away
//! from everybody is no harm of the release.
//!
//! Traps: only services without calls can be played at this level; requests in flight when a pod dies are not
//! counted as failed (at rate x latency they are few); every pod of a set gets an equal share of what the set gets.

mod draw;
mod exposure;
mod serve;

use super::climate::Climate;
use super::cluster::Cluster;
use super::conditions::Conditions;
use super::spec::WorldSpec;
use super::tally::Tally;
use crate::effect::{Destination, ServiceId, SetName};
use crate::rng::Key;
use crate::time::SimTime;

use draw::{count, draw};
use exposure::{Exposure, Share, accumulate_set, felt, pods_multiplier, served, shares, undisturbed_pods};

/// Harm of one slot, kept to find the first harm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotHarm {
    /// Harmed requests.
    pub harmed: u32,
    /// When in the slot harm became possible.
    pub from: SimTime,
    /// End of the slot.
    pub until: SimTime,
}

/// What the accumulators need to know of the rest of the world.
pub(super) struct Surroundings<'a> {
    pub spec: &'a WorldSpec,
    pub climate: &'a Climate,
    pub conditions: &'a Conditions,
    /// One key a service, by its name.
    pub keys: &'a [Key],
    /// When nobody could serve the target in the world without a deploy.
    pub down_without: &'a [(SimTime, SimTime)],
}

/// The flow-level kernel.
#[derive(Clone, Debug)]
pub struct Flow {
    exposures: Vec<Exposure>,
    last: SimTime,
    /// When the present slot (or part of one) began, and the slot of the climate that holds throughout it.
    began: SimTime,
    weather: usize,
    /// When the candidate began to get traffic in the present slot.
    harm_from: Option<SimTime>,
    /// Harm by slot since counting began.
    pub slots: Vec<SlotHarm>,
    /// Whether latency histograms are wanted (they cost most of the time).
    pub histograms: bool,
}

impl Flow {
    /// A kernel that starts at time zero.
    pub fn new(services: usize, histograms: bool) -> Self {
        Flow {
            exposures: vec![Exposure::default(); services],
            last: SimTime::ZERO,
            began: SimTime::ZERO,
            weather: 0,
            harm_from: None,
            slots: Vec::new(),
            histograms,
        }
    }

    /// Adds the time since the last call, during which nothing changed, to the integrals.
    pub(super) fn accumulate(&mut self, now: SimTime, cluster: &mut Cluster, around: &Surroundings<'_>) {
        let dt = now.since(self.last).as_secs_f64();
        if dt <= 0.0 {
            return;
        }
        let from = self.last;
        let factor = around.conditions.arrival_factor(from);
        for index in 0..around.spec.services.len() {
            let service = ServiceId(index as u16);
            let is_target = service == around.spec.target;
            let exposure = &mut self.exposures[index];
            let weight = dt * factor;
            exposure.total += weight;
            exposure.dependency += weight * around.conditions.dependency_errors(service);
            let (waiting, wait) = around.conditions.wait(service);
            exposure.waiting += weight * waiting;
            exposure.wait += weight * waiting * wait;
            if let Some(multiplier) = undisturbed_pods(cluster, service, self.weather, around) {
                exposure.disturbed += weight;
                exposure.undisturbed += weight * multiplier;
            }
            let shares = shares(cluster, service, around.spec);
            for (d, share) in shares.iter().enumerate() {
                if share.ready == 0 {
                    exposure.no_pod[d] += weight * share.share;
                    if is_target {
                        let part = overlap(around.down_without, from, now) / dt;
                        exposure.excused += weight * share.share * part;
                    }
                }
            }
            for set in SetName::ALL {
                let share = &shares[set.destination() as usize];
                let ready = cluster.sets[index][set.index()].ready.len();
                if ready == 0 || share.ready == 0 {
                    continue;
                }
                let felt = felt(share.share, set, is_target, cluster);
                let part = weight * felt * ready as f64 / share.ready as f64;
                if is_target {
                    let rate = arrival_rate(around.spec, around.climate, service, self.weather);
                    let load = rate * factor * felt / share.ready as f64;
                    let served = served(set, load, cluster, around);
                    accumulate_set(exposure, set, part, &served, around.conditions);
                }
                exposure.set[set.index()] += part;
                if share.share > 0.0 && set != SetName::Old && self.harm_from.is_none() {
                    self.harm_from = Some(from);
                }
                let multiplier = pods_multiplier(
                    cluster,
                    (service, set),
                    part / ready as f64,
                    (from, self.weather),
                    around,
                );
                exposure.multiplier[set.index()] += part * multiplier;
            }
            let unserved = |share: &Share| share.share > 0.0 && share.ready == 0;
            if shares[1..].iter().any(unserved) && self.harm_from.is_none() {
                self.harm_from = Some(from);
            }
            if is_target && shares[Destination::Candidate.index()].ready > 0 {
                let stable = &shares[Destination::Stable.index()];
                exposure.mirrored += weight * stable.share * cluster.split.mirror;
            }
        }
        self.last = now;
    }

    /// Ends the slot, or a part of it: draws its numbers, counts them for users and instruments, and starts the next.
    pub(super) fn end_slot(
        &mut self,
        (slot, part): (usize, u64),
        now: SimTime,
        cluster: &mut Cluster,
        tally: Option<&mut Tally>,
        no_pod: &mut [[u64; Destination::COUNT]],
        around: &Surroundings<'_>,
    ) {
        self.accumulate(now, cluster, around);
        let mut harm = 0;
        let mut tally = tally;
        for (index, turned_away) in no_pod.iter_mut().enumerate() {
            let service = ServiceId(index as u16);
            let exposure = std::mem::take(&mut self.exposures[index]);
            let rate = arrival_rate(around.spec, around.climate, service, self.weather);
            let key = around.keys[index].id(slot as u64).id(part);
            let drawn = draw(&exposure, rate, (self.weather, self.began), service, &key, around);
            turned_away.iter_mut().zip(drawn.no_pod).for_each(|(sum, more)| *sum += more);
            if let Some(tally) = tally.as_deref_mut() {
                count(tally, &drawn, now);
            }
            harm += drawn.harmed();
            self.serve(service, self.weather, &exposure, &drawn, &key, cluster, around);
        }
        if tally.is_some() {
            let from = self.harm_from.unwrap_or(now);
            self.slots.push(SlotHarm { harmed: harm.min(u64::from(u32::MAX)) as u32, from, until: now });
        }
        self.harm_from = None;
        self.began = now;
        self.weather = around.climate.slot_of(now);
        for pod in &mut cluster.pods {
            pod.exposure = 0.0;
            pod.lost_exposure = 0.0;
        }
    }
}

/// Arrivals per second at a service in a slot, before the arrival factor.
fn arrival_rate(spec: &WorldSpec, climate: &Climate, service: ServiceId, slot: usize) -> f64 {
    let sources = spec.traffic.iter().enumerate().filter(|(_, t)| t.to == service);
    sources.map(|(i, t)| t.rate.get() * climate.arrivals(i, slot)).sum()
}

/// Seconds of the span in which nobody could serve.
fn overlap(down: &[(SimTime, SimTime)], from: SimTime, until: SimTime) -> f64 {
    down.iter().map(|&(a, b)| b.min(until).since(a.max(from)).as_secs_f64()).sum()
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { (part / whole).clamp(0.0, 1.0) } else { 0.0 }
}
