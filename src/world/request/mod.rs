//! Request level: every request is followed through the call graph.
//!
//! A call waits for a pod's concurrency slot, is served, makes its own calls one after the other while it keeps the
//! slot (as a thread-per-request server does), and replies. Callers time out, retry with doubling back-off and full
//! jitter, and fail when their attempts are used up. What goes beyond that (see [`super::protection`]) has its own
//! files here: `fan_out` (probability, count, groups made at once), `client` and `guard` (budgets, breakers, throttles,
//! pools, deadlines), `cache` (lookups before a call), `balancer` (pods out of the rotation), `queue` (shedding and
//! disciplines), `people` (users that retry, sessions).
//!
//! All draws are keyed by (source, intent, call path, attempt), never by the order of calls: the same request takes
//! the same time and has the same luck in every branch. Arrivals are keyed by intent alone.
//!
//! What happens on the way between caller and callee is in `edge`, before a pod is looked for.
//!
//! Traps: a caller that gave up leaves its call running at the callee (wasted work is what overload is made of); a
//! queue that is full rejects at once; calls in a pod that dies fail.

mod arrivals;
mod balancer;
mod cache;
mod children;
mod client;
mod edge;
mod fan_out;
mod fate;
mod guard;
mod people;
mod queue;
mod route;
mod sharing;
mod table;

use std::collections::VecDeque;

use super::climate::{Climate, SlotCursor};
use super::cluster::Cluster;
use super::conditions::Conditions;
use super::event::{CallEvent, Event, ExitReason, Process, class};
use super::instruments::{Code, bucket};
use super::outcomes::Outcomes;
use super::spec::WorldSpec;
use super::tally::Tally;
use crate::effect::{Destination, ServiceId};
use crate::engine::{Agenda, Handle};
use crate::rng::{Key, Purpose};
use crate::time::{SimDuration, SimTime};
use sharing::Sharing;

/// The source number of synthetic load, which no user feels.
pub const SYNTHETIC: u16 = u16::MAX;

/// What an entry of the table of calls is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// An attempt: it waits in a pod, is served there, makes its own calls.
    Attempt,
    /// One of several calls that a request makes at once; its `parent` is that request, its `pod` the caller's.
    Leg,
    /// A user who tries again or comes for a session; no pod has it.
    User,
}

/// One attempt of one call; or whoever makes attempts on behalf of another (see [`Role`]).
#[derive(Clone, Copy, Debug)]
struct Call {
    key: Key,
    /// Number of this use of the slot; a parent reference with another number is stale.
    generation: u32,
    service: ServiceId,
    source: u16,
    intent: u32,
    /// Who waits for the answer: slot and generation.
    parent: Option<(u32, u32)>,
    /// The pod that has it, once there is one.
    pod: Option<u32>,
    in_service: bool,
    /// Nobody waits for it any more.
    abandoned: bool,
    /// The callee knows the deadline and does not begin after it.
    mortal: bool,
    role: Role,
    /// Which of the service's calls is being made.
    child: u16,
    /// Attempt of that call, from 0.
    child_attempt: u16,
    /// How often that call has been made already, for calls that are made several times.
    repeat: u16,
    /// Calls made at once that are not answered yet; of a user, 1 while thinking.
    pending: u16,
    /// Of a user: the intent after the last one of the session.
    end_intent: u32,
    issued_at: SimTime,
    /// When it began to wait in a pod; only kept where the queue asks for it.
    queued_at: SimTime,
    /// When its caller gives up.
    deadline: SimTime,
    /// When it reached the callee.
    arrived_at: SimTime,
    way: Way,
    /// What it says is wrong, its own work or that of a call below it; nobody notices.
    wrong: bool,
    work: Option<Handle>,
    timeout: Option<Handle>,
}

/// What is decided on the way of a call before it arrives.
#[derive(Clone, Copy, Debug, Default)]
struct Way {
    /// The answer comes from somebody on the way, and no pod sees the call.
    aborted: Option<Code>,
    /// The connection breaks before the answer is through.
    reset: bool,
    /// The database refuses what it asks.
    denied: bool,
}

