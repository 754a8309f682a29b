//! Pods, replica sets and routers: the part of the world that both fidelities share, event by event.
//!
//! A pod starts (image pull and boot), passes its readiness probe at the first probe after the initial delay, serves,
//! may crash and restart with Kubernetes' back-off (10 s doubling to 5 min), and drains when it is told to stop. A
//! router's new weight is in force only after its propagation delay.
//!
//! Traps: a crashed pod is taken out of its endpoints at once here (the real delay is about a second); a pod's draws
//! are keyed by (service, set, ordinal, incarnation), so the n-th new pod starts as fast in every branch.

use super::conditions::Conditions;
use super::deployments::Deployment;
use super::event::{Event, ExitReason, Process, class};
use super::instruments::PodKey;
use super::pod::{Pod, PodState};
use super::scaling::Scalers;
use super::spec::{ServiceSpec, WorldSpec};
use crate::effect::{
    Action, Destination, Revision, RolloutView, Routing, ServiceId, SetName, SetView, Split,
};
use crate::engine::Agenda;
use crate::rng::{Key, Purpose};
use crate::time::{SimDuration, SimTime};

const BACKOFF_FIRST: SimDuration = SimDuration::from_secs(10);
const BACKOFF_LONGEST: SimDuration = SimDuration::from_secs(300);

/// Pods of one set of one service.
#[derive(Clone, Debug, Default)]
pub struct Set {
    /// Pods asked for.
    pub desired: u32,
    /// Every pod of the set that is not gone, oldest first.
    pub members: Vec<u32>,
    /// Those that get requests.
    pub ready: Vec<u32>,
    next_ordinal: u16,
}

/// All pods and routers of a world.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Every pod ever made, by index.
    pub pods: Vec<Pod>,
    /// The sets of each service, by [`ServiceId`] and [`SetName::index`].
    pub sets: Vec<[Set; SetName::COUNT]>,
    /// How requests find pods of the target.
    pub routing: Routing,
    /// What was last asked of the routers.
    pub asked: Split,
    /// What the routers do.
    pub split: Split,
    /// Whether requests for a destination where nobody takes connections go on to the other one.
    pub backup: bool,
    /// Synthetic load on the candidate destination, requests per second.
    pub synthetic_load: f64,
    /// How long a pod must be ready to count as available.
    pub min_ready: SimDuration,
    /// Set whenever pods or weights changed; cleared by whoever acts on it.
    pub changed: bool,
    /// Who decides on the number of pods, by service; `None` = nobody but its rollout.
    pub(super) scalers: Vec<Option<Scalers>>,
    /// Whether the registry of models names no version, so that nobody who starts has anything to serve.
    nothing_to_load: bool,
    /// Multiplier of the time new pods take to start, by service and revision.
    pub startup: Vec<[f64; Revision::COUNT]>,
    /// Services that are released beside the target, by [`ServiceId`].
    pub(super) deployments: Vec<Option<Deployment>>,
    weight_seq: u32,
    /// One key a service, by its name: other services coming or going change nobody's luck.
    keys: Vec<Key>,
}

impl Cluster {
    /// The cluster before anything happens: every service has its pods, ready and warm.
    pub fn new(spec: &WorldSpec, key: Key) -> Self {
        let mut cluster = Cluster {
            pods: Vec::new(),
            sets: vec![Default::default(); spec.services.len()],
            routing: Routing::Endpoints,
            asked: Split::STABLE,
            split: Split::STABLE,
            backup: false,
            synthetic_load: 0.0,
            min_ready: SimDuration::ZERO,
            changed: false,
            scalers: spec.services.iter().map(Scalers::of).collect(),
            nothing_to_load: false,
            startup: vec![[1.0; Revision::COUNT]; spec.services.len()],
            deployments: vec![None; spec.services.len()],
            weight_seq: 0,
            keys: spec.services.iter().map(|s| key.entity(&s.name)).collect(),
        };
        for (index, service) in spec.services.iter().enumerate() {
            for _ in 0..service.replicas {
                let pod = cluster.add_pod(ServiceId(index as u16), SetName::Old, SimTime::ZERO);
                cluster.pods[pod as usize].state = PodState::Running;
                cluster.pods[pod as usize].seasoned = true;
                cluster.set_ready(pod, SimTime::ZERO);
            }
            cluster.sets[index][SetName::Old.index()].desired = service.replicas;
        }
        cluster.changed = false;
        cluster
    }

