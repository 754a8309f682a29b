//! Calls that are made by chance, several times, or at once.
//!
//! Calls made at once are legs: entries of the table of calls that have a caller and no pod of their own, and make
//! attempts as a caller does. A leg lives until its attempt is answered, even when its caller is gone.

use super::super::protection::CallOptions;
use super::children::child_spec;
use super::{Around, Call, Requests, Role};
use crate::rng::Purpose;

impl Requests {
    /// Makes a call with options: as often as this request makes it, or together with its group.
    pub(super) fn begin_optional(&mut self, slot: u32, around: &mut Around<'_>) {
        let call = self.calls[slot as usize];
        let Some(options) = child_spec(&call, around).options.as_deref() else {
            return self.call_child(slot, around);
        };
        if options.group.is_some() {
            return self.begin_group(slot, options.group, around);
        }
        if u32::from(call.repeat) < options.count && is_wanted(&call, call.child, options) {
            return self.call_child(slot, around);
        }
        self.skip_to(slot, call.child + 1, around);
    }

    fn skip_to(&mut self, slot: u32, child: u16, around: &mut Around<'_>) {
        let call = &mut self.calls[slot as usize];
        call.child = child;
        call.repeat = 0;
        self.next_child(slot, around);
    }

    /// Makes all calls of a group at once.
    fn begin_group(&mut self, slot: u32, group: Option<u16>, around: &mut Around<'_>) {
        let call = self.calls[slot as usize];
        let specs = &around.spec.services[call.service.0 as usize].calls;
        let mut legs = Vec::new();
        let mut child = call.child;
        while let Some(options) =
            specs.get(child as usize).and_then(|s| s.options.as_deref()).filter(|o| o.group == group)
        {
            let count = if is_wanted(&call, child, options) { options.count as u16 } else { 0 };
            legs.extend((0..count).map(|repeat| self.open_leg(slot, child, repeat, around)));
            child += 1;
        }
        if legs.is_empty() {
            return self.skip_to(slot, child, around);
        }
        let caller = &mut self.calls[slot as usize];
        caller.child = child - 1;
        caller.pending = legs.len() as u16;
        for (leg, generation) in legs {
            if self.calls[leg as usize].generation == generation {
                self.call_child(leg, around);
            }
        }
    }

    fn open_leg(&mut self, slot: u32, child: u16, repeat: u16, around: &Around<'_>) -> (u32, u32) {
        let caller = self.calls[slot as usize];
        let parent = Some((slot, caller.generation));
        let leg = self.open(caller.key, caller.service, caller.source, caller.intent, parent, around.now);
        let call = &mut self.calls[leg as usize];
        call.role = Role::Leg;
        call.pod = caller.pod;
        call.deadline = caller.deadline;
        (call.child, call.repeat) = (child, repeat);
        (leg, call.generation)
    }

    /// Whether a leg's caller is gone (its group has failed, or its pod is lost).
    pub(super) fn is_orphan(&self, leg: u32) -> bool {
        let call = &self.calls[leg as usize];
        let lives = |(slot, generation): (u32, u32)| self.calls[slot as usize].generation == generation;
        call.role == Role::Leg && !call.parent.is_some_and(lives)
    }

    /// One of the calls made at once has succeeded or finally failed.
    pub(super) fn leg_done(&mut self, leg: u32, ok: bool, around: &mut Around<'_>) {
        let orphan = self.is_orphan(leg);
        let parent = self.calls[leg as usize].parent;
        self.drop_entry(leg, around);
        let Some((slot, _)) = parent.filter(|_| !orphan) else { return };
        if !ok {
            return self.finish(slot, super::Code::Failed, around);
        }
        let caller = &mut self.calls[slot as usize];
        caller.pending = caller.pending.saturating_sub(1);
        if caller.pending == 0 {
            let next = caller.child + 1;
            self.skip_to(slot, next, around);
        }
    }

    /// Takes an entry off the table without telling anybody.
    pub(super) fn drop_entry(&mut self, slot: u32, around: &mut Around<'_>) {
        let call = &mut self.calls[slot as usize];
        for handle in [call.work.take(), call.timeout.take()].into_iter().flatten() {
            around.agenda.cancel(handle);
        }
        call.generation = 0;
        self.free.push(slot);
    }
}

/// Whether this request makes the call at all.
fn is_wanted(call: &Call, child: u16, options: &CallOptions) -> bool {
    let share = options.probability.get();
    share >= 1.0 || call.key.purpose(Purpose::FanOut).id(u64::from(child)).uniform() < share
}
