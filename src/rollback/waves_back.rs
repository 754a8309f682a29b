//! The old revision on the hosts again: all at once within the bounds, or in waves too.
//!
//! Traps: waves back protect from an old revision that does not work any more (a migrated schema), and leave the rest of
//! the users on the bad one all the while. A wave that has nothing to take back, because the release had not come as far, still
//! costs its pause.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PlannedStep, Procedure, Services, StepKind};
use crate::catalogue::Entry;
use crate::quantity::Weight;
use crate::strategy::support::replicas::Bounds;
use crate::time::SimDuration;

/// The old revision on the hosts again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WavesBack {
    /// Shares of the hosts that still run the new revision after each wave back but the last; none = all at once.
    pub left: Vec<Weight>,
    /// Time between two waves.
    pub pause: SimDuration,
    /// Pods beyond and below the wanted number.
    pub bounds: Bounds,
    /// Time until the first command has been accepted.
    pub command: SimDuration,
}

impl Default for WavesBack {
    fn default() -> Self {
        WavesBack {
            left: Vec::new(),
            pause: SimDuration::from_secs(60),
            bounds: Bounds::default(),
            command: SimDuration::from_secs(2),
        }
    }
}

impl Entry for WavesBack {
    const NAME: &'static str = "waves_back";
    const SUMMARY: &'static str = "the old revision on the hosts again, all at once or in waves";
    const EXAMPLE: &'static str = "waves_back: {left: [50%, 10%], pause: 1m}";
}

impl Procedure for WavesBack {
    fn plan(&self, _: &Services) -> Vec<PlannedStep> {
        let pause = |wave: usize| if wave == 0 { self.command } else { self.pause };
        let partly = |(wave, left): (usize, &Weight)| {
            let what = StepKind::RollPartlyBack { left: left.ratio(), bounds: self.bounds };
            PlannedStep::new(format!("back to {left} of the hosts"), pause(wave), what)
        };
        let mut plan: Vec<PlannedStep> = self.left.iter().enumerate().map(partly).collect();
        let last = pause(plan.len());
        plan.push(PlannedStep::new("the old revision on all hosts", last, StepKind::RollBack(self.bounds)));
        plan.push(PlannedStep::new("look at the hosts", self.command, StepKind::Verify));
        plan
    }
}
