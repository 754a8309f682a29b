//! The discrete-event engine: what happens next, and until when.
//!
//! A simulation is a loop: take the earliest pending event off the [`Agenda`], let a handler change the model and
//! schedule or cancel further events, repeat until the horizon. Nothing here knows what is simulated; events are
//! small `Copy` values of the caller's own type and are dispatched by the caller's own `match`.
//!
//! Traps:
//! - Two events at the same instant are ordered by [`Class`], then by the order in which they were scheduled. A
//!   model whose outcome depends on that order should say so with classes, not by scheduling in a lucky order.
//! - A [`Handle`] belongs to the agenda that issued it and to that agenda's clones, each on its own: cancelling in a
//!   clone leaves the original alone.
//! - [`run_until`] processes events at exactly `until`.

pub mod agenda;
pub mod fingerprint;
pub mod run;
pub mod ticket;
mod tournament;

pub use agenda::Agenda;
pub use fingerprint::Fingerprint;
pub use run::{End, EventLimit, Run, run_until};
pub use ticket::{Class, Handle};
