//! The event loop with its two bounds: a time and a number of events.
//!
//! The number guards against a model that schedules without end at one instant; it is an error, not a result, because
//! figures of a run cut off there mean nothing.

use std::ops::ControlFlow;

use super::Agenda;
use crate::time::SimTime;

/// How a run ended, and after how many events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run<B> {
    /// Events handled in this call.
    pub events: u64,
    /// Why it ended.
    pub end: End<B>,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End<B> {
    /// Every event up to and at the end time was handled; later ones are still pending.
    Reached,
    /// Nothing is pending any more.
    Drained,
    /// The handler broke off with this value; the event it handled then is gone from the agenda.
    Stopped(B),
}

/// More events than allowed were due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {limit} events were due by {at}: the simulated system is producing work without end")]
pub struct EventLimit {
    /// The number allowed.
    pub limit: u64,
    /// The time of the first event beyond it.
    pub at: SimTime,
}

/// Handles every event at or before `until` in agenda order, at most `limit` of them.
///
/// The handler gets the time, the event, and the agenda to schedule and cancel on; events it schedules for at or
/// before `until` are handled in the same call.
///
/// # Errors
/// [`EventLimit`] when an event is due after `limit` were handled. That event stays on the agenda, so calling again
/// goes on where this call gave up.
///
/// # Panics
/// When the handler scheduled an event before the time of the event it handled: an effect before its cause is a
/// defect of the model.
pub fn run_until<E: Copy, B>(
    agenda: &mut Agenda<E>,
    until: SimTime,
    limit: u64,
    mut handler: impl FnMut(SimTime, E, &mut Agenda<E>) -> ControlFlow<B>,
) -> Result<Run<B>, EventLimit> {
    let mut events = 0;
    let mut now = SimTime::ZERO;
    while events < limit {
        let Some((at, event)) = agenda.pop_due(until) else {
            let end = if agenda.is_empty() { End::Drained } else { End::Reached };
            return Ok(Run { events, end });
        };
        assert!(at >= now, "an event was scheduled for {at}, before its cause at {now}");
        now = at;
        events += 1;
        if let ControlFlow::Break(value) = handler(at, event, agenda) {
            return Ok(Run { events, end: End::Stopped(value) });
        }
    }
    match agenda.peek_time() {
        Some(at) if at <= until => Err(EventLimit { limit, at }),
        Some(_) => Ok(Run { events, end: End::Reached }),
        None => Ok(Run { events, end: End::Drained }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Class;
    use crate::time::SimDuration;

    const CLASS: Class = Class::FIRST;

    fn at(nanos: u64) -> SimTime {
        SimTime::from_nanos(nanos)
    }

    fn agenda_of(times: &[u64]) -> Agenda<u64> {
        let mut agenda = Agenda::new();
        for &time in times {
            agenda.schedule(at(time), CLASS, time);
        }
        agenda
    }

    /// Runs with a handler that only notes what it sees.
    fn seen(agenda: &mut Agenda<u64>, until: u64, limit: u64) -> (Vec<u64>, Result<Run<()>, EventLimit>) {
        let mut seen = Vec::new();
        let run = run_until(agenda, at(until), limit, |time, event, _| {
            assert_eq!(time, at(event));
            seen.push(event);
            ControlFlow::Continue(())
        });
        (seen, run)
    }

    #[test]
    fn events_at_exactly_until_are_handled_and_later_ones_stay() {
        let mut agenda = agenda_of(&[7, 5, 9, 7]);
        assert_eq!(seen(&mut agenda, 7, 100), (vec![5, 7, 7], Ok(Run { events: 3, end: End::Reached })));
        assert_eq!(agenda.peek_time(), Some(at(9)));
        assert_eq!(seen(&mut agenda, 9, 100), (vec![9], Ok(Run { events: 1, end: End::Drained })));
        assert_eq!(seen(&mut agenda, 9, 100), (vec![], Ok(Run { events: 0, end: End::Drained })));
    }

    #[test]
    fn successors_due_by_until_are_handled_in_the_same_call() {
        let mut agenda = agenda_of(&[0]);
        let run = run_until(&mut agenda, at(10), 100, |time, event, agenda| {
            agenda.schedule(time + SimDuration::from_nanos(1), CLASS, event + 1);
            ControlFlow::<()>::Continue(())
        });
        assert_eq!(run, Ok(Run { events: 11, end: End::Reached }));
        assert_eq!(agenda.pop(), Some((at(11), 11)));
    }

    #[test]
    fn the_limit_is_exact_and_loses_nothing() {
        let mut agenda = agenda_of(&[1, 2, 3]);
        assert_eq!(seen(&mut agenda, 5, 2), (vec![1, 2], Err(EventLimit { limit: 2, at: at(3) })));
        let mut again = agenda.clone();
        assert_eq!(seen(&mut again, 3, 0), (vec![], Err(EventLimit { limit: 0, at: at(3) })));
        assert_eq!(seen(&mut again, 2, 0), (vec![], Ok(Run { events: 0, end: End::Reached })));
        assert_eq!(seen(&mut agenda, 5, 1), (vec![3], Ok(Run { events: 1, end: End::Drained })));
        let mut agenda = agenda_of(&[1, 9]);
        assert_eq!(seen(&mut agenda, 5, 1), (vec![1], Ok(Run { events: 1, end: End::Reached })));
    }

    #[test]
    fn a_handler_that_never_lets_time_pass_is_stopped() {
        let mut agenda = agenda_of(&[4]);
        let run = run_until(&mut agenda, at(10), 1000, |time, event, agenda| {
            agenda.schedule(time, CLASS, event);
            ControlFlow::<()>::Continue(())
        });
        let error = run.unwrap_err();
        assert_eq!(error, EventLimit { limit: 1000, at: at(4) });
        assert!(error.to_string().starts_with("more than 1000 events were due by 4ns"));
    }

    #[test]
    fn breaking_off_returns_the_value_and_keeps_the_rest() {
        let mut agenda = agenda_of(&[1, 2, 3]);
        let run = run_until(&mut agenda, at(5), 100, |_, event, _| match event {
            2 => ControlFlow::Break("two"),
            _ => ControlFlow::Continue(()),
        });
        assert_eq!(run, Ok(Run { events: 2, end: End::Stopped("two") }));
        assert_eq!(agenda.len(), 1);
    }

    #[test]
    #[should_panic(expected = "before its cause")]
    fn an_effect_before_its_cause_is_refused() {
        let mut agenda = agenda_of(&[5]);
        let _ = run_until(&mut agenda, at(10), 100, |_, event, agenda| {
            agenda.schedule(at(3), CLASS, event);
            ControlFlow::<()>::Continue(())
        });
    }
}
