//! What happens to a call on its way to a pod, and what hinders it there.
//!
//! Everything is keyed by the call and by the place of the disturbance among all, so a call meets the same fate in every
//! branch in which it is made.
//!
//! Traps: a delay counts for the caller's time-out and latency, not for the pod's; a call that cannot reach anybody is given
//! up by the network only after two minutes, long after most callers have; an answer that is lost has cost the pod its
//! work; links carry calls in the order in which they are made.

use super::super::conditions::special::Asked;
use super::super::event::{CallEvent, Event, class};
use super::super::instruments::Code;
use super::super::residue::Reader;
use super::{Around, Call, Requests, Role, SYNTHETIC, fate};
use crate::effect::{Caller, EdgeEffect, Refusal};
use crate::rng::Purpose;
use crate::time::{SimDuration, SimTime};

/// First retransmission time-out: the least that Linux uses (`TCP_RTO_MIN`).
const RETRANSMIT: f64 = 0.2;
/// A packet is taken for lost at most so often in a row.
const RETRANSMISSIONS: u32 = 8;
/// Linux gives a connection attempt up after 6 retries: 1 + 2 + ... + 64 s.
const CONNECT: SimDuration = SimDuration::from_secs(127);
/// The longest retransmission time-out (`TCP_RTO_MAX`).
const RETRANSMIT_LONGEST: SimDuration = SimDuration::from_secs(120);

impl Requests {
    /// Sends a call on its way.
    pub(super) fn send(&mut self, slot: u32, around: &mut Around<'_>) {
        if !around.conditions.any_special() {
            return self.dispatch(slot, around);
        }
        let call = self.calls[slot as usize];
        let caller = call.parent.map(|(parent, _)| &self.calls[parent as usize]);
        let from = match caller.filter(|caller| caller.role != Role::User) {
            Some(caller) => Caller::Service(caller.service),
            None if call.source == SYNTHETIC => return self.dispatch(slot, around),
            None => Caller::Users,
        };
        let mut delay = 0.0;
        let mut duplicates = 0;
        let conditions = around.conditions;
        for (place, effect) in conditions.edges(from, call.service) {
            let key = call.key.purpose(Purpose::Edge).id(place as u64);
            let hit = |share: f64| key.uniform() < share;
            match effect {
                EdgeEffect::Delay { latency, jitter, share } if hit(share.get()) => {
                    let spread = jitter.as_secs_f64() * (2.0 * key.id(1).uniform() - 1.0);
                    delay += (latency.as_secs_f64() + spread).max(0.0);
                }
                EdgeEffect::Loss { share } => delay += lost_time(share.get(), key.uniform()),
                EdgeEffect::Duplicate { share } if hit(share.get()) => duplicates += 1,
                EdgeEffect::Partition => {
                    return self.later(slot, CONNECT, CallEvent::Unreachable, around);
                }
                EdgeEffect::Outage { until } => delay += held_back(around.now, until).as_secs_f64(),
                EdgeEffect::Bandwidth { transmission } => {
                    delay += self.through_link(place, transmission, around.now).as_secs_f64();
                }
                EdgeEffect::Abort { refusal, share } if hit(share.get()) => {
                    self.calls[slot as usize].way.aborted = Some(code(refusal));
                }
                EdgeEffect::Unresolved { share } if hit(share.get()) => {
                    return self.not_reached(slot, around);
                }
                EdgeEffect::Reset { share } if hit(share.get()) => self.calls[slot as usize].way.reset = true,
                EdgeEffect::Corrupt { share } if hit(share.get()) => self.calls[slot as usize].wrong = true,
                _ => {}
            }
        }
        for copy in 0..duplicates {
            self.send_copy(&call, copy, around);
        }
        if delay > 0.0 {
            let delay = SimDuration::from_secs_f64(delay);
            self.later(slot, delay, CallEvent::Arrived, around);
        } else {
            self.dispatch(slot, around);
        }
    }

    fn later(&mut self, slot: u32, delay: SimDuration, event: CallEvent, around: &mut Around<'_>) {
        let event = Event::Call(event, slot);
        let handle = around.agenda.schedule(around.now + delay, class::TRAFFIC, event);
        self.calls[slot as usize].work = Some(handle);
    }

    /// The time until a call is through a link that carries one after the other.
    fn through_link(&mut self, place: usize, transmission: SimDuration, now: SimTime) -> SimDuration {
        let index = self.links.iter().position(|link| link.0 == place).unwrap_or_else(|| {
            self.links.push((place, now));
            self.links.len() - 1
        });
        let free = &mut self.links[index].1;
        *free = (*free).max(now) + transmission;
        free.since(now)
    }

    /// The same call once more; nobody waits for its answer and no caller counts it.
    fn send_copy(&mut self, call: &Call, copy: u64, around: &mut Around<'_>) {
        let key = call.key.purpose(Purpose::Edge).id(copy);
        let slot = self.open(key, call.service, call.source, call.intent, None, around.now);
        self.calls[slot as usize].abandoned = true;
        self.dispatch(slot, around);
    }

    /// Nobody is found at the other end: callers count it as they count a service without pods.
    pub(super) fn not_reached(&mut self, slot: u32, around: &mut Around<'_>) {
        let call = self.calls[slot as usize];
        let destination = self.destination(&call, around);
        if !call.abandoned {
            around.no_pod[call.service.0 as usize][destination as usize] += 1;
        }
        self.finish(slot, Code::Rejected, around);
    }

