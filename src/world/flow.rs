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
//! Traps: only services without calls can be played at this level; requests in flight when a pod dies are not
//! counted as failed (at rate x latency they are few); every pod of a set gets an equal share of what the set gets.

use super::climate::Climate;
use super::cluster::Cluster;
use super::conditions::Conditions;
use super::instruments::{BOUNDS, Code, RequestCounters};
use super::pod::Pod;
use super::spec::{ServiceSpec, WorldSpec};
use super::tally::Tally;
use crate::effect::{Destination, ServiceId, SetName};
use crate::rng::{Key, Purpose, binomial_quantile, poisson_quantile};
use crate::time::{SimDuration, SimTime};

/// Integrals over the present slot for one service. Seconds, weighted with the arrival factor.
#[derive(Clone, Copy, Debug, Default)]
struct Exposure {
    /// All arrivals.
    total: f64,
    /// Arrivals sent to a set.
    set: [f64; 3],
    /// Arrivals sent to a destination without a pod.
    no_pod: [f64; 2],
    /// Integral of the dependency error share over all arrivals.
    dependency: f64,
    /// Integral of the fault error share over the arrivals of a set.
    fault: [f64; 3],
    /// Integral of the slow share.
    slow: [f64; 3],
    /// Integral of the slow factor over slow arrivals.
    slow_factor: [f64; 3],
    /// Integral of the multiplier (cold caches, replica noise) over the arrivals of a set.
    multiplier: [f64; 3],
}

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

