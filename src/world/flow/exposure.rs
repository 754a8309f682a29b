//! Integrals over a slot: which share of the traffic went where, and what it met there.

use super::super::cluster::Cluster;
use super::super::instruments::PodKey;
use super::super::model::judged::harm;
use super::super::pod::PodState;
use super::{Surroundings, ratio};
use crate::effect::{Destination, ServiceId, SetName};
use crate::time::{SimDuration, SimTime};

/// Integrals over the present slot for one service. Seconds, weighted with the arrival factor.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Exposure {
    /// All arrivals.
    pub(super) total: f64,
    /// What those meet that are sent to a set, by [`SetName::index`].
    pub(super) sets: [OfSet; SetName::COUNT],
    /// Arrivals sent to a destination without a pod.
    pub(super) no_pod: [f64; Destination::COUNT],
    /// Integral of the dependency error share over all arrivals.
    pub(super) dependency: f64,
    /// Requests copied to the candidate.
    pub(super) mirrored: f64,
    /// Integral of the share of requests that wait for something outside, over all arrivals.
    pub(super) waiting: f64,
    /// Integral of the seconds they wait.
    pub(super) wait: f64,
    /// Arrivals without a pod that would have found none without the deploy either.
    pub(super) excused: f64,
    /// Arrivals while something hinders some of the pods that always run.
    pub(super) disturbed: f64,
    /// Integral of the mean multiplier of those pods, while it does.
    pub(super) undisturbed: f64,
}

/// Integrals over the arrivals of one set.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OfSet {
    /// The arrivals themselves.
    pub(super) arrivals: f64,
    /// Integral of the fault error share.
    pub(super) fault: f64,
    /// Integral of the share of wrong answers.
    pub(super) wrong: f64,
    /// Integral of the slow share.
    pub(super) slow: f64,
    /// Integral of the slow factor over slow arrivals.
    pub(super) slow_factor: f64,
    /// Integral of the multiplier (cold caches, replica noise).
    pub(super) multiplier: f64,
    /// Integral of multiplier x slow-down by the CPU limit; only where there is throttling.
    pub(super) throttled: f64,
    /// Integral of the share that waits for the database.
    pub(super) held: f64,
    /// Integral of the seconds they wait.
    pub(super) held_wait: f64,
}

impl OfSet {
    /// Mean service-time multiplier: noise, warm-up and the CPU limit.
    pub(super) fn mean_multiplier(&self) -> f64 {
        let integral = if self.throttled > 0.0 { self.throttled } else { self.multiplier };
        if self.arrivals > 0.0 { integral / self.arrivals } else { 1.0 }
    }

    /// The same without the CPU limit: what a request costs in CPU time.
    pub(super) fn mean_work(&self) -> f64 {
        if self.arrivals > 0.0 { self.multiplier / self.arrivals } else { 1.0 }
    }

    /// Adds what is wrong with the code that the set runs.
    pub(super) fn add_code(&mut self, set: SetName, part: f64, served: &Served, around: &Surroundings<'_>) {
        let (revision, conditions) = (set.revision(), around.conditions);
        let mut fault = conditions.fault_errors(around.spec.target, revision);
        let mut wrong = conditions.wrong(around.spec.target, revision);
        if let Some(model) = &around.spec.model {
            let bent = conditions.models();
            wrong = 1.0 - (1.0 - wrong) * (1.0 - harm(model, bent.of(revision), &bent.drift));
        }
        if let Some(table) = conditions.table(around.spec.target) {
            fault = 1.0 - (1.0 - fault) * (1.0 - table.fails(revision));
            wrong = 1.0 - (1.0 - wrong) * (1.0 - table.wrong(revision));
            let (share, wait) = table.waits(revision);
            self.held += part * share;
            self.held_wait += part * share * wait;
        }
        let left = conditions.residues.mean_errors(revision);
        if left > 0.0 || served.lacking > 0.0 {
            fault = 1.0 - (1.0 - fault) * (1.0 - left) * (1.0 - served.lacking);
        }
        if conditions.any_special() {
            let special = conditions.special_errors(revision, served.matched, served.load);
            fault = 1.0 - (1.0 - fault) * (1.0 - special);
        }
        self.fault += part * fault;
        self.wrong += part * wrong;
        let slow = conditions.slowness(around.spec.target, revision);
        self.slow += part * slow.share;
        self.slow_factor += part * slow.share * slow.factor;
    }
}

/// What a pod of a set gets in a piece of a slot in which nothing changes.
pub(super) struct Piece {
    /// Seconds weighted with its share of the arrivals.
    pub(super) part: f64,
    /// Requests, on average.
    pub(super) requests: f64,
    pub(super) from: SimTime,
    pub(super) span: SimDuration,
    pub(super) weather: usize,
}

/// Traffic that stands for "reached, but by no user": a set that only gets synthetic load or copies is weighted with
/// it, so that its integrals exist and move nobody's requests.
const UNNOTICED: f64 = 1e-9;

/// Share of the traffic of a destination and the number of its ready pods.
#[derive(Clone, Copy)]
pub(super) struct Share {
    pub(super) share: f64,
    pub(super) ready: usize,
}

