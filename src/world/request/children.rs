//! The calls a request makes: one after the other, with time-outs and retries.

use super::super::event::{CallEvent, Event, class};
use super::super::instruments::Code;
use super::super::spec::CallSpec;
use super::{Around, Call, Requests};
use crate::rng::Purpose;
use crate::time::SimDuration;

impl Requests {
    /// Makes the next call of a request, or replies when there is none left.
    pub(super) fn next_child(&mut self, slot: u32, around: &mut Around<'_>) {
        let call = &mut self.calls[slot as usize];
        call.child_attempt = 0;
        if (call.child as usize) < around.spec.services[call.service.0 as usize].calls.len() {
            self.call_child(slot, around);
        } else {
            self.finish(slot, Code::Ok, around);
        }
    }

    pub(super) fn call_child(&mut self, slot: u32, around: &mut Around<'_>) {
        let call = self.calls[slot as usize];
        let spec = &around.spec.services[call.service.0 as usize].calls[call.child as usize];
        let (to, timeout) = (spec.to, spec.timeout);
        let key = call.key.id(u64::from(call.child)).id(u64::from(call.child_attempt));
        let child = self.open(key, to, call.source, call.intent, Some((slot, call.generation)), around.now);
        if let Some(timeout) = timeout {
            self.arm_timeout(child, timeout, around);
        }
        self.send(child, around);
    }

    /// The answer to a call a request was waiting for.
    pub(super) fn answered(&mut self, (slot, generation): (u32, u32), code: Code, around: &mut Around<'_>) {
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
}

/// Doubling back-off with full jitter.
fn backoff(spec: &CallSpec, call: &Call) -> SimDuration {
    let doublings = u64::from(call.child_attempt.saturating_sub(1).min(16));
    let jitter = call.key.purpose(Purpose::RetryBackoff).id(u64::from(call.child_attempt)).uniform();
    (spec.backoff * (1 << doublings)).scale(jitter)
}
