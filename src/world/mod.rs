//! Ground truth: services, pods, requests, users, routers.
//!
//! A [`World`] is advanced by its owner to an instant ([`World::run_until`]), told what to do ([`World::perform`]),
//! and read ([`World::instruments`], [`World::view`], [`World::tally`]). Cloning it starts another branch: everything
//! random is keyed, so two clones differ only by what was done to them.
//!
//! Pods and routers are simulated event by event at both fidelities; requests are followed one by one
//! ([`request`]) or counted per slot ([`flow`]).
//!
//! Traps: at flow level the numbers of a slot exist only after [`World::end_slot`]; call it at every scrape, at both
//! levels, with consecutive slot numbers.

mod answering;
pub mod autoscaler;
pub mod caching;
mod chaos;
pub mod climate;
pub mod cluster;
pub mod conditions;
mod configuring;
pub mod database;
mod deployments;
pub mod event;
pub mod flow;
pub mod instruments;
mod life;
pub mod luck;
pub mod model;
pub mod outcomes;
pub mod pod;
pub mod protection;
pub mod replacing;
pub mod request;
pub mod residue;
pub mod scaling;
pub mod shape;
pub mod spec;
mod standing;
pub mod tally;
pub mod throttle;
pub mod warming;

use std::sync::Arc;

use crate::effect::{Action, Destination, Revision, RolloutView, ServiceId, SetName};
use crate::engine::{Agenda, Fingerprint};
use crate::rng::{Key, Purpose};
use crate::time::{SimDuration, SimTime};

use climate::Climate;
use cluster::Cluster;
use conditions::Conditions;
use database::state::Database;
use event::{Event, Process, class};
use flow::{Flow, SlotHarm, Undisturbed};
use instruments::{NoPod, PodInstruments, ServiceInstruments};
use model::log::Log;
use outcomes::Outcomes;
use request::Requests;
use spec::{TimedDisturbance, WorldSpec};
use tally::Tally;

/// How requests are played.
#[derive(Clone, Debug)]
enum Kernel {
    Request(Box<Requests>),
    Flow(Flow),
}

/// What every branch of a replication shares.
#[derive(Debug)]
pub struct Common {
    /// The world as described.
    pub spec: WorldSpec,
    /// Its slow noise.
    pub climate: Climate,
    /// Root of the keys of this replication.
    pub key: Key,
    service_keys: Vec<Key>,
    /// Requests that reach the target for each request of a source.
    visits: Vec<f64>,
    /// Which counts are drawn with more bad luck, if any are.
    luck: Option<luck::Luck>,
}

impl Common {
    /// The world of this description and weather under these keys.
    pub fn new(spec: WorldSpec, climate: Climate, key: Key) -> Self {
        let service_keys =
            spec.services.iter().map(|s| key.entity(&s.name).purpose(Purpose::Arrivals)).collect();
        let visits = spec.visits();
        Common { spec, climate, key, service_keys, visits, luck: None }
    }

    /// The same with counts that lean; the climate has to lean too.
    #[must_use]
    pub fn with_luck(self, luck: Option<luck::Luck>) -> Self {
        Common { luck, ..self }
    }

    /// Requests that reach the target for each request of a source, by source.
    fn visits(&self) -> &[f64] {
        &self.visits
    }
}

/// Why [`World::run_until`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The instant asked for is reached.
    Reached,
    /// Pods or weights changed at this instant, before the one asked for.
    Changed(SimTime),
}

/// One branch of the simulated world.
#[derive(Clone, Debug)]
pub struct World {
    common: Arc<Common>,
    now: SimTime,
    agenda: Agenda<Event>,
    cluster: Cluster,
    conditions: Conditions,
    kernel: Kernel,
    tally: Option<Tally>,
    no_pod: Vec<[u64; Destination::COUNT]>,
    reference: Option<Arc<Outcomes>>,
    fingerprint: Fingerprint,
    probes: bool,
    /// The next boundary of a disturbance that is scheduled.
    boundary_at: SimTime,
    /// When pods were last looked through for those that stop: once an instant, however many boundaries it has.
    stopped_at: SimTime,
    /// When nobody could serve the target in the world without a deploy; shared by all branches compared with it.
    down_without: Arc<[(SimTime, SimTime)]>,
    /// Services that something outside depends on.
    watched: Vec<answering::Watched>,
    /// The database of the target, where it matters.
    database: Option<Box<Database>>,
    /// Its next instant that is scheduled.
    database_at: SimTime,
    /// What is known of the target's predictions, where it makes any.
    model: Option<Box<Log>>,
}

