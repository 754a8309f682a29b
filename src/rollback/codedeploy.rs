//! AWS CodeDeploy: a rollback is a new deployment of the last good revision, not an undo.
//!
//! It therefore takes as long as a deployment: it is created, and goes host by host as the deployment configuration
//! says (EC2: one at a time by default, half, or all at once).
//!
//! Traps: an alarm that still fires stops the new deployment as it stopped the old one, so what should help waits for
//! what it should end (`alarm_clears`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PlannedStep, Procedure, Services, StepKind};
use crate::catalogue::Entry;
use crate::strategy::support::replicas::{Amount, Bounds};
use crate::time::SimDuration;

/// How many hosts a deployment takes at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Configuration {
    /// `CodeDeployDefault.OneAtATime`.
    #[default]
    OneAtATime,
    /// `CodeDeployDefault.HalfAtATime`.
    HalfAtATime,
    /// `CodeDeployDefault.AllAtOnce`: nobody serves while it lasts.
    AllAtOnce,
}

/// A new deployment of the last good revision.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Codedeploy {
    /// Time until the new deployment exists.
    pub create: SimDuration,
    /// Time until the alarm that began it has gone, without which the new deployment is stopped too; 0s if such
    /// alarms are ignored.
    pub alarm_clears: SimDuration,
    /// How many hosts it takes at once.
    pub configuration: Configuration,
}

impl Default for Codedeploy {
    fn default() -> Self {
        Codedeploy {
            create: SimDuration::from_secs(5),
            alarm_clears: SimDuration::ZERO,
            configuration: Configuration::OneAtATime,
        }
    }
}

impl Entry for Codedeploy {
    const NAME: &'static str = "codedeploy";
    const SUMMARY: &'static str = "AWS CodeDeploy: a whole new deployment of the last good revision";
    const EXAMPLE: &'static str = "codedeploy: {configuration: half_at_a_time}";
}

impl Codedeploy {
    fn bounds(&self) -> Bounds {
        let max_unavailable = match self.configuration {
            Configuration::OneAtATime => Amount::Pods(1),
            Configuration::HalfAtATime => Amount::Percent(50.0),
            Configuration::AllAtOnce => Amount::Percent(100.0),
        };
        Bounds { max_surge: Amount::Pods(0), max_unavailable, ..Bounds::default() }
    }
}

impl Procedure for Codedeploy {
    fn plan(&self, _: &Services) -> Vec<PlannedStep> {
        let mut plan = Vec::new();
        if !self.alarm_clears.is_zero() {
            plan.push(PlannedStep::new("wait for the alarm to clear", self.alarm_clears, StepKind::Wait));
        }
        plan.push(PlannedStep::new("create the deployment", self.create, StepKind::Wait));
        let deploy = StepKind::RollBack(self.bounds());
        plan.push(PlannedStep::new("deploy the last good revision", SimDuration::ZERO, deploy));
        plan.push(PlannedStep::new("deployment succeeded", SimDuration::ZERO, StepKind::Verify));
        plan
    }
}
