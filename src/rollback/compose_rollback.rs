//! Docker Swarm's own rollback of a service, by the `rollback_config` of a compose file.
//!
//! With `update_config.failure_action: rollback` the orchestrator does it by itself when too many tasks of the new
//! revision fail to *start*; it never looks at what they answer.
//!
//! Traps: the default order stops a task before it starts the other one, so capacity goes down by `parallelism`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PlannedStep, Procedure, Services, StepKind};
use crate::catalogue::Entry;
use crate::strategy::support::replicas::{Amount, Bounds};
use crate::time::SimDuration;

/// What happens first when a task is replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The one is stopped, then the other started.
    #[default]
    StopFirst,
    /// The other is started, then the one stopped.
    StartFirst,
}

/// `rollback_config` of a compose file.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ComposeRollback {
    /// Tasks replaced at a time; 0 = all at once.
    pub parallelism: u32,
    /// What happens first.
    pub order: Order,
}

impl Default for ComposeRollback {
    fn default() -> Self {
        ComposeRollback { parallelism: 1, order: Order::StopFirst }
    }
}

impl Entry for ComposeRollback {
    const NAME: &'static str = "compose_rollback";
    const SUMMARY: &'static str = "Docker Swarm's `rollback_config`: tasks replaced a few at a time";
    const EXAMPLE: &'static str = "compose_rollback: {parallelism: 2, order: start_first}";
}

impl Procedure for ComposeRollback {
    fn plan(&self, _: &Services) -> Vec<PlannedStep> {
        let batch =
            if self.parallelism == 0 { Amount::Percent(100.0) } else { Amount::Pods(self.parallelism) };
        let none = Amount::Pods(0);
        let (max_surge, max_unavailable) = match self.order {
            Order::StopFirst => (none, batch),
            Order::StartFirst => (batch, none),
        };
        let bounds = Bounds { max_surge, max_unavailable, ..Bounds::default() };
        let second = SimDuration::from_secs(1);
        vec![PlannedStep::new("replace the tasks", second, StepKind::RollBack(bounds))]
    }
}
