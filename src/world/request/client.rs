//! The caller's own side of a call with options: guards, connections and deadlines.

use super::super::event::{CallEvent, Event, class};
use super::super::instruments::Code;
use super::super::protection::{CallOptions, Guards};
use super::children::{child_key, child_spec};
use super::guard::{Admission, Client};
use super::{Around, Requests};
use crate::rng::Purpose;

impl Requests {
    /// What the caller pod of an entry remembers about the call it is making.
    fn client(&mut self, slot: u32, guards: &Guards) -> Option<&mut Client> {
        let call = &self.calls[slot as usize];
        let (pod, child) = (call.pod? as usize, call.child as usize);
        if self.clients.len() <= pod {
            self.clients.resize(pod + 1, Vec::new());
        }
        let clients = &mut self.clients[pod];
        if clients.len() <= child {
            clients.resize(child + 1, None);
        }
        Some(clients[child].get_or_insert_with(|| Client::new(guards)))
    }

    /// Whether an attempt is sent now. If not, it waits for a connection, or the call has failed, or nobody wants it.
    pub(super) fn may_send(&mut self, slot: u32, around: &mut Around<'_>) -> bool {
        if self.is_orphan(slot) {
            self.drop_entry(slot, around);
            return false;
        }
        let call = self.calls[slot as usize];
        let options = child_spec(&call, around).options.as_ref();
        if call.child_attempt == 0
            && let Some(cache) = options.and_then(|o| o.cache.as_ref())
            && self.is_cached(&call, cache, around)
        {
            self.conclude(slot, true, around);
            return false;
        }
        let Some(guards) = options.and_then(|o| o.guards.as_ref()) else {
            return true;
        };
        let luck = child_key(&call).purpose(Purpose::Shedding).uniform();
        let now = around.now;
        let Some(client) = self.client(slot, guards) else { return true };
        match client.admit(guards, call.child_attempt == 0, luck, now) {
            Admission::Send => true,
            Admission::Refuse => {
                self.conclude(slot, false, around);
                false
            }
            Admission::Wait => {
                client.waiting.push_back((slot, call.generation));
                let timeout = guards.pool.and_then(|pool| pool.timeout);
                self.calls[slot as usize].work = timeout.map(|timeout| {
                    let event = Event::Call(CallEvent::NoConnection, slot);
                    around.agenda.schedule(now + timeout, class::TRAFFIC, event)
                });
                false
            }
        }
    }

    /// No connection became free in time.
    pub(super) fn waited_in_vain(&mut self, slot: u32, around: &mut Around<'_>) {
        let call = self.calls[slot as usize];
        let options = child_spec(&call, around).options.as_ref();
        if let Some(client) = options.and_then(|o| o.guards.as_ref()).and_then(|g| self.client(slot, g)) {
            client.waiting.retain(|&(waiting, _)| waiting != slot);
        }
        self.conclude(slot, false, around);
    }

    /// An answer to an attempt of a call with options. Returns whether somebody still wants it.
    pub(super) fn hear(&mut self, slot: u32, code: Code, around: &mut Around<'_>) -> bool {
        let call = &self.calls[slot as usize];
        let now = around.now;
        if let Some(guards) = child_spec(call, around).options.as_ref().and_then(|o| o.guards.as_ref()) {
            if let Some(client) = self.client(slot, guards) {
                client.heard(guards, code, now);
            }
            self.free_connection(slot, guards, around);
        }
        if code == Code::Ok {
            self.keep(slot, around);
        }
        let orphan = self.is_orphan(slot);
        if orphan {
            self.drop_entry(slot, around);
        }
        !orphan
    }

    /// The connection of an attempt is free: the next one that waits for it is sent.
    fn free_connection(&mut self, slot: u32, guards: &Guards, around: &mut Around<'_>) {
        if guards.pool.is_none() {
            return;
        }
        while let Some((next, generation)) = self.client(slot, guards).and_then(Client::free_connection) {
            if self.calls[next as usize].generation != generation {
                continue;
            }
            if let Some(handle) = self.calls[next as usize].work.take() {
                around.agenda.cancel(handle);
            }
            if self.is_orphan(next) {
                self.drop_entry(next, around);
                continue;
            }
            return self.send_child(next, around);
        }
    }

    /// Whether the caller pod allows another attempt.
    pub(super) fn may_retry(&mut self, slot: u32, options: &CallOptions, around: &Around<'_>) -> bool {
        let Some(guards) = &options.guards else { return true };
        self.client(slot, guards).is_none_or(|client| client.may_retry(guards, around.now))
    }

    /// The caller has no time left for another attempt.
    pub(super) fn out_of_time(&mut self, slot: u32, around: &mut Around<'_>) {
        let call = &self.calls[slot as usize];
        if let Some(guards) = child_spec(call, around).options.as_ref().and_then(|o| o.guards.as_ref()) {
            self.free_connection(slot, guards, around);
        }
        self.conclude(slot, false, around);
    }
}
