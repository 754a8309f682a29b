//! Users that try again, and users that come for a session.
//!
//! A session is planned when it starts: how many requests it has is keyed by its number, so its intents have the same
//! numbers in every branch, and the same keys, whenever they are sent. Starts are exogenous; when the requests after
//! the first are sent depends on the answers.
//!
//! Trap: an intent that a waiting user never sent has no fate of its own. [`Requests::count_unissued`] counts it as
//! timed out at the end of the span if it was answered without the deploy.

use super::super::event::{CallEvent, Event, class};
use super::super::instruments::Code;
use super::super::protection::PeopleSpec;
use super::super::tally::Fate;
use super::{Around, Requests, Role};
use crate::rng::Purpose;
use crate::time::SimDuration;

impl Requests {
    /// A user who retries, or who begins a session, arrives.
    pub(super) fn person_arrives(&mut self, source: u16, around: &mut Around<'_>) {
        let index = source as usize;
        let number = self.issued[index];
        self.issued[index] += 1;
        self.schedule_arrival(source, around);
        let Some(people) = around.spec.traffic[index].people.as_deref() else { return };
        let first = self.planned[index] as u32;
        let mut requests = 1;
        if let Some(sessions) = &people.sessions {
            let luck = self.source_keys[index].id(number).purpose(Purpose::Session).uniform_open();
            requests = sessions.planned(luck);
            self.sessions[index].push(first);
        }
        self.planned[index] += u64::from(requests);
        let key = self.source_keys[index].id(u64::from(first));
        let to = around.spec.traffic[index].to;
        let user = self.open(key, to, source, first, None, around.now);
        let call = &mut self.calls[user as usize];
        call.role = Role::User;
        call.end_intent = first.saturating_add(requests);
        self.issue(user, around);
    }

    /// A user sends the request of the present intent for the first time.
    fn issue(&mut self, user: u32, around: &mut Around<'_>) {
        let call = &mut self.calls[user as usize];
        call.issued_at = around.now;
        (call.child_attempt, call.pending) = (0, 0);
        if let Some(tally) = around.tally.as_mut() {
            tally.counts.issued += 1;
            tally.counts.in_flight += 1;
            self.outcomes.begin_unordered(call.source as usize, call.intent);
        }
        self.attempt(user, around);
    }

    fn attempt(&mut self, user: u32, around: &mut Around<'_>) {
        let call = self.calls[user as usize];
        let traffic = &around.spec.traffic[call.source as usize];
        let key = match call.child_attempt {
            0 => call.key,
            again => call.key.purpose(Purpose::Session).id(u64::from(again)),
        };
        let parent = Some((user, call.generation));
        let slot = self.open(key, traffic.to, call.source, call.intent, parent, around.now);
        if let Some(timeout) = traffic.timeout {
            self.arm_timeout(slot, timeout, around);
        }
        self.send(slot, around);
    }

    /// A user has an answer, or gave up on an attempt.
    pub(super) fn user_answered(&mut self, user: u32, code: Code, around: &mut Around<'_>) {
        let call = self.calls[user as usize];
        let Some(people) = around.spec.traffic[call.source as usize].people.as_deref() else { return };
        let again = call.child_attempt + 1;
        if code != Code::Ok
            && let Some(retry) = people.retry.filter(|retry| u32::from(again) < retry.attempts)
        {
            self.calls[user as usize].child_attempt = again;
            let luck = || call.key.purpose(Purpose::RetryBackoff).id(u64::from(again)).uniform();
            return self.sleep(user, retry.pause.before(retry.backoff, again, luck), around);
        }
        self.settle(&call, code, around);
        self.go_on(user, people, around);
    }

    /// The present request is over: the user thinks about the next one, or leaves.
    fn go_on(&mut self, user: u32, people: &PeopleSpec, around: &mut Around<'_>) {
        let call = &mut self.calls[user as usize];
        let thought = call.key;
        call.intent += 1;
        let Some(sessions) = people.sessions.as_ref().filter(|_| call.intent < call.end_intent) else {
            return self.drop_entry(user, around);
        };
        call.key = self.source_keys[call.source as usize].id(u64::from(call.intent));
        call.pending = 1;
        let seconds = sessions.think.quantile(thought.purpose(Purpose::Session).id(0).uniform_open());
        self.sleep(user, SimDuration::from_secs_f64(seconds), around);
    }

    fn sleep(&mut self, user: u32, pause: SimDuration, around: &mut Around<'_>) {
        let event = Event::Call(CallEvent::Retry, user);
        self.calls[user as usize].work =
            Some(around.agenda.schedule(around.now + pause, class::TRAFFIC, event));
    }

    /// A pause or a thought is over.
    pub(super) fn user_wakes(&mut self, user: u32, around: &mut Around<'_>) {
        if self.calls[user as usize].pending == 1 {
            self.issue(user, around)
        } else {
            self.attempt(user, around)
        }
    }

    /// Counts, at the end of the span, what users had sent by now without the deploy and still wait to send here.
    pub(in super::super) fn count_unissued(&mut self, around: &mut Around<'_>) {
        let (Some(tally), Some(reference)) = (around.tally.as_mut(), around.reference) else { return };
        for call in self.calls.iter().filter(|call| call.generation != 0 && call.role == Role::User) {
            let next = if call.pending == 1 { call.intent } else { call.intent + 1 };
            for intent in next..call.end_intent {
                let without = reference.fate(call.source as usize, intent);
                if without == Fate::Open {
                    break;
                }
                tally.counts.issued += 1;
                tally.counts.timed_out += 1;
                let harm = tally.harm.total();
                tally.compare(Fate::TimedOut, without);
                if tally.harm.total() > harm {
                    tally.harmed_users.insert((call.source, self.user(call, around.spec)));
                }
            }
        }
    }
}
