//! Canary: the new revision gets a growing share of the traffic, with a bake or an analysis between the steps.
//!
//! With `traffic_routed` a router splits requests exactly and the old revision keeps all its pods until the end, so
//! going back is a flip of weights. Without it the share is approximated by replica counts, within surge and
//! unavailability, so going back takes as long as pods take to start. Semantics of the Argo Rollouts controller
//! (rollout/canary.go, utils/replicaset/canary.go).
//!
//! Traps: `dynamic_stable_scale` saves pods and pays with a slow way back, since stable pods must start before they
//! can carry traffic; `scale` parts pods from traffic, so one canary pod may get half of all requests; the pods of an
//! experiment stand behind the same destinations as the canary and the baseline, so its weight comes on top.

mod running;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::replicas::Bounds;
use super::{Objection, Rollout, Strategy, Undo};
use crate::catalogue::Entry;
use crate::effect::Routing;
use crate::quantity::Weight;
use crate::time::SimDuration;

pub use running::Running;

/// A canary rollout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// The steps, in order.
    pub steps: Vec<CanaryStep>,
    /// Whether a router splits the traffic; otherwise replica counts do.
    #[serde(default = "yes")]
    pub traffic_routed: bool,
    /// Pods beyond and below the wanted number during the change; used without a router.
    #[serde(default)]
    pub bounds: Bounds,
    /// Time the old pods stay after the promotion.
    #[serde(default = "thirty_seconds")]
    pub scale_down_delay: SimDuration,
    /// Whether the old revision gives up pods as it gives up traffic; with a router only.
    #[serde(default)]
    pub dynamic_stable_scale: bool,
    /// Least number of pods of a revision that has any; with a router only.
    #[serde(default)]
    pub min_pods: u32,
    /// Whether as many fresh pods of the old revision run beside the candidate, with the same weight, to compare it
    /// with; with a router only.
    #[serde(default)]
    pub baseline: bool,
    /// Share of traffic for the baseline, if it is not the candidate's.
    #[serde(default)]
    pub baseline_share: Option<Weight>,
}

fn yes() -> bool {
    true
}

fn thirty_seconds() -> SimDuration {
    SimDuration::from_secs(30)
}

/// One step: set a weight, wait, or both; or change the pods or routes of the candidate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CanaryStep {
    /// Share of traffic for the new revision, unchanged if absent.
    #[serde(default)]
    pub weight: Option<Weight>,
    /// How long to wait once the pods are there.
    #[serde(default)]
    pub bake: SimDuration,
    /// What the wait is for; engines whose policies run analyses in steps look at it.
    #[serde(default)]
    pub kind: WaitKind,
    /// How many pods the candidate has from here on, unchanged if absent; with a router only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<CanaryScale>,
    /// Share of the old revision's requests that is copied to the candidate from here on; with a router only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Weight>,
    /// Whether the matching cohort goes to the candidate from here on; with a router only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cohort: Option<bool>,
    /// Pods that run beside the rollout during this step only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment: Option<Experiment>,
}

/// How many pods the candidate has.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CanaryScale {
    /// So many.
    Pods(u32),
    /// As many as this share of traffic takes, whatever share it gets.
    Share(Weight),
    /// As many as its share of traffic takes.
    MatchTraffic,
}

/// Pods of both revisions that run beside the rollout, to be compared with each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Experiment {
    /// Pods of the new revision.
    pub candidate: u32,
    /// Share of traffic they get on top of the canary's own.
    pub candidate_weight: Weight,
    /// Fresh pods of the old revision.
    pub baseline: u32,
    /// Share of traffic they get.
    pub baseline_weight: Weight,
}

/// What the wait of a step is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitKind {
    /// Time to observe.
    #[default]
    Bake,
    /// An analysis; `bake` is its length when every measurement succeeds.
    Analysis,
    /// A person; `bake` is the stand-in for the time the person takes.
    Pause,
}

impl Default for Canary {
    /// No steps, a router, and the defaults of Argo Rollouts.
    fn default() -> Self {
        Canary {
            steps: Vec::new(),
            traffic_routed: true,
            bounds: Bounds::default(),
            scale_down_delay: thirty_seconds(),
            dynamic_stable_scale: false,
            min_pods: 0,
            baseline: false,
            baseline_share: None,
        }
    }
}

impl Entry for Canary {
    const NAME: &'static str = "canary";
    const SUMMARY: &'static str = "weights in steps with a bake after each, by a router or by replica counts";
    const EXAMPLE: &'static str =
        "canary: {steps: [{weight: 5%, bake: 10m}, {weight: 50%, bake: 10m}], traffic_routed: true}";
}

impl Rollout for Canary {
    fn start(&self) -> Box<dyn Strategy> {
        Box::new(Running::new(self.clone()))
    }

    fn min_ready(&self) -> SimDuration {
        self.bounds.min_ready
    }

    fn routing(&self) -> Routing {
        if self.traffic_routed { Routing::Weighted } else { Routing::Endpoints }
    }

    fn shortest(&self) -> SimDuration {
        self.steps.iter().fold(SimDuration::ZERO, |sum, step| sum + step.bake)
    }

    fn undo(&self) -> Undo {
        Undo::ArgoAbort {
            traffic_routed: self.traffic_routed,
            bounds: self.bounds,
            dynamic_stable_scale: self.dynamic_stable_scale && self.traffic_routed,
        }
    }

    fn objections(&self) -> Vec<Objection> {
        let mut found = Vec::new();
        let mut object = |path: &[&str], fact: &str, help: &str| {
            let path = path.iter().map(|part| (*part).to_owned()).collect();
            found.push(Objection { path, fact: fact.to_owned(), help: help.to_owned() });
        };
        let routed = "write `traffic_routed: true`, or leave it out";
        if self.baseline_share.is_some() && !self.baseline {
            object(&["baseline_share"], "a share for a baseline that does not run", "write `baseline: true`");
        }
        if self.traffic_routed {
            return found;
        }
        for (field, used) in [
            ("baseline", self.baseline),
            ("dynamic_stable_scale", self.dynamic_stable_scale),
            ("min_pods", self.min_pods > 0),
        ] {
            if used {
                object(&[field], &format!("`{field}` needs a router that splits the traffic"), routed);
            }
        }
        for (index, step) in self.steps.iter().enumerate() {
            let at = index.to_string();
            for (field, used) in [
                ("scale", step.scale.is_some()),
                ("mirror", step.mirror.is_some()),
                ("cohort", step.cohort.is_some()),
            ] {
                if used {
                    let fact = format!("`{field}` needs a router that splits the traffic");
                    object(&["steps", &at, field], &fact, routed);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests;
