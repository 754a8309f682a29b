//! What a release changed in the infrastructure around the service: until when it holds, and for which service.

use std::sync::Arc;

use super::World;
use super::spec::TimedDisturbance;
use crate::effect::{ServiceId, WorldDisturbance as W};

impl World {
    /// Whether the infrastructure is configured as before the deploy.
    pub fn is_configured_as_before(&self) -> bool {
        self.conditions.is_configured_as_before()
    }

    /// Pods that have run unasked, because no check of theirs could fail, are asked from now on where a configuration will
    /// fail some; to be called before [`World::probes`] is set.
    pub(super) fn ask_running_pods(&mut self) {
        let begins = !self.probes && self.conditions.has_failing_probes();
        if !begins || self.is_configured_as_before() {
            return;
        }
        let sets = &self.cluster.sets[usize::from(self.common.spec.target.0)];
        let pods: Vec<u32> = sets.iter().flat_map(|set| set.members.iter().copied()).collect();
        for pod in pods {
            self.schedule_probe(self.cluster.process(pod));
        }
    }

    /// The infrastructure is configured as before the deploy from now on.
    pub(super) fn configure_back(&mut self) {
        self.conditions.configure_back(self.now);
        self.schedule_boundary();
        self.doom_processes();
    }
}

/// Configurations that name no service are those of the one that is rolled out.
pub(super) fn of_service(faults: Arc<[TimedDisturbance]>, target: ServiceId) -> Arc<[TimedDisturbance]> {
    if !faults.iter().any(|fault| matches!(fault.what, W::Configuration(_))) {
        return faults;
    }
    let named = |fault: &TimedDisturbance| {
        let mut fault = fault.clone();
        if let W::Configuration(inner) = &mut fault.what
            && let W::Concurrency { service, .. } | W::AutoscalerLimits { service, .. } = inner.as_mut()
        {
            service.get_or_insert(target);
        }
        fault
    };
    faults.iter().map(named).collect()
}
