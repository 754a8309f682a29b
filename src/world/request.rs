//! Request level: every request is followed through the call graph.
//!
//! A call waits for a pod's concurrency slot, is served, makes its own calls one after the other while it keeps the
//! slot (as a thread-per-request server does), and replies. Callers time out, retry with doubling back-off and full
//! jitter, and fail when their attempts are used up.
//!
//! All draws are keyed by (source, intent, call path, attempt), never by the order of calls: the same request takes
//! the same time and has the same luck in every branch. Arrivals are keyed by intent alone.
//!
//! Traps: a caller that gave up leaves its call running at the callee (wasted work is what overload is made of); a
//! queue that is full rejects at once; calls in a pod that dies fail.

use std::collections::VecDeque;

use super::climate::Climate;
use super::cluster::Cluster;
use super::conditions::Conditions;
use super::event::{CallEvent, Event, class};
use super::instruments::{Code, bucket};
use super::outcomes::Outcomes;
use super::spec::{CallSpec, WorldSpec};
use super::tally::{Fate, Tally};
use crate::effect::{Destination, ServiceId, SetName};
use crate::engine::{Agenda, Handle};
use crate::rng::{Key, Purpose};
use crate::time::{SimDuration, SimTime};

/// The source number of synthetic load, which no user feels.
pub const SYNTHETIC: u16 = u16::MAX;

/// One attempt of one call.
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
    /// Which of the service's calls is being made.
    child: u16,
    /// Attempt of that call, from 0.
    child_attempt: u16,
    issued_at: SimTime,
    work: Option<Handle>,
    timeout: Option<Handle>,
}

