//! Repair forwards: a fix is written, built and deployed; it may be as bad as what it mends.
//!
//! Right when the fix is small and quick, or when there is nothing to go back to. Users stay on the bad revision all
//! the while.
//!
//! A fix mends code and configuration alike. Whoever rolled back before and removed the containers has less to find the cause
//! by, and takes longer (`without_evidence` of the people).
//!
//! Traps: a fix that does not mend shows the same faults as the release it replaces, and is deployed to everybody;
//! what follows then is a [`Fallback`](super::Fallback), or a rollback if somebody looks (`falls_back`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::CheckSpec;
use super::check::error_ratio::ErrorRatio;
use super::{PlannedStep, Procedure, Services, StepKind};
use crate::catalogue::Entry;
use crate::quantity::Ratio;
use crate::rng::Distribution;
use crate::strategy::support::replicas::Bounds;
use crate::time::SimDuration;

/// A repair forwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ForwardFix {
    /// Time until the fix is written, reviewed and built.
    pub takes: Distribution<SimDuration>,
    /// Chance that it mends nothing.
    pub bad: Ratio,
    /// Bounds of the rolling update that brings it.
    pub bounds: Bounds,
    /// How long after the fix has arrived somebody looks whether users are still harmed and rolls back if they are; nobody
    /// looks if absent.
    pub falls_back: Option<SimDuration>,
}

/// Chance that a fix mends nothing, if nobody says otherwise: the share of changes that fail, for high performers
/// (DORA 2024, 20 %).
const BAD: f64 = 0.2;

impl Default for ForwardFix {
    fn default() -> Self {
        ForwardFix {
            takes: Distribution::certain(3600.0),
            bad: Ratio::new(BAD).unwrap_or(Ratio::HALF),
            bounds: Bounds::default(),
            falls_back: None,
        }
    }
}

impl Entry for ForwardFix {
    const NAME: &'static str = "forward_fix";
    const SUMMARY: &'static str = "a fix is written and deployed to everybody; it may mend nothing";
    const EXAMPLE: &'static str = "forward_fix: {takes: 40m, bad: 20%}";
}

impl Procedure for ForwardFix {
    /// A fixed model is registered and promoted.
    fn asks_registry(&self) -> bool {
        true
    }

    fn plan(&self, _: &Services) -> Vec<PlannedStep> {
        let desk = SimDuration::from_secs(2);
        let mut plan = vec![
            PlannedStep::new("write, review and build the fix", desk, StepKind::Wait)
                .after(self.takes.clone())
                .by_hand(),
            PlannedStep::new("deploy the fix", desk, StepKind::Apply(self.bounds)),
        ];
        if let Some(after) = self.falls_back {
            let look = CheckSpec::ErrorRatio(ErrorRatio { after, ..ErrorRatio::default() });
            let step = PlannedStep::new("look whether the fix helped", after, StepKind::Check(look));
            plan.push(step.by_hand());
        }
        plan
    }
}
