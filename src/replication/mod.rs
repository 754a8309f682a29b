//! The tree of one seeded run: the only place where world, fault, strategy, telemetry, policy and rollback meet.

pub mod panel;
pub mod record;