/// The request-level kernel.
#[derive(Clone, Debug)]
pub struct Requests {
    calls: Vec<Call>,
    free: Vec<u32>,
    queues: Vec<VecDeque<u32>>,
    issued: Vec<u64>,
    synthetic_issued: u64,
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
    pub no_pod: &'a mut [[u64; 2]],
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
            issued: vec![0; spec.traffic.len()],
            synthetic_issued: 0,
            generation: 0,
            source_keys: spec.traffic.iter().map(|t| key.entity(&t.name)).collect(),
            synthetic_key: key.purpose(Purpose::StandIn),
            outcomes: Outcomes::new(spec.traffic.len()),
        }
    }

    /// Schedules the first arrival of every source.
    pub(super) fn first_arrivals(&mut self, around: &mut Around<'_>) {
        for source in 0..around.spec.traffic.len() {
            self.schedule_arrival(source as u16, around);
        }
    }

    /// Requests being served or waiting, all services.
    pub fn open_calls(&self) -> usize {
        self.calls.len() - self.free.len()
    }

    fn schedule_arrival(&mut self, source: u16, around: &mut Around<'_>) {
        let index = source as usize;
        let key = self.source_keys[index].id(self.issued[index]).purpose(Purpose::Arrivals);
        let need = -libm::log(key.uniform_open());
        let base = around.spec.traffic[index].rate.get();
        let at = next_arrival(need, base, |slot| around.climate.arrivals(index, slot), around);
        if let Some(at) = at {
            around.agenda.schedule(at, class::TRAFFIC, Event::Arrival(source));
        }
    }

    /// Starts synthetic load (the cluster holds its rate).
    pub(super) fn start_synthetic(&mut self, around: &mut Around<'_>) {
        let rate = around.cluster.synthetic_load;
        if rate > 0.0 {
            let key = self.synthetic_key.id(self.synthetic_issued).purpose(Purpose::Arrivals);
            let gap = SimDuration::from_secs_f64(-libm::log(key.uniform_open()) / rate);
            around.agenda.schedule(around.now + gap, class::TRAFFIC, Event::Arrival(SYNTHETIC));
        }
    }

    /// A request of a source arrives.
    pub(super) fn arrive(&mut self, source: u16, around: &mut Around<'_>) {
        let (key, intent, to, timeout) = if source == SYNTHETIC {
            if around.cluster.synthetic_load <= 0.0 {
                return;
            }
            let key = self.synthetic_key.id(self.synthetic_issued);
            self.synthetic_issued += 1;
            self.start_synthetic(around);
            (key, 0, around.spec.target, None)
        } else {
            let index = source as usize;
            let key = self.source_keys[index].id(self.issued[index]);
            let intent = self.issued[index] as u32;
            self.issued[index] += 1;
            self.schedule_arrival(source, around);
            if let Some(tally) = around.tally.as_mut() {
                tally.counts.issued += 1;
                tally.counts.in_flight += 1;
                self.outcomes.begin(index, intent);
            }
            let traffic = &around.spec.traffic[index];
            (key, intent, traffic.to, traffic.timeout)
        };
        let slot = self.open(key, to, source, intent, None, around.now);
        if let Some(timeout) = timeout {
            self.arm_timeout(slot, timeout, around);
        }
        self.dispatch(slot, around);
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
        let call = Call {
            key,
            generation: self.generation,
            service,
            source,
            intent,
            parent,
            pod: None,
            in_service: false,
            abandoned: false,
            child: 0,
            child_attempt: 0,
            issued_at: now,
            work: None,
            timeout: None,
        };
        match self.free.pop() {
            Some(slot) => {
                self.calls[slot as usize] = call;
                slot
            }
            None => {
                self.calls.push(call);
                self.calls.len() as u32 - 1
            }
        }
    }

    fn arm_timeout(&mut self, slot: u32, timeout: SimDuration, around: &mut Around<'_>) {
        let event = Event::Call(CallEvent::TimedOut, slot);
        self.calls[slot as usize].timeout =
            Some(around.agenda.schedule(around.now + timeout, class::TRAFFIC, event));
    }

    /// Finds a pod for a call; a call without one is rejected.
    fn dispatch(&mut self, slot: u32, around: &mut Around<'_>) {
        let call = self.calls[slot as usize];
        let destination = destination(&call, around);
        let Some(pod) = pick_pod(&call, destination, around.cluster) else {
            around.no_pod[call.service.0 as usize][destination as usize] += 1;
            self.finish(slot, Code::Rejected, around);
            return;
        };
        let spec = &around.spec.services[call.service.0 as usize];
        self.calls[slot as usize].pod = Some(pod);
        let state = &mut around.cluster.pods[pod as usize];
        if state.in_flight < spec.concurrency {
            self.serve(slot, around);
        } else if state.waiting < spec.queue {
            state.waiting += 1;
            if self.queues.len() <= pod as usize {
                self.queues.resize(pod as usize + 1, VecDeque::new());
            }
            self.queues[pod as usize].push_back(slot);
        } else {
            state.server.count(Code::Rejected, 0.0);
            self.finish(slot, Code::Rejected, around);
        }
    }

    /// A call gets its concurrency slot.
    fn serve(&mut self, slot: u32, around: &mut Around<'_>) {
        let call = self.calls[slot as usize];
        let Some(pod_index) = call.pod else { return };
        let pod = &mut around.cluster.pods[pod_index as usize];
        pod.in_flight += 1;
        let spec = &around.spec.services[call.service.0 as usize];
        let time_slot = around.climate.slot_of(around.now);
        let mut factor = around.climate.service_time(call.service, time_slot)
            * around.climate.replica_time(call.service, pod.key.set, pod.key.ordinal, time_slot)
            * around.conditions.cold_factor(pod.uptime(around.now), around.now);
        if call.service == around.spec.target {
            let slow = around.conditions.slowness(pod.revision(), around.now);
            if slow.share > 0.0 && call.key.purpose(Purpose::Fault).id(1).uniform() < slow.share {
                factor *= slow.factor;
                touch(&call, around.tally);
            }
        }
        let u = call.key.purpose(Purpose::ServiceTime).uniform_open();
        let seconds = spec.service_time.quantile(u) * factor;
        pod.cpu_seconds += spec.cpu_per_request * factor;
        let at = around.now + SimDuration::from_secs_f64(seconds);
        let handle = around.agenda.schedule(at, class::TRAFFIC, Event::Call(CallEvent::Served, slot));
        let call = &mut self.calls[slot as usize];
        call.in_service = true;
        call.work = Some(handle);
    }

    /// Something happens to a call.
    pub(super) fn handle(&mut self, event: CallEvent, slot: u32, around: &mut Around<'_>) {
        match event {
            CallEvent::Served => {
                self.calls[slot as usize].work = None;
                if self.fails(slot, around) {
                    self.finish(slot, Code::Failed, around);
                } else {
                    self.next_child(slot, around);
                }
            }
            CallEvent::Retry => {
                self.calls[slot as usize].work = None;
                self.call_child(slot, around);
            }
            CallEvent::TimedOut => {
                self.calls[slot as usize].timeout = None;
                self.give_up(slot, around);
            }
        }
    }

    /// Whether the service itself answers with an error.
    fn fails(&mut self, slot: u32, around: &mut Around<'_>) -> bool {
        let call = &self.calls[slot as usize];
        let spec = &around.spec.services[call.service.0 as usize];
        let background =
            spec.error_ratio.get() * around.climate.errors(call.service, around.climate.slot_of(around.now));
        let dependency = around.conditions.dependency_errors(call.service, around.now);
        let share = 1.0 - (1.0 - background.min(1.0)) * (1.0 - dependency);
        if call.key.purpose(Purpose::Error).uniform() < share {
            return true;
        }
        let Some(pod) = call.pod else { return false };
        if call.service != around.spec.target {
            return false;
        }
        let revision = around.cluster.pods[pod as usize].revision();
        let fault = around.conditions.fault_errors(revision, around.now);
        let hit = fault > 0.0 && call.key.purpose(Purpose::Fault).uniform() < fault;
        if hit {
            touch(call, around.tally);
        }
        hit
    }

    /// Makes the next call of a request, or replies when there is none left.
    fn next_child(&mut self, slot: u32, around: &mut Around<'_>) {
        let call = &mut self.calls[slot as usize];
        call.child_attempt = 0;
        if (call.child as usize) < around.spec.services[call.service.0 as usize].calls.len() {
            self.call_child(slot, around);
        } else {
            self.finish(slot, Code::Ok, around);
        }
    }

    fn call_child(&mut self, slot: u32, around: &mut Around<'_>) {
        let call = self.calls[slot as usize];
        let spec = &around.spec.services[call.service.0 as usize].calls[call.child as usize];
        let (to, timeout) = (spec.to, spec.timeout);
        let key = call.key.id(u64::from(call.child)).id(u64::from(call.child_attempt));
        let child = self.open(key, to, call.source, call.intent, Some((slot, call.generation)), around.now);
        if let Some(timeout) = timeout {
            self.arm_timeout(child, timeout, around);
        }
        self.dispatch(child, around);
    }

    /// The caller of a call stops waiting; the call itself goes on where it is.
    fn give_up(&mut self, slot: u32, around: &mut Around<'_>) {
        let call = self.calls[slot as usize];
        if let Some(pod) = call.pod {
            let waited = around.now.since(call.issued_at).as_secs_f64();
            around.cluster.pods[pod as usize].client.count(Code::TimedOut, waited);
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
        let call = self.calls[slot as usize];
        for handle in [call.work, call.timeout].into_iter().flatten() {
            around.agenda.cancel(handle);
        }
        self.calls[slot as usize].generation = 0;
        self.free.push(slot);
        let latency = around.now.since(call.issued_at).as_secs_f64();
        if let Some(pod) = call.pod {
            let state = &mut around.cluster.pods[pod as usize];
            let bucket = bucket(latency);
            if !call.abandoned {
                state.client.count_in(bucket, code, latency);
            }
            if call.in_service {
                state.server.count_in(bucket, code, latency);
                self.release(pod, around);
            }
        }
        match call.parent {
            Some(parent) => self.answered(parent, code, around),
            None => self.settle(&call, code, around),
        }
    }

    /// A pod's concurrency slot is free: the next waiting call gets it.
    fn release(&mut self, pod: u32, around: &mut Around<'_>) {
        let state = &mut around.cluster.pods[pod as usize];
        state.in_flight = state.in_flight.saturating_sub(1);
        let next = self.queues.get_mut(pod as usize).and_then(VecDeque::pop_front);
        if let Some(next) = next {
            state.waiting = state.waiting.saturating_sub(1);
            self.serve(next, around);
        }
    }

    /// The answer to a call a request was waiting for.
    fn answered(&mut self, (slot, generation): (u32, u32), code: Code, around: &mut Around<'_>) {
        let call = &mut self.calls[slot as usize];
        if call.generation != generation {
            return;
        }
        if code == Code::Ok {
            call.child += 1;
            self.next_child(slot, around);
            return;
        }
        let spec = &around.spec.services[call.service.0 as usize].calls[call.child as usize];
        call.child_attempt += 1;
        if u32::from(call.child_attempt) >= spec.attempts {
            self.finish(slot, Code::Failed, around);
            return;
        }
        let pause = backoff(spec, call);
        let handle =
            around.agenda.schedule(around.now + pause, class::TRAFFIC, Event::Call(CallEvent::Retry, slot));
        call.work = Some(handle);
    }

    /// A user's request has its fate.
    fn settle(&mut self, call: &Call, code: Code, around: &mut Around<'_>) {
        if call.source == SYNTHETIC || call.abandoned {
            return;
        }
        let source = call.source as usize;
        let Some(tally) = around.tally.as_mut().filter(|t| call.issued_at >= t.since) else { return };
        let latency = around.now.since(call.issued_at);
        let slow = around.spec.slo.latency.is_some_and(|limit| latency > limit);
        let fate = match code {
            Code::Ok if slow => Fate::Slow,
            Code::Ok => Fate::Good,
            Code::Failed => Fate::Failed,
            Code::Rejected => Fate::Rejected,
            Code::TimedOut => Fate::TimedOut,
        };
        count_fate(tally, fate, around.now);
        self.outcomes.set(source, call.intent, fate, around.now);
        if let Some(reference) = around.reference {
            let without = reference.fate(source, call.intent);
            let harm = tally.harm.total();
            tally.compare(fate, without);
            if tally.harm.total() > harm {
                let users = around.spec.traffic[source].users.max(1);
                tally.harmed_users.insert((call.source, call.key.purpose(Purpose::User).below(users)));
            }
        }
    }

    /// The pod is dead: everything in it fails.
    pub(super) fn pod_lost(&mut self, pod: u32, around: &mut Around<'_>) {
        if let Some(queue) = self.queues.get_mut(pod as usize) {
            queue.clear();
        }
        let state = &mut around.cluster.pods[pod as usize];
        state.waiting = 0;
        state.in_flight = 0;
        let lost: Vec<u32> = (0..self.calls.len() as u32)
            .filter(|&s| {
                let call = &self.calls[s as usize];
                call.generation != 0 && call.pod == Some(pod)
            })
            .collect();
        for slot in lost {
            let call = &mut self.calls[slot as usize];
            call.in_service = false;
            if call.service == around.spec.target {
                touch(call, around.tally);
            }
            self.finish(slot, Code::Failed, around);
        }
        // Calls that were retried into the same pod while it was being emptied have been rejected by now.
        around.cluster.pods[pod as usize].server = Default::default();
    }
}

