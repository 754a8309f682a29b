//! Rows in the order people read them, and the names that tell rollouts apart.

use crate::replication::record::{Player, Reference};
use crate::report::Report;
use crate::score::Row;
use crate::score::scorecard::SCENARIO_ROLLOUT;

/// Rows of policies, best efficacy first.
pub fn policies(report: &Report) -> Vec<&Row> {
    let mut rows: Vec<&Row> =
        report.scorecard.rows.iter().filter(|row| matches!(row.player, Player::Policy(_))).collect();
    rows.sort_by_key(|row| row.rank.unwrap_or(u32::MAX));
    rows
}

/// Rows of reference players, rollout by rollout, from the best known to the worst.
pub fn frame(report: &Report) -> Vec<&Row> {
    let place = |row: &Row| match row.player {
        Player::Reference(Reference::Oracle) => 0,
        Player::Reference(Reference::Never) => 1,
        Player::Reference(Reference::Always) => 2,
        Player::Reference(Reference::Random) | Player::Policy(_) => 3,
    };
    let mut rows: Vec<&Row> =
        report.scorecard.rows.iter().filter(|row| matches!(row.player, Player::Reference(_))).collect();
    let rollouts = rollouts(report);
    rows.sort_by_key(|row| (rollouts.iter().position(|label| *label == row.rollout), place(row)));
    rows
}

/// The distinct rollouts, the scenario's first.
pub fn rollouts(report: &Report) -> Vec<&str> {
    let mut labels: Vec<&str> = Vec::new();
    for row in &report.scorecard.rows {
        if !labels.contains(&row.rollout.as_str()) {
            labels.push(&row.rollout);
        }
    }
    labels.sort_by_key(|label| *label != SCENARIO_ROLLOUT);
    labels
}

/// A mark like ` [2]` when there are several rollouts; empty when there is one.
pub fn mark(report: &Report, row: &Row) -> String {
    let labels = rollouts(report);
    match labels.iter().position(|label| *label == row.rollout) {
        Some(place) if labels.len() > 1 => format!(" [{}]", place + 1),
        _ => String::new(),
    }
}

/// What a rollout's label means.
pub fn rollout_words(label: &str) -> String {
    if label == SCENARIO_ROLLOUT {
        "the scenario's rollout".to_owned()
    } else {
        format!("the rollout of {label}")
    }
}