/// The request-level kernel.
#[derive(Clone, Debug)]
pub struct Requests {
    calls: Vec<Call>,
    free: Vec<u32>,
    queues: Vec<VecDeque<u32>>,
    /// By pod: who shares its processors, where there is throttling.
    sharing: Vec<Sharing>,
    /// What caller pods remember, by pod and entry of the list of calls; empty without guards.
    clients: Vec<Vec<Option<guard::Client>>>,
    caches: cache::Caches,
    /// Whether the router of any service takes pods out of the rotation, and what it knows of each pod.
    ejects: bool,
    standings: Vec<balancer::Standing>,
    /// Arrivals by source: requests, or people where they retry or come for sessions.
    /// When the narrow links are free again, by the place of their disturbance.
    links: Vec<(usize, SimTime)>,
    issued: Vec<u64>,
    /// First intent of each session, by source; empty without sessions.
    sessions: Vec<Vec<u32>>,
    /// Intents planned so far by people, by source.
    planned: Vec<u64>,
    synthetic_issued: u64,
    /// The slot of the present.
    cursor: SlotCursor,
    generation: u32,
    source_keys: Vec<Key>,
    synthetic_key: Key,
    /// Fates of counted requests, when they are kept for later comparison.
    pub outcomes: Outcomes,
}

/// The rest of the world, as the kernel needs it.
pub(super) struct Around<'a> {
    pub spec: &'a WorldSpec,
    pub climate: &'a Climate,
    pub conditions: &'a Conditions,
    pub cluster: &'a mut Cluster,
    pub agenda: &'a mut Agenda<Event>,
    pub tally: &'a mut Option<Tally>,
    pub no_pod: &'a mut [[u64; Destination::COUNT]],
    /// Fates without the deploy, to compare with.
    pub reference: Option<&'a Outcomes>,
    pub now: SimTime,
}

impl Requests {
    /// A kernel without requests; its owner schedules the first arrivals.
    pub fn new(spec: &WorldSpec, key: Key) -> Self {
        Requests {
            calls: Vec::new(),
            free: Vec::new(),
            queues: Vec::new(),
            sharing: Vec::new(),
            clients: Vec::new(),
            caches: cache::Caches::new(key),
            ejects: spec.services.iter().any(|s| s.server.as_ref().is_some_and(|o| o.ejection.is_some())),
            standings: Vec::new(),
            links: Vec::new(),
            issued: vec![0; spec.traffic.len()],
            sessions: vec![Vec::new(); spec.traffic.len()],
            planned: vec![0; spec.traffic.len()],
            synthetic_issued: 0,
            cursor: SlotCursor::default(),
            generation: 0,
            source_keys: spec.traffic.iter().map(|t| key.entity(&t.name)).collect(),
            synthetic_key: key.purpose(Purpose::StandIn),
            outcomes: Outcomes::new(spec.traffic.len()),
        }
    }

    /// Requests being served or waiting, all services.
    pub fn open_calls(&self) -> usize {
        self.calls.len() - self.free.len()
    }

    fn open(
        &mut self,
        key: Key,
        service: ServiceId,
        source: u16,
        intent: u32,
        parent: Option<(u32, u32)>,
        now: SimTime,
    ) -> u32 {
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        // Made where it is kept: a call is the largest thing that an event touches.
        let call = || Call {
            key,
            generation,
            service,
            source,
            intent,
            parent,
            pod: None,
            in_service: false,
            abandoned: false,
            mortal: false,
            role: Role::Attempt,
            child: 0,
            child_attempt: 0,
            repeat: 0,
            pending: 0,
            end_intent: 0,
            issued_at: now,
            queued_at: now,
            deadline: SimTime::NEVER,
            arrived_at: now,
            way: Way::default(),
            wrong: false,
            work: None,
            timeout: None,
        };
        match self.free.pop() {
            Some(slot) => {
                self.calls[slot as usize] = call();
                slot
            }
            None => {
                self.calls.push(call());
                self.calls.len() as u32 - 1
            }
        }
    }

