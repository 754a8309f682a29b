//! Disturbances that hit some pods, some users or some edges only, and what they come to.
//!
//! Traps: chosen pods and users are chosen for as long as the disturbance lasts, by its salt; a request is lucky or not by its
//! own key, so two disturbances of one kind are told apart by their place among all disturbances.

use super::{Acting, Conditions, Special};
use crate::effect::{
    Caller, EdgeEffect, Probe, Replacing, Revision, ServiceId, Victims, Which, Whom, WorldDisturbance,
};
use crate::quantity::Ratio;
use crate::rng::{Key, Purpose};
use crate::time::{SimDuration, SimTime};
use crate::world::autoscaler::AutoscalerSpec;
use crate::world::instruments::PodKey;
use crate::world::model::judged::Drift;
use crate::world::model::spec::ModelSpec;

/// Pods that stop at an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stopping {
    /// Pods of this service, or of every service.
    pub service: Option<ServiceId>,
    /// Which of them.
    pub which: Which,
    /// Whether they finish what they have.
    pub graceful: bool,
    /// Whether it shows as a container restart.
    pub restarts: bool,
    /// Time from the stop to a running process.
    pub back_after: SimDuration,
}

impl Acting {
    /// Several waits at once: a request waits if any of them hits it, and then for the longest.
    pub(super) fn add_wait(&mut self, service: Option<ServiceId>, share: f64, wait: SimDuration) {
        for (index, known) in self.waits.iter_mut().enumerate() {
            if hits(service, ServiceId(index as u16)) {
                *known = (1.0 - (1.0 - known.0) * (1.0 - share), known.1.max(wait.as_secs_f64()));
            }
        }
    }

    /// Adds what concerns models; whether it did.
    pub(super) fn add_to_model(&mut self, model: &ModelSpec, what: &WorldDisturbance) -> bool {
        match what {
            WorldDisturbance::WorseModel { revision, drop, segment, liking } => {
                let fall = (segment.as_deref(), drop.get());
                self.model.worsen(model, *revision, fall, liking.get());
            }
            WorldDisturbance::PredictionShift { revision, false_alarms, missed } => {
                self.model.shift(*revision, false_alarms.get(), missed.get());
            }
            WorldDisturbance::InputDrift { psi, drop, positives } => {
                self.model.drift(Drift { psi: *psi, drop: drop.get(), positives: positives.get() });
            }
            _ => return false,
        }
        true
    }

    /// Several things that kill at once: the quickest.
    pub(super) fn add_poison(&mut self, service: Option<ServiceId>, mean_uptime: SimDuration) {
        for (index, known) in self.poison.iter_mut().enumerate() {
            if hits(service, ServiceId(index as u16)) {
                *known = Some(known.map_or(mean_uptime, |known| known.min(mean_uptime)));
            }
        }
    }

    pub(super) fn add_to_revision(&mut self, place: usize, owner: ServiceId, what: &WorldDisturbance) {
        match *what {
            WorldDisturbance::Wrong { revision, share } => {
                self.of(owner, revision).right *= 1.0 - share.get()
            }
            WorldDisturbance::CpuPerRequest { revision, factor } => {
                let cpu = &mut self.of(owner, revision).cpu;
                *cpu = Some(cpu.unwrap_or(1.0) * factor);
            }
            WorldDisturbance::ProbesFail { revision, probe, share } => {
                let passes = &mut self.of(owner, revision).passes;
                let [readiness, liveness] = match probe {
                    Probe::Readiness => [true, false],
                    Probe::Liveness => [false, true],
                    Probe::Both => [true, true],
                };
                let part = 1.0 - share.get();
                passes[0] *= if readiness { part } else { 1.0 };
                passes[1] *= if liveness { part } else { 1.0 };
            }
            WorldDisturbance::SlowStart { revision, factor } => self.of(owner, revision).startup *= factor,
            WorldDisturbance::Corrupts { revision, share } => {
                self.of(owner, revision).harmless *= 1.0 - share.get()
            }
            WorldDisturbance::Migration { slower, fails } => {
                let known = &mut self.migration;
                known.slower *= slower;
                known.fails = 1.0 - (1.0 - known.fails) * (1.0 - fails.get());
            }
            _ => self.special.push(Special { place, owner, what: what.clone() }),
        }
    }
}