    fn add_pod(&mut self, service: ServiceId, set: SetName, now: SimTime) -> u32 {
        let index = self.pods.len() as u32;
        let members = &mut self.sets[service.0 as usize][set.index()];
        let key = PodKey { service, set, ordinal: members.next_ordinal };
        // An autoscaler may make very many in a week; long gone pods do not mind their number being used again.
        members.next_ordinal = members.next_ordinal.wrapping_add(1);
        members.members.push(index);
        self.pods.push(Pod::new(key, now));
        index
    }

    /// The set a pod belongs to.
    pub fn set_of(&mut self, pod: u32) -> &mut Set {
        let key = self.pods[pod as usize].key;
        &mut self.sets[key.service.0 as usize][key.set.index()]
    }

    pub(super) fn process(&self, pod: u32) -> Process {
        Process { pod, incarnation: self.pods[pod as usize].incarnation }
    }

    /// Whether an event about a process is about the present one.
    pub fn is_current(&self, process: Process) -> bool {
        let pod = &self.pods[process.pod as usize];
        pod.incarnation == process.incarnation && pod.state != PodState::Gone
    }

    /// The key of everything that chance decides about the present process of a pod.
    pub(super) fn pod_key(&self, pod: u32) -> Key {
        let p = &self.pods[pod as usize];
        self.keys[p.key.service.0 as usize]
            .id(p.key.set.index() as u64)
            .id(u64::from(p.key.ordinal))
            .id(u64::from(p.incarnation))
    }

    fn set_ready(&mut self, pod: u32, now: SimTime) {
        let p = &mut self.pods[pod as usize];
        if !p.ready {
            p.ready = true;
            p.ready_since = now;
            self.set_of(pod).ready.push(pod);
            self.changed = true;
        }
    }

    pub(super) fn set_unready(&mut self, pod: u32) {
        let p = &mut self.pods[pod as usize];
        if p.ready {
            p.ready = false;
            p.ready_since = SimTime::NEVER;
            self.set_of(pod).ready.retain(|&other| other != pod);
        }
        self.changed = true;
    }

    /// Carries out what a strategy or procedure asks for.
    pub fn perform(&mut self, action: &Action, spec: &WorldSpec, now: SimTime, agenda: &mut Agenda<Event>) {
        match *action {
            Action::Route(routing) => self.routing = routing,
            Action::Weight(share) => self.ask(Split { candidate: share, ..self.asked }, spec, now, agenda),
            Action::ClientShare(share) => {
                // What routers were asked for before and have not got yet, they still get.
                self.asked.candidate = share;
                self.split.candidate = share;
                self.changed = true;
            }
            Action::ModelShare { found, loaded } => {
                self.asked.candidate = found;
                self.split.candidate = loaded;
                self.changed = true;
            }
            Action::NothingToLoad(nothing) => self.nothing_to_load = nothing,
            Action::BaselineWeight(share) => {
                self.ask(Split { baseline: share, ..self.asked }, spec, now, agenda);
            }
            Action::Mirror(share) => self.ask(Split { mirror: share, ..self.asked }, spec, now, agenda),
            Action::Cohort(matched) => self.ask(Split { cohort: matched, ..self.asked }, spec, now, agenda),
            Action::Unsplit => self.ask(Split::STABLE, spec, now, agenda),
            Action::Scale(set, replicas) => {
                let replicas = self.granted(set, replicas, spec);
                self.scale((spec.target, set), replicas, spec, now, agenda);
            }
            Action::Backup(stands_by) => {
                self.backup = stands_by;
                self.changed = true;
            }
            Action::SyntheticLoad(rate) => self.synthetic_load = rate,
            // No pod and no router minds.
            Action::Configure | Action::Database(_) => {}
            Action::Undo(service) => self.undo(service),
        }
    }

