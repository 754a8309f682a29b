//! What pods and their callers count: codes, latencies and processor time of what a set served in a slot.

use super::super::climate::Climate;
use super::super::cluster::Cluster;
use super::super::instruments::{BOUNDS, Code, RequestCounters};
use super::super::pod::Pod;
use super::super::spec::ServiceSpec;
use super::bounds::Below;
use super::draw::{Slot, Window};
use super::exposure::{Exposure, OfSet};
use super::{Flow, Surroundings, ratio};
use crate::effect::{ServiceId, SetName};
use crate::rng::{Key, binomial_quantile, poisson_quantile};

impl Flow {
    /// Spreads what the sets served over their pods' counters.
    pub(super) fn serve(
        &mut self,
        (service, key): (ServiceId, &Key),
        window: &Window,
        exposure: &Exposure,
        drawn: &Slot,
        cluster: &mut Cluster,
        around: &Surroundings<'_>,
    ) {
        for set in SetName::ALL {
            if !cluster.sets[service.0 as usize][set.index()].members.is_empty() {
                self.serve_set((service, set, key), window, exposure, drawn, cluster, around);
            }
        }
    }

    // Apart, so that the sets that are not there cost nothing but the question.
    #[inline(never)]
    fn serve_set(
        &mut self,
        (service, set, key): (ServiceId, SetName, &Key),
        window: &Window,
        exposure: &Exposure,
        drawn: &Slot,
        cluster: &mut Cluster,
        around: &Surroundings<'_>,
    ) {
        let spec = &around.spec.services[service.0 as usize];
        let i = set.index();
        let (fates, met) = (&drawn.sets[i], &exposure.sets[i]);
        // What was lost with a pod is counted by its callers only.
        let real = fates.requests - fates.lost;
        if spec.memory_per_request.get() > 0 {
            forget_load(cluster, service, set);
        }
        let extra =
            synthetic(cluster, around, service, set, exposure, key) + mirrored(set, exposure, drawn, key);
        if real + extra == 0 {
            return;
        }
        let synthetic = if extra == 0 || met.arrivals <= 0.0 {
            0
        } else {
            binomial_quantile(extra, met.fault / met.arrivals, key.id(40 + i as u64).uniform())
        };
        let failed = (fates.background + fates.fault + synthetic).min(real + extra);
        let latency = Latency::of(spec, service, set, exposure, window.weather, around.climate);
        let mut served = Served {
            whole: RequestCounters::default(),
            cpu_per_request: spec.cpu_per_request * latency.work,
            // Little's law: requests in a pod are its rate times the time one stays.
            stay: if spec.memory_per_request.get() > 0 { latency.mean() / window.seconds } else { 0.0 },
            histograms: self.histograms,
        };
        served.whole.by_code[Code::Failed as usize] = failed;
        served.whole.by_code[Code::Ok as usize] = real + extra - failed;
        served.whole.seconds = latency.mean() * (real + extra) as f64;
        if self.histograms {
            let below = &mut self.below[service.0 as usize][i];
            below.look_at(&latency);
            latency.histogram(below, &mut served.whole, key.id(50 + i as u64));
        }
        spread(cluster, service, set, &served, key.id(60 + i as u64));
    }
}

/// Requests of synthetic load in the slot.
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

/// Requests copied to the candidate in the slot: some of those that went to the stable destination.
pub(super) fn mirrored(set: SetName, exposure: &Exposure, drawn: &Slot, key: &Key) -> u64 {
    if set != SetName::New || exposure.mirrored <= 0.0 {
        return 0;
    }
    let stable = [SetName::Old, SetName::Promoted, SetName::Other].map(SetName::index);
    let share = ratio(exposure.mirrored, stable.iter().map(|&i| exposure.sets[i].arrivals).sum());
    binomial_quantile(stable.iter().map(|&i| drawn.sets[i].requests).sum(), share, key.id(31).uniform())
}

/// The latency of a set in a slot: a mixture of plain and slow requests.
#[derive(Clone, Copy)]
pub(super) struct Latency<'a> {
    pub(super) spec: &'a ServiceSpec,
    pub(super) multiplier: f64,
    /// Multiplier of the CPU time: the same but for what the CPU limit does.
    pub(super) work: f64,
    pub(super) slow_share: f64,
    pub(super) slow_factor: f64,
    /// Share of the requests that wait for something outside, and how many seconds.
    pub(super) wait: (f64, f64),
}

impl<'a> Latency<'a> {
    pub(super) fn of(
        spec: &'a ServiceSpec,
        service: ServiceId,
        set: SetName,
        exposure: &Exposure,
        slot: usize,
        climate: &Climate,
    ) -> Self {
        let met = &exposure.sets[set.index()];
        let slow_factor = if met.slow > 0.0 { met.slow_factor / met.slow } else { 1.0 };
        let service_time = climate.service_time(service, slot);
        Latency {
            spec,
            multiplier: met.mean_multiplier() * service_time,
            work: met.mean_work() * service_time,
            slow_share: ratio(met.slow, met.arrivals),
            slow_factor,
            wait: Latency::wait_in(exposure, met),
        }
    }

