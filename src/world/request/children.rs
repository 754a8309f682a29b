//! The calls a request makes: one after the other, with time-outs and retries.

use super::super::event::{CallEvent, Event, class};
use super::super::instruments::Code;
use super::super::protection::{CallOptions, Pause};
use super::super::spec::CallSpec;
use super::{Around, Call, Requests, Role};
use crate::rng::{Key, Purpose};
use crate::time::SimDuration;

impl Requests {
    /// Makes the next call of a request, or replies when there is none left.
    pub(super) fn next_child(&mut self, slot: u32, around: &mut Around<'_>) {
        let call = &mut self.calls[slot as usize];
        call.child_attempt = 0;
        match around.spec.services[call.service.0 as usize].calls.get(call.child as usize) {
            None => self.finish(slot, Code::Ok, around),
            Some(CallSpec { options: None, .. }) => self.call_child(slot, around),
            Some(_) => self.begin_optional(slot, around),
        }
    }

    /// Makes one attempt of the present call, if the caller's own side lets it.
    pub(super) fn call_child(&mut self, slot: u32, around: &mut Around<'_>) {
        if child_spec(&self.calls[slot as usize], around).options.is_some() && !self.may_send(slot, around) {
            return;
        }
        self.send_child(slot, around);
    }

    /// Sends an attempt to the callee.
    pub(super) fn send_child(&mut self, slot: u32, around: &mut Around<'_>) {
        let call = &self.calls[slot as usize];
        let spec = child_spec(call, around);
        let (to, mut timeout) = (spec.to, spec.timeout);
        let passes = spec.options.as_ref().is_some_and(|options| options.pass_deadline);
        if passes {
            if call.deadline <= around.now {
                return self.out_of_time(slot, around);
            }
            timeout = within(timeout, call.deadline.since(around.now));
        }
        let (source, intent, generation) = (call.source, call.intent, call.generation);
        let key = child_key(call);
        let child = self.open(key, to, source, intent, Some((slot, generation)), around.now);
        self.calls[child as usize].mortal = passes;
        if let Some(timeout) = timeout {
            self.arm_timeout(child, timeout, around);
        }
        self.send(child, around);
    }

    /// The answer to an attempt somebody was waiting for.
    pub(super) fn answered(&mut self, (slot, generation): (u32, u32), code: Code, around: &mut Around<'_>) {
        let call = &self.calls[slot as usize];
        if call.generation != generation {
            return;
        }
        if call.role == Role::User {
            return self.user_answered(slot, code, around);
        }
        let spec = child_spec(call, around);
        let options = spec.options.as_deref();
        if options.is_some() && !self.hear(slot, code, around) {
            return;
        }
        if code == Code::Ok {
            return self.conclude(slot, true, around);
        }
        let call = &mut self.calls[slot as usize];
        call.child_attempt += 1;
        let attempts_left = u32::from(call.child_attempt) < spec.attempts;
        if !attempts_left || options.is_some_and(|options| !self.may_retry(slot, options, around)) {
            return self.conclude(slot, false, around);
        }
        let call = &mut self.calls[slot as usize];
        let pause = backoff(spec, options, call);
        let handle =
            around.agenda.schedule(around.now + pause, class::TRAFFIC, Event::Call(CallEvent::Retry, slot));
        call.work = Some(handle);
    }

    /// The present call of a request has succeeded or finally failed.
    pub(super) fn conclude(&mut self, slot: u32, ok: bool, around: &mut Around<'_>) {
        let call = &mut self.calls[slot as usize];
        let options = child_spec(call, around).options.as_deref();
        let ok = ok || options.is_some_and(|options| options.ignore_failure);
        if call.role == Role::Leg {
            self.leg_done(slot, ok, around);
        } else if !ok {
            self.finish(slot, Code::Failed, around);
        } else {
            match options {
                None => call.child += 1,
                Some(_) => call.repeat += 1,
            }
            self.next_child(slot, around);
        }
    }
}

/// The call that is being made.
pub(super) fn child_spec<'a>(call: &Call, around: &Around<'a>) -> &'a CallSpec {
    &around.spec.services[call.service.0 as usize].calls[call.child as usize]
}

/// The key of the present attempt of the present call: the same whether calls are made at once or in a row.
pub(super) fn child_key(call: &Call) -> Key {
    let key = call.key.id(u64::from(call.child));
    let key = if call.repeat == 0 { key } else { key.purpose(Purpose::FanOut).id(u64::from(call.repeat)) };
    key.id(u64::from(call.child_attempt))
}

fn within(timeout: Option<SimDuration>, left: SimDuration) -> Option<SimDuration> {
    Some(timeout.map_or(left, |timeout| timeout.min(left)))
}

/// The pause before the next attempt.
fn backoff(spec: &CallSpec, options: Option<&CallOptions>, call: &Call) -> SimDuration {
    let pause = options.map_or_else(Pause::default, |options| options.pause);
    pause.before(spec.backoff, call.child_attempt, || {
        let key = call.key.purpose(Purpose::RetryBackoff).id(u64::from(call.child_attempt));
        let alone = call.role != Role::Leg && call.repeat == 0;
        if alone { key } else { key.id(u64::from(call.child)).id(u64::from(call.repeat)) }.uniform()
    })
}