    /// Asks the routers for another split; it is in force after their propagation delay.
    fn ask(&mut self, split: Split, spec: &WorldSpec, now: SimTime, agenda: &mut Agenda<Event>) {
        self.asked = split;
        self.weight_seq += 1;
        let at = now + spec.weight_propagation;
        agenda.schedule(at, class::CLUSTER, Event::WeightInForce(self.weight_seq));
    }

    /// Asks for this many pods of a set.
    pub(super) fn scale(
        &mut self,
        (service, name): (ServiceId, SetName),
        replicas: u32,
        spec: &WorldSpec,
        now: SimTime,
        agenda: &mut Agenda<Event>,
    ) {
        let index = service.0 as usize;
        self.sets[index][name.index()].desired = replicas;
        let created = self.created(service, name);
        for _ in created..replicas {
            let pod = self.add_pod(service, name, now);
            let boot = spec.services[index]
                .startup
                .quantile(self.pod_key(pod).purpose(Purpose::Startup).uniform_open());
            let boot = boot * self.startup[index][name.revision() as usize];
            let at = now + SimDuration::from_secs_f64(boot);
            agenda.schedule(at, class::CLUSTER, Event::PodStarted(self.process(pod)));
        }
        for _ in replicas..created {
            self.terminate_one((service, name), spec, now, agenda);
        }
        self.changed = true;
    }

    /// Stops the pod that Kubernetes would stop first: not ready before ready, young before old.
    fn terminate_one(
        &mut self,
        (service, name): (ServiceId, SetName),
        spec: &WorldSpec,
        now: SimTime,
        agenda: &mut Agenda<Event>,
    ) {
        let set = &self.sets[service.0 as usize][name.index()];
        let victim = set
            .members
            .iter()
            .copied()
            .filter(|&m| self.pods[m as usize].is_created())
            .min_by_key(|&m| (self.pods[m as usize].ready, std::cmp::Reverse(m)));
        let Some(pod) = victim else { return };
        self.set_unready(pod);
        let idle = !self.pods[pod as usize].is_up();
        self.pods[pod as usize].state = PodState::Terminating;
        self.pods[pod as usize].terminating_since = now;
        let service = &spec.services[service.0 as usize];
        let grace = if idle { SimDuration::ZERO } else { drain_time(service) };
        agenda.schedule(now + grace, class::CLUSTER, Event::PodGone(self.process(pod)));
    }

    /// Pods of a set that exist and are not terminating.
    pub fn created(&self, service: ServiceId, set: SetName) -> u32 {
        let members = &self.sets[service.0 as usize][set.index()].members;
        members.iter().filter(|&&m| self.pods[m as usize].is_created()).count() as u32
    }

    /// The process of a pod begins to run: its probes, and its end if it is doomed, are scheduled.
    pub fn started(
        &mut self,
        process: Process,
        spec: &WorldSpec,
        conditions: &Conditions,
        now: SimTime,
        agenda: &mut Agenda<Event>,
    ) {
        let key = self.pod_key(process.pod);
        let pod = &mut self.pods[process.pod as usize];
        if pod.state == PodState::Terminating {
            return;
        }
        pod.state = PodState::Running;
        pod.started_at = now;
        pod.leak_from = now;
        pod.probe_failures = 0;
        pod.liveness_failures = 0;
        if self.nothing_to_load && pod.key.service == spec.target {
            // The client finds no version and raises; the container exits and is started again, with back-off.
            agenda.schedule(now, class::CLUSTER, Event::PodExit(process, ExitReason::Crash));
            self.changed = true;
            return;
        }
        let service = &spec.services[pod.key.service.0 as usize];
        let phase = key.purpose(Purpose::ProbePhase).uniform();
        let ready = now + service.readiness.initial_delay + service.readiness.period.scale(phase);
        agenda.schedule(ready, class::CLUSTER, Event::PodReady(process));
        self.changed = true;
        self.doom(process, spec, conditions, now, agenda);
        let key = self.pods[process.pod as usize].key;
        if key.service == spec.target && conditions.exits_at_start(key.set.revision()) {
            agenda.schedule(now, class::CLUSTER, Event::PodExit(process, ExitReason::Crash));
        }
    }

