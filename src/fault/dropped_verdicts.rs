//! Verdicts get lost on their way.
//!
//! The policy has decided and thinks it is done; the webhook times out, the controller is restarted, the pager is muted. What is lost has no effect: no rollback, no hold,
//! no promotion, no page.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, MonitoringDisturbance};
use crate::rng::{Distribution, Ratio};
use crate::time::SimDuration;

/// A share of the verdicts does not reach whoever acts on them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DroppedVerdicts {
    /// Share of the verdicts.
    pub share: Distribution<Ratio>,
    /// When it begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Distribution<SimDuration>,
}

impl Entry for DroppedVerdicts {
    const NAME: &'static str = "dropped_verdicts";
    const SUMMARY: &'static str = "a share of the verdicts does not reach whoever acts on them";
    const EXAMPLE: &'static str = "dropped_verdicts: {share: 50%, at: 0s, for: 1h}";
}

impl Fault for DroppedVerdicts {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let (from, until) = r.span(&self.at, &self.lasts);
        let share = r.share("share", &self.share);
        vec![Effect {
            from,
            until,
            what: Disturbance::Monitoring(MonitoringDisturbance::DroppedVerdicts(share)),
        }]
    }
}