    /// The same in a set whose requests may wait for the database too. Two kinds of waits at once are taken together
    /// with their mean.
    fn wait_in(exposure: &Exposure, met: &OfSet) -> (f64, f64) {
        let outside = Latency::wait_of(exposure);
        if met.held <= 0.0 || met.arrivals <= 0.0 {
            return outside;
        }
        let held = (ratio(met.held, met.arrivals), met.held_wait / met.held);
        if outside.0 <= 0.0 {
            return held;
        }
        let share = 1.0 - (1.0 - outside.0) * (1.0 - held.0);
        (share, (outside.0 * outside.1 + held.0 * held.1) / share)
    }

    /// Share of the requests of a slot that wait, and how long each of them does.
    pub(super) fn wait_of(exposure: &Exposure) -> (f64, f64) {
        if exposure.waiting <= 0.0 {
            return (0.0, 0.0);
        }
        (ratio(exposure.waiting, exposure.total), exposure.wait / exposure.waiting)
    }

    pub(super) fn below(&self, seconds: f64) -> f64 {
        let (share, wait) = self.wait;
        if share <= 0.0 {
            return self.served_below(seconds);
        }
        let waited = if seconds > wait { self.served_below(seconds - wait) } else { 0.0 };
        (1.0 - share) * self.served_below(seconds) + share * waited
    }

    fn served_below(&self, seconds: f64) -> f64 {
        let plain = self.spec.service_time.cdf(seconds / self.multiplier);
        if self.slow_share == 0.0 {
            return plain;
        }
        let slow = self.spec.service_time.cdf(seconds / (self.multiplier * self.slow_factor));
        (1.0 - self.slow_share) * plain + self.slow_share * slow
    }

    pub(super) fn above(&self, seconds: f64) -> f64 {
        (1.0 - self.below(seconds)).clamp(0.0, 1.0)
    }

    fn mean(&self) -> f64 {
        let served = self.spec.service_time.mean() * self.multiplier;
        served * (1.0 + self.slow_share * (self.slow_factor - 1.0)) + self.wait.0 * self.wait.1
    }

    /// Draws how many of the requests fall into each bucket.
    fn histogram(&self, known: &Below, whole: &mut RequestCounters, key: Key) {
        let mut left = whole.total();
        let mut mass = 1.0;
        let mut before = 0.0;
        for (i, &bound) in BOUNDS.iter().enumerate() {
            if left == 0 {
                break;
            }
            let below = known.at(i, self);
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
    /// Requests in a pod per request served in the slot, if anybody wants to know.
    stay: f64,
    histograms: bool,
}

fn forget_load(cluster: &mut Cluster, service: ServiceId, set: SetName) {
    for &member in &cluster.sets[service.0 as usize][set.index()].members {
        cluster.pods[member as usize].load = 0.0;
    }
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
    let mut before = RequestCounters::default();
    for &member in members {
        let pod = &mut pods[member as usize];
        let part = weight(pod);
        if part <= 0.0 {
            continue;
        }
        let (low, high) = (done / total, (done + part) / total);
        done += part;
        let own;
        let counts = if low == 0.0 && high >= 1.0 {
            &served.whole
        } else {
            let upto = served.upto(high, offset);
            own = served.between(&before, &upto, high - low);
            before = upto;
            &own
        };
        let kept = pod.exposure / part;
        let add = if served.histograms { RequestCounters::add } else { RequestCounters::add_answers };
        add(&mut pod.client, counts, 1.0);
        add(&mut pod.server, counts, kept);
        pod.cpu_seconds += counts.total() as f64 * kept * served.cpu_per_request;
        if served.stay > 0.0 && pod.is_up() {
            let mean = counts.total() as f64 * kept * served.stay;
            pod.load = poisson_quantile(mean, key.id(u64::from(member)).uniform_open()) as f64;
        }
    }
}

impl Served {
    /// The counts that fall below an edge of the whole, by systematic sampling: floor(n * edge + offset).
    fn upto(&self, edge: f64, offset: f64) -> RequestCounters {
        let cut = |n: u64| {
            // Nothing is negative here, so the conversion is the floor; through `i64`, for which there is an
            // instruction.
            (n as i64 as f64 * edge + offset) as i64 as u64
        };
        let mut counts =
            RequestCounters { by_code: self.whole.by_code.map(cut), ..RequestCounters::default() };
        if self.histograms {
            counts.buckets = self.whole.buckets.map(cut);
        }
        counts
    }

    /// The counts between two edges with this share of the whole between them. Parts that touch add up to the whole.
    fn between(&self, low: &RequestCounters, high: &RequestCounters, share: f64) -> RequestCounters {
        let mut counts = *high;
        counts.seconds = self.whole.seconds * share;
        counts.by_code.iter_mut().zip(&low.by_code).for_each(|(n, before)| *n -= before);
        if self.histograms {
            counts.buckets.iter_mut().zip(&low.buckets).for_each(|(n, before)| *n -= before);
        }
        counts
    }
}