fn hits(service: Option<ServiceId>, asked: ServiceId) -> bool {
    service.is_none_or(|s| s == asked)
}

/// The number that decides whether a pod is one of the victims.
fn pod_number(salt: u64, pod: PodKey) -> f64 {
    let key = Key::root(salt, "victims").purpose(Purpose::Victims).id(u64::from(pod.service.0));
    key.id(pod.set.index() as u64).id(u64::from(pod.ordinal)).uniform()
}

fn is_victim(victims: Victims, pod: PodKey) -> bool {
    pod_number(victims.salt, pod) < victims.share.get()
}

/// Whether a user is one of a share of them.
fn is_chosen(share: f64, salt: u64, source: &str, user: u64) -> bool {
    Key::root(salt, source).purpose(Purpose::Victims).id(user).uniform() < share
}

/// Those of `pods` (of one service) that go down.
pub fn chosen(which: Which, zones: u32, pods: &[PodKey]) -> Vec<bool> {
    match which {
        Which::Share(victims) => pods.iter().map(|&pod| is_victim(victims, pod)).collect(),
        Which::Zone(zone) => {
            let zone_of = |pod: &PodKey| u32::from(pod.ordinal) % zones.max(1) + 1;
            pods.iter().map(|pod| zone_of(pod) == zone).collect()
        }
        Which::Count { count, salt } => {
            let mut order: Vec<usize> = (0..pods.len()).collect();
            order.sort_by(|&a, &b| pod_number(salt, pods[a]).total_cmp(&pod_number(salt, pods[b])));
            let mut down = vec![false; pods.len()];
            order.into_iter().take(count as usize).for_each(|index| down[index] = true);
            down
        }
    }
}

/// What is known of a request where it is asked whether it fails.
pub struct Asked<'a> {
    /// The request.
    pub key: Key,
    /// The name of its source and its user; `None` for load that no user sends.
    pub user: Option<(&'a str, u64)>,
    /// Whether a cohort rule matches it.
    pub matched: bool,
    /// Requests per second of the pod that has it.
    pub load: f64,
}

impl Conditions {
    /// Whether anything hits some pods, users or edges only.
    pub fn any_special(&self) -> bool {
        !self.acting.special.is_empty()
    }

    /// Whether nothing hinders pods of `service` but what is in their speed and their errors.
    pub fn is_plain(&self, service: ServiceId) -> bool {
        let cpu = self.acting.revisions.iter().flatten().any(|revision| revision.cpu.is_some());
        let database = self.table(service).is_some();
        !cpu && !database && self.acting.special.is_empty() && self.wait(service).0 <= 0.0
    }

    fn special(&self) -> impl Iterator<Item = (usize, &WorldDisturbance)> {
        self.acting.special.iter().map(|special| (special.place, &special.what))
    }

    /// The same about the code of one service.
    fn special_code(&self, service: ServiceId) -> impl Iterator<Item = (usize, &WorldDisturbance)> {
        let own = self.acting.special.iter().filter(move |special| special.owner == service);
        own.map(|special| (special.place, &special.what))
    }

    /// Whether a fault of this revision that needs certain users or a certain load fails this request.
    pub fn fails_specially(&self, service: ServiceId, revision: Revision, asked: &Asked<'_>) -> bool {
        self.special_code(service).any(|(place, what)| {
            let share = match *what {
                WorldDisturbance::ErrorsFor { revision: of, share, whom } if of == revision => {
                    let concerned = match whom {
                        Whom::Cohort => asked.matched,
                        Whom::Users { share, salt } => {
                            asked.user.is_none_or(|(source, user)| is_chosen(share.get(), salt, source, user))
                        }
                    };
                    if concerned { share.get() } else { 0.0 }
                }
                WorldDisturbance::ErrorsAbove { revision: of, share, load }
                    if of == revision && asked.load > load =>
                {
                    share.get()
                }
                _ => 0.0,
            };
            share > 0.0 && asked.key.purpose(Purpose::Fault).id(16 + place as u64).uniform() < share
        })
    }

