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
//! Traps: only services without calls can be played at this level; every pod of a set gets an equal share of what the
//! set gets; an autoscaler sees the expected use of processors, not the drawn one.

mod bounds;
mod draw;
mod exposure;
mod losses;
mod predictions;
mod serve;
mod undisturbed;

use std::sync::Arc;

use super::Common;
use super::climate::Climate;
use super::cluster::Cluster;
use super::conditions::Conditions;
use super::luck::{Luck, SlotLuck};
use super::model::log::Log;
use super::spec::WorldSpec;
use super::tally::Tally;
use super::throttle::slowdown;
use crate::effect::{Destination, ServiceId, SetName};
use crate::rng::Key;
use crate::time::{SimDuration, SimTime};

use bounds::Below;
pub(super) use draw::TO_CANDIDATE;
use draw::{Window, count, draw};
use exposure::{Exposure, Piece, Share, felt, pods_multiplier, served, shares, undisturbed_pods};
use losses::Loss;
use predictions::Met;

pub use undisturbed::Undisturbed;

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
    /// Which counts are drawn with more bad luck, if any are.
    pub luck: Option<&'a Luck>,
}

impl<'a> Surroundings<'a> {
    pub(super) fn of(
        common: &'a Common,
        conditions: &'a Conditions,
        down_without: &'a [(SimTime, SimTime)],
    ) -> Self {
        Surroundings {
            spec: &common.spec,
            climate: &common.climate,
            conditions,
            keys: &common.service_keys,
            down_without,
            luck: common.luck.as_ref(),
        }
    }
}