    /// Schedules the end of a process that a fault will end, as the conditions are now.
    pub fn doom(
        &mut self,
        process: Process,
        spec: &WorldSpec,
        conditions: &Conditions,
        now: SimTime,
        agenda: &mut Agenda<Event>,
    ) {
        let key = self.pod_key(process.pod);
        let pod = &mut self.pods[process.pod as usize];
        if pod.state != PodState::Running {
            return;
        }
        let revision = pod.revision();
        let id = pod.key.service;
        let uptime = |mean: SimDuration| mean.scale(-libm::log(key.purpose(Purpose::Fault).uniform_open()));
        if let Some(mean) = conditions.crash_uptime(id, revision) {
            agenda.schedule(now + uptime(mean), class::CLUSTER, Event::PodExit(process, ExitReason::Crash));
        }
        if let Some(mean) = conditions.poisoned(id) {
            agenda.schedule(
                now + uptime(mean),
                class::CLUSTER,
                Event::PodExit(process, ExitReason::Poisoned),
            );
        }
        let service = &spec.services[id.0 as usize];
        // Pods do not fill up in step: each has up to a tenth more or less room.
        let room = (service.memory_limit.get() as f64 - service.memory_base.get() as f64)
            * (0.9 + 0.2 * key.purpose(Purpose::Resource).uniform());
        let own = conditions.leak(id, revision);
        let pressure = conditions.memory_pressure(pod.key);
        let pressure = pressure.map_or(0.0, |after| room.max(0.0) / after.as_secs_f64().max(1.0));
        let was_filling = pod.leak_rate > 0.0;
        pod.leaked = pod.leaked_by(now);
        pod.leak_from = now;
        pod.leak_rate = own + pressure;
        pod.oom_at = SimTime::NEVER;
        if pod.leak_rate <= 0.0 && was_filling {
            // What filled the memory from outside has let go of it.
            pod.leaked = 0.0;
        }
        if pod.leak_rate > 0.0 {
            let end = now + SimDuration::from_secs_f64((room - pod.leaked).max(0.0) / pod.leak_rate);
            pod.oom_at = end;
            agenda.schedule(end, class::CLUSTER, Event::PodExit(process, ExitReason::OutOfMemory));
        }
    }

    /// A pod passes its readiness probe.
    pub fn ready(&mut self, process: Process, now: SimTime, agenda: &mut Agenda<Event>) {
        let pod = &self.pods[process.pod as usize];
        if pod.state != PodState::Running || pod.leaving {
            return;
        }
        self.set_ready(process.pod, now);
        if !self.min_ready.is_zero() {
            agenda.schedule(now + self.min_ready, class::CLUSTER, Event::PodAvailable(process));
        }
    }

    /// A pod stops being ready without exiting.
    pub fn fail_readiness(&mut self, pod: u32) {
        self.set_unready(pod);
    }

