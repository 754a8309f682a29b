//! All pods of the target are ready: what `kubectl rollout status` waits for.
//!
//! Says nothing about traffic, and nothing about what the pods answer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Check, Evidence};
use crate::catalogue::Entry;
use crate::effect::{RolloutView, SetName};
use crate::time::SimDuration;

/// All pods of the target are ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PodsReady {
    /// Time after the last step until it looks.
    pub after: SimDuration,
}

impl Entry for PodsReady {
    const NAME: &'static str = "pods_ready";
    const SUMMARY: &'static str = "as many pods of the target are ready as there should be";
    const EXAMPLE: &'static str = "pods_ready: {after: 5s}";
}

impl Check for PodsReady {
    fn delay(&self) -> SimDuration {
        self.after
    }

    fn passes(&self, target: SetName, view: &RolloutView, _evidence: &dyn Evidence) -> bool {
        view.set(target).ready >= view.replicas
    }
}