impl World {
    /// A world at time zero, with its pods up and warm.
    pub fn new(common: Arc<Common>, confounders: Arc<[TimedDisturbance]>, fidelity: Level) -> Self {
        let spec = &common.spec;
        let services = spec.services.len();
        let kernel = match fidelity {
            Level::Request => {
                Kernel::Request(Box::new(Requests::new(spec, common.key.purpose(Purpose::Arrivals))))
            }
            Level::Flow { histograms } => Kernel::Flow(Flow::new(services, histograms)),
        };
        let mut world = World {
            now: SimTime::ZERO,
            agenda: Agenda::new(),
            cluster: Cluster::new(spec, common.key.entity("cluster")),
            conditions: Conditions::new(spec.target, services, confounders).with_model(spec.model.clone()),
            probes: matches!(kernel, Kernel::Request(_)),
            kernel,
            tally: None,
            no_pod: vec![[0; Destination::COUNT]; services],
            reference: None,
            fingerprint: Fingerprint::default(),
            boundary_at: SimTime::ZERO,
            stopped_at: SimTime::ZERO,
            down_without: Arc::new([]),
            watched: Vec::new(),
            database: spec.database.as_ref().map(|d| Box::new(Database::new(d, common.key))),
            database_at: SimTime::ZERO,
            model: spec.model.as_ref().map(|_| Box::default()),
            common,
        };
        world.schedule_boundary();
        world.schedule_autoscalers();
        world.start_requests();
        world
    }

    fn start_requests(&mut self) {
        self.with_requests(|requests, around| requests.first_arrivals(around));
        if self.probes {
            for pod in 0..self.cluster.pods.len() as u32 {
                self.schedule_probe(Process { pod, incarnation: 0 });
            }
        }
    }

    /// Schedules the next boundary; the others follow one after the other.
    fn schedule_boundary(&mut self) {
        let Some(at) = self.conditions.boundaries(self.now).min() else { return };
        if at != self.boundary_at {
            self.boundary_at = at;
            self.agenda.schedule(at, class::CLUSTER, Event::Boundary);
        }
    }

    fn schedule_autoscalers(&mut self) {
        for (index, service) in self.common.spec.services.iter().enumerate() {
            if let Some(at) = scaling::first_look(service, &self.common.key) {
                self.agenda.schedule(at, class::CLUSTER, Event::Autoscale(index as u16));
            }
        }
    }