    /// The container of a pod exits and is restarted after the back-off. Returns whether it did.
    pub fn exit(
        &mut self,
        process: Process,
        reason: ExitReason,
        now: SimTime,
        agenda: &mut Agenda<Event>,
    ) -> bool {
        if self.pods[process.pod as usize].state != PodState::Running {
            return false;
        }
        self.set_unready(process.pod);
        let pod = &mut self.pods[process.pod as usize];
        pod.state = PodState::Backoff;
        pod.leaving = false;
        pod.restarts += u32::from(reason != ExitReason::Evicted);
        pod.oom_kills += u32::from(reason == ExitReason::OutOfMemory);
        pod.incarnation += 1;
        pod.reset_process();
        let doublings = pod.restarts.saturating_sub(1).min(6);
        let backoff = match reason {
            ExitReason::Killed | ExitReason::Evicted => pod.back_after,
            _ => (BACKOFF_FIRST * (1 << doublings)).min(BACKOFF_LONGEST),
        };
        agenda.schedule(now + backoff, class::CLUSTER, Event::PodStarted(self.process(process.pod)));
        true
    }

    /// A terminating pod is removed.
    pub fn gone(&mut self, pod: u32) {
        self.pods[pod as usize].state = PodState::Gone;
        self.set_of(pod).members.retain(|&other| other != pod);
        self.changed = true;
    }

    /// A weight comes into force, unless a later one was asked for meanwhile.
    pub fn weight_in_force(&mut self, seq: u32) {
        if seq == self.weight_seq {
            self.split = self.asked;
            self.changed = true;
        }
    }

    /// Ready pods behind a destination of a service.
    pub fn ready_behind(&self, service: ServiceId, destination: Destination) -> usize {
        let sets = &self.sets[service.0 as usize];
        destination.sets().iter().map(|set| sets[set.index()].ready.len()).sum()
    }

    /// Whether no request of a service can be served.
    pub fn is_down(&self, service: ServiceId) -> bool {
        self.sets[service.0 as usize].iter().all(|set| set.ready.is_empty())
    }

    /// Shares of the traffic of the target by destination right now, of requests that no cohort rule takes.
    pub fn shares(&self, target: ServiceId) -> [f64; Destination::COUNT] {
        let Split { candidate, baseline, .. } = self.split;
        match self.routing {
            Routing::Weighted | Routing::Clients | Routing::Registry => {
                self.with_backup([(1.0 - candidate - baseline).max(0.0), candidate, baseline], target)
            }
            Routing::Endpoints => {
                let ready = Destination::ALL.map(|d| self.ready_behind(target, d) as f64);
                let all: f64 = ready.iter().sum();
                if all > 0.0 { ready.map(|n| n / all) } else { [1.0, 0.0, 0.0] }
            }
        }
    }

    /// Where a backup stands by, connections that nobody takes at the one destination are tried at the other.
    fn with_backup(&self, shares: [f64; Destination::COUNT], target: ServiceId) -> [f64; Destination::COUNT] {
        if !self.backup {
            return shares;
        }
        let up = |destination| self.ready_behind(target, destination) > 0;
        let [stable, candidate, baseline] = shares;
        match (up(Destination::Stable), up(Destination::Candidate)) {
            (true, false) => [stable + candidate, 0.0, baseline],
            (false, true) => [0.0, stable + candidate, baseline],
            _ => shares,
        }
    }

    /// Whether routers send the matching cohort to the candidate.
    pub fn follows_cohort(&self) -> bool {
        self.split.cohort && self.routing.is_split()
    }

    /// Whether it takes no look at a request to know that it goes to the stable destination: pods are found by their
    /// endpoints, and no others are ready. `false` means nothing.
    pub(super) fn serves_only_stable(&self, target: ServiceId) -> bool {
        self.routing == Routing::Endpoints && self.serves_only_stable_pods(target)
    }

    /// Whether no pods of a service are ready but those behind its stable destination.
    pub(super) fn serves_only_stable_pods(&self, service: ServiceId) -> bool {
        let sets = &self.sets[service.0 as usize];
        let unready = |set: SetName| sets[set.index()].ready.is_empty();
        unready(SetName::New) && unready(SetName::Baseline)
    }

