//! Version skew: a caller and its callee run revisions that do not understand each other.
//!
//! The rule: a share of the requests uses what changed between the revisions (a renamed field, a new endpoint). Such a
//! request fails when its caller runs the new revision and the pod that answers the old one, or the other way round, each
//! with a share of its own ([`Skew`](crate::world::protection::Skew)). Which requests those are is a property of the
//! request: a retry fails again, unless it meets a pod of the other revision.
//!
//! Traps: a service that nobody releases runs its old revision for ever, so a new caller that needs a new callee fails
//! until somebody releases that. Of third revisions an older one speaks as the old one does, and a fix as the new one.

use super::children::child_spec;
use super::{Around, Call, Requests, Role};
use crate::effect::Revision;
use crate::rng::Purpose;

impl Requests {
    /// Whether the pod that answers a call does not understand the revision that made it.
    pub(super) fn is_misunderstood(&self, call: &Call, pod: u32, around: &Around<'_>) -> bool {
        let Some((slot, generation)) = call.parent else { return false };
        let caller = &self.calls[slot as usize];
        if caller.generation != generation || caller.role == Role::User {
            return false;
        }
        let options = child_spec(caller, around).options.as_deref();
        let Some((skew, from)) = options.and_then(|options| options.skew).zip(caller.pod) else {
            return false;
        };
        let share = skew.share(speaks_new(from, around), speaks_new(pod, around));
        let uses_it = || caller.key.purpose(Purpose::Skew).id(u64::from(caller.child)).uniform();
        share > 0.0 && uses_it() < share
    }
}

/// Whether a pod speaks the new version of what its service and its callees agree on.
fn speaks_new(pod: u32, around: &Around<'_>) -> bool {
    match around.cluster.pods[pod as usize].revision() {
        Revision::Stable => false,
        Revision::Candidate => true,
        Revision::Other => around.conditions.third_is_fix,
    }
}
