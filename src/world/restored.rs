//! Whether a world is as it was before the deploy: served by the old pods, clean, or equal to one without a deploy.

use super::flow::Flow;
use super::{Kernel, World};
use crate::effect::SetName;

impl World {
    /// Whether traffic, capacity and configuration are as before the deploy, and the old revision finds the schema it needs.
    pub fn is_restored(&self) -> bool {
        self.is_carried_by(SetName::Old)
    }

    /// Whether the pods of one set carry all traffic of the target, on a schema their revision can use, with the infrastructure
    /// configured as before.
    pub fn is_carried_by(&self, set: SetName) -> bool {
        self.cluster.is_carried_by(set, &self.common.spec)
            && self.database_serves(set.revision())
            && self.is_configured_as_before()
    }

    /// Whether nothing of the deploy is left; at flow level such a world equals the one without a deploy.
    pub fn is_clean(&self) -> bool {
        let at_rest = self.database.as_ref().is_none_or(|database| database.is_at_rest());
        self.cluster.is_clean(&self.common.spec) && at_rest && self.is_restored()
    }

    /// Whether this world will go on exactly as if nothing had ever been deployed: it has no memory of the deploy but
    /// its pods and weights, those are as before, and the pods are the ones that always ran.
    pub fn equals_never_deployed(&self) -> bool {
        let untouched = self.database.as_ref().is_none_or(|database| database.is_untouched());
        let alike = self.is_flow() && self.is_clean() && untouched;
        if !(alike && self.conditions.leaves_pods_alone(self.now)) {
            return false;
        }
        if let Kernel::Flow(Flow { undisturbed: Some(undisturbed), last_slot, .. }) = &self.kernel {
            return undisturbed.digest(*last_slot) == Some(self.cluster.digest(self.common.spec.target));
        }
        let old = &self.cluster.sets[self.common.spec.target.0 as usize][SetName::Old.index()];
        let replicas = self.common.spec.services[self.common.spec.target.0 as usize].replicas;
        let original = old.members.iter().all(|&m| {
            let pod = &self.cluster.pods[m as usize];
            u32::from(pod.key.ordinal) < replicas && pod.ready
        });
        original && old.members.len() == replicas as usize
    }

    /// Whether the candidate serves nothing and will get nothing.
    pub fn is_drained(&self) -> bool {
        let new = &self.cluster.sets[self.common.spec.target.0 as usize][SetName::New.index()];
        let busy = new.members.iter().any(|&m| self.cluster.pods[m as usize].in_flight > 0);
        !busy && (new.ready.is_empty() || self.cluster.candidate_share(&self.common.spec) == 0.0)
    }
}
