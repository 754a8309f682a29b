//! Scenarios: a file people write, read with positions, checked, and resolved into what the simulator needs.
//!
//! A scenario describes one service world, one release with its fault, and the noise around it. Distributions on
//! *number* fields (a fault's share, an onset) are kept and drawn once per replication, keyed by their path in the
//! document; distributions on *distribution* fields (a service time) are drawn per event.
//!
//! Text goes through [`document`] (its form, and every default) and [`resolve`](resolve()) (its meaning) into a
//! [`Scenario`]. [`embedded`] holds the files that ship with the program, [`quick`] makes one from a few numbers,
//! [`from_graph`] from a service graph of the user's.
//!
//! Traps: the *name* of a scenario (`folder/stem`) keys every random draw, so a copy under another name plays other
//! replications; services are numbered in the order of their names, not of the file.

mod budget;
pub mod database;
pub mod document;
mod doubts;
pub mod embedded;
pub mod from_graph;
pub mod group;
pub mod history;
pub mod limits;
pub mod migrations;
pub mod model;
pub mod noise;
mod people;
mod place;
pub mod protection;
pub mod quick;
pub mod rehearsal;
mod resolve;
pub mod resolved;
pub mod resources;
mod rollouts;
mod services;
pub mod shapes;
#[cfg(test)]
mod tests;

pub use document::Document;
pub use doubts::DOUBTS;
pub use resolve::{Resolved, resolve};
pub use resolved::Scenario;

use crate::diagnostic::{Diagnostics, Source};
use crate::document::parse_typed;

/// Reads and resolves the text of a scenario; `name` is `folder/stem`, see [`name_of`].
///
/// # Errors
/// Everything that is wrong with it, each finding with its place.
pub fn read(name: &str, source: Source<'_>) -> Result<Resolved, Diagnostics> {
    let document: Document = parse_typed(source.name, source.text).map_err(|error| {
        let mut findings = Diagnostics::new();
        findings.push(error);
        findings
    })?;
    resolve(&document, name, source)
}

/// The name of the scenario in the file of this path: its folder and its stem, `fault/crash-loop`; a file without a
/// folder gets `local`.
///
/// ```
/// use backout::scenario::name_of;
/// assert_eq!(name_of("scenarios/fault/crash-loop.yaml"), "fault/crash-loop");
/// assert_eq!(name_of("mine.yaml"), "local/mine");
/// ```
pub fn name_of(path: &str) -> String {
    let parts: Vec<&str> = path.split(['/', '\\']).filter(|part| !matches!(*part, "" | "." | "..")).collect();
    let file = parts.last().copied().unwrap_or("scenario");
    let stem = file.strip_suffix(".yaml").or_else(|| file.strip_suffix(".yml")).unwrap_or(file);
    let stem = if stem.is_empty() { "scenario" } else { stem };
    let folder = parts.len().checked_sub(2).and_then(|at| parts.get(at)).copied().unwrap_or("local");
    format!("{folder}/{stem}")
}