/// The fates of one slot of one service.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    arrivals: u64,
    set: [u64; 3],
    no_pod: [u64; 2],
    background: [u64; 3],
    fault: [u64; 3],
    slow: [u64; 3],
    harm_failed: u64,
    harm_slow: u64,
    harm_rejected: u64,
    background_no_pod: [u64; 2],
    slow_total: u64,
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
            exposure.dependency += weight * around.conditions.dependency_errors(service, from);
            let shares = shares(cluster, service, is_target);
            for (d, share) in shares.iter().enumerate() {
                if share.ready == 0 {
                    exposure.no_pod[d] += weight * share.share;
                }
            }
            for set in SetName::ALL {
                let share = &shares[set.destination() as usize];
                let ready = cluster.sets[index][set.index()].ready.len();
                if ready == 0 || share.ready == 0 {
                    continue;
                }
                let part = weight * share.share * ready as f64 / share.ready as f64;
                accumulate_set(exposure, set, part, is_target, from, around.conditions);
                if part > 0.0 && set != SetName::Old && self.harm_from.is_none() {
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
            if shares[1].share > 0.0 && shares[1].ready == 0 && self.harm_from.is_none() {
                self.harm_from = Some(from);
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
        no_pod: &mut [[u64; 2]],
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
            harm += drawn.harm_failed + drawn.harm_slow + drawn.harm_rejected;
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

    /// Spreads what the sets served over their pods' counters.
    #[allow(clippy::too_many_arguments)]
    fn serve(
        &self,
        service: ServiceId,
        slot: usize,
        exposure: &Exposure,
        drawn: &Slot,
        key: &Key,
        cluster: &mut Cluster,
        around: &Surroundings<'_>,
    ) {
        let spec = &around.spec.services[service.0 as usize];
        for set in SetName::ALL {
            let i = set.index();
            let real = drawn.set[i];
            let extra = synthetic(cluster, around, service, set, exposure, key);
            if real + extra == 0 {
                continue;
            }
            let fault_share = if exposure.set[i] > 0.0 { exposure.fault[i] / exposure.set[i] } else { 0.0 };
            let synthetic = match extra {
                0 => 0,
                _ => binomial_quantile(extra, fault_share, key.id(40 + i as u64).uniform()),
            };
            let bad = drawn.background[i] + drawn.fault[i] + synthetic;
            let latency = Latency::of(spec, service, set, exposure, slot, around.climate);
            let mut whole = RequestCounters::default();
            whole.by_code[Code::Failed as usize] = bad.min(real + extra);
            whole.by_code[Code::Ok as usize] = real + extra - whole.by_code[Code::Failed as usize];
            if self.histograms {
                latency.histogram(&mut whole, key.id(50 + i as u64));
            }
            whole.seconds = latency.mean() * (real + extra) as f64;
            let cpu = spec.cpu_per_request * latency.multiplier;
            let whole = Served { whole, cpu_per_request: cpu, histograms: self.histograms };
            spread(cluster, service, set, &whole, key.id(60 + i as u64));
        }
    }
}

/// Share of the traffic of a destination and the number of its ready pods.
#[derive(Clone, Copy)]
struct Share {
    share: f64,
    ready: usize,
}

fn shares(cluster: &Cluster, service: ServiceId, is_target: bool) -> [Share; 2] {
    let candidate = if is_target { cluster.candidate_share(service) } else { 0.0 };
    [
        Share { share: 1.0 - candidate, ready: cluster.ready_behind(service, Destination::Stable) },
        Share { share: candidate, ready: cluster.ready_behind(service, Destination::Candidate) },
    ]
}

fn accumulate_set(
    exposure: &mut Exposure,
    set: SetName,
    part: f64,
    is_target: bool,
    at: SimTime,
    conditions: &Conditions,
) {
    let i = set.index();
    exposure.set[i] += part;
    if is_target {
        exposure.fault[i] += part * conditions.fault_errors(set.revision(), at);
        let slow = conditions.slowness(set.revision(), at);
        exposure.slow[i] += part * slow.share;
        exposure.slow_factor[i] += part * slow.share * slow.factor;
    }
}

/// Mean multiplier of the ready pods of a set; also notes each pod's share of the traffic.
fn pods_multiplier(
    cluster: &mut Cluster,
    (service, set): (ServiceId, SetName),
    part: f64,
    (at, weather): (SimTime, usize),
    around: &Surroundings<'_>,
) -> f64 {
    let cold = around.conditions.any_cold(at);
    let mut sum = 0.0;
    let ready = &cluster.sets[service.0 as usize][set.index()].ready;
    let count = ready.len();
    for &pod in ready {
        let pod = &mut cluster.pods[pod as usize];
        pod.exposure += part;
        let mut multiplier = around.climate.replica_time(service, set, pod.key.ordinal, weather);
        if cold {
            multiplier *= around.conditions.cold_factor(pod.uptime(at), at);
        }
        sum += multiplier;
    }
    sum / count as f64
}

/// Arrivals per second at a service in a slot, before the arrival factor.
fn arrival_rate(spec: &WorldSpec, climate: &Climate, service: ServiceId, slot: usize) -> f64 {
    let sources = spec.traffic.iter().enumerate().filter(|(_, t)| t.to == service);
    sources.map(|(i, t)| t.rate.get() * climate.arrivals(i, slot)).sum()
}

fn synthetic(
    cluster: &Cluster,
    around: &Surroundings<'_>,
    service: ServiceId,
    set: SetName,
    exposure: &Exposure,
    key: &Key,
) -> u64 {
    let reached = service == around.spec.target
        && set == SetName::New
        && cluster.synthetic_load > 0.0
        && !cluster.sets[service.0 as usize][set.index()].ready.is_empty();
    if !reached || exposure.total <= 0.0 {
        return 0;
    }
    poisson_quantile(cluster.synthetic_load * around.spec.slot.as_secs_f64(), key.id(30).uniform_open())
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { (part / whole).clamp(0.0, 1.0) } else { 0.0 }
}

/// Draws the fates of one slot.
fn draw(
    exposure: &Exposure,
    rate: f64,
    (weather, began): (usize, SimTime),
    service: ServiceId,
    key: &Key,
    around: &Surroundings<'_>,
) -> Slot {
    let mut drawn = Slot { ..Slot::default() };
    drawn.arrivals = poisson_quantile(rate * exposure.total, key.purpose(Purpose::Arrivals).uniform_open());
    route(&mut drawn, exposure, key);
    let spec = &around.spec.services[service.0 as usize];
    let background = (spec.error_ratio.get() * around.climate.errors(service, weather)).min(1.0);
    let dependency = ratio(exposure.dependency, exposure.total);
    let share = 1.0 - (1.0 - background) * (1.0 - dependency);
    let all = binomial_quantile(drawn.arrivals, share, key.purpose(Purpose::BackgroundErrors).uniform());
    let (sets, none) = split(all, &drawn, key.purpose(Purpose::BackgroundErrors));
    drawn.background = sets;
    drawn.background_no_pod = none;
    for set in SetName::ALL {
        let i = set.index();
        let left = drawn.set[i] - drawn.background[i];
        if left == 0 || exposure.fault[i] <= 0.0 {
            continue;
        }
        let share = ratio(exposure.fault[i], exposure.set[i]);
        drawn.fault[i] = binomial_quantile(left, share, key.purpose(Purpose::Fault).id(i as u64).uniform());
    }
    drawn.harm_failed = drawn.fault.iter().sum();
    drawn.harm_rejected = drawn.no_pod.iter().sum::<u64>() - none.iter().sum::<u64>();
    if let Some(limit) = around.spec.slo.latency {
        draw_slow(&mut drawn, exposure, (weather, began), service, limit, key, around);
    }
    drawn
}

/// Where the arrivals went: one binomial after the other, each out of what is left.
fn route(drawn: &mut Slot, exposure: &Exposure, key: &Key) {
    let key = key.purpose(Purpose::Routing);
    let (mut left, mut mass) = (drawn.arrivals, exposure.total);
    let mut take = |part: f64, id: u64| {
        if part <= 0.0 {
            return 0;
        }
        let count = binomial_quantile(left, ratio(part, mass), key.id(id).uniform());
        left -= count;
        mass -= part;
        count
    };
    drawn.set[SetName::New.index()] = take(exposure.set[SetName::New.index()], 0);
    drawn.no_pod[1] = take(exposure.no_pod[1], 1);
    drawn.set[SetName::Promoted.index()] = take(exposure.set[SetName::Promoted.index()], 2);
    drawn.no_pod[0] = take(exposure.no_pod[0], 3);
    drawn.set[SetName::Old.index()] = left;
}

/// Spreads `all` marked requests over the places the arrivals went, without replacement.
fn split(all: u64, drawn: &Slot, key: Key) -> ([u64; 3], [u64; 2]) {
    let places = [drawn.set[1], drawn.no_pod[1], drawn.set[2], drawn.no_pod[0], drawn.set[0]];
    let mut marked = [0; 5];
    let (mut left, mut pool) = (all, drawn.arrivals);
    for (i, &size) in places.iter().enumerate().filter(|(_, size)| **size > 0) {
        if left == 0 {
            break;
        }
        // Between the least that the other places leave over and the most that fits.
        let least = left.saturating_sub(pool - size);
        let most = left.min(size);
        let share = if pool > 0 { size as f64 / pool as f64 } else { 0.0 };
        marked[i] = binomial_quantile(left, share, key.id(10 + i as u64).uniform()).clamp(least, most);
        left -= marked[i];
        pool -= size;
    }
    ([marked[4], marked[0], marked[2]], [marked[3], marked[1]])
}

/// Mean multiplier of the pods that have always run: what the service has without a deploy.
fn undisturbed_multiplier(
    spec: &ServiceSpec,
    service: ServiceId,
    (weather, began): (usize, SimTime),
    around: &Surroundings<'_>,
) -> f64 {
    let replicas = spec.replicas.max(1);
    let own: f64 = (0..replicas)
        .map(|ordinal| around.climate.replica_time(service, SetName::Old, ordinal as u16, weather))
        .sum();
    let cold = around.conditions.cold_factor(began.since(SimTime::ZERO), began);
    own / f64::from(replicas) * cold
}

#[allow(clippy::too_many_arguments)]
fn draw_slow(
    drawn: &mut Slot,
    exposure: &Exposure,
    (weather, began): (usize, SimTime),
    service: ServiceId,
    limit: SimDuration,
    key: &Key,
    around: &Surroundings<'_>,
) {
    let spec = &around.spec.services[service.0 as usize];
    let limit = limit.as_secs_f64();
    let plain = Latency {
        spec,
        multiplier: around.climate.service_time(service, weather)
            * undisturbed_multiplier(spec, service, (weather, began), around),
        slow_share: 0.0,
        slow_factor: 1.0,
    };
    let without = plain.above(limit);
    let key = key.purpose(Purpose::ServiceTime);
    for set in SetName::ALL {
        let i = set.index();
        let left = drawn.set[i] - drawn.background[i] - drawn.fault[i];
        if left == 0 {
            continue;
        }
        let here = Latency::of(spec, service, set, exposure, weather, around.climate).above(limit);
        let common = binomial_quantile(left, without.min(here), key.id(i as u64).uniform());
        // The same pods without the deploy differ by rounding only; that is no harm.
        let extra = if here - without > 1e-9 { ratio(here - without, 1.0 - without) } else { 0.0 };
        let harmed = binomial_quantile(left - common, extra, key.id(20 + i as u64).uniform());
        drawn.slow[i] = common + harmed;
        drawn.harm_slow += harmed;
        drawn.slow_total += common + harmed;
    }
}

/// Counts one slot of one service for users.
fn count(tally: &mut Tally, drawn: &Slot, now: SimTime) {
    let rejected: u64 = drawn.no_pod.iter().sum();
    let failed: u64 = drawn.background.iter().sum::<u64>() + drawn.fault.iter().sum::<u64>();
    let counts = &mut tally.counts;
    counts.issued += drawn.arrivals;
    counts.rejected += rejected;
    counts.failed += failed;
    counts.succeeded += drawn.arrivals - rejected - failed;
    counts.slow += drawn.slow_total;
    tally.harm.failed += drawn.harm_failed;
    tally.harm.slow += drawn.harm_slow;
    tally.harm.rejected += drawn.harm_rejected;
    tally.touched += drawn.harm_failed + drawn.harm_slow + drawn.harm_rejected;
    tally.answered(now, drawn.arrivals, rejected + failed, drawn.slow_total);
}

/// The latency of a set in a slot: a mixture of plain and slow requests.
#[derive(Clone, Copy)]
struct Latency<'a> {
    spec: &'a ServiceSpec,
    multiplier: f64,
    slow_share: f64,
    slow_factor: f64,
}

impl<'a> Latency<'a> {
    fn of(
        spec: &'a ServiceSpec,
        service: ServiceId,
        set: SetName,
        exposure: &Exposure,
        slot: usize,
        climate: &Climate,
    ) -> Self {
        let i = set.index();
        let mass = exposure.set[i];
        let (own, slow_share, slow_factor) = if mass > 0.0 {
            let factor =
                if exposure.slow[i] > 0.0 { exposure.slow_factor[i] / exposure.slow[i] } else { 1.0 };
            (exposure.multiplier[i] / mass, ratio(exposure.slow[i], mass), factor)
        } else {
            (1.0, 0.0, 1.0)
        };
        Latency { spec, multiplier: own * climate.service_time(service, slot), slow_share, slow_factor }
    }

    fn below(&self, seconds: f64) -> f64 {
        let plain = self.spec.service_time.cdf(seconds / self.multiplier);
        if self.slow_share == 0.0 {
            return plain;
        }
        let slow = self.spec.service_time.cdf(seconds / (self.multiplier * self.slow_factor));
        (1.0 - self.slow_share) * plain + self.slow_share * slow
    }

    fn above(&self, seconds: f64) -> f64 {
        (1.0 - self.below(seconds)).clamp(0.0, 1.0)
    }

    fn mean(&self) -> f64 {
        self.spec.service_time.mean() * self.multiplier * (1.0 + self.slow_share * (self.slow_factor - 1.0))
    }

    /// Draws how many of the requests fall into each bucket.
    fn histogram(&self, whole: &mut RequestCounters, key: Key) {
        let mut left = whole.total();
        let mut mass = 1.0;
        let mut before = 0.0;
        for (i, &bound) in BOUNDS.iter().enumerate() {
            if left == 0 {
                break;
            }
            let below = if bound.is_finite() { self.below(bound) } else { 1.0 };
            let share = ratio(below - before, mass);
            let count = if bound.is_finite() {
                binomial_quantile(left, share, key.id(i as u64).uniform())
            } else {
                left
            };
            whole.buckets[i] = count;
            left -= count;
            mass -= below - before;
            before = below;
        }
    }
}

/// What a set served in a slot.
struct Served {
    whole: RequestCounters,
    cpu_per_request: f64,
    histograms: bool,
}

/// Gives each pod of a set its part of the set's counts: equal shares of what each was ready for, remainders going
/// round from a keyed place; what a crashed process counted in this slot is lost to it but not to its callers.
fn spread(cluster: &mut Cluster, service: ServiceId, set: SetName, served: &Served, key: Key) {
    let Cluster { pods, sets, .. } = cluster;
    let members = &sets[service.0 as usize][set.index()].members;
    let weight = |pod: &Pod| pod.exposure + pod.lost_exposure;
    let total: f64 = members.iter().map(|&m| weight(&pods[m as usize])).sum();
    if total <= 0.0 {
        return;
    }
    let offset = key.uniform();
    let mut done = 0.0;
    for &member in members {
        let pod = &mut pods[member as usize];
        let part = weight(pod);
        if part <= 0.0 {
            continue;
        }
        let span = (done / total, (done + part) / total);
        done += part;
        let kept = pod.exposure / part;
        let counts = served.part(span, offset);
        let add = if served.histograms { RequestCounters::add } else { RequestCounters::add_answers };
        add(&mut pod.client, &counts, 1.0);
        add(&mut pod.server, &counts, kept);
        pod.cpu_seconds += counts.total() as f64 * kept * served.cpu_per_request;
    }
}

impl Served {
    /// The counts that fall on the part from `low` to `high` of the whole, by systematic sampling: the differences of
    /// floor(n * edge + offset) sum to n over the parts.
    fn part(&self, (low, high): (f64, f64), offset: f64) -> RequestCounters {
        let cut = |n: u64| {
            // Nothing is negative here, so the conversion is the floor.
            let n = n as f64;
            (n * high + offset) as u64 - (n * low + offset) as u64
        };
        let whole = &self.whole;
        let mut counts = RequestCounters {
            seconds: whole.seconds * (high - low),
            by_code: whole.by_code.map(cut),
            ..Default::default()
        };
        if self.histograms {
            counts.buckets = whole.buckets.map(cut);
        }
        counts
    }
}
