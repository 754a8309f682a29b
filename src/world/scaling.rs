//! Autoscalers in the cluster: which pods each looks at, and which sets follow its number.
//!
//! A service that is not rolled out is one workload. So is the target of a rollout, by default: a Deployment, or an
//! Argo `Rollout`, whose replica sets share one number ([`Workloads::Shared`]). Flagger keeps two workloads
//! ([`Workloads::Apart`]): the primary with a copy of the autoscaler, and the canary with the original, which does
//! nothing while the canary is scaled to zero.
//!
//! When the number changes, the sets that serve follow in proportion, as the Deployment and Rollout controllers do
//! between their own steps; a strategy in motion then goes on from there, since it sees the new number in
//! [`RolloutView::replicas`](crate::effect::RolloutView).
//!
//! Traps: the autoscaler of a shared workload sees the candidate's pods as its own; with a router they come on top of
//! the replicas, so an Argo canary makes its own service grow. A canary of Flagger begins with the autoscaler's
//! minimum, whatever the primary has.

use super::autoscaler::{Autoscaler, CPU_INITIALIZATION, PodLoad};
use super::cluster::Cluster;
use super::conditions::Conditions;
use super::event::{Event, class};
use super::pod::{Pod, PodState};
use super::spec::{ServiceSpec, WorldSpec};
use crate::effect::{ServiceId, SetName};
use crate::engine::{Agenda, Fingerprint};
use crate::rng::{Key, Purpose};
use crate::time::{SimDuration, SimTime};

/// How the sets of a target are spread over workloads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workloads {
    /// All of them in one, which has one number of replicas.
    #[default]
    Shared,
    /// The stable destination's sets in one, the candidate's in another.
    Apart,
}

/// The autoscalers of one service.
#[derive(Clone, Debug)]
pub struct Scalers {
    /// Of the service, or of the primary workload.
    main: Autoscaler,
    /// Of the canary workload, if that is another one and has pods.
    canary: Option<Autoscaler>,
    workloads: Workloads,
}

/// The sets of the stable workload.
const STABLE: [SetName; 3] = [SetName::Old, SetName::Promoted, SetName::Other];
/// Those of a workload that has the candidate's pods too.
const SHARED: [SetName; 4] = [SetName::Old, SetName::New, SetName::Promoted, SetName::Other];

impl Scalers {
    /// Those of a service at the start; `None` if it does not scale by itself.
    pub fn of(service: &ServiceSpec) -> Option<Self> {
        service.autoscaler?;
        let main = Autoscaler::new(service.replicas);
        Some(Scalers { main, canary: None, workloads: Workloads::Shared })
    }
}

/// When the autoscaler of a service looks first; the phase is keyed by the service.
pub(super) fn first_look(service: &ServiceSpec, key: &Key) -> Option<SimTime> {
    let sync = service.autoscaler?.sync;
    let key = key.entity(&service.name).entity("autoscaler").purpose(Purpose::Resource);
    Some(SimTime::ZERO + sync.scale(key.uniform_open()))
}

impl Cluster {
    /// Replicas a service is meant to have at present.
    pub fn replicas(&self, service: ServiceId, spec: &WorldSpec) -> u32 {
        let index = service.0 as usize;
        self.scalers[index].as_ref().map_or(spec.services[index].replicas, |scalers| scalers.main.replicas)
    }

    /// From now on the canary of the target is a workload of its own.
    pub(super) fn part_workloads(&mut self, target: ServiceId) {
        if let Some(scalers) = &mut self.scalers[target.0 as usize] {
            scalers.workloads = Workloads::Apart;
        }
    }

    /// What becomes of a request for pods of the target: the canary workload of Flagger, woken up, starts at its
    /// autoscaler's minimum, and its autoscaler sleeps while it has none.
    pub(super) fn granted(&mut self, set: SetName, replicas: u32, spec: &WorldSpec) -> u32 {
        let index = spec.target.0 as usize;
        let (Some(scalers), Some(autoscaler)) = (&mut self.scalers[index], &spec.services[index].autoscaler)
        else {
            return replicas;
        };
        if scalers.workloads == Workloads::Shared || set != SetName::New {
            return replicas;
        }
        if replicas == 0 {
            scalers.canary = None;
            return 0;
        }
        scalers.canary.get_or_insert_with(|| Autoscaler::new(autoscaler.min)).replicas
    }

