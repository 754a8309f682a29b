//! Routers that take pods out of their rotation by what they answer, and put them back.
//!
//! See [`EjectionSpec`] for the rule. What is known of a pod is known to all callers at once, as to one router in front
//! of the service.

use super::super::instruments::Code;
use super::super::pod::PodState;
use super::super::protection::EjectionSpec;
use super::super::spec::ServiceSpec;
use super::{Around, Call, Requests, route};
use crate::effect::{Destination, Routing, ServiceId, SetName};
use crate::rng::Purpose;
use crate::time::SimTime;

/// What a router knows of one pod.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standing {
    /// Failed answers in a row.
    in_a_row: u32,
    /// Multiplier of the time of its last ejection, less what it was forgiven since.
    ejections: u64,
    /// Until when it is out.
    until: SimTime,
}

fn rule(service: &ServiceSpec) -> Option<&EjectionSpec> {
    service.server.as_ref().and_then(|server| server.ejection.as_ref())
}

impl Requests {
    /// The pod the router of a service picks for a call, where any service has a router that ejects.
    pub(super) fn pick_in_rotation(
        &self,
        call: &Call,
        destination: Destination,
        around: &Around<'_>,
    ) -> Option<u32> {
        let Some(rule) = rule(&around.spec.services[call.service.0 as usize]) else {
            return route::pick_pod(call, destination, around.cluster);
        };
        let pool = self.pool(call, destination, around);
        let healthy: Vec<u32> = pool.iter().copied().filter(|&pod| self.is_in(pod, around)).collect();
        let panics = (healthy.len() as f64) < rule.panic_threshold.get() * pool.len() as f64;
        let among = if panics { pool } else { healthy };
        // Where there is one pool for all, requests keep to the side they would go to as long as that has pods.
        let of = |pod: u32| around.cluster.pods[pod as usize].key.set.destination();
        let own = || among.iter().copied().filter(|&pod| of(pod) == destination);
        match own().count() {
            0 => one_of(call, among.len(), among.iter().copied()),
            count => one_of(call, count, own()),
        }
    }

    /// The running pods among which the router picks: those behind the destination, or, where it finds pods by their
    /// endpoints, all of the service.
    fn pool(&self, call: &Call, destination: Destination, around: &Around<'_>) -> Vec<u32> {
        let by_endpoints = around.cluster.routing == Routing::Endpoints;
        let one_for_all = call.service != around.spec.target || by_endpoints;
        let sets = &around.cluster.sets[call.service.0 as usize];
        let behind = SetName::ALL.iter().filter(|set| one_for_all || set.destination() == destination);
        let runs = |&pod: &u32| {
            let pod = &around.cluster.pods[pod as usize];
            pod.state == PodState::Running && !pod.leaving
        };
        behind.flat_map(|set| sets[set.index()].members.iter().copied()).filter(runs).collect()
    }

    fn is_in(&self, pod: u32, around: &Around<'_>) -> bool {
        around.cluster.pods[pod as usize].ready && !self.is_ejected(pod, around.now)
    }

    fn is_ejected(&self, pod: u32, now: SimTime) -> bool {
        self.standings.get(pod as usize).is_some_and(|standing| now < standing.until)
    }

    /// A caller has an answer of a pod, or has given up on it.
    pub(super) fn note_answer(&mut self, pod: u32, code: Code, around: &Around<'_>) {
        let service = around.cluster.pods[pod as usize].key.service;
        let Some(rule) = rule(&around.spec.services[service.0 as usize]) else { return };
        if self.standings.len() <= pod as usize {
            self.standings.resize(pod as usize + 1, Standing::default());
        }
        let standing = &mut self.standings[pod as usize];
        standing.in_a_row = if code == Code::Ok { 0 } else { standing.in_a_row + 1 };
        if standing.in_a_row < rule.consecutive || around.now < standing.until {
            return;
        }
        let (out, all) = self.in_and_out(service, around);
        if out > 0 && f64::from(out) >= rule.most.get() * f64::from(all) {
            return;
        }
        let standing = &mut self.standings[pod as usize];
        // A pod is forgiven one ejection for each look at which it was in.
        let looks = around.now.since(standing.until).as_nanos() / rule.interval.as_nanos().max(1);
        standing.ejections = standing.ejections.saturating_sub(looks) + 1;
        standing.in_a_row = 0;
        let out_for = (rule.base * standing.ejections).min(rule.longest.max(rule.base));
        standing.until = around.now + out_for;
    }

    /// Pods of a service that are out of rotation, and all that run.
    fn in_and_out(&self, service: ServiceId, around: &Around<'_>) -> (u32, u32) {
        let sets = &around.cluster.sets[service.0 as usize];
        let members = sets.iter().flat_map(|set| set.members.iter().copied());
        let running = members.filter(|&pod| around.cluster.pods[pod as usize].state == PodState::Running);
        running.fold((0, 0), |(out, all), pod| (out + u32::from(self.is_ejected(pod, around.now)), all + 1))
    }
}

/// The pod that the key of a call picks among so many.
fn one_of(call: &Call, count: usize, mut among: impl Iterator<Item = u32>) -> Option<u32> {
    let index = match count {
        0 | 1 => 0,
        _ => call.key.purpose(Purpose::Routing).id(1).below(count as u64) as usize,
    };
    among.nth(index)
}
