//! Scenarios: a file people write, read with positions, checked, and resolved into what the simulator needs.
//!
//! A scenario describes one service world, one release with its fault, and the noise around it. Distributions on
//! *number* fields (a fault's share, an onset) are kept and drawn once per replication, keyed by their path in the
//! document; distributions on *distribution* fields (a service time) are drawn per event.

pub mod resolved;

pub use resolved::Scenario;
