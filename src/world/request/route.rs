//! Which destination and which pod a call goes to.

use super::super::cluster::Cluster;
use super::super::spec::WorldSpec;
use super::{Around, COPIED, Call, Requests, SYNTHETIC};
use crate::effect::{Destination, SetName};
use crate::rng::{Key, Purpose};

impl Requests {
    /// Where the router sends a call.
    ///
    /// One number per request decides: the candidate's share lies at its low end and the baseline's at its high end,
    /// so a growing share takes over more of the same requests.
    pub(super) fn destination(&self, call: &Call, around: &Around<'_>) -> Destination {
        if call.service != around.spec.target {
            return endpoint(call, around.cluster);
        }
        if call.source == SYNTHETIC {
            return Destination::Candidate;
        }
        if around.cluster.serves_only_stable(call.service) {
            return Destination::Stable;
        }
        let shares = around.cluster.shares(call.service);
        let cohort = around.cluster.follows_cohort();
        if !cohort && shares[Destination::Stable.index()] >= 1.0 {
            return Destination::Stable;
        }
        if cohort && self.is_matched(call, around) {
            return Destination::Candidate;
        }
        let u = if around.spec.traffic[call.source as usize].sticky {
            self.user_key(call, around).purpose(Purpose::Routing).uniform()
        } else {
            call.key.purpose(Purpose::Routing).uniform()
        };
        if u < shares[Destination::Candidate.index()] {
            Destination::Candidate
        } else if u >= 1.0 - shares[Destination::Baseline.index()] {
            Destination::Baseline
        } else {
            Destination::Stable
        }
    }

    /// The user behind a request, whichever of its calls asks.
    pub(super) fn user(&self, call: &Call, spec: &WorldSpec) -> u64 {
        let source = call.source as usize;
        let users = spec.traffic[source].users.max(1);
        let first = self.first_intent(source, call.intent);
        self.source_keys[source].id(u64::from(first)).purpose(Purpose::User).below(users)
    }

    /// The first intent of the session an intent belongs to; itself without sessions.
    fn first_intent(&self, source: usize, intent: u32) -> u32 {
        let sessions = &self.sessions[source];
        let after = sessions.partition_point(|&first| first <= intent);
        after.checked_sub(1).and_then(|index| sessions.get(index)).copied().unwrap_or(intent)
    }

    fn user_key(&self, call: &Call, around: &Around<'_>) -> Key {
        Key::root(self.user(call, around.spec), &around.spec.traffic[call.source as usize].name)
    }

    /// Whether the request is one of the cohort that a header or cookie rule matches: a property of its user.
    pub(super) fn is_matched(&self, call: &Call, around: &Around<'_>) -> bool {
        let share = around.spec.traffic[call.source as usize].cohort.get();
        share > 0.0 && self.user_key(call, around).purpose(Purpose::Cohort).uniform() < share
    }

    /// Copies a call to the candidate if the router mirrors; nobody waits for the copy.
    pub(super) fn mirror(&mut self, call: &Call, around: &mut Around<'_>) {
        let share = around.cluster.split.mirror;
        let mirrored = share > 0.0
            && call.service == around.spec.target
            && call.source != SYNTHETIC
            && call.key.purpose(Purpose::Routing).id(2).uniform() < share;
        if mirrored {
            let key = call.key.purpose(Purpose::StandIn);
            let copy = self.open(key, call.service, SYNTHETIC, COPIED, None, around.now);
            self.dispatch(copy, around);
        }
    }
}

/// Where a service is reached that no router of a rollout stands before: every ready pod alike, so that a service that is
/// released beside the target has its new pods in proportion to their number.
fn endpoint(call: &Call, cluster: &Cluster) -> Destination {
    if cluster.serves_only_stable_pods(call.service) {
        return Destination::Stable;
    }
    let ready = |d| cluster.ready_behind(call.service, d) as f64;
    let (new, old) = (ready(Destination::Candidate), ready(Destination::Stable));
    let u = call.key.purpose(Purpose::Routing).uniform();
    if u * (new + old) < new { Destination::Candidate } else { Destination::Stable }
}

/// A random ready pod behind the destination.
pub(super) fn pick_pod(call: &Call, destination: Destination, cluster: &Cluster) -> Option<u32> {
    let sets = &cluster.sets[call.service.0 as usize];
    let mut count = 0;
    for set in SetName::ALL {
        if set.destination() == destination {
            count += sets[set.index()].ready.len();
        }
    }
    // The only one is the one, whatever the key says.
    let mut index = match count {
        0 | 1 => 0,
        _ => call.key.purpose(Purpose::Routing).id(1).below(count as u64) as usize,
    };
    for set in SetName::ALL {
        if set.destination() == destination {
            let ready = &sets[set.index()].ready;
            match ready.get(index) {
                Some(&pod) => return Some(pod),
                None => index -= ready.len(),
            }
        }
    }
    None
}
