//! Pods that stop because of their surroundings, and health checks that fail because of their code.
//!
//! A pod that is killed or evicted keeps its identity: its next process runs after the time the disturbance says, instead of
//! a new pod of another name. That keeps branches comparable; only eviction hides it from the restart count, as a pod
//! made anew starts from zero.
//!
//! Traps: only running pods can be stopped, so a pod that starts while a zone is away has been placed elsewhere.

use super::World;
use super::cluster::drain_time;
use super::conditions::special::{Stopping, chosen};
use super::event::{Event, ExitReason, Process, class};
use super::instruments::PodKey;
use super::pod::PodState;
use crate::effect::SetName;
use crate::rng::Purpose;

impl World {
    /// Stops the pods that go down at this instant.
    pub(super) fn stop_pods(&mut self) {
        if std::mem::replace(&mut self.stopped_at, self.now) == self.now {
            return;
        }
        for stopping in self.conditions.stopping(self.now) {
            for service in 0..self.common.spec.services.len() {
                if stopping.service.is_none_or(|s| usize::from(s.0) == service) {
                    self.stop_pods_of(service, &stopping);
                }
            }
        }
    }

    /// Empties the caches that lose what they hold at this instant.
    pub(super) fn lose_caches(&mut self) {
        for (service, share, salt) in self.conditions.losing_caches(self.now) {
            self.with_requests(|requests, around| {
                requests.lose_caches(service, (share.get(), salt), around);
            });
        }
    }

    fn stop_pods_of(&mut self, service: usize, stopping: &Stopping) {
        let sets = &self.cluster.sets[service];
        let members = SetName::ALL.iter().flat_map(|set| sets[set.index()].members.iter().copied());
        let running = |&pod: &u32| self.cluster.pods[pod as usize].state == PodState::Running;
        let running: Vec<u32> = members.filter(running).collect();
        let keys: Vec<PodKey> = running.iter().map(|&pod| self.cluster.pods[pod as usize].key).collect();
        let down = chosen(stopping.which, self.common.spec.services[service].zones, &keys);
        for (pod, _) in running.into_iter().zip(down).filter(|(_, down)| *down) {
            let reason = if stopping.restarts { ExitReason::Killed } else { ExitReason::Evicted };
            let process = self.cluster.process(pod);
            self.cluster.pods[pod as usize].back_after = stopping.back_after;
            if stopping.graceful {
                self.cluster.pods[pod as usize].leaving = true;
                self.cluster.set_unready(pod);
                let end = self.now + drain_time(&self.common.spec.services[service]);
                self.agenda.schedule(end, class::CLUSTER, Event::PodExit(process, reason));
            } else {
                self.exit(process, reason);
            }
        }
    }

    /// Whether the readiness and the liveness check of this instant fail because of the code of the pod.
    pub(super) fn failed_checks(&self, process: Process) -> [bool; 2] {
        let pod = &self.cluster.pods[process.pod as usize];
        let shares = self.conditions.failing_probes(pod.key.service, pod.revision());
        if shares == [0.0; 2] {
            return [false; 2];
        }
        // One number: where both ask the same endpoint they get the same answer.
        let key = self.cluster.pod_key(process.pod).purpose(Purpose::ProbePhase);
        let u = key.id(self.now.as_nanos()).uniform();
        shares.map(|share| u < share)
    }
}