fn touch(call: &Call, tally: &mut Option<Tally>) {
    if let Some(tally) = tally.as_mut().filter(|_| call.source != SYNTHETIC) {
        tally.touched += 1;
    }
}

fn count_fate(tally: &mut Tally, fate: Fate, now: SimTime) {
    let counts = &mut tally.counts;
    counts.in_flight -= 1;
    match fate {
        Fate::Open => {}
        Fate::Good => counts.succeeded += 1,
        Fate::Slow => {
            counts.succeeded += 1;
            counts.slow += 1;
        }
        Fate::Failed => counts.failed += 1,
        Fate::TimedOut => counts.timed_out += 1,
        Fate::Rejected => counts.rejected += 1,
    }
    let slow = fate == Fate::Slow;
    tally.answered(now, 1, u64::from(fate.is_bad() && !slow), u64::from(slow));
}

/// Doubling back-off with full jitter.
fn backoff(spec: &CallSpec, call: &Call) -> SimDuration {
    let doublings = u64::from(call.child_attempt.saturating_sub(1).min(16));
    let jitter = call.key.purpose(Purpose::RetryBackoff).id(u64::from(call.child_attempt)).uniform();
    (spec.backoff * (1 << doublings)).scale(jitter)
}

/// Where the router sends a call.
fn destination(call: &Call, around: &Around<'_>) -> Destination {
    if call.service != around.spec.target {
        return Destination::Stable;
    }
    if call.source == SYNTHETIC {
        return Destination::Candidate;
    }
    let share = around.cluster.candidate_share(call.service);
    let traffic = &around.spec.traffic[call.source as usize];
    let u = if traffic.sticky {
        let user = call.key.purpose(Purpose::User).below(traffic.users.max(1));
        Key::root(user, &traffic.name).purpose(Purpose::Routing).uniform()
    } else {
        call.key.purpose(Purpose::Routing).uniform()
    };
    if u < share { Destination::Candidate } else { Destination::Stable }
}

