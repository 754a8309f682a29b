//! Stop the application, roll the schema back, restore the data, restart.
//!
//! While the application is stopped everybody is turned away, and no code meets a schema it does not know. A step that fails
//! leaves it stopped: the guide this is from catches the failure, sends an alert and ends. The restore is of the newest
//! backup from before the deploy, into an empty database, and brings the old schema with it, so rolling the schema back
//! first is needed only where nothing is restored (`restore: false`).
//!
//! Trap: what was written since the backup is lost even if nothing was wrong with it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PlannedStep, Procedure, Services, StepKind};
use crate::catalogue::Entry;
use crate::effect::Pick;
use crate::strategy::support::replicas::Bounds;
use crate::time::SimDuration;

/// Stop the application, roll the schema back, restore the data, restart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseRollback {
    /// Whether the down-migrations are run, before the restore; as the guide has it.
    pub schema: bool,
    /// Whether a backup is restored.
    pub restore: bool,
    /// Bounds of the rolling update back, while the application is stopped.
    pub bounds: Bounds,
    /// Time until a command has been accepted.
    pub command: SimDuration,
}

impl Default for DatabaseRollback {
    fn default() -> Self {
        let command = SimDuration::from_secs(2);
        DatabaseRollback { schema: true, restore: true, bounds: Bounds::default(), command }
    }
}

impl Entry for DatabaseRollback {
    const NAME: &'static str = "database_rollback";
    const SUMMARY: &'static str =
        "application stopped, schema rolled back, data restored, application started";
    const EXAMPLE: &'static str = "database_rollback: {schema: false}";
}

impl Procedure for DatabaseRollback {
    fn plan(&self, _: &Services) -> Vec<PlannedStep> {
        let step = |name: &'static str, what| PlannedStep::new(name, self.command, what);
        let mut plan = vec![step("stop the application", StepKind::StopApplication)];
        if self.schema {
            plan.push(step("roll the schema back", StepKind::SchemaBack));
        }
        if self.restore {
            let what = StepKind::Restore { pick: Pick::BeforeDeploy, into_empty: true };
            plan.push(step("restore the data", what));
        }
        plan.push(step("put the old revision back", StepKind::RollBack(self.bounds)));
        plan.push(step("start the application", StepKind::StartApplication));
        plan.push(step("look whether it runs", StepKind::Verify));
        plan
    }

    fn needs_database(&self) -> bool {
        true
    }
}
