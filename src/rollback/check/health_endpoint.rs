//! One request to a health endpoint (`curl -f http://localhost:8000/health`).
//!
//! A health endpoint says that the process lives, so a release that is healthy and wrong passes. With the port of the
//! other revision it asks whether what was rolled back is healthy: it fails when the rollback was right and passes
//! when it was needless.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Check, Evidence};
use crate::catalogue::Entry;
use crate::effect::{RolloutView, SetName};
use crate::time::SimDuration;

/// Whose health is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// The pods the rollback went to.
    #[default]
    Target,
    /// The pods it went away from (the wrong port).
    RolledBack,
}

/// One request to a health endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HealthEndpoint {
    /// Time after the last step until it looks.
    pub after: SimDuration,
    /// Who is asked.
    pub asks: Whose,
}

impl Default for HealthEndpoint {
    fn default() -> Self {
        HealthEndpoint { after: SimDuration::from_secs(2), asks: Whose::Target }
    }
}

impl Entry for HealthEndpoint {
    const NAME: &'static str = "health_endpoint";
    const SUMMARY: &'static str = "one request to a health endpoint, perhaps at the wrong port";
    const EXAMPLE: &'static str = "health_endpoint: {after: 2s, asks: rolled_back}";
}

impl Check for HealthEndpoint {
    fn delay(&self) -> SimDuration {
        self.after
    }

    fn passes(&self, target: SetName, view: &RolloutView, _evidence: &dyn Evidence) -> bool {
        match self.asks {
            Whose::Target => view.set(target).ready > 0,
            Whose::RolledBack => {
                let others = SetName::ALL.iter().filter(|set| set.revision() != target.revision());
                others.map(|set| view.set(*set).ready).sum::<u32>() > 0
            }
        }
    }
}
