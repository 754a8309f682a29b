//! How many pods each set may have while one replaces the other.
//!
//! The rule is that of the Kubernetes Deployment controller ([`replacing`]). Argo's canary without a router moves inside
//! the same bounds towards a partial goal.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::effect::{Action, RolloutView, SetName};
use crate::time::SimDuration;
use crate::world::replacing;

pub use crate::world::replacing::Goal;

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

/// As [`replacing::bounds`].
pub fn resolve(surge: Amount, unavailable: Amount, replicas: u32) -> (u32, u32) {
    replacing::bounds(surge.exact(replicas), unavailable.exact(replicas), replicas)
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
    let next =
        replacing::next((view.set(old), view.set(new)), goal, view.replicas, bounds.resolve(view.replicas));
    let new = next.new.map(|pods| Action::Scale(new, pods));
    new.into_iter().chain(next.old.map(|pods| Action::Scale(old, pods))).collect()
}
