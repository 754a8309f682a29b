//! How many pods each set may have while one replaces the other.
//!
//! The rule of the Kubernetes Deployment controller (pkg/controller/deployment/rolling.go): scale the new set up as
//! far as `replicas + surge` allows; scale the old set down as far as `replicas - unavailable` available pods allow,
//! unhealthy old pods first. Argo's canary without a router moves inside the same bounds towards a partial goal.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::effect::{Action, RolloutView, SetName};
use crate::time::SimDuration;

/// A number of pods, or a share of the replicas.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Amount {
    /// So many pods.
    Pods(u32),
    /// This many percent of the replicas.
    Percent(f64),
}

impl Amount {
    fn exact(self, replicas: u32) -> f64 {
        match self {
            Amount::Pods(pods) => f64::from(pods),
            Amount::Percent(percent) => f64::from(replicas) * percent / 100.0,
        }
    }
}

/// Surge and unavailability in pods: surge rounds up, unavailable down, and when both are 0 one pod may be
/// unavailable, since nothing could move otherwise. Unavailable is at most `replicas`.
pub fn resolve(surge: Amount, unavailable: Amount, replicas: u32) -> (u32, u32) {
    let surge = surge.exact(replicas).ceil() as u32;
    let unavailable = unavailable.exact(replicas).floor() as u32;
    let unavailable = if surge == 0 && unavailable == 0 { 1 } else { unavailable };
    (surge, unavailable.min(replicas))
}

/// How far the number of pods may leave the wanted one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Bounds {
    /// Pods beyond the replicas; a share is rounded up.
    pub max_surge: Amount,
    /// Available pods below the replicas; a share is rounded down.
    pub max_unavailable: Amount,
    /// How long a pod must be ready to count as available.
    pub min_ready: SimDuration,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            max_surge: Amount::Percent(25.0),
            max_unavailable: Amount::Percent(25.0),
            min_ready: SimDuration::ZERO,
        }
    }
}

impl Bounds {
    /// As [`resolve`].
    pub fn resolve(&self, replicas: u32) -> (u32, u32) {
        resolve(self.max_surge, self.max_unavailable, replicas)
    }
}

/// Pods the two sets shall have in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goal {
    /// Pods of the set that shrinks.
    pub old: u32,
    /// Pods of the set that grows.
    pub new: u32,
}

/// Pods for a share of traffic when a router splits it: enough, and at least one as soon as there is any.
pub fn routed(replicas: u32, weight: f64) -> u32 {
    (f64::from(replicas) * weight - 1e-9).ceil().max(0.0) as u32
}

/// The next scaling actions towards the goal, inside the bounds; empty when there is nothing to do now.
pub fn reconcile(
    view: &RolloutView,
    goal: Goal,
    bounds: &Bounds,
    (old, new): (SetName, SetName),
) -> Vec<Action> {
    let (surge, unavailable) = bounds.resolve(view.replicas);
    let (was, is) = (view.set(old), view.set(new));
    let mut actions = Vec::new();
    let wanted_total = goal.old + goal.new;
    let room = (wanted_total.max(view.replicas) + surge).saturating_sub(was.desired + is.desired);
    let grow = goal.new.saturating_sub(is.desired).min(room);
    let new_desired = if is.desired > goal.new { goal.new } else { is.desired + grow };
    if new_desired != is.desired {
        actions.push(Action::Scale(new, new_desired));
    }
    let floor = view.replicas.saturating_sub(unavailable);
    let shrink = old_to_remove(was, is, floor).min(was.desired.saturating_sub(goal.old));
    if shrink > 0 {
        actions.push(Action::Scale(old, was.desired - shrink));
    } else if was.desired < goal.old {
        let room = (wanted_total + surge).saturating_sub(was.desired + new_desired);
        let back = (goal.old - was.desired).min(room);
        if back > 0 {
            actions.push(Action::Scale(old, was.desired + back));
        }
    }
    actions
}

/// Old pods that may go: unhealthy ones first, then available ones above the floor.
fn old_to_remove(was: &crate::effect::SetView, is: &crate::effect::SetView, floor: u32) -> u32 {
    let total = was.desired + is.desired;
    let new_unavailable = is.desired.saturating_sub(is.available);
    let max_scaled_down = i64::from(total) - i64::from(floor) - i64::from(new_unavailable);
    if max_scaled_down <= 0 {
        return 0;
    }
    let unhealthy = was.created.saturating_sub(was.available).min(max_scaled_down as u32);
    let available = was.available + is.available;
    let healthy = available.saturating_sub(floor);
    (unhealthy + healthy).min(max_scaled_down as u32)
}
