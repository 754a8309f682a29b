//! What becomes of users' requests, and of those in a pod that dies.

use super::super::instruments::Code;
use super::super::tally::{Fate, Tally};
use super::{Around, Call, Requests, Role, SYNTHETIC};
use crate::time::SimTime;

impl Requests {
    /// A user's request has its fate.
    pub(super) fn settle(&mut self, call: &Call, code: Code, around: &mut Around<'_>) {
        if call.source == SYNTHETIC || call.abandoned {
            return;
        }
        let source = call.source as usize;
        let Some(tally) = around.tally.as_mut().filter(|t| call.issued_at >= t.since) else { return };
        let latency = around.now.since(call.issued_at);
        let slow = around.spec.slo.latency.is_some_and(|limit| latency > limit);
        let fate = match code {
            Code::Ok if call.wrong => Fate::Wrong,
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
                let user = self.user(call, around.spec);
                tally.harmed_users.insert((call.source, user));
            }
        }
    }

    /// The pod is dead: everything in it fails.
    pub(in super::super) fn pod_lost(&mut self, pod: u32, around: &mut Around<'_>) {
        if let Some(queue) = self.queues.get_mut(pod as usize) {
            queue.clear();
        }
        self.stop_sharing(pod);
        let state = &mut around.cluster.pods[pod as usize];
        state.waiting = 0;
        state.in_flight = 0;
        if let Some(clients) = self.clients.get_mut(pod as usize) {
            clients.clear();
        }
        self.caches.forget(pod);
        let lost: Vec<(u32, u32)> = (0..self.calls.len() as u32)
            .map(|s| (s, &self.calls[s as usize]))
            .filter(|(_, call)| call.generation != 0 && call.pod == Some(pod))
            .map(|(s, call)| (s, call.generation))
            .collect();
        for (slot, generation) in lost {
            let call = &mut self.calls[slot as usize];
            if call.generation != generation {
                continue;
            }
            if call.role == Role::Leg {
                self.drop_entry(slot, around);
                continue;
            }
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

pub(super) fn touch(call: &Call, tally: &mut Option<Tally>) {
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
        Fate::Wrong => {
            counts.succeeded += 1;
            counts.wrong += 1;
        }
        Fate::Failed => counts.failed += 1,
        Fate::TimedOut => counts.timed_out += 1,
        Fate::Rejected => counts.rejected += 1,
    }
    let slow = fate == Fate::Slow;
    tally.answered(now, 1, u64::from(fate.is_bad() && !slow), u64::from(slow));
}
