//! Caches at work: lookups before a call, fills by its answers, losses.
//!
//! What a request asks for is keyed by its source and intent, the service that looks and the entry of its list of
//! calls, not by the attempt: whoever tries again asks for the same. So do two calls that one request makes to the
//! same caller, which is right where what is looked up belongs to the request.

use std::collections::BTreeMap;

use super::super::caching::CacheSpec;
use super::children::child_spec;
use super::{Around, Call, Requests, SYNTHETIC, fate};
use crate::effect::{Revision, ServiceId};
use crate::rng::{Key, Purpose};
use crate::time::SimTime;

/// Who has a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Service(u16),
    Pod(u32),
}

/// What is in one cache: until when each entry lives, for the two ways to write its key.
#[derive(Clone, Debug, Default)]
struct Cache {
    until: [Vec<SimTime>; 2],
}

impl Cache {
    /// One that has been in use for long: everything is there, filled at any time within the last time to live.
    fn warm(spec: &CacheSpec, key: Key, now: SimTime) -> Self {
        let until = |entry: u32| match spec.ttl {
            None => SimTime::NEVER,
            Some(ttl) => now + ttl.scale(key.id(u64::from(entry)).uniform()),
        };
        Cache { until: [(0..spec.keys).map(until).collect(), Vec::new()] }
    }

    fn holds(&self, format: usize, entry: u32, now: SimTime) -> bool {
        self.until[format].get(entry as usize).is_some_and(|&until| now < until)
    }

    fn fill(&mut self, spec: &CacheSpec, format: usize, entry: u32, now: SimTime) {
        let entries = &mut self.until[format];
        if entries.is_empty() {
            entries.resize(spec.keys as usize, SimTime::ZERO);
        }
        if let Some(until) = entries.get_mut(entry as usize) {
            *until = spec.ttl.map_or(SimTime::NEVER, |ttl| now + ttl);
        }
    }

    fn lose(&mut self, share: f64, key: Key) {
        for (format, entries) in self.until.iter_mut().enumerate() {
            let key = key.id(format as u64);
            for (entry, until) in entries.iter_mut().enumerate() {
                if share >= 1.0 || key.id(entry as u64).uniform() < share {
                    *until = SimTime::ZERO;
                }
            }
        }
    }
}

/// All caches of a world, by their owner and the entry of its list of calls; a cache is made when it is first needed.
#[derive(Clone, Debug)]
pub(super) struct Caches {
    caches: BTreeMap<(Owner, u16), Cache>,
    key: Key,
}

impl Caches {
    pub(super) fn new(key: Key) -> Self {
        Caches { caches: BTreeMap::new(), key: key.purpose(Purpose::Cache) }
    }

    /// What the process of a pod kept is gone with it.
    pub(super) fn forget(&mut self, pod: u32) {
        if !self.caches.is_empty() {
            self.caches.retain(|(owner, _), _| *owner != Owner::Pod(pod));
        }
    }

    fn of(
        &mut self,
        (service, child): (ServiceId, u16),
        pod: u32,
        spec: &CacheSpec,
        around: &Around<'_>,
    ) -> &mut Cache {
        let owner = if spec.shared { Owner::Service(service.0) } else { Owner::Pod(pod) };
        let state = &around.cluster.pods[pod as usize];
        let key = self.key.id(u64::from(service.0)).id(u64::from(child));
        self.caches.entry((owner, child)).or_insert_with(|| match owner {
            Owner::Service(_) => Cache::warm(spec, key, around.now),
            Owner::Pod(_) if state.seasoned => {
                let key = key.id(state.key.set.index() as u64).id(u64::from(state.key.ordinal));
                Cache::warm(spec, key, around.now)
            }
            Owner::Pod(_) => Cache::default(),
        })
    }
}

impl Requests {
    /// Whether what the present call of a request would bring is in the caller's cache.
    pub(super) fn is_cached(&mut self, call: &Call, spec: &CacheSpec, around: &mut Around<'_>) -> bool {
        let Some((pod, entry)) = call.pod.zip(self.asked_for(call, spec)) else { return false };
        let format = key_format(call, pod, around);
        let hit =
            self.caches.of((call.service, call.child), pod, spec, around).holds(format, entry, around.now);
        if !hit && format > 0 {
            fate::touch(call, around.tally);
        }
        hit
    }

    /// The callee has answered: what was asked for is kept.
    pub(super) fn keep(&mut self, slot: u32, around: &Around<'_>) {
        let call = self.calls[slot as usize];
        let Some(spec) = child_spec(&call, around).options.as_ref().and_then(|o| o.cache.as_ref()) else {
            return;
        };
        let Some((pod, entry)) = call.pod.zip(self.asked_for(&call, spec)) else { return };
        let format = key_format(&call, pod, around);
        self.caches.of((call.service, call.child), pod, spec, around).fill(spec, format, entry, around.now);
    }

    fn asked_for(&self, call: &Call, spec: &CacheSpec) -> Option<u32> {
        let request = match call.source {
            SYNTHETIC => call.key,
            source => self.source_keys[source as usize].id(u64::from(call.intent)),
        };
        let key = request.purpose(Purpose::Cache).id(u64::from(call.service.0)).id(u64::from(call.child));
        spec.entry(key.id(u64::from(call.repeat)).uniform())
    }

    /// The caches of a service, or of every service, lose this share of what they hold.
    pub(in super::super) fn lose_caches(
        &mut self,
        service: Option<ServiceId>,
        (share, salt): (f64, u64),
        around: &Around<'_>,
    ) {
        let salt = Key::root(salt, "cache").purpose(Purpose::Cache);
        for (index, caller) in around.spec.services.iter().enumerate() {
            let id = ServiceId(index as u16);
            if service.is_some_and(|service| service != id) {
                continue;
            }
            let pods: Vec<u32> =
                around.cluster.sets[index].iter().flat_map(|set| set.members.iter().copied()).collect();
            for (child, call) in caller.calls.iter().enumerate() {
                let Some(spec) = call.options.as_ref().and_then(|options| options.cache.as_ref()) else {
                    continue;
                };
                let owners = if spec.shared { pods.get(..1).unwrap_or_default() } else { &pods };
                for &pod in owners {
                    let identity = around.cluster.pods[pod as usize].key;
                    let mut key = salt.id(index as u64).id(child as u64);
                    if !spec.shared {
                        key = key.id(identity.set.index() as u64).id(u64::from(identity.ordinal));
                    }
                    self.caches.of((id, child as u16), pod, spec, around).lose(share, key);
                }
            }
        }
    }
}

/// Which way to write keys the code of the caller uses: 1 for a candidate that has changed it.
fn key_format(call: &Call, pod: u32, around: &Around<'_>) -> usize {
    let revision = around.cluster.pods[pod as usize].revision();
    usize::from(revision == Revision::Candidate && around.conditions.has_new_cache_keys(call.service))
}