    /// The same as a share of the requests of a set of the target, of which the share `matched` is of the cohort, in pods with this load.
    pub fn special_errors(&self, revision: Revision, matched: f64, load: f64) -> f64 {
        let good = |(_, what): (usize, &WorldDisturbance)| match *what {
            WorldDisturbance::ErrorsFor { revision: of, share, whom } if of == revision => {
                let concerned = match whom {
                    Whom::Cohort => matched,
                    Whom::Users { share, .. } => share.get(),
                };
                1.0 - concerned * share.get()
            }
            WorldDisturbance::ErrorsAbove { revision: of, share, load: limit }
                if of == revision && load > limit =>
            {
                1.0 - share.get()
            }
            _ => 1.0,
        };
        1.0 - self.special_code(self.target).map(good).product::<f64>()
    }

    /// Share of the users whom faults of the change concern at all, whenever they act: the largest, as many faults name
    /// the same users; `cohort` is the share of the matching ones.
    pub fn concerned_users(&self, cohort: f64) -> f64 {
        let concerned = |what: &WorldDisturbance| match *what {
            WorldDisturbance::ErrorsFor { whom: Whom::Cohort, .. } => cohort,
            WorldDisturbance::ErrorsFor { whom: Whom::Users { share, .. }, .. } => share.get(),
            _ => self.residues.ever_held(what).unwrap_or(1.0),
        };
        let all = self.faults.iter().map(|fault| concerned(&fault.what));
        if self.faults.is_empty() { 1.0 } else { all.fold(0.0, f64::max) }
    }

    /// Whether any fault of a service depends on the load of a pod, so that it has to be measured.
    pub fn minds_load(&self, service: ServiceId) -> bool {
        self.special_code(service).any(|(_, what)| matches!(what, WorldDisturbance::ErrorsAbove { .. }))
    }

    /// Share of the good answers of `revision` that are wrong.
    pub fn wrong(&self, service: ServiceId, revision: Revision) -> f64 {
        1.0 - self.code(service, revision).right
    }

    /// Multiplier of the processor time of a request; `None` where processors are not looked at.
    pub fn cpu_factor(&self, service: ServiceId, revision: Revision) -> Option<f64> {
        self.code(service, revision).cpu
    }

    /// Share of the readiness and of the liveness checks that fail.
    pub fn failing_probes(&self, service: ServiceId, revision: Revision) -> [f64; 2] {
        self.code(service, revision).passes.map(|passes| 1.0 - passes)
    }

    /// Whether checks fail at any time.
    pub fn has_failing_probes(&self) -> bool {
        let fails = |what: &WorldDisturbance| matches!(what, WorldDisturbance::ProbesFail { .. });
        self.all().any(|d| match d.what.inner() {
            WorldDisturbance::Of { what, .. } => fails(what),
            what => fails(what),
        })
    }

    /// Multipliers of the time a pod takes to start, by service and revision.
    pub fn startup_factors(&self) -> Vec<[f64; Revision::COUNT]> {
        self.acting.revisions.iter().map(|of| of.map(|revision| revision.startup)).collect()
    }

    /// Mean time from container start to exit of pods of `service` that something they read kills, whatever their revision.
    pub fn poisoned(&self, service: ServiceId) -> Option<SimDuration> {
        self.acting.poison[usize::from(service.0)]
    }

    /// Services beside the target that get a new revision (`true`) or their previous one back at this very instant.
    pub fn deploying(&self, now: SimTime) -> Vec<(ServiceId, Replacing, bool)> {
        let at_once = self.all().filter(|d| d.from == now || d.until == now);
        let deploying = at_once.filter_map(|d| match d.what {
            WorldDisturbance::Deploys { service, by } => Some((service, by, d.from == now)),
            _ => None,
        });
        deploying.collect()
    }

    /// Services that are part of the change, beside the target, with the way their pods are replaced.
    pub fn companions(&self) -> Vec<(ServiceId, Replacing)> {
        let companions = self.faults.iter().filter_map(|d| match d.what {
            WorldDisturbance::Deploys { service, by } => Some((service, by)),
            _ => None,
        });
        companions.collect()
    }

