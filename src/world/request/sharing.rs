//! Pods at their CPU limit: the requests in service share it, see [`throttle`](super::super::throttle).
//!
//! Every request in service runs at the same speed, `min(1, requests at full speed / requests in service)`. So the
//! pod keeps one clock of work done per request; a request leaves when the clock has moved by its service time, and
//! only the one that leaves next has an event.

use super::super::event::{CallEvent, Event, class};
use super::{Around, Requests};
use crate::time::{SimDuration, SimTime};

/// The requests in service in one pod.
#[derive(Clone, Debug, Default)]
pub(super) struct Sharing {
    /// Seconds of service each request has got that was there all the time.
    clock: f64,
    /// As of this instant.
    at: SimTime,
    /// Call slots, with the clock at which each is done.
    inside: Vec<(u32, f64)>,
    /// The one that has an event.
    next: Option<u32>,
}

impl Sharing {
    fn speed(&self, at_full_speed: f64) -> f64 {
        (at_full_speed / self.inside.len().max(1) as f64).min(1.0)
    }

    fn advance(&mut self, now: SimTime, at_full_speed: f64) {
        self.clock += now.since(self.at).as_secs_f64() * self.speed(at_full_speed);
        self.at = now;
        if self.inside.is_empty() {
            self.clock = 0.0;
        }
    }
}

impl Requests {
    /// A call with this service time at full speed begins to be served in a throttled pod.
    pub(super) fn enter(&mut self, slot: u32, pod: u32, seconds: f64, around: &mut Around<'_>) {
        if self.sharing.len() <= pod as usize {
            self.sharing.resize(pod as usize + 1, Sharing::default());
        }
        let at_full_speed = self.full_speed(slot, around);
        let sharing = &mut self.sharing[pod as usize];
        sharing.advance(around.now, at_full_speed);
        let end = sharing.clock + seconds;
        sharing.inside.push((slot, end));
        self.wake_next(pod, at_full_speed, around);
    }

    /// A call needs no processor any more, because its own service is over or it ends; nothing happens if it had none.
    #[inline]
    pub(super) fn leave(&mut self, slot: u32, pod: u32, around: &mut Around<'_>) {
        if !self.sharing.is_empty() {
            self.leave_shared(slot, pod, around);
        }
    }

    fn leave_shared(&mut self, slot: u32, pod: u32, around: &mut Around<'_>) {
        let inside =
            self.sharing.get(pod as usize).map(|sharing| sharing.inside.as_slice()).unwrap_or_default();
        let Some(position) = inside.iter().position(|(other, _)| *other == slot) else { return };
        let at_full_speed = self.full_speed(slot, around);
        let sharing = &mut self.sharing[pod as usize];
        sharing.advance(around.now, at_full_speed);
        sharing.inside.remove(position);
        self.wake_next(pod, at_full_speed, around);
    }

    /// The process of a pod is gone; the events of its calls are cancelled where they end.
    pub(super) fn stop_sharing(&mut self, pod: u32) {
        if let Some(sharing) = self.sharing.get_mut(pod as usize) {
            *sharing = Sharing::default();
        }
    }

    fn full_speed(&self, slot: u32, around: &Around<'_>) -> f64 {
        around.spec.services[self.calls[slot as usize].service.0 as usize].at_full_speed()
    }

    fn wake_next(&mut self, pod: u32, at_full_speed: f64, around: &mut Around<'_>) {
        let sharing = &mut self.sharing[pod as usize];
        if let Some(waiting) = sharing.next.take()
            && let Some(handle) = self.calls[waiting as usize].work.take()
        {
            around.agenda.cancel(handle);
        }
        let first = sharing.inside.iter().min_by(|a, b| a.1.total_cmp(&b.1));
        let Some(&(slot, end)) = first else { return };
        let seconds = (end - sharing.clock).max(0.0) / sharing.speed(at_full_speed);
        sharing.next = Some(slot);
        let at = around.now + SimDuration::from_secs_f64(seconds);
        let handle = around.agenda.schedule(at, class::TRAFFIC, Event::Call(CallEvent::Served, slot));
        self.calls[slot as usize].work = Some(handle);
    }
}
