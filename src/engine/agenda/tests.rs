//! The agenda against a sorted map, and the promises its documentation makes.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::time::SimDuration;

const EARLY: Class = Class::new(0);
const LATE: Class = Class::new(1);

fn at(nanos: u64) -> SimTime {
    SimTime::from_nanos(nanos)
}

fn drain(agenda: &mut Agenda<u32>) -> Vec<(u64, u32)> {
    std::iter::from_fn(|| agenda.pop()).map(|(time, event)| (time.as_nanos(), event)).collect()
}

/// The plain truth the agenda is held against: a sorted map, and every handle ever issued with its key.
#[derive(Clone, Default)]
struct Model {
    agenda: Agenda<u32>,
    pending: BTreeMap<(u64, Class, u32), u32>,
    issued: Vec<(Handle, (u64, Class, u32))>,
}

impl Model {
    fn schedule(&mut self, time: u64, class: Class) {
        let event = self.issued.len() as u32;
        let handle = self.agenda.schedule(at(time), class, event);
        self.pending.insert((time, class, event), event);
        self.issued.push((handle, (time, class, event)));
    }

    fn cancel(&mut self, pick: usize) {
        if let Some(&(handle, key)) = self.issued.get(pick % self.issued.len().max(1)) {
            assert_eq!(self.agenda.cancel(handle), self.pending.remove(&key).is_some());
            assert!(!self.agenda.cancel(handle), "a second cancel must do nothing");
        }
    }

    fn pop_due(&mut self, until: u64) -> Option<u64> {
        let first = self.pending.first_key_value().map(|(&(time, ..), &event)| (at(time), event));
        let due = first.filter(|&(time, _)| time <= at(until));
        assert_eq!(self.agenda.pop_due(at(until)), due);
        due.and_then(|_| self.pending.pop_first()).map(|((time, ..), _)| time)
    }

    fn check(&self) {
        assert_eq!(self.agenda.len(), self.pending.len());
        assert_eq!(self.agenda.is_empty(), self.pending.is_empty());
        let first = self.pending.first_key_value().map(|(&(time, ..), _)| at(time));
        assert_eq!(self.agenda.peek_time(), first);
    }

    fn drain(mut self) {
        while self.pop_due(u64::MAX).is_some() {
            self.check();
        }
        assert!(self.pending.is_empty());
    }
}

#[derive(Clone, Debug)]
enum Step {
    Schedule {
        delay: u64,
        class: u8,
    },
    /// At any time at all, the past included.
    ScheduleAt {
        time: u64,
        class: u8,
    },
    Cancel(usize),
    Pop,
    PopDue {
        span: u64,
    },
    /// Go on with a clone; the original is checked to the end.
    Clone,
    /// Go on with another agenda overwritten by `clone_from`.
    CloneFrom,
}

/// Delays of every size: lattices full of ties, seconds, the far end of time.
fn delay() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..4u64,
        4 => 0..3_000_000_000u64,
        2 => (0..5u64).prop_map(|n| n * 15_000_000_000),
        1 => (0..64u32).prop_map(|bits| 1 << bits),
        1 => (0..3u64).prop_map(|n| u64::MAX - n),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (delay(), 0..3u8).prop_map(|(delay, class)| Step::Schedule { delay, class }),
        1 => (delay(), 0..3u8).prop_map(|(time, class)| Step::ScheduleAt { time, class }),
        3 => any::<usize>().prop_map(Step::Cancel),
        4 => Just(Step::Pop),
        2 => delay().prop_map(|span| Step::PopDue { span }),
        1 => Just(Step::Clone),
        1 => Just(Step::CloneFrom),
    ]
}

proptest! {
       #![proptest_config(ProptestConfig::with_cases(400))]

       #[test]
       fn agrees_with_a_sorted_map(steps in prop::collection::vec(step(), 1..200)) {
           let mut model = Model::default();
           let mut now = 0u64;
           for step in steps {
               match step {
                   Step::Schedule { delay, class } => model.schedule(now.saturating_add(delay), Class::new(class)),
                   Step::ScheduleAt { time, class } => model.schedule(time, Class::new(class)),
                   Step::Cancel(pick) => model.cancel(pick),
                   Step::Pop => now = model.pop_due(u64::MAX).unwrap_or(now),
                   Step::PopDue { span } => now = model.pop_due(now.saturating_add(span)).unwrap_or(now),
                   Step::Clone => {
let twin = model.clone();
std::mem::replace(&mut model, twin).drain();
}
                   Step::CloneFrom => {
                       let mut other = Agenda::new();
                       for event in 0..50 {
                           other.schedule(at(u64::from(event)), EARLY, event);
                       }
                       other.pop();
                       other.clone_from(&model.agenda);
                       model.agenda = other;
                   }
               }
               model.check();
           }
           model.drain();
       }
   }

