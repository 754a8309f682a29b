//! The rolling rule against the Deployment controller's own tables (`conformance/kubernetes/rolling.json`).

use backout::effect::{Action, RolloutView, Routing, SetName, SetView, Split};
use backout::strategy::support::replicas::{Amount, Bounds, Goal, reconcile};
use backout::time::{SimDuration, SimTime};
use serde_json::Value;

use crate::shared;

fn number(row: &Value, key: &str) -> u32 {
    row[key].as_u64().unwrap_or_else(|| panic!("{key} in {row}")) as u32
}

fn view(replicas: u32, (old, ready_old): (u32, u32), (new, ready_new): (u32, u32)) -> RolloutView {
    let set = |count, ready| SetView {
        desired: count,
        created: count,
        ready,
        available: ready,
        ..SetView::default()
    };
    RolloutView {
        now: SimTime::ZERO,
        deploy_at: SimTime::ZERO,
        replicas,
        sets: {
            let nothing = SetView::default();
            [set(old, ready_old), set(new, ready_new), nothing, nothing, nothing]
        },
        split: Split::STABLE,
        in_force: Split::STABLE,
        routing: Routing::Endpoints,
        hold: false,
        database: None,
        others_back: 0,
    }
}

fn scaled(view: &RolloutView, surge: u32, unavailable: u32, set: SetName) -> Option<u32> {
    let bounds = Bounds {
        max_surge: Amount::Pods(surge),
        max_unavailable: Amount::Pods(unavailable),
        min_ready: SimDuration::ZERO,
    };
    let goal = Goal { old: 0, new: view.replicas };
    reconcile(view, goal, &bounds, (SetName::Old, SetName::New)).into_iter().find_map(|action| match action {
        Action::Scale(name, count) if name == set => Some(count),
        _ => None,
    })
}

#[test]
fn the_rolling_rule_is_the_deployment_controller_s() {
    let Some(folder) = shared::folder() else { return };
    let text = std::fs::read_to_string(folder.join("conformance/kubernetes/rolling.json")).unwrap();
    let table: Value = serde_json::from_str(&text).unwrap();
    let mut rows = 0;
    for row in table["reconcileNewReplicaSet_maxUnavailable0"].as_array().unwrap() {
        let (old, new) = (number(row, "old"), number(row, "new"));
        let view = view(number(row, "replicas"), (old, old), (new, new));
        // Surge 0 with unavailable 0 resolves to unavailable 1, which the upstream table reaches by other means.
        let found = scaled(&view, number(row, "maxSurge"), 0, SetName::New);
        assert_eq!(found, row["expectedNew"].as_u64().map(|n| n as u32), "{row}");
        rows += 1;
    }
    for row in table["reconcileOldReplicaSets_maxSurge0"].as_array().unwrap() {
        let old = (number(row, "old"), number(row, "readyOld"));
        let new = (number(row, "new"), number(row, "readyNew"));
        let view = view(number(row, "replicas"), old, new);
        let found = scaled(&view, 0, number(row, "maxUnavailable"), SetName::Old);
        assert_eq!(found, row["expectedOld"].as_u64().map(|n| n as u32), "{row}");
        rows += 1;
    }
    rows += old_pods_that_may_go(&table);
    eprintln!("kubernetes: {rows} rows agree");
    assert_eq!(rows, 19);
}

/// The two parts of the rule for old pods. Only their sum is an action, so a row of one part is put where the other
/// part is zero: unhealthy pods go while no available one may, available ones while all are healthy.
fn old_pods_that_may_go(table: &Value) -> usize {
    let mut rows = 0;
    for row in table["cleanupUnhealthy"].as_array().unwrap() {
        let (old, ready, most) = (number(row, "old"), number(row, "ready"), number(row, "maxCleanup"));
        // At most `maxCleanup` may go when so many pods are above the floor; the ready ones are all below it.
        let floor = old - most;
        let replicas = floor.max(ready);
        let removed = match scaled(&view(replicas, (old, ready), (0, 0)), 1, replicas - floor, SetName::Old) {
            Some(left) => old - left,
            None => 0,
        };
        let of_available = ready.saturating_sub(floor).min(most - number(row, "expected"));
        assert_eq!(removed, number(row, "expected") + of_available, "{row}");
        rows += 1;
    }
    for row in table["scaleDownOldForRollingUpdate_maxSurge0"].as_array().unwrap() {
        let (old, ready) = (number(row, "old"), number(row, "ready"));
        // The table passes available pods apart from the pods of the old set: those beyond it are new ones, and what
        // is not available has been cleaned up before, so that it is no part of this half of the rule.
        let (available_old, new) = (ready.min(old), ready.saturating_sub(old));
        let view = view(number(row, "replicas"), (available_old, available_old), (new, new));
        let found = scaled(&view, 0, number(row, "maxUnavailable"), SetName::Old);
        assert_eq!(found, row["expectedOld"].as_u64().map(|n| n as u32), "{row}");
        rows += 1;
    }
    rows
}