/// What a service gets in a stretch of time in which nothing changes.
struct Stretch {
    service: ServiceId,
    is_target: bool,
    from: SimTime,
    span: SimDuration,
    seconds: f64,
    /// Multiplier of the arrival rate, without the shape of the traffic.
    factor: f64,
    /// Seconds weighted with both.
    weight: f64,
    /// Arrivals per second before either; zero where nobody asks.
    rate: f64,
    shares: [Share; Destination::COUNT],
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
    /// What the stable pods of the target do without a deploy, where that depends on their load.
    pub undisturbed: Option<Arc<Undisturbed>>,
    /// Mean service-time multiplier of the target's stable pods in the last slot.
    pub(super) stable_multiplier: f64,
    /// Number of the last slot.
    pub(super) last_slot: usize,
    /// Requests lost in the present slot.
    losses: Vec<Loss>,
    /// By how much the CPU limit slows down the pods of each set at present, by service.
    slowdowns: Vec<[f64; SetName::COUNT]>,
    /// The latest distribution of the latency of each set, by service; empty without histograms.
    below: Vec<[Below; SetName::COUNT]>,
    /// What predictions of each set come to in the present slot; only where the target makes some.
    predictions: Option<Box<[Met; SetName::COUNT]>>,
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
            undisturbed: None,
            stable_multiplier: 1.0,
            last_slot: 0,
            losses: Vec::new(),
            slowdowns: vec![[1.0; SetName::COUNT]; services],
            predictions: None,
            below: if histograms { vec![Default::default(); services] } else { Vec::new() },
        }
    }

    /// Adds the time since the last call, during which nothing changed, to the integrals.
    pub(super) fn accumulate(&mut self, now: SimTime, cluster: &mut Cluster, around: &Surroundings<'_>) {
        let span = now.since(self.last);
        if span.is_zero() {
            return;
        }
        let factor = around.conditions.arrival_factor(self.last);
        for (index, spec) in around.spec.services.iter().enumerate() {
            let service = ServiceId(index as u16);
            let is_target = service == around.spec.target;
            let shape = shape_mean(around, service, (self.last, now), self.weather);
            let stretch = Stretch {
                service,
                is_target,
                from: self.last,
                span,
                seconds: span.as_secs_f64(),
                factor,
                weight: span.as_secs_f64() * factor * shape,
                rate: if is_target || spec.depends_on_load() {
                    arrival_rate(around.spec, around.climate, service, self.weather)
                } else {
                    0.0
                },
                shares: shares(cluster, service, around),
            };
            self.accumulate_all(&stretch, cluster, around);
            if is_target && (around.conditions.table(service).is_some() || around.conditions.reaches_old()) {
                self.harm_from.get_or_insert(stretch.from);
            }
            for set in SetName::ALL {
                let ready = cluster.sets[index][set.index()].ready.len();
                // Where the application is stopped its pods are there and nobody reaches them.
                if ready > 0 && stretch.shares[set.destination() as usize].ready > 0 {
                    self.accumulate_set(&stretch, (set, ready), cluster, around);
                }
            }
        }
        self.last = now;
    }

    /// Adds what arrivals at a service meet wherever they go, and those that find no pod.
    fn accumulate_all(&mut self, stretch: &Stretch, cluster: &Cluster, around: &Surroundings<'_>) {
        let Stretch { service, weight, .. } = *stretch;
        let exposure = &mut self.exposures[service.0 as usize];
        exposure.total += weight;
        exposure.dependency += weight * around.conditions.dependency_errors(service);
        let (waiting, wait) = around.conditions.wait(service);
        exposure.waiting += weight * waiting;
        exposure.wait += weight * waiting * wait;
        if let Some(multiplier) = undisturbed_pods(cluster, service, self.weather, around) {
            exposure.disturbed += weight;
            exposure.undisturbed += weight * multiplier;
        }
        for (d, share) in stretch.shares.iter().enumerate() {
            if share.ready == 0 && share.share > 0.0 {
                exposure.no_pod[d] += weight * share.share;
                if stretch.is_target {
                    let until = stretch.from + stretch.span;
                    let part = overlap(around.down_without, stretch.from, until) / stretch.seconds;
                    exposure.excused += weight * share.share * part;
                }
                if d != Destination::Stable.index() {
                    self.harm_from.get_or_insert(stretch.from);
                }
            }
        }
        if stretch.is_target && stretch.shares[Destination::Candidate.index()].ready > 0 {
            let stable = &stretch.shares[Destination::Stable.index()];
            exposure.mirrored += weight * stable.share * cluster.split.mirror;
        }
    }

    /// Adds what the arrivals at a set with this many ready pods meet.
    // Apart, so that the sets that are not there cost nothing but the question.
    #[inline(never)]
    fn accumulate_set(
        &mut self,
        stretch: &Stretch,
        (set, ready): (SetName, usize),
        cluster: &mut Cluster,
        around: &Surroundings<'_>,
    ) {
        let Stretch { service, weight, rate, .. } = *stretch;
        let share = &stretch.shares[set.destination() as usize];
        let felt = felt(share.share, set, stretch.is_target, cluster);
        let part = weight * felt * ready as f64 / share.ready as f64;
        let met = &mut self.exposures[service.0 as usize].sets[set.index()];
        if stretch.is_target {
            let load = rate * stretch.factor * felt / share.ready as f64;
            met.add_code(set, part, &served(set, load, cluster, around), around);
            if let Some(model) = &around.spec.model {
                let met = &mut self.predictions.get_or_insert_default()[set.index()];
                met.add(model, set.revision(), part, around);
            }
        }
        met.arrivals += part;
        if share.share > 0.0 && set != SetName::Old {
            self.harm_from.get_or_insert(stretch.from);
        }
        let piece = Piece {
            part: part / ready as f64,
            requests: (part * rate + unfelt(cluster, set, stretch)) / ready as f64,
            from: stretch.from,
            span: stretch.span,
            weather: self.weather,
        };
        let multiplier = pods_multiplier(cluster, (service, set), &piece, around);
        met.multiplier += part * multiplier;
        if around.spec.services[service.0 as usize].throttled {
            let offered = (piece.requests / stretch.seconds, multiplier);
            let slowed = throttled((service, set), offered, self.weather, around);
            met.throttled += part * multiplier * slowed;
            self.slowdowns[service.0 as usize][set.index()] = slowed;
        }
    }

    /// Ends the slot, or a part of it: draws its numbers, counts them for users and instruments, and starts the next.
    pub(super) fn end_slot(
        &mut self,
        (slot, part): (usize, u64),
        now: SimTime,
        cluster: &mut Cluster,
        (tally, mut log): (Option<&mut Tally>, Option<&mut Log>),
        no_pod: &mut [[u64; Destination::COUNT]],
        around: &Surroundings<'_>,
    ) {
        self.accumulate(now, cluster, around);
        let without = self.undisturbed.as_ref().and_then(|known| known.multiplier(slot));
        let window = Window {
            weather: self.weather,
            began: self.began,
            seconds: now.since(self.began).as_secs_f64(),
            without,
            luck: None,
        };
        let mut harm = 0;
        let mut tally = tally;
        // Lent out while `self` serves, and not copied: they are the largest thing here.
        let mut exposures = std::mem::take(&mut self.exposures);
        for (index, (turned_away, exposure)) in no_pod.iter_mut().zip(&mut exposures).enumerate() {
            let service = ServiceId(index as u16);
            let rate = arrival_rate(around.spec, around.climate, service, self.weather);
            let key = around.keys[index].id(slot as u64).id(part);
            let luck = SlotLuck::of(around.luck, (slot, part), service == around.spec.target);
            let window = Window { luck, ..window };
            let drawn = draw(exposure, (rate, &mut self.losses), &window, service, &key, around);
            turned_away.iter_mut().zip(drawn.no_pod).for_each(|(sum, more)| *sum += more);
            if let Some(tally) = tally.as_deref_mut() {
                count(tally, &drawn, now);
            }
            harm += drawn.harmed();
            self.serve((service, &key), &window, exposure, &drawn, cluster, around);
            if service == around.spec.target {
                self.predict(&drawn, exposure, &key, log.as_deref_mut(), around);
                self.stable_multiplier = exposure.sets[SetName::Old.index()].mean_multiplier();
            }
            *exposure = Exposure::default();
        }
        self.exposures = exposures;
        self.report_losses(cluster);
        self.last_slot = slot;
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

/// How much slower the pods of a set are because of their CPU limit, offered this many requests per second each with
/// this mean multiplier of their work.
fn throttled(
    (service, set): (ServiceId, SetName),
    (rate, multiplier): (f64, f64),
    weather: usize,
    around: &Surroundings<'_>,
) -> f64 {
    let spec = &around.spec.services[service.0 as usize];
    let slow = around.conditions.slowness(service, set.revision());
    let is_target = service == around.spec.target;
    let slower = if is_target { 1.0 + slow.share * (slow.factor - 1.0) } else { 1.0 };
    let time = spec.service_time.mean() * around.climate.service_time(service, weather);
    slowdown(rate * time * multiplier * slower, spec.at_full_speed(), spec.concurrency + spec.queue)
}

/// Arrivals per second at a service in a slot, before the arrival factor.
fn arrival_rate(spec: &WorldSpec, climate: &Climate, service: ServiceId, slot: usize) -> f64 {
    let sources = spec.traffic.iter().enumerate().filter(|(_, t)| t.to == service);
    sources.map(|(i, t)| t.rate.get() * climate.arrivals(i, slot)).sum()
}

/// Arrivals per second at a service at an instant.
fn arrivals_at(around: &Surroundings<'_>, service: ServiceId, slot: usize, at: SimTime) -> f64 {
    let sources = around.spec.traffic.iter().enumerate().filter(|(_, t)| t.to == service);
    let rate: f64 =
        sources.map(|(i, t)| t.rate.get() * around.climate.arrivals(i, slot) * t.shape.level(at)).sum();
    rate * around.conditions.arrival_factor(at)
}

/// Mean of the shapes of the sources of a service over a span inside of a slot, weighted with their rates.
fn shape_mean(
    around: &Surroundings<'_>,
    service: ServiceId,
    (from, until): (SimTime, SimTime),
    slot: usize,
) -> f64 {
    let sources = || around.spec.traffic.iter().enumerate().filter(|(_, t)| t.to == service);
    if sources().all(|(_, t)| t.shape.is_constant()) {
        return 1.0;
    }
    let (mut shaped, mut plain) = (0.0, 0.0);
    for (i, source) in sources() {
        let rate = source.rate.get() * around.climate.arrivals(i, slot);
        shaped += rate * source.shape.mean(from, until);
        plain += rate;
    }
    if plain > 0.0 { shaped / plain } else { 1.0 }
}

/// Requests of a stretch that no user feels but that keep the candidate's processors busy: synthetic load and copies.
fn unfelt(cluster: &Cluster, set: SetName, stretch: &Stretch) -> f64 {
    if !stretch.is_target || set != SetName::New {
        return 0.0;
    }
    let stable = stretch.shares[Destination::Stable.index()].share;
    let copied = stretch.weight * stretch.rate * stable * cluster.split.mirror;
    cluster.synthetic_load * stretch.seconds + copied
}

/// Seconds of the span in which nobody could serve.
fn overlap(down: &[(SimTime, SimTime)], from: SimTime, until: SimTime) -> f64 {
    down.iter().map(|&(a, b)| b.min(until).since(a.max(from)).as_secs_f64()).sum()
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { (part / whole).clamp(0.0, 1.0) } else { 0.0 }
}
