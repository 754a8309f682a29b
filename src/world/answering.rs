//! Whether a service answers at present, for what depends on it from outside of the call graph: the monitoring stack,
//! the deployment path.
//!
//! The rule is that of whoever tries it now. It does not answer while none of its pods is ready, while nobody reaches
//! it (a partition or outage on the edges of all callers), while a shared dependency fails at least half of its
//! requests; nor while, among the answers its callers got in the last scrape interval, at least half were errors,
//! rejections or time-outs. Fewer than ten answers say nothing.
//!
//! Trap: the last of these is known at scrapes only, and only of services that are [watched](World::watch).

use super::World;
use super::instruments::Code;
use crate::effect::{Caller, EdgeEffect, ServiceId};

/// Fewer answers than this in an interval say nothing.
const FEW: u64 = 10;

/// Share of bad answers from which on a service does not answer.
const BAD: f64 = 0.5;

/// What is known of the answers of a service that somebody depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watched {
    service: ServiceId,
    /// Good answers and all, up to the last scrape.
    seen: (u64, u64),
    answers: bool,
}

impl World {
    /// Looks at the answers of this service from now on, for [`World::answers`].
    pub fn watch(&mut self, service: ServiceId) {
        if self.watched.iter().all(|watched| watched.service != service) {
            let seen = self.answers_of(service);
            self.watched.push(Watched { service, seen, answers: true });
        }
    }

    /// Whether a service answers at present.
    pub fn answers(&self, service: ServiceId) -> bool {
        let cut = |(_, effect)| matches!(effect, EdgeEffect::Partition | EdgeEffect::Outage { .. });
        !self.cluster.is_down(service)
            && !self.conditions.edges(Caller::Anybody, service).any(cut)
            && self.conditions.dependency_errors(service) < BAD
            && self.watched.iter().all(|watched| watched.service != service || watched.answers)
    }

    /// Good answers of a service and all, as its callers have counted them so far.
    fn answers_of(&self, service: ServiceId) -> (u64, u64) {
        let pods = self.cluster.pods.iter().filter(|pod| pod.key.service == service);
        let counted = pods.fold((0, 0), |(good, all), pod| {
            (good + pod.client.by_code[Code::Ok as usize], all + pod.client.total())
        });
        let nobody: u64 = self.no_pod[service.0 as usize].iter().sum();
        (counted.0, counted.1 + nobody)
    }

    /// Takes note of the answers of an interval that has ended.
    pub(super) fn look_at_watched(&mut self) {
        for index in 0..self.watched.len() {
            let now = self.answers_of(self.watched[index].service);
            let watched = &mut self.watched[index];
            let (good, all) = (now.0 - watched.seen.0, now.1 - watched.seen.1);
            watched.seen = now;
            watched.answers = all < FEW || (all - good) as f64 <= BAD * all as f64;
        }
    }
}
