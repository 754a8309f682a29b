//! Down-migrations and the undo of the deployment.
//!
//! Code that expects the new schema fails on the old one, so the old revision comes first and the schema after it, while
//! both still run on either. Many runbooks have it the other way round (`schema_first`): from the first down-migration to
//! the last old pod the new code fails where it needs what is gone.
//!
//! Trap: a step that nothing undoes (a dropped column) ends the way back there; what follows a failure decides what then.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PlannedStep, Procedure, Services, StepKind};
use crate::catalogue::Entry;
use crate::strategy::support::replicas::Bounds;
use crate::time::SimDuration;

/// Down-migrations and the undo of the deployment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SchemaDown {
    /// Whether the schema goes back before the code, as many runbooks have it.
    pub schema_first: bool,
    /// Bounds of the rolling update back.
    pub bounds: Bounds,
    /// Time until a command has been accepted.
    pub command: SimDuration,
}

impl Default for SchemaDown {
    fn default() -> Self {
        SchemaDown { schema_first: false, bounds: Bounds::default(), command: SimDuration::from_secs(2) }
    }
}

impl Entry for SchemaDown {
    const NAME: &'static str = "schema_down";
    const SUMMARY: &'static str = "the deployment undone and the migration undone step by step";
    const EXAMPLE: &'static str = "schema_down: {schema_first: true}";
}

impl Procedure for SchemaDown {
    fn plan(&self, _: &Services) -> Vec<PlannedStep> {
        let step = |name: &'static str, what| PlannedStep::new(name, self.command, what);
        let code = step("kubectl rollout undo", StepKind::RollBack(self.bounds));
        let schema = step("run the down-migrations", StepKind::SchemaBack);
        let verify = step("kubectl rollout status", StepKind::Verify);
        if self.schema_first { vec![schema, code, verify] } else { vec![code, schema, verify] }
    }

    fn needs_database(&self) -> bool {
        true
    }
}