/// A random ready pod behind the destination.
fn pick_pod(call: &Call, destination: Destination, cluster: &Cluster) -> Option<u32> {
    let sets = &cluster.sets[call.service.0 as usize];
    let behind = || SetName::ALL.into_iter().filter(|s| s.destination() == destination);
    let count: usize = behind().map(|s| sets[s.index()].ready.len()).sum();
    if count == 0 {
        return None;
    }
    let mut index = call.key.purpose(Purpose::Routing).id(1).below(count as u64) as usize;
    for set in behind() {
        let ready = &sets[set.index()].ready;
        match ready.get(index) {
            Some(&pod) => return Some(pod),
            None => index -= ready.len(),
        }
    }
    None
}

/// The instant at which the integral of the arrival rate since now reaches `need`; `None` when the rate stays zero.
fn next_arrival(
    need: f64,
    base: f64,
    multiplier: impl Fn(usize) -> f64,
    around: &Around<'_>,
) -> Option<SimTime> {
    if base <= 0.0 {
        return None;
    }
    let slot_length = around.climate.slot();
    let mut at = around.now;
    let mut need = need;
    // A bound on the walk: a rate that stays at zero for this many slots never comes back.
    for _ in 0..1_000_000 {
        let slot = around.climate.slot_of(at);
        let slot_end = SimTime::from_nanos((slot as u64 + 1).saturating_mul(slot_length.as_nanos()));
        let end = around.conditions.next_arrival_change(at).map_or(slot_end, |b| b.min(slot_end));
        let rate = base * multiplier(slot) * around.conditions.arrival_factor(at);
        let mass = rate * end.since(at).as_secs_f64();
        if mass >= need {
            return Some(at + SimDuration::from_secs_f64(need / rate));
        }
        need -= mass;
        at = end;
    }
    None
}