    /// As [`Cluster::shares`], of all requests: the cohort that a rule matches goes to the candidate.
    pub fn overall_shares(&self, spec: &WorldSpec) -> [f64; Destination::COUNT] {
        let rest = self.shares(spec.target);
        if !self.follows_cohort() {
            return rest;
        }
        let matched = spec.matching_share();
        let mut shares = rest.map(|share| share * (1.0 - matched));
        shares[Destination::Candidate.index()] += matched;
        shares
    }

    /// The share of the target's traffic that goes to the candidate destination right now.
    pub fn candidate_share(&self, spec: &WorldSpec) -> f64 {
        self.overall_shares(spec)[Destination::Candidate.index()]
    }

    /// What the API shows of one set.
    pub fn set_view(&self, service: ServiceId, name: SetName, now: SimTime) -> SetView {
        let set = &self.sets[service.0 as usize][name.index()];
        let mut view = SetView { desired: set.desired, ..SetView::default() };
        for &member in &set.members {
            let pod = &self.pods[member as usize];
            view.created += u32::from(pod.is_created());
            view.terminating += u32::from(pod.state == PodState::Terminating);
            view.ready += u32::from(pod.ready);
            view.available += u32::from(pod.ready && now.since(pod.ready_since) >= self.min_ready);
            view.restarts += pod.restarts;
        }
        view
    }

    /// What a controller sees of the rollout of `target`.
    pub fn view(&self, spec: &WorldSpec, now: SimTime, deploy_at: SimTime, hold: bool) -> RolloutView {
        let target = spec.target;
        RolloutView {
            now,
            deploy_at,
            replicas: self.replicas(target, spec),
            sets: SetName::ALL.map(|s| self.set_view(target, s, now)),
            split: self.asked,
            in_force: self.split,
            routing: self.routing,
            hold,
            database: None,
            others_back: self.others_back(spec),
        }
    }

    /// Whether pods and routers of the target are as before any deploy: all old pods ready, no others behind the stable
    /// destination, no weight.
    pub fn is_restored(&self, spec: &WorldSpec) -> bool {
        let sets = &self.sets[spec.target.0 as usize];
        let replicas = self.replicas(spec.target, spec) as usize;
        let rivals = [SetName::Promoted, SetName::Other];
        sets[SetName::Old.index()].ready.len() >= replicas
            && rivals.iter().all(|set| sets[set.index()].ready.is_empty())
            && self.overall_shares(spec)[Destination::Stable.index()] >= 1.0
            // A backup that serves while the other side is down for the moment is no way back.
            && !(self.backup && self.split.candidate > 0.0 && sets[SetName::New.index()].desired > 0)
    }

    /// Whether the pods of one set carry all traffic of the target, and no others any.
    pub fn is_carried_by(&self, set: SetName, spec: &WorldSpec) -> bool {
        if set == SetName::Old {
            return self.is_restored(spec);
        }
        let sets = &self.sets[spec.target.0 as usize];
        let alone = SetName::ALL.iter().all(|s| *s == set || sets[s.index()].ready.is_empty());
        alone
            && sets[set.index()].ready.len() >= self.replicas(spec.target, spec) as usize
            && self.overall_shares(spec)[set.destination().index()] >= 1.0
    }

    /// Whether nothing of the deploy is left: restored, and every other pod gone.
    pub fn is_clean(&self, spec: &WorldSpec) -> bool {
        let sets = &self.sets[spec.target.0 as usize];
        self.is_restored(spec)
            && SetName::ALL.iter().all(|s| *s == SetName::Old || sets[s.index()].members.is_empty())
            && self.others_are_clean(spec)
            && self.synthetic_load == 0.0
            && !self.nothing_to_load
            && self.split == self.asked
    }
}

/// How long a stopping pod takes at most to finish what it serves: its slow requests, within the grace.
pub(super) fn drain_time(service: &ServiceSpec) -> SimDuration {
    let slow = SimDuration::from_secs_f64(service.service_time.quantile(0.999));
    slow.max(SimDuration::from_secs(1)).min(service.termination_grace)
}