    /// Multiplier of the service time in one pod, because it gets less done.
    pub fn pod_factor(&self, pod: PodKey) -> f64 {
        let factor = |(_, what): (usize, &WorldDisturbance)| match *what {
            WorldDisturbance::PodsSlow { service, pods, factor }
                if hits(service, pod.service) && is_victim(pods, pod) =>
            {
                factor
            }
            _ => 1.0,
        };
        self.special().map(factor).product()
    }

    /// Share of the requests of `service` that wait for something outside of the process, and how many seconds.
    pub fn wait(&self, service: ServiceId) -> (f64, f64) {
        self.acting.waits[usize::from(service.0)]
    }

    /// Time in which something outside fills the memory of a fresh process of this pod.
    pub fn memory_pressure(&self, pod: PodKey) -> Option<SimDuration> {
        let after = self.special().filter_map(|(_, what)| match *what {
            WorldDisturbance::MemoryPressure { service, pods, oom_after }
                if hits(service, pod.service) && is_victim(pods, pod) =>
            {
                Some(oom_after)
            }
            _ => None,
        });
        after.min()
    }

    /// Whether anything outside ever ends processes of any service: by filling their memory, by what they read.
    pub fn ends_processes(&self) -> bool {
        use WorldDisturbance as W;
        self.all().any(|d| matches!(d.what, W::MemoryPressure { .. } | W::Crashes { .. }))
    }

    /// Requests a pod of `service` serves at a time at most, if that is fewer than it could.
    pub fn concurrency(&self, service: ServiceId) -> Option<u32> {
        let most = self.special().filter_map(|(_, what)| match *what {
            WorldDisturbance::Concurrency { service: of, most } if hits(of, service) => Some(most.max(1)),
            _ => None,
        });
        most.min()
    }

    /// The autoscaler of `service` as it is configured at present.
    pub fn autoscaler(&self, service: ServiceId, as_before: &AutoscalerSpec) -> AutoscalerSpec {
        let mut spec = *as_before;
        for (_, what) in self.special() {
            if let WorldDisturbance::AutoscalerLimits { service: of, max, target } = *what
                && hits(of, service)
            {
                spec.max = max.unwrap_or(spec.max).max(1);
                spec.min = spec.min.min(spec.max);
                spec.target = target.unwrap_or(spec.target);
            }
        }
        spec
    }

    /// What happens to a call on its way, each with its place among all disturbances.
    pub fn edges(&self, from: Caller, to: ServiceId) -> impl Iterator<Item = (usize, EdgeEffect)> {
        self.special().filter_map(move |(place, what)| match *what {
            WorldDisturbance::Edge { from: who, to: whom, effect }
                if (who == Caller::Anybody || who == from) && hits(whom, to) =>
            {
                Some((place, effect))
            }
            _ => None,
        })
    }

    /// Whether nothing that stops pods is at work or still to come, so that pods which are all there stay alike.
    pub fn leaves_pods_alone(&self, now: SimTime) -> bool {
        const BACK: SimDuration = SimDuration::from_mins(2);
        const BACKOFF: SimDuration = SimDuration::from_mins(5);
        !self.all().any(|d| match d.what {
            WorldDisturbance::PodsDown { back_after, .. } => now < d.from + back_after + BACK,
            WorldDisturbance::MemoryPressure { .. } => now < d.until,
            // After its end the longest back-off may still be under way.
            WorldDisturbance::Crashes { .. } => now < d.until + BACKOFF + BACK,
            _ => false,
        })
    }

    /// Services (or all) whose caches lose a share of what they hold at this very instant, with the salt of the choice.
    pub fn losing_caches(&self, now: SimTime) -> Vec<(Option<ServiceId>, Ratio, u64)> {
        let losses = self.all().filter(|d| d.from == now).filter_map(|d| match d.what {
            WorldDisturbance::CacheLoss { service, share, salt } => Some((service, share, salt)),
            _ => None,
        });
        losses.collect()
    }

    /// Pods that stop at this very instant.
    pub fn stopping(&self, now: SimTime) -> Vec<Stopping> {
        let stopping = self.all().filter(|d| d.from == now).filter_map(|d| match d.what {
            WorldDisturbance::PodsDown { service, which, graceful, restarts, back_after } => {
                Some(Stopping { service, which, graceful, restarts, back_after })
            }
            _ => None,
        });
        stopping.collect()
    }
}
