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
        sets: [set(old, ready_old), set(new, ready_new), SetView::default(), SetView::default()],
        split: Split::STABLE,
        routing: Routing::Endpoints,
        hold: false,
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
    eprintln!("kubernetes: {rows} rows agree");
}
