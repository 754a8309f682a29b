//! Requests in flight in a pod whose container exits: they fail.
//!
//! Their number is Poisson with mean rate x latency (Little's law; with arrivals at random it is the law of M/G/inf).
//! It is drawn when the pod exits, under the key of the process that ends, and taken from the arrivals of the slot.
//!
//! Traps: those that would have failed anyway are not among them; what the pods of the old revision lose is not the
//! deploy's doing, so it counts as failed and not as harm.

use super::super::cluster::Cluster;
use super::super::instruments::{Code, bucket};
use super::exposure::shares;
use super::{Flow, Surroundings, arrivals_at};
use crate::effect::{ServiceId, SetName};
use crate::rng::{Purpose, poisson_quantile};
use crate::time::SimTime;

/// What one exit cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loss {
    pub(super) service: ServiceId,
    pub(super) set: SetName,
    pod: u32,
    /// Requests that failed; at most those that can be taken from the slot.
    pub(super) count: u64,
    /// How long they had been in the pod on average, in seconds.
    age: f64,
}

impl Flow {
    /// The container of a pod exits now.
    pub(in super::super) fn lose(
        &mut self,
        pod: u32,
        now: SimTime,
        cluster: &Cluster,
        around: &Surroundings<'_>,
    ) {
        let state = &cluster.pods[pod as usize];
        if !state.ready {
            return;
        }
        let (service, set) = (state.key.service, state.key.set);
        let spec = &around.spec.services[service.0 as usize];
        let share = shares(cluster, service, around)[set.destination() as usize];
        if share.ready == 0 {
            return;
        }
        let rate = arrivals_at(around, service, self.weather, now) * share.share / share.ready as f64;
        let slow = around.conditions.slowness(service, set.revision());
        let is_target = service == around.spec.target;
        let (slower, faults) = if is_target {
            let refused = around.conditions.table(service).map_or(0.0, |table| table.fails(set.revision()));
            let left = around.conditions.residues.mean_errors(set.revision());
            let lacks = around.conditions.lacks(set.revision(), state.started_at);
            let good = (1.0 - around.conditions.fault_errors(service, set.revision())) * (1.0 - refused);
            let good = good * (1.0 - left) * (1.0 - lacks);
            (1.0 + slow.share * (slow.factor - 1.0), 1.0 - good)
        } else {
            (1.0, 0.0)
        };
        let latency = spec.service_time.mean()
            * around.climate.service_time(service, self.weather)
            * around.climate.replica_time(service, set, state.key.ordinal, self.weather)
            * around.conditions.cold_factor(state.uptime(now))
            * state.warming(spec.warming.as_ref(), now)
            * slower
            * self.slowdowns[service.0 as usize][set.index()];
        let errors = (spec.error_ratio.get() * around.climate.errors(service, self.weather)).min(1.0);
        let good = (1.0 - errors) * (1.0 - around.conditions.dependency_errors(service)) * (1.0 - faults);
        let mean = rate * latency.min(now.since(state.ready_since).as_secs_f64()) * good;
        let key = around.keys[service.0 as usize]
            .id(set.index() as u64)
            .id(u64::from(state.key.ordinal))
            .id(u64::from(state.incarnation))
            .purpose(Purpose::Victims);
        let count = poisson_quantile(mean, key.uniform_open());
        if count > 0 {
            self.losses.push(Loss { service, set, pod, count, age: latency / 2.0 });
        }
    }

    /// Callers count what was lost; the processes that could are gone.
    pub(super) fn report_losses(&mut self, cluster: &mut Cluster) {
        for loss in self.losses.drain(..) {
            let client = &mut cluster.pods[loss.pod as usize].client;
            client.by_code[Code::Failed as usize] += loss.count;
            client.seconds += loss.age * loss.count as f64;
            if self.histograms {
                client.buckets[bucket(loss.age)] += loss.count;
            }
        }
    }
}