/// Where the traffic of a service goes right now.
pub(super) fn shares(
    cluster: &Cluster,
    service: ServiceId,
    around: &Surroundings<'_>,
) -> [Share; Destination::COUNT] {
    let is_target = service == around.spec.target;
    let shares = if is_target { cluster.overall_shares(around.spec) } else { [1.0, 0.0, 0.0] };
    // Pods of an application that is stopped are there and take nothing.
    let stopped = is_target && around.conditions.is_stopped();
    let ready = |d: Destination| if stopped { 0 } else { cluster.ready_behind(service, d) };
    Destination::ALL.map(|d| Share { share: shares[d.index()], ready: ready(d) })
}

/// Whether requests that no user feels reach the candidate.
pub(super) fn is_shadowed(cluster: &Cluster) -> bool {
    cluster.synthetic_load > 0.0 || cluster.split.mirror > 0.0
}

/// The share of the traffic that the integrals of a set are weighted with.
pub(super) fn felt(share: f64, set: SetName, is_target: bool, cluster: &Cluster) -> f64 {
    if share <= 0.0 && is_target && set == SetName::New && is_shadowed(cluster) { UNNOTICED } else { share }
}

/// What a set of the target serves right now.
pub(super) struct Served {
    /// Share of its requests that a cohort rule matches.
    matched: f64,
    /// Requests per second and pod.
    load: f64,
    /// Share of them that fail because of what the environment of some of its processes lacks.
    lacking: f64,
}

/// What a set of the target serves at this load.
pub(super) fn served(set: SetName, load: f64, cluster: &Cluster, around: &Surroundings<'_>) -> Served {
    let lacking = if around.conditions.any_missing() { lacking(set, cluster, around) } else { 0.0 };
    if !around.conditions.any_special() {
        return Served { matched: 0.0, load, lacking };
    }
    let all = around.spec.matching_share();
    let matched = match set {
        _ if !cluster.follows_cohort() => all,
        SetName::New => ratio(all, cluster.candidate_share(around.spec)),
        _ => 0.0,
    };
    Served { matched, load, lacking }
}

/// The mean over the ready pods of a set of the target of the share that fails for want of something.
fn lacking(set: SetName, cluster: &Cluster, around: &Surroundings<'_>) -> f64 {
    let ready = &cluster.sets[usize::from(around.spec.target.0)][set.index()].ready;
    let lacks = |&pod: &u32| around.conditions.lacks(set.revision(), cluster.pods[pod as usize].started_at);
    ready.iter().map(lacks).sum::<f64>() / ready.len().max(1) as f64
}

/// Mean multiplier of the pods that always run, as far as the surroundings let them, without cold caches; `None` while
/// nothing hinders any of them.
///
/// Those that are down here because of the surroundings are down without the deploy too.
pub(super) fn undisturbed_pods(
    cluster: &Cluster,
    service: ServiceId,
    weather: usize,
    around: &Surroundings<'_>,
) -> Option<f64> {
    let members = &cluster.sets[service.0 as usize][SetName::Old.index()].members;
    let down = || {
        let pods = members.iter().map(|&m| &cluster.pods[m as usize]);
        pods.filter(|pod| pod.leaving || pod.state == PodState::Backoff).map(|pod| pod.key.ordinal)
    };
    if !around.conditions.any_special() && down().next().is_none() {
        return None;
    }
    let down: Vec<u16> = down().collect();
    let replicas = around.spec.services[service.0 as usize].replicas.max(1) as u16;
    let up: Vec<u16> = (0..replicas).filter(|ordinal| !down.contains(ordinal)).collect();
    let multiplier = |ordinal: u16| {
        let key = PodKey { service, set: SetName::Old, ordinal };
        around.climate.replica_time(service, SetName::Old, ordinal, weather)
            * around.conditions.pod_factor(key)
    };
    let sum: f64 = up.iter().map(|&ordinal| multiplier(ordinal)).sum();
    (!up.is_empty()).then(|| sum / up.len() as f64)
}

/// Mean multiplier of the ready pods of a set; also notes each pod's share of the traffic.
pub(super) fn pods_multiplier(
    cluster: &mut Cluster,
    (service, set): (ServiceId, SetName),
    piece: &Piece,
    around: &Surroundings<'_>,
) -> f64 {
    let spec = &around.spec.services[service.0 as usize];
    let watched = spec.autoscaler.is_some();
    let cost = spec.cpu_per_request * around.climate.service_time(service, piece.weather) * piece.requests;
    let (cold, special) = (around.conditions.any_cold(), around.conditions.any_special());
    let mut sum = 0.0;
    let ready = &cluster.sets[service.0 as usize][set.index()].ready;
    let count = ready.len();
    for &pod in ready {
        let pod = &mut cluster.pods[pod as usize];
        pod.exposure += piece.part;
        let mut multiplier = around.climate.replica_time(service, set, pod.key.ordinal, piece.weather);
        if cold {
            multiplier *= around.conditions.cold_factor(pod.uptime(piece.from));
        }
        if let Some(warming) = spec.warming.filter(|_| !pod.seasoned) {
            multiplier *= warming.mean(pod.uptime(piece.from), piece.span);
        }
        if watched {
            pod.cpu_window += cost * multiplier;
        }
        if special {
            multiplier *= around.conditions.pod_factor(pod.key);
        }
        sum += multiplier;
    }
    sum / count as f64
}
