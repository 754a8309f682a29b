//! How processes of pods end, and the health probes that end some of them.

use super::event::{Event, ExitReason, Process, class};
use super::{Kernel, World, flow, pod};
use crate::effect::{ServiceId, SetName};
use crate::time::SimDuration;

impl World {
    /// Services of which not every pod is ready.
    pub fn not_ready(&self) -> Vec<ServiceId> {
        let services = self.common.spec.services.iter().enumerate();
        let short = services.filter(|(index, service)| {
            let old = &self.cluster.sets[*index][SetName::Old.index()];
            (old.ready.len() as u32) < service.replicas
        });
        short.map(|(index, _)| ServiceId(index as u16)).collect()
    }

    pub(super) fn exit(&mut self, process: Process, reason: ExitReason) {
        if reason == ExitReason::OutOfMemory && self.cluster.pods[process.pod as usize].oom_at != self.now {
            // Its memory has filled up at another speed since this was foreseen.
            return;
        }
        let service = self.cluster.pods[process.pod as usize].key.service;
        if reason == ExitReason::Poisoned && self.conditions.poisoned(service).is_none() {
            // What kills it has been taken away since.
            return;
        }
        self.note(3, process.pod);
        let now = self.now;
        self.lose_requests(process.pod);
        if self.cluster.exit(process, reason, now, &mut self.agenda) {
            self.with_requests(|requests, around| requests.pod_lost(process.pod, around));
        }
    }

    /// Flow level: what is in a pod when its container exits fails.
    pub(super) fn lose_requests(&mut self, pod: u32) {
        if let Kernel::Flow(flow) = &mut self.kernel {
            let around = flow::Surroundings::of(&self.common, &self.conditions, &self.down_without);
            flow.lose(pod, self.now, &self.cluster, &around);
        }
    }

    /// A terminating pod goes when it has drained, or when its grace is over.
    pub(super) fn gone(&mut self, process: Process) {
        let pod = &self.cluster.pods[process.pod as usize];
        let service = &self.common.spec.services[pod.key.service.0 as usize];
        let busy = pod.in_flight + pod.waiting > 0;
        if busy && self.now < pod.terminating_since + service.termination_grace {
            let again = self.now + SimDuration::from_millis(500);
            self.agenda.schedule(again, class::CLUSTER, Event::PodGone(process));
            return;
        }
        self.note(4, process.pod);
        self.with_requests(|requests, around| requests.pod_lost(process.pod, around));
        self.cluster.gone(process.pod);
    }

    pub(super) fn schedule_probe(&mut self, process: Process) {
        let pod = &self.cluster.pods[process.pod as usize];
        let period = self.common.spec.services[pod.key.service.0 as usize].readiness.period;
        self.agenda.schedule(self.now + period, class::CLUSTER, Event::Probe(process));
    }

    /// A health probe: a pod whose queue is full does not answer in time.
    pub(super) fn probe(&mut self, process: Process) {
        let failed = self.failed_checks(process);
        let pod = &mut self.cluster.pods[process.pod as usize];
        if pod.state != pod::PodState::Running {
            return;
        }
        let service = &self.common.spec.services[pod.key.service.0 as usize];
        let full = service.queue > 0 && pod.waiting >= service.queue;
        pod.probe_failures = if full || failed[0] { pod.probe_failures + 1 } else { 0 };
        pod.liveness_failures = if full || failed[1] { pod.liveness_failures + 1 } else { 0 };
        let (failures, liveness_failures) = (pod.probe_failures, pod.liveness_failures);
        let failing_for = service.readiness.period * u64::from(liveness_failures);
        let doomed =
            failing_for >= service.liveness.period * u64::from(service.liveness.failure_threshold.max(1));
        let unready = failures >= service.readiness.failure_threshold.max(1);
        let was_ready = pod.ready;
        if liveness_failures > 0 && doomed {
            self.exit(process, ExitReason::Liveness);
            return;
        }
        if unready && was_ready {
            self.cluster.fail_readiness(process.pod);
        } else if failures == 0 && !was_ready {
            self.cluster.ready(process, self.now, &mut self.agenda);
        }
        self.schedule_probe(process);
    }
}