    /// The autoscaler of a service looks; the next look is scheduled.
    pub(super) fn autoscale(
        &mut self,
        service: ServiceId,
        (spec, conditions): (&WorldSpec, &Conditions),
        now: SimTime,
        agenda: &mut Agenda<Event>,
    ) {
        let index = service.0 as usize;
        let Some(as_before) = &spec.services[index].autoscaler else { return };
        let autoscaler = &conditions.autoscaler(service, as_before);
        let Some(mut scalers) = self.scalers[index].take() else { return };
        let apart = scalers.workloads == Workloads::Apart;
        let seen: &[SetName] = if apart { &STABLE } else { &SHARED };
        let loads = self.loads(service, seen, spec, now);
        let before = scalers.main.replicas;
        if scalers.main.sync(autoscaler, &loads, now) {
            let after = scalers.main.replicas;
            self.follow(service, seen, (before, after), spec, now, agenda);
        }
        if let Some(canary) = &mut scalers.canary {
            let loads = self.loads(service, &[SetName::New], spec, now);
            if canary.sync(autoscaler, &loads, now) {
                self.scale((service, SetName::New), canary.replicas, spec, now, agenda);
            }
        }
        self.scalers[index] = Some(scalers);
        for set in SetName::ALL {
            for &member in &self.sets[index][set.index()].members {
                self.pods[member as usize].cpu_window = 0.0;
            }
        }
        agenda.schedule(now + autoscaler.sync, class::CLUSTER, Event::Autoscale(service.0));
    }

    /// How the pods of some sets count for an autoscaler.
    fn loads(&self, service: ServiceId, sets: &[SetName], spec: &WorldSpec, now: SimTime) -> Vec<PodLoad> {
        let index = service.0 as usize;
        let service = &spec.services[index];
        let sync = service.autoscaler.map_or(SimDuration::ZERO, |a| a.sync);
        let per_window = (service.cpu_request * sync.as_secs_f64()).max(f64::MIN_POSITIVE);
        let pods = sets.iter().flat_map(|set| &self.sets[index][set.index()].members);
        pods.filter_map(|&pod| load(&self.pods[pod as usize], per_window, sync, now)).collect()
    }

    /// The sets of a workload follow its number.
    fn follow(
        &mut self,
        service: ServiceId,
        sets: &[SetName],
        (before, after): (u32, u32),
        spec: &WorldSpec,
        now: SimTime,
        agenda: &mut Agenda<Event>,
    ) {
        let desired = |cluster: &Cluster, set: SetName| cluster.sets[service.0 as usize][set.index()].desired;
        let serving: Vec<SetName> = sets.iter().copied().filter(|&set| desired(self, set) > 0).collect();
        // A router's stable side is at full size whatever the canary has; elsewhere the sets share the number.
        let routed = service == spec.target && self.routing.is_split() && sets.contains(&SetName::New);
        let all: u32 = serving.iter().map(|&set| desired(self, set)).sum();
        let mut left = after;
        for (position, &set) in serving.iter().enumerate() {
            let own = f64::from(desired(self, set));
            let pods = if serving.len() == 1 {
                after
            } else if routed {
                (own * f64::from(after) / f64::from(before.max(1)) - 1e-9).ceil() as u32
            } else if position + 1 == serving.len() {
                left
            } else {
                libm::round(own * f64::from(after) / f64::from(all.max(1))) as u32
            };
            left = left.saturating_sub(pods);
            if pods != desired(self, set) {
                self.scale((service, set), pods, spec, now, agenda);
            }
        }
    }

    /// A digest of everything that decides how the stable pods of a service go on.
    pub(super) fn digest(&self, service: ServiceId) -> u64 {
        let index = service.0 as usize;
        let old = &self.sets[index][SetName::Old.index()];
        let mut digest = Fingerprint::default();
        digest.record(SimTime::ZERO, u64::from(old.desired));
        for &member in &old.members {
            let pod = &self.pods[member as usize];
            let identity = u64::from(pod.key.ordinal) << 32 | u64::from(pod.incarnation);
            digest.record(pod.started_at, identity);
            digest.record(pod.ready_since, pod.state as u64);
        }
        if let Some(scalers) = &self.scalers[index] {
            digest.record(SimTime::ZERO, u64::from(scalers.main.replicas));
            scalers.main.memory().for_each(|(at, replicas)| digest.record(at, u64::from(replicas)));
        }
        digest.value()
    }
}

/// How a pod counts; `None` = not at all, because it is going.
fn load(pod: &Pod, per_window: f64, window: SimDuration, now: SimTime) -> Option<PodLoad> {
    match pod.state {
        PodState::Terminating | PodState::Gone => None,
        PodState::Starting => Some(PodLoad::Unready),
        PodState::Backoff => Some(PodLoad::Missing),
        PodState::Running => {
            let age = now.since(pod.created_at);
            // Later on a pod counts with what it uses, ready or not.
            let unsure = !pod.ready || now.since(pod.ready_since) < window;
            let unready = unsure && age < CPU_INITIALIZATION;
            Some(if unready { PodLoad::Unready } else { PodLoad::Used(pod.cpu_window / per_window) })
        }
    }
}