    /// Runs a closure on the request kernel, if this is that level.
    fn with_requests<R>(
        &mut self,
        f: impl FnOnce(&mut Requests, &mut request::Around<'_>) -> R,
    ) -> Option<R> {
        let Kernel::Request(requests) = &mut self.kernel else { return None };
        let mut around = request::Around {
            spec: &self.common.spec,
            climate: &self.common.climate,
            conditions: &self.conditions,
            cluster: &mut self.cluster,
            agenda: &mut self.agenda,
            tally: &mut self.tally,
            no_pod: &mut self.no_pod,
            reference: self.reference.as_deref(),
            model: &mut self.model,
            now: self.now,
        };
        Some(f(requests, &mut around))
    }

    /// The present.
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// What every branch shares.
    pub fn common(&self) -> &Arc<Common> {
        &self.common
    }

    /// Begins to count what happens to users, and to compare it with the fates without a deploy.
    pub fn begin_counting(&mut self, reference: Option<Arc<Outcomes>>, keep_outcomes: bool) {
        self.tally = Some(Tally { since: self.now, ..Tally::default() });
        self.reference = reference;
        match &mut self.kernel {
            Kernel::Request(requests) => requests.outcomes.keep = keep_outcomes,
            Kernel::Flow(flow) => flow.slots.clear(),
        }
    }

    /// The candidate exists from now on, with these faults and this minimum ready time.
    pub fn deploy(&mut self, faults: Arc<[TimedDisturbance]>, min_ready: SimDuration) {
        self.settle_flow();
        let faults = configuring::of_service(faults, self.common.spec.target);
        self.conditions.deploy(Arc::clone(&faults), self.now);
        self.begin_residue(Revision::Candidate, &faults);
        self.deploy_database();
        self.cluster.min_ready = min_ready;
        self.cluster.startup = self.conditions.startup_factors();
        self.ask_running_pods();
        self.probes |= self.conditions.has_failing_probes();
        self.announce_companions();
        self.schedule_boundary();
        self.doom_processes();
    }

    /// The third revision of the target is another one from now on, with these faults.
    pub fn adopt(&mut self, faults: Arc<[TimedDisturbance]>) {
        self.settle_flow();
        let faults = configuring::of_service(faults, self.common.spec.target);
        self.conditions.adopt(Arc::clone(&faults), self.now);
        self.begin_residue(Revision::Other, &faults);
        self.cluster.startup = self.conditions.startup_factors();
        self.probes |= self.conditions.has_failing_probes();
        self.schedule_boundary();
        self.doom_processes();
    }

    /// From now on the candidate of the target is a workload of its own, with an autoscaler of its own if the service
    /// has one, as with Flagger.
    pub fn part_workloads(&mut self) {
        self.cluster.part_workloads(self.common.spec.target);
    }

    /// What the flow level compares with, for services whose pods without a deploy depend on their load.
    pub fn compare_with(&mut self, undisturbed: Arc<Undisturbed>) {
        if let Kernel::Flow(flow) = &mut self.kernel {
            flow.undisturbed = Some(undisturbed);
        }
    }

    /// The target's stable pods as of the end of the last slot, for [`World::compare_with`]: their mean service-time
    /// multiplier and a digest of their state.
    pub fn stable_state(&self) -> (f64, u64) {
        let multiplier = match &self.kernel {
            Kernel::Request(_) => 1.0,
            Kernel::Flow(flow) => flow.stable_multiplier,
        };
        (multiplier, self.cluster.digest(self.common.spec.target))
    }

    /// Tells when nobody could serve the target in the world without a deploy, which no release is to blame for.
    pub fn compare_with_downtime(&mut self, down: Arc<[(SimTime, SimTime)]>) {
        self.down_without = down;
    }

    /// Ends counting and hands over what was counted.
    pub fn stop_counting(&mut self) -> Option<Tally> {
        self.tally.take()
    }

    /// Share of the users whom the faults of the change concern at all.
    pub fn concerned_users(&self) -> f64 {
        self.conditions.concerned_users(self.common.spec.matching_share())
    }

    /// Carries out an action now.
    pub fn perform(&mut self, action: &Action) {
        self.settle_flow();
        self.cluster.perform(action, &self.common.spec, self.now, &mut self.agenda);
        match *action {
            Action::SyntheticLoad(_) => {
                self.with_requests(|requests, around| requests.start_synthetic(around));
            }
            Action::Database(action) => self.act_on_database(action),
            Action::Configure => self.configure_back(),
            Action::Undo(_) => self.push_deployments(),
            _ => {}
        }
        self.refresh_residue();
    }

    /// Plays on to `until` (events at `until` included), or to the first change of pods or weights.
    pub fn run_until(&mut self, until: SimTime) -> Stop {
        while let Some((at, event)) = self.agenda.pop_due(until) {
            self.note_downtime(at);
            self.now = at;
            self.handle(event);
            if self.cluster.changed {
                self.cluster.changed = false;
                return Stop::Changed(at);
            }
        }
        self.note_downtime(until);
        self.now = until;
        Stop::Reached
    }

    /// Time up to `until` in which nobody could serve a request of the target counts as downtime.
    fn note_downtime(&mut self, until: SimTime) {
        let span = until.since(self.now);
        if let Some(tally) = &mut self.tally
            && !span.is_zero()
            && (self.cluster.is_down(self.common.spec.target) || self.conditions.is_stopped())
        {
            tally.note_down(self.now, until);
        }
    }

    /// Adds the time up to now to what is counted over time, before something changes: the writes of the database and, at flow
    /// level, the integrals.
    fn settle_flow(&mut self) {
        self.settle_database();
        self.settle_residue();
        if let Kernel::Flow(flow) = &mut self.kernel {
            let around = flow::Surroundings::of(&self.common, &self.conditions, &self.down_without);
            flow.accumulate(self.now, &mut self.cluster, &around);
        }
    }

    fn handle(&mut self, event: Event) {
        if let Event::Call(what, slot) = event {
            self.with_requests(|requests, around| requests.handle(what, slot, around));
            return;
        }
        if let Event::Arrival(source) = event {
            self.with_requests(|requests, around| requests.arrive(source, around));
            return;
        }
        self.settle_flow();
        self.handle_cluster(event);
        self.refresh_residue();
    }

    fn handle_cluster(&mut self, event: Event) {
        let now = self.now;
        let common = Arc::clone(&self.common);
        match event {
            Event::PodStarted(process) if self.cluster.is_current(process) => {
                self.note(1, process.pod);
                self.cluster.started(process, &common.spec, &self.conditions, now, &mut self.agenda);
            }
            Event::PodReady(process) if self.cluster.is_current(process) => {
                self.note(2, process.pod);
                let failed = self.failed_checks(process);
                let pod = &mut self.cluster.pods[process.pod as usize];
                pod.probe_failures = u32::from(failed[0]);
                pod.liveness_failures = u32::from(failed[1]);
                if !failed[0] {
                    self.cluster.ready(process, now, &mut self.agenda);
                }
                if self.probes {
                    self.schedule_probe(process);
                }
            }
            Event::PodAvailable(process) if self.cluster.is_current(process) => self.cluster.changed = true,
            Event::Probe(process) if self.cluster.is_current(process) => self.probe(process),
            Event::PodExit(process, reason) if self.cluster.is_current(process) => self.exit(process, reason),
            Event::PodGone(process) if self.cluster.is_current(process) => self.gone(process),
            Event::WeightInForce(seq) => {
                self.note(5, seq);
                self.cluster.weight_in_force(seq);
            }
            Event::Boundary => self.boundary(),
            Event::Database => self.database_event(),
            Event::Autoscale(service) => {
                let how = (&common.spec, &self.conditions);
                self.cluster.autoscale(ServiceId(service), how, now, &mut self.agenda);
            }
            _ => {}
        }
        if self.cluster.changed {
            self.push_deployments();
        }
    }

    fn note(&mut self, kind: u64, id: u32) {
        self.fingerprint.record(self.now, kind << 32 | u64::from(id));
    }

    /// A disturbance begins or ends.
    fn boundary(&mut self) {
        self.settle_flow();
        self.conditions.refresh(self.now);
        self.cluster.startup = self.conditions.startup_factors();
        self.release_deployments();
        self.stop_pods();
        self.lose_caches();
        self.doom_processes();
        self.schedule_boundary();
    }

    /// Processes that the present conditions doom get their end scheduled anew.
    fn doom_processes(&mut self) {
        let everywhere = self.conditions.ends_processes();
        let target = self.common.spec.target.0 as usize;
        let released = |index: usize| index == target || self.cluster.deployments[index].is_some();
        let services = self.cluster.sets.iter().enumerate().filter(|(i, _)| everywhere || released(*i));
        let pods: Vec<u32> =
            services.flat_map(|(_, sets)| sets.iter().flat_map(|s| s.members.iter().copied())).collect();
        let common = Arc::clone(&self.common);
        for pod in pods {
            let process = Process { pod, incarnation: self.cluster.pods[pod as usize].incarnation };
            self.cluster.doom(process, &common.spec, &self.conditions, self.now, &mut self.agenda);
        }
    }

    /// Ends a slot: at flow level its numbers are drawn now. Call at every scrape with consecutive numbers.
    pub fn end_slot(&mut self, slot: usize) {
        self.end_part(slot, 0);
    }

    /// Ends the part of a slot up to now, at an instant that is no scrape but where counting begins or ends; `part`
    /// tells the parts of one slot apart (1, 2, ...).
    pub fn end_part(&mut self, slot: usize, part: u64) {
        self.settle_residue();
        if let Kernel::Flow(flow) = &mut self.kernel {
            let around = flow::Surroundings::of(&self.common, &self.conditions, &self.down_without);
            flow.end_slot(
                (slot, part),
                self.now,
                &mut self.cluster,
                (self.tally.as_mut(), self.model.as_deref_mut()),
                &mut self.no_pod,
                &around,
            );
            if let Some(tally) = &self.tally {
                self.fingerprint.record(self.now, tally.counts.issued << 24 ^ tally.counts.failed);
            }
        } else if let Some(tally) = &self.tally {
            self.fingerprint.record(self.now, tally.counts.succeeded << 24 ^ tally.counts.failed);
        }
        self.close_model_log((slot, part));
        self.look_at_watched();
        // Rows change class all the time: what requests meet is looked at anew in each slot.
        self.settle_database();
        self.refresh_table();
        self.refresh_residue();
    }

    /// Counting ends: requests that users wait to send, and have sent without the deploy, are counted as timed out.
    /// Call once, at the end of the span.
    pub fn end_counting(&mut self) {
        self.with_requests(|requests, around| requests.count_unissued(around));
    }

    /// Reads every instrument of every service.
    pub fn instruments(&self, out: &mut Vec<ServiceInstruments>) {
        out.resize(self.common.spec.services.len(), ServiceInstruments::default());
        for (index, into) in out.iter_mut().enumerate() {
            let spec = &self.common.spec.services[index];
            into.memory_limit = spec.memory_limit.get() as f64;
            into.cpu_limit = spec.cpu_limit;
            into.no_pod = NoPod { rejected: self.no_pod[index] };
            let is_target = index == usize::from(self.common.spec.target.0);
            into.mismatches = self.database.as_ref().filter(|_| is_target).map(|d| d.mismatches());
            into.model = self.model_instruments().filter(|_| is_target);
            into.sets = SetName::ALL.map(|s| self.cluster.set_view(ServiceId(index as u16), s, self.now));
            into.pods.clear();
            for set in &self.cluster.sets[index] {
                into.pods.extend(set.members.iter().map(|&m| self.read_pod(m, spec)));
            }
        }
    }

    fn read_pod(&self, index: u32, spec: &spec::ServiceSpec) -> PodInstruments {
        let pod = &self.cluster.pods[index as usize];
        let memory = pod.memory(spec, self.now);
        PodInstruments {
            key: pod.key,
            up: pod.is_up(),
            ready: pod.ready,
            restarts: pod.restarts,
            oom_kills: pod.oom_kills,
            server: pod.server,
            client: pod.client,
            cpu_seconds: pod.cpu_seconds,
            memory_bytes: if pod.is_up() { memory } else { 0.0 },
            in_flight: pod.in_flight,
        }
    }

    /// What a controller sees of the rollout.
    pub fn view(&self, deploy_at: SimTime, hold: bool) -> RolloutView {
        let view = self.cluster.view(&self.common.spec, self.now, deploy_at, hold);
        RolloutView { database: self.database_view(), ..view }
    }

    /// What has been counted so far.
    pub fn tally(&self) -> Option<&Tally> {
        self.tally.as_ref()
    }

    /// Fates of counted requests; `None` at flow level.
    pub fn outcomes(&self) -> Option<&Outcomes> {
        match &self.kernel {
            Kernel::Request(requests) => Some(&requests.outcomes),
            Kernel::Flow(_) => None,
        }
    }

    /// Harm by slot since counting began; empty at request level.
    pub fn slot_harm(&self) -> &[SlotHarm] {
        match &self.kernel {
            Kernel::Request(_) => &[],
            Kernel::Flow(flow) => &flow.slots,
        }
    }

    /// Rolling hash of everything that happened to pods, weights and users.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint.value()
    }
}

/// How a world is to be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Every request is an event.
    Request,
    /// Counts per slot.
    Flow {
        /// Whether latency histograms are drawn.
        histograms: bool,
    },
}