#[test]
fn equal_times_leave_by_class_then_first_in_first_out() {
    let mut agenda = Agenda::new();
    for event in 0..1000 {
        agenda.schedule(at(7), if event % 3 == 0 { LATE } else { EARLY }, event);
    }
    let order: Vec<u32> = drain(&mut agenda).into_iter().map(|(_, event)| event).collect();
    let (late, early): (Vec<u32>, Vec<u32>) = (0..1000).partition(|event| event % 3 == 0);
    assert_eq!(order, [early, late].concat());
}

#[test]
fn first_in_first_out_survives_slots_changing_hands() {
    let mut agenda = Agenda::new();
    for event in 0..10 {
        agenda.schedule(at(1), EARLY, event);
    }
    for event in 10..10_000 {
        assert_eq!(agenda.pop(), Some((at(1), event - 10)));
        agenda.schedule(at(1), EARLY, event);
    }
}

#[test]
fn handles_are_inert_after_pop_and_after_cancel() {
    let mut agenda = Agenda::new();
    let popped = agenda.schedule(at(1), EARLY, 1);
    assert_eq!(agenda.pop(), Some((at(1), 1)));
    assert!(!agenda.cancel(popped));
    let reused = agenda.schedule(at(2), EARLY, 2);
    assert_eq!(reused.slot(), popped.slot());
    assert!(!agenda.cancel(popped), "the slot has another tenant");
    assert_eq!(agenda.len(), 1);
    assert!(agenda.cancel(reused));
    assert!(!agenda.cancel(reused));
    assert_eq!(agenda.pop(), None);
}

#[test]
fn cancelling_between_pop_and_schedule_keeps_the_order() {
    let mut agenda = Agenda::new();
    let handles: Vec<Handle> =
        (0..8).map(|event| agenda.schedule(at(u64::from(event)), EARLY, event)).collect();
    assert_eq!(agenda.pop(), Some((at(0), 0)));
    assert!(agenda.cancel(handles[1]));
    assert_eq!(agenda.peek_time(), Some(at(2)));
    agenda.schedule(at(3), EARLY, 8);
    assert!(agenda.cancel(handles[2]));
    assert_eq!(drain(&mut agenda), [(3, 3), (3, 8), (4, 4), (5, 5), (6, 6), (7, 7)]);
}

#[test]
fn a_clone_has_the_same_future_and_its_own_handles() {
    let mut agenda = Agenda::new();
    let handles: Vec<Handle> =
        (0..100).map(|event| agenda.schedule(at(u64::from(event * 37 % 50)), EARLY, event)).collect();
    agenda.pop();
    let mut twin = agenda.clone();
    assert!(twin.cancel(handles[60]));
    assert!(agenda.cancel(handles[60]), "cancelled in the clone only");
    assert_eq!(drain(&mut agenda), drain(&mut twin));
}

#[test]
fn grows_to_a_hundred_thousand_and_stays_sorted() {
    let mut model = Model::default();
    let mut state = 1u64;
    for round in 0..120_000u64 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Three days of nanoseconds, with ties by a coarse grid for every other event.
        let time = (state >> 20) % 259_200_000_000_000;
        model.schedule(if round % 2 == 0 { time } else { time / 15_000_000_000 * 15_000_000_000 }, EARLY);
    }
    for pick in (0..20_000).map(|i| i * 6) {
        model.cancel(pick);
    }
    assert_eq!(model.agenda.len(), 100_000);
    let mut last = 0;
    while let Some(time) = model.pop_due(u64::MAX) {
        assert!(time >= last);
        last = time;
    }
}

#[test]
fn nanoseconds_are_told_apart_after_years() {
    let year = 31_557_600_000_000_000u64;
    let mut agenda = Agenda::new();
    for event in (0..600u32).rev() {
        agenda.schedule(at(u64::from(event / 3) * year + u64::from(event % 3)), EARLY, event);
    }
    let order: Vec<u32> = drain(&mut agenda).into_iter().map(|(_, event)| event).collect();
    assert_eq!(order, (0..600).collect::<Vec<_>>());
}

#[test]
fn the_base_follows_so_that_the_near_future_fits_a_key() {
    let mut agenda = Agenda::new();
    for event in 0..5000u32 {
        agenda.schedule(at(u64::from(event)), EARLY, event);
    }
    let month = 2_592_000_000_000_000;
    for _ in 0..20_000 {
        let (time, event) = agenda.pop().unwrap();
        agenda.schedule(time + SimDuration::from_nanos(month), EARLY, event);
        assert!(time.as_nanos() - agenda.base <= agenda.tree.prefix_max() / 2 + 1);
    }
    assert!(agenda.base >= 3 * month, "{}", agenda.base);
    assert_eq!(agenda.len(), 5000);
}

#[test]
fn never_is_a_time_like_any_other() {
    let mut agenda = Agenda::new();
    for event in 0..5 {
        agenda.schedule(SimTime::NEVER, EARLY, event);
    }
    agenda.schedule(at(u64::MAX - 1), LATE, 9);
    assert_eq!(agenda.pop_due(at(u64::MAX - 2)), None);
    assert_eq!(agenda.pop().map(|(_, event)| event), Some(9));
    assert_eq!(drain(&mut agenda).len(), 5);
}