    /// Whether a fault that depends on the user or on the load fails this call.
    pub(super) fn fails_specially(&self, call: &Call, pod: u32, around: &Around<'_>) -> bool {
        let pod = &around.cluster.pods[pod as usize];
        let real = call.source != SYNTHETIC;
        let name = |call: &Call| around.spec.traffic[call.source as usize].name.as_str();
        let asked = Asked {
            key: call.key,
            user: real.then(|| (name(call), self.user(call, around.spec))),
            matched: real && self.is_matched(call, around),
            load: pod.lately.0,
        };
        around.conditions.fails_specially(call.service, pod.revision(), &asked)
    }

    /// Whether this call fails because of what the release has left behind, or taken away.
    pub(super) fn fails_of_what_is_left(&self, call: &Call, pod: u32, around: &Around<'_>) -> bool {
        let pod = &around.cluster.pods[pod as usize];
        let revision = pod.revision();
        if around.conditions.any_missing() {
            let lacks = around.conditions.lacks(revision, pod.started_at);
            if lacks > 0.0 && call.key.purpose(Purpose::Residue).entity("environment").uniform() < lacks {
                return true;
            }
        }
        if around.conditions.residues.is_empty() {
            return false;
        }
        let name = || around.spec.traffic[call.source as usize].name.as_str();
        let user = (call.source != SYNTHETIC).then(|| (name(), self.user(call, around.spec)));
        around.conditions.residues.fails(&Reader { key: call.key, revision, user }, around.now)
    }

    /// Decides whether what the service says is wrong.
    pub(super) fn errs(&mut self, slot: u32, around: &mut Around<'_>) {
        let call = self.calls[slot as usize];
        let Some(pod) = call.pod else { return };
        let share = around.conditions.wrong(call.service, around.cluster.pods[pod as usize].revision());
        if share > 0.0 && call.key.purpose(Purpose::Fault).id(2).uniform() < share {
            self.calls[slot as usize].wrong = true;
            fate::touch(&call, around.tally);
        }
    }

    /// Who gets a wrong answer builds on it.
    pub(super) fn pass_on_wrong(&mut self, (parent, generation): (u32, u32)) {
        let parent = &mut self.calls[parent as usize];
        if parent.generation == generation {
            parent.wrong = true;
        }
    }
}

/// When a call is served that gets a pod's slot where something hinders the pod; notes the processor time.
///
/// Processors are a fluid queue of their limit: a call ends no sooner than the work of all calls before it and its own is
/// done, which is how a container at its CFS quota behaves on the time scale of requests.
pub(super) fn serve_hindered(
    call: &Call,
    pod: u32,
    (seconds, cpu): (f64, f64),
    around: &mut Around<'_>,
) -> SimTime {
    let spec = &around.spec.services[call.service.0 as usize];
    let pod = &mut around.cluster.pods[pod as usize];
    let mut seconds = seconds * around.conditions.pod_factor(pod.key);
    let (share, wait) = around.conditions.wait(call.service);
    if share > 0.0 && call.key.purpose(Purpose::Resource).uniform() < share {
        seconds += wait;
    }
    if around.conditions.minds_load(call.service) {
        pod.note_load(around.now);
    }
    let Some(factor) = around.conditions.cpu_factor(call.service, pod.revision()) else {
        pod.cpu_seconds += cpu;
        pod.cpu_window += cpu;
        return around.now + SimDuration::from_secs_f64(seconds);
    };
    let work = cpu * factor;
    seconds += (work - cpu).max(0.0);
    pod.cpu_seconds += work;
    pod.cpu_window += work;
    let limit = spec.cpu_limit.max(1e-3);
    pod.cpu_free_at = pod.cpu_free_at.max(around.now) + SimDuration::from_secs_f64(work / limit);
    fate::touch(call, around.tally);
    (around.now + SimDuration::from_secs_f64(seconds)).max(pod.cpu_free_at)
}

/// How long a call on an open connection is on its way if nothing gets through before `until`: it arrives with the first
/// retransmission after that, 0.2, 0.6, 1.4, ... seconds after it was sent.
fn held_back(now: SimTime, until: SimTime) -> SimDuration {
    let (mut held, mut pause) = (SimDuration::ZERO, SimDuration::from_secs_f64(RETRANSMIT));
    while now + held < until && until < SimTime::NEVER {
        held += pause;
        pause = (pause * 2).min(RETRANSMIT_LONGEST);
    }
    if until == SimTime::NEVER { CONNECT } else { held }
}

/// Time lost with retransmissions, from the one number that says how many there are.
fn lost_time(share: f64, u: f64) -> f64 {
    let (mut lost, mut chance, mut time) = (0, share, 0.0);
    while lost < RETRANSMISSIONS && u < chance {
        time += RETRANSMIT * f64::from(1u32 << lost);
        lost += 1;
        chance *= share;
    }
    time
}

fn code(refusal: Refusal) -> Code {
    match refusal {
        Refusal::Error => Code::Failed,
        Refusal::Unavailable => Code::Rejected,
        Refusal::TimedOut => Code::TimedOut,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_packets_cost_the_time_outs_of_tcp() {
        assert_eq!(lost_time(0.1, 0.5), 0.0);
        assert!((lost_time(0.1, 0.05) - 0.2).abs() < 1e-12);
        assert!((lost_time(0.1, 0.005) - 0.6).abs() < 1e-12, "200 ms and then 400 ms");
        let mean: f64 = (0..100_000).map(|i| lost_time(0.2, (f64::from(i) + 0.5) / 1e5)).sum::<f64>() / 1e5;
        // Sum over k of share^k x 200 ms x 2^(k - 1): 0.04 x (1 + 0.4 + 0.16 + ...) = 0.0667, cut after 8.
        assert!((mean - 0.0666).abs() < 0.001, "{mean}");
    }
}