    fn arm_timeout(&mut self, slot: u32, timeout: SimDuration, around: &mut Around<'_>) {
        let event = Event::Call(CallEvent::TimedOut, slot);
        let call = &mut self.calls[slot as usize];
        call.deadline = around.now + timeout;
        call.timeout = Some(around.agenda.schedule(call.deadline, class::TRAFFIC, event));
    }

    /// Finds a pod for a call; a call without one is rejected.
    fn dispatch(&mut self, slot: u32, around: &mut Around<'_>) {
        if around.conditions.is_stopped() && self.calls[slot as usize].service == around.spec.target {
            return self.turned_away(slot, around);
        }
        let destination = self.destination(&self.calls[slot as usize], around);
        if destination == Destination::Stable && around.cluster.split.mirror > 0.0 {
            let call = self.calls[slot as usize];
            self.mirror(&call, around);
        }
        let call = &self.calls[slot as usize];
        let picked = match self.ejects {
            false => route::pick_pod(call, destination, around.cluster),
            true => self.pick_in_rotation(call, destination, around),
        };
        let Some(pod) = picked else {
            around.no_pod[call.service.0 as usize][destination as usize] += 1;
            if destination != Destination::Stable || !around.conditions.is_configured_as_before() {
                fate::touch(call, around.tally);
            }
            self.finish(slot, Code::Rejected, around);
            return;
        };
        let spec = &around.spec.services[call.service.0 as usize];
        let (service, aborted) = (call.service, call.way.aborted);
        self.calls[slot as usize].pod = Some(pod);
        if let Some(code) = aborted {
            self.finish(slot, code, around);
            return;
        }
        let at_a_time = at_a_time(spec.concurrency, service, around);
        let state = &mut around.cluster.pods[pod as usize];
        let shed = spec.server.as_ref().is_some_and(|server| {
            server.sheds((state.in_flight, spec.concurrency), (state.waiting, spec.queue))
        });
        if state.in_flight < at_a_time && !shed {
            self.serve(slot, around);
        } else if state.waiting < spec.queue && !shed {
            state.waiting += 1;
            if spec.server.is_some() {
                self.calls[slot as usize].queued_at = around.now;
            }
            if self.queues.len() <= pod as usize {
                self.queues.resize(pod as usize + 1, VecDeque::new());
            }
            let room_before = state.in_flight < spec.concurrency;
            self.queues[pod as usize].push_back(slot);
            if room_before && !around.conditions.is_configured_as_before() {
                fate::touch(&self.calls[slot as usize], around.tally);
            }
            watch_memory(pod, around);
        } else {
            state.server.count(Code::Rejected, 0.0);
            self.finish(slot, Code::Rejected, around);
        }
    }

