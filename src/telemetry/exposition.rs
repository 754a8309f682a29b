//! What exporters show when they do not show the truth: counters that start again, values that stand still, requests
//! that are counted under the wrong revision.
//!
//! The world's instruments are bent just before they are stored. What was counted between the last scrape and a reset is
//! lost, as it is in reality.
//!
//! Traps: all exporters of the system are hit together; a process that restarts by itself forgets what was taken off its
//! counters. Requests of the candidate that are counted as the stable's go to the oldest stable pod that is there; with it
//! they go.

use crate::effect::{Revision, SetName};
use crate::telemetry::sampler::Sampler;
use crate::time::SimTime;
use crate::world::instruments::{NoPod, PodInstruments, PodKey, RequestCounters, ServiceInstruments};

/// What exporters remember besides the truth; nothing as long as nothing bends them.
#[derive(Clone, Debug, Default)]
pub struct Exposition {
    reset: Option<SimTime>,
    taken_off: Vec<Pair>,
    no_pod: Vec<NoPod>,
    seen: Vec<Pair>,
    carried: Vec<Pair>,
    fresh: Vec<ServiceInstruments>,
}

/// The request counters of a pod, as it and as its callers count.
#[derive(Clone, Copy, Debug)]
struct Pair {
    pod: PodKey,
    server: RequestCounters,
    client: RequestCounters,
}

impl Pair {
    fn of(pod: &PodInstruments) -> Self {
        Pair { pod: pod.key, server: pod.server, client: pod.client }
    }
}

impl Exposition {
    /// Bends what a scrape at this instant finds.
    pub fn bend(&mut self, sampler: &Sampler, at: SimTime, services: &mut Vec<ServiceInstruments>) {
        if sampler.tells_the_truth() {
            return;
        }
        if sampler.unlabelled(at) == Some(true) {
            self.carry(services);
        }
        self.seen = candidates(services);
        self.show_carried(services);
        if let Some(reset) = sampler.last_counter_reset(at) {
            self.start_again(reset, services);
        }
        if sampler.is_stale(at) && !self.fresh.is_empty() {
            services.clone_from(&self.fresh);
        } else {
            self.fresh.clone_from(services);
        }
    }

    /// Takes off what the counters had when they were reset.
    fn start_again(&mut self, reset: SimTime, services: &mut [ServiceInstruments]) {
        if self.reset != Some(reset) {
            self.reset = Some(reset);
            self.taken_off = services.iter().flat_map(|service| &service.pods).map(Pair::of).collect();
            self.no_pod = services.iter().map(|service| service.no_pod).collect();
        }
        for pod in services.iter_mut().flat_map(|service| &mut service.pods) {
            if let Some(base) = self.taken_off.iter_mut().find(|base| base.pod == pod.key) {
                if pod.server.total() < base.server.total() {
                    base.server = RequestCounters::default();
                }
                pod.server = minus(&pod.server, &base.server);
                pod.client = minus(&pod.client, &base.client);
            }
        }
        for (service, base) in services.iter_mut().zip(&self.no_pod) {
            let rejected = service.no_pod.rejected.iter_mut().zip(base.rejected);
            rejected.for_each(|(now, before)| *now = now.saturating_sub(before));
        }
    }

    /// Gives what candidate pods counted since the last scrape to a stable pod of their service.
    fn carry(&mut self, services: &[ServiceInstruments]) {
        for service in services {
            let Some(carrier) = service.pods.iter().find(|pod| pod.key.set == SetName::Old) else { continue };
            let id = carrier.key.service;
            let known = self.carried.iter().position(|pair| pair.pod.service == id);
            let nothing = Pair { pod: carrier.key, server: Default::default(), client: Default::default() };
            let index = known.unwrap_or_else(|| {
                self.carried.push(nothing);
                self.carried.len() - 1
            });
            if self.carried[index].pod != carrier.key {
                self.carried[index] = nothing;
            }
            for pod in service.pods.iter().filter(|pod| is_candidate(pod)) {
                let before = self.seen.iter().find(|pair| pair.pod == pod.key);
                let grown = |now: &RequestCounters, before: Option<&RequestCounters>| match before {
                    Some(before) if before.total() <= now.total() => minus(now, before),
                    _ => *now,
                };
                let into = &mut self.carried[index];
                into.server.add(&grown(&pod.server, before.map(|pair| &pair.server)), 1.0);
                into.client.add(&grown(&pod.client, before.map(|pair| &pair.client)), 1.0);
            }
        }
    }

    fn show_carried(&self, services: &mut [ServiceInstruments]) {
        for pod in services.iter_mut().flat_map(|service| &mut service.pods) {
            if let Some(pair) = self.carried.iter().find(|pair| pair.pod == pod.key) {
                pod.server.add(&pair.server, 1.0);
                pod.client.add(&pair.client, 1.0);
            }
        }
    }
}

fn is_candidate(pod: &PodInstruments) -> bool {
    pod.key.set.revision() == Revision::Candidate
}

fn candidates(services: &[ServiceInstruments]) -> Vec<Pair> {
    services.iter().flat_map(|service| &service.pods).filter(|pod| is_candidate(pod)).map(Pair::of).collect()
}

fn minus(now: &RequestCounters, before: &RequestCounters) -> RequestCounters {
    let mut rest = *now;
    rest.by_code.iter_mut().zip(before.by_code).for_each(|(now, before)| *now = now.saturating_sub(before));
    rest.buckets.iter_mut().zip(before.buckets).for_each(|(now, before)| *now = now.saturating_sub(before));
    rest.seconds = (now.seconds - before.seconds).max(0.0);
    rest
}
