//! When requests arrive: open-loop sources and synthetic load.

use super::super::climate::SlotCursor;
use super::super::event::{Event, class};
use super::super::spec::TrafficSpec;
use super::{Around, Requests, SYNTHETIC};
use crate::rng::Purpose;
use crate::time::{SimDuration, SimTime};

impl Requests {
    /// Schedules the first arrival of every source.
    pub(in super::super) fn first_arrivals(&mut self, around: &mut Around<'_>) {
        for source in 0..around.spec.traffic.len() {
            self.schedule_arrival(source as u16, around);
        }
    }

    pub(super) fn schedule_arrival(&mut self, source: u16, around: &mut Around<'_>) {
        let index = source as usize;
        let key = self.source_keys[index].id(self.issued[index]).purpose(Purpose::Arrivals);
        let need = -libm::log(key.uniform_open());
        let traffic = &around.spec.traffic[index];
        let multiplier = |slot| around.climate.arrivals(index, slot);
        let at = next_arrival(need, traffic, multiplier, &mut self.cursor, around);
        if let Some(at) = at {
            around.agenda.schedule(at, class::TRAFFIC, Event::Arrival(source));
        }
    }

    /// Starts synthetic load (the cluster holds its rate).
    pub(in super::super) fn start_synthetic(&mut self, around: &mut Around<'_>) {
        let rate = around.cluster.synthetic_load;
        if rate > 0.0 {
            let key = self.synthetic_key.id(self.synthetic_issued).purpose(Purpose::Arrivals);
            let gap = SimDuration::from_secs_f64(-libm::log(key.uniform_open()) / rate);
            around.agenda.schedule(around.now + gap, class::TRAFFIC, Event::Arrival(SYNTHETIC));
        }
    }

    /// A request of a source arrives.
    pub(in super::super) fn arrive(&mut self, source: u16, around: &mut Around<'_>) {
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
            if around.spec.traffic[index].people.is_some() {
                return self.person_arrives(source, around);
            }
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
        self.send(slot, around);
    }
}

/// The instant at which the integral of the arrival rate since now reaches `need`; `None` when the rate stays zero.
fn next_arrival(
    need: f64,
    traffic: &TrafficSpec,
    multiplier: impl Fn(usize) -> f64,
    present: &mut SlotCursor,
    around: &Around<'_>,
) -> Option<SimTime> {
    let (base, shape) = (traffic.rate.get(), &traffic.shape);
    if base <= 0.0 {
        return None;
    }
    let mut at = around.now;
    let mut need = need;
    around.climate.slot_by(present, at);
    let mut cursor = *present;
    // A bound on the walk: a rate that stays at zero for this many slots never comes back.
    for _ in 0..1_000_000 {
        let slot = around.climate.slot_by(&mut cursor, at);
        let slot_end = cursor.until;
        let end = around.conditions.next_arrival_change(at).map_or(slot_end, |b| b.min(slot_end));
        let rate = base * multiplier(slot) * around.conditions.arrival_factor(at);
        let mass = rate * end.since(at).as_secs_f64();
        if !shape.is_constant() {
            // Closed forms cross jumps and bends, so a slot needs no further cuts.
            let reached = shape.integral(at, end) * rate;
            if reached >= need && reached > 0.0 {
                return Some(at + shape.reach(at, end, need / rate));
            }
            need -= reached;
            at = end;
            continue;
        }
        if mass >= need {
            return Some(at + SimDuration::from_secs_f64(need / rate));
        }
        need -= mass;
        at = end;
    }
    None
}