    /// A call gets its concurrency slot.
    fn serve(&mut self, slot: u32, around: &mut Around<'_>) {
        let call = &self.calls[slot as usize];
        let Some(pod_index) = call.pod else { return };
        let pod = &mut around.cluster.pods[pod_index as usize];
        pod.in_flight += 1;
        let spec = &around.spec.services[call.service.0 as usize];
        let time_slot = around.climate.slot_by(&mut self.cursor, around.now);
        let mut factor = around.climate.service_time(call.service, time_slot)
            * around.climate.replica_time(call.service, pod.key.set, pod.key.ordinal, time_slot)
            * around.conditions.cold_factor(pod.uptime(around.now))
            * pod.warming(spec.warming.as_ref(), around.now);
        if call.service == around.spec.target {
            let slow = around.conditions.slowness(pod.revision());
            if slow.share > 0.0 && call.key.purpose(Purpose::Fault).id(1).uniform() < slow.share {
                factor *= slow.factor;
                fate::touch(call, around.tally);
            }
        }
        let u = call.key.purpose(Purpose::ServiceTime).uniform_open();
        let mut seconds = spec.service_time.quantile(u) * factor;
        if let Some(server) = &spec.server {
            seconds += server.contention.as_secs_f64() * f64::from(pod.in_flight);
        }
        let cpu = spec.cpu_per_request * factor;
        let plain = around.conditions.is_plain(call.service);
        if plain {
            pod.cpu_seconds += cpu;
            pod.cpu_window += cpu;
        }
        if spec.throttled && plain {
            self.calls[slot as usize].in_service = true;
            self.enter(slot, pod_index, seconds, around);
            watch_memory(pod_index, around);
            return;
        }
        let at = if plain {
            around.now + SimDuration::from_secs_f64(seconds)
        } else {
            let seconds = seconds + self.wait_for_table(slot, pod_index, around);
            edge::serve_hindered(&self.calls[slot as usize], pod_index, (seconds, cpu), around)
        };
        let handle = around.agenda.schedule(at, class::TRAFFIC, Event::Call(CallEvent::Served, slot));
        let call = &mut self.calls[slot as usize];
        call.in_service = true;
        call.work = Some(handle);
        watch_memory(pod_index, around);
    }

    /// Something happens to a call.
    pub(super) fn handle(&mut self, event: CallEvent, slot: u32, around: &mut Around<'_>) {
        match event {
            CallEvent::Served => {
                self.calls[slot as usize].work = None;
                if let Some(pod) = self.calls[slot as usize].pod {
                    self.leave(slot, pod, around);
                }
                if self.fails(slot, around) {
                    self.finish(slot, Code::Failed, around);
                } else {
                    self.errs(slot, around);
                    self.next_child(slot, around);
                }
            }
            CallEvent::Arrived => {
                self.calls[slot as usize].work = None;
                self.calls[slot as usize].arrived_at = around.now;
                self.dispatch(slot, around);
            }
            CallEvent::Unreachable => {
                self.calls[slot as usize].work = None;
                self.not_reached(slot, around);
            }
            CallEvent::Retry => {
                self.calls[slot as usize].work = None;
                if self.calls[slot as usize].role == Role::User {
                    self.user_wakes(slot, around);
                } else {
                    self.call_child(slot, around);
                }
            }
            CallEvent::NoConnection => {
                self.calls[slot as usize].work = None;
                self.waited_in_vain(slot, around);
            }
            CallEvent::TimedOut => {
                self.calls[slot as usize].timeout = None;
                self.give_up(slot, around);
            }
        }
    }

    /// Whether the service itself answers with an error.
    fn fails(&mut self, slot: u32, around: &mut Around<'_>) -> bool {
        let time_slot = around.climate.slot_by(&mut self.cursor, around.now);
        let call = &self.calls[slot as usize];
        let spec = &around.spec.services[call.service.0 as usize];
        let background = spec.error_ratio.get() * around.climate.errors(call.service, time_slot);
        let dependency = around.conditions.dependency_errors(call.service);
        let share = 1.0 - (1.0 - background.min(1.0)) * (1.0 - dependency);
        if share > 0.0 && call.key.purpose(Purpose::Error).uniform() < share {
            return true;
        }
        let Some(pod) = call.pod else { return false };
        if call.service != around.spec.target {
            return false;
        }
        let revision = around.cluster.pods[pod as usize].revision();
        let fault = around.conditions.fault_errors(revision);
        let hit = call.way.denied
            || fault > 0.0 && call.key.purpose(Purpose::Fault).uniform() < fault
            || around.conditions.any_special() && self.fails_specially(call, pod, around);
        if hit {
            fate::touch(call, around.tally);
        }
        hit
    }

