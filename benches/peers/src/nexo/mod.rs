//! The same models in nexosim 1.0, on one thread.
//!
//! Two ways, because they cost differently: `queue` and `tree` are built as its manual builds models, one for each
//! station, connected by ports; `one_model` puts a whole model of `benches/engine` into one nexosim model that only
//! schedules itself, which is the least its engine can be asked to do, and has the very draws of the other sides.
//!
//! Trap: nexosim refuses an event at the current instant; draws of 0 ns (one in a million) become 1 ns.

pub(crate) mod one_model;
pub(crate) mod queue;
pub(crate) mod tree;

use std::time::Duration;

use nexosim::model::{Context, Model, SchedulableId};
use nexosim::ports::{EventSinkReader, EventSlotReader};
use nexosim::simulation::{EventId, SimInit, Simulation};

/// Two sums a model reports when it is asked to.
type Sums = (u64, u64);

/// The present in ns.
fn now<M: Model>(cx: &Context<M>) -> u64 {
    let time = cx.time();
    time.as_secs() as u64 * 1_000_000_000 + u64::from(time.subsec_nanos())
}

/// Schedules an input of the model itself so many ns from now.
fn after<M: Model, T: Send + Clone + 'static>(
    cx: &Context<M>,
    delay: u64,
    input: &SchedulableId<M, T>,
    argument: T,
) {
    let scheduled = cx.schedule_event(Duration::from_nanos(delay.max(1)), input, argument);
    scheduled.expect("the future");
}

/// A bench on one thread.
fn bench() -> SimInit {
    SimInit::with_num_threads(1)
}

/// Plays so many ns, then asks for the sums.
fn play(
    mut simulation: Simulation,
    until: u64,
    report: &EventId<()>,
    mut sums: EventSlotReader<Sums>,
) -> Sums {
    simulation.step_until(Duration::from_nanos(until)).expect("a simulation that runs");
    simulation.process_event(report, ()).expect("a report");
    sums.try_read().expect("the sums")
}
