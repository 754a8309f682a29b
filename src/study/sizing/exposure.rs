//! What a candidate is exposed to: its share of the traffic and its requests, plateau by plateau.

use std::sync::Arc;

use serde::Serialize;

use crate::replication::prepared::{PrepareOptions, Prepared};
use crate::replication::record::{Player, Reference, TracePoint};
use crate::replication::{Options, replicate};
use crate::scenario::Scenario;
use crate::study::StudyError;
use crate::time::SimDuration;

/// A time during which the candidate's share of the traffic stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Plateau {
    /// Its share of the target's traffic, 0 to 1.
    pub share: f64,
    /// How long.
    pub lasts: SimDuration,
    /// Requests it serves in that time.
    pub requests: f64,
    /// Requests of everybody else in that time.
    pub others: f64,
}

/// The plateaus of a rollout that nobody interferes with: played once, the healthy release, watched by nobody. Plateaus
/// without requests of the candidate are left out, and so is what comes after it has everything.
///
/// # Errors
/// When the scenario cannot be prepared.
pub fn exposure(scenario: &Arc<Scenario>, seed: u64) -> Result<Vec<Plateau>, StudyError> {
    let prepared = Prepared::new(Arc::clone(scenario), &[], seed, PrepareOptions::default())
        .map_err(StudyError::Binding)?;
    let options = Options { timeline: true, ..Options::default() };
    let record = replicate(&prepared, 0, options);
    let healthy = record.rollouts.first().map(|rollout| &rollout.healthy);
    let never = healthy
        .and_then(|twin| twin.runs.iter().find(|run| run.player == Player::Reference(Reference::Never)));
    Ok(never.map(|run| plateaus(&run.trace, record.deploy_at)).unwrap_or_default())
}

/// Spans of scrapes with the same share; what happens between two scrapes counts by the share at the later one.
fn plateaus(trace: &[TracePoint], deploy_at: u64) -> Vec<Plateau> {
    let mut all: Vec<Plateau> = Vec::new();
    let (mut at, mut issued) = (deploy_at, 0);
    for point in trace.iter().filter(|point| point.at >= deploy_at) {
        let share = point.candidate_share;
        let (lasts, requests) = (point.at - at, point.counts.issued.saturating_sub(issued) as f64);
        (at, issued) = (point.at, point.counts.issued);
        if share >= 1.0 {
            break;
        }
        let (own, others) = (requests * share, requests * (1.0 - share));
        match all.last_mut() {
            Some(last) if (last.share - share).abs() < 5e-4 => {
                last.lasts += SimDuration::from_nanos(lasts);
                last.requests += own;
                last.others += others;
            }
            _ => all.push(Plateau { share, lasts: SimDuration::from_nanos(lasts), requests: own, others }),
        }
    }
    all.retain(|plateau| plateau.requests > 0.0);
    all
}