    /// The caller of a call stops waiting; the call itself goes on where it is.
    fn give_up(&mut self, slot: u32, around: &mut Around<'_>) {
        let call = self.calls[slot as usize];
        if let Some(pod) = call.pod {
            let waited = around.now.since(call.issued_at).as_secs_f64();
            around.cluster.pods[pod as usize].client.count(Code::TimedOut, waited);
            if self.ejects {
                self.note_answer(pod, Code::TimedOut, around);
            }
        }
        match call.parent {
            None => self.settle(&call, Code::TimedOut, around),
            Some(parent) => self.answered(parent, Code::TimedOut, around),
        }
        let call = &mut self.calls[slot as usize];
        call.parent = None;
        call.abandoned = true;
    }

    /// A call ends: frees its place, tells who waits.
    fn finish(&mut self, slot: u32, code: Code, around: &mut Around<'_>) {
        let call = &mut self.calls[slot as usize];
        call.generation = 0;
        for handle in [call.work, call.timeout].into_iter().flatten() {
            around.agenda.cancel(handle);
        }
        // The slot may be used again below, so what is needed later is taken now; all of it only for a user's request.
        let (parent, pod, in_service, abandoned) = (call.parent, call.pod, call.in_service, call.abandoned);
        let of_user = if parent.is_none() { Some(*call) } else { None };
        let latency = around.now.since(call.issued_at).as_secs_f64();
        let (reset, wrong, arrived_at) = (call.way.reset, call.wrong, call.arrived_at);
        let immediate = arrived_at == call.issued_at;
        let served = code;
        let code = if reset && served == Code::Ok { Code::Failed } else { served };
        if let Some(pod) = pod {
            if in_service {
                self.leave(slot, pod, around);
            }
            let state = &mut around.cluster.pods[pod as usize];
            let bucket = bucket(latency);
            if !abandoned {
                state.client.count_in(bucket, code, latency);
            }
            if in_service && immediate {
                state.server.count_in(bucket, served, latency);
            } else if in_service {
                state.server.count(served, around.now.since(arrived_at).as_secs_f64());
            }
            if self.ejects && !abandoned {
                self.note_answer(pod, code, around);
            }
        }
        self.free.push(slot);
        if let Some(pod) = pod.filter(|_| in_service) {
            self.release(pod, around);
        }
        if wrong
            && code == Code::Ok
            && let Some(parent) = parent
        {
            self.pass_on_wrong(parent);
        }
        match (parent, of_user) {
            (Some(parent), _) => self.answered(parent, code, around),
            (None, Some(call)) => self.settle(&call, code, around),
            (None, None) => {}
        }
    }

    /// A pod's concurrency slot is free: the next waiting call gets it.
    fn release(&mut self, pod: u32, around: &mut Around<'_>) {
        let service = around.cluster.pods[pod as usize].key.service;
        let spec = &around.spec.services[service.0 as usize];
        let at_a_time = at_a_time(spec.concurrency, service, around);
        let state = &mut around.cluster.pods[pod as usize];
        state.in_flight = state.in_flight.saturating_sub(1);
        // More than one only where fewer at a time were let in for a while.
        while around.cluster.pods[pod as usize].in_flight < at_a_time {
            let Some(next) = self.next_waiting(pod, around) else { return };
            self.serve(next, around);
        }
    }
}

/// The kernel kills the container of a pod whose requests fill its memory.
fn watch_memory(pod: u32, around: &mut Around<'_>) {
    let state = &mut around.cluster.pods[pod as usize];
    let spec = &around.spec.services[state.key.service.0 as usize];
    let held = spec.memory_per_request.get() > 0;
    if held && state.memory(spec, around.now) > spec.memory_limit.get() as f64 {
        let process = Process { pod, incarnation: state.incarnation };
        let exit = Event::PodExit(process, ExitReason::OutOfMemory);
        state.oom_at = around.now;
        around.agenda.schedule(around.now, class::CLUSTER, exit);
    }
}

/// Requests a pod serves at a time.
fn at_a_time(concurrency: u32, service: ServiceId, around: &Around<'_>) -> u32 {
    if around.conditions.any_special() {
        around.conditions.concurrency(service).map_or(concurrency, |most| most.min(concurrency))
    } else {
        concurrency
    }
}
