//! One replication as text: what really happened, what each policy did, what it cost.

use std::fmt::Write as _;

use super::super::args::Twin;
use super::super::plan::RunPlan;
use crate::replication::record::{
    DecisionKind, Lane, Nanos, Player, Reference, ReplicationRecord, RollbackOutcome, RolloutRecord,
    RunRecord, TwinRecord,
};
use crate::time::SimDuration;

/// The whole text; times count from the deploy.
pub(super) fn text(record: &ReplicationRecord, plan: &RunPlan, repeat: &str) -> String {
    let mut text = String::new();
    let twin = match plan.twin {
        Twin::Bad => "bad release",
        Twin::Healthy => "healthy twin",
    };
    let _ = writeln!(
        text,
        "{}, replication {}, seed {}, {twin}; times count from the deploy",
        record.scenario, record.replication, plan.seed
    );
    if !plan.scenario.summary.is_empty() {
        let _ = writeln!(text, "{}", plan.scenario.summary);
    }
    for (path, value) in &record.draws {
        let _ = writeln!(text, "  drawn: {path} = {}", number(*value));
    }
    for rollout in &record.rollouts {
        rollout_text(&mut text, record, rollout, plan.twin);
    }
    let _ = writeln!(text, "\nrepeat: {repeat}");
    text
}

/// Four significant digits are enough to recognise a draw.
fn number(value: f64) -> String {
    let digits = if value.abs() >= 100.0 { 1 } else { 4 };
    let text = format!("{value:.digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn rollout_text(text: &mut String, record: &ReplicationRecord, rollout: &RolloutRecord, twin: Twin) {
    let played: &TwinRecord = match twin {
        Twin::Bad => &rollout.bad,
        Twin::Healthy => &rollout.healthy,
    };
    let _ = writeln!(text, "\nrollout: {}", rollout.rollout);
    if twin == Twin::Bad {
        let harm = played
            .first_harm
            .map_or("it harms nobody".to_owned(), |at| format!("first harm {}", since(record, at)));
        let onset =
            played.onset.map_or("no fault".to_owned(), |at| format!("fault from {}", since(record, at)));
        let _ = writeln!(text, "  {onset}, {harm}");
    }
    let width = played.runs.iter().map(|run| name(&run.player).chars().count()).max().unwrap_or(0);
    for run in &played.runs {
        let _ = writeln!(text, "  {:width$}  {}", name(&run.player), outcome(record, run));
    }
    for run in played.runs.iter().filter(|run| matches!(run.player, Player::Policy(_))) {
        let _ = writeln!(text, "\n{}", name(&run.player));
        for entry in &run.timeline {
            let lane = lane(entry.lane);
            let _ = writeln!(text, "  {:>9}  {lane:8}  {}", since(record, entry.at), entry.text);
        }
    }
}

fn name(player: &Player) -> &str {
    match player {
        Player::Reference(Reference::Never) => "never",
        Player::Reference(Reference::Always) => "always",
        Player::Reference(Reference::Oracle) => "oracle",
        Player::Reference(Reference::Random) => "random",
        Player::Policy(name) => name,
    }
}

/// What came of it, in a line.
fn outcome(record: &ReplicationRecord, run: &RunRecord) -> String {
    let mut parts = Vec::new();
    match &run.decision {
        None => parts.push("no decision".to_owned()),
        Some(decision) => {
            let what = match decision.kind {
                DecisionKind::RollBack => "rolls back",
                DecisionKind::ForwardFix => "asks for a fix",
                DecisionKind::Stop => "stops writes",
            };
            let why = decision.reasons.first().map(|reason| format!(" ({reason})")).unwrap_or_default();
            parts.push(format!("{what} {}{why}", since(record, decision.at)));
        }
    }
    if let Some(rollback) = &run.rollback {
        let words = match rollback.outcome {
            RollbackOutcome::Worked => "worked",
            RollbackOutcome::Slow => "was slow",
            RollbackOutcome::NoEffect => "had no effect",
            RollbackOutcome::Impossible => "was impossible",
            RollbackOutcome::MadeWorse => "made it worse",
            RollbackOutcome::Unfinished => "did not end",
        };
        let took = rollback.restored.map(|at| format!(" in {}", span(at.saturating_sub(rollback.began))));
        parts.push(format!("rollback {words}{}", took.unwrap_or_default()));
    }
    if let Some(at) = run.promoted_at {
        parts.push(format!("promoted {}", since(record, at)));
    }
    parts.push(format!("{} requests harmed", run.harmed.total()));
    parts.join(", ")
}

fn lane(lane: Lane) -> &'static str {
    match lane {
        Lane::Truth => "truth",
        Lane::Cluster => "cluster",
        Lane::Observed => "observed",
        Lane::Policy => "policy",
        Lane::Rollback => "rollback",
    }
}

/// An instant, from the deploy.
fn since(record: &ReplicationRecord, at: Nanos) -> String {
    if at >= record.deploy_at {
        format!("+{}", span(at - record.deploy_at))
    } else {
        format!("-{}", span(record.deploy_at - at))
    }
}

/// A span to the tenth of a second, as people read it.
fn span(nanos: Nanos) -> String {
    SimDuration::from_millis((nanos + 50_000_000) / 100_000_000 * 100).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_spans_are_short() {
        assert_eq!(
            (number(0.05), number(300.0), number(0.033_333_3)),
            ("0.05".into(), "300".into(), "0.0333".into())
        );
        assert_eq!((span(90_040_000_000), span(1_460_000_000)), ("1m30s".to_owned(), "1.5s".to_owned()));
    }
}
