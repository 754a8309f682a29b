//! An emergency restore from a backup: stop the application, restore, start it.
//!
//! The guide's script takes the newest dump there is, whatever it holds, asks "Continue?" and waits for a person at the
//! keyboard, plays the dump over the tables that are there (which restores nothing and reports success), and starts the
//! application with the code that was running. Each of that is a setting: `backup: newest`, `asks_for`, `into_empty: false`,
//! `code: false`. The defaults are how it should be done.
//!
//! Trap: bytes over throughput is downtime.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PlannedStep, Procedure, Services, StepKind};
use crate::catalogue::Entry;
use crate::effect::Pick;
use crate::rng::Distribution;
use crate::strategy::support::replicas::Bounds;
use crate::time::SimDuration;

/// An emergency restore from a backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EmergencyRestore {
    /// Which backup.
    pub backup: Chosen,
    /// Whether it is restored into an empty database; else over the tables that are there.
    pub into_empty: bool,
    /// A prompt, and how long it waits until a person answers; no prompt if absent.
    pub asks_for: Option<Distribution<SimDuration>>,
    /// Whether the old revision is put back before the application starts.
    pub code: bool,
    /// Bounds of the rolling update back.
    pub bounds: Bounds,
    /// Time until a command has been accepted.
    pub command: SimDuration,
}

/// Which of several backups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Chosen {
    /// The newest from before the deploy.
    #[default]
    BeforeDeploy,
    /// The newest, whatever it holds.
    Newest,
}

impl Default for EmergencyRestore {
    fn default() -> Self {
        EmergencyRestore {
            backup: Chosen::BeforeDeploy,
            into_empty: true,
            asks_for: None,
            code: true,
            bounds: Bounds::default(),
            command: SimDuration::from_secs(2),
        }
    }
}

impl Entry for EmergencyRestore {
    const NAME: &'static str = "emergency_restore";
    const SUMMARY: &'static str = "application stopped, a backup restored, application started";
    const EXAMPLE: &'static str =
        "emergency_restore: {backup: newest, into_empty: false, asks_for: 10m, code: false}";
}

impl Procedure for EmergencyRestore {
    fn plan(&self, _: &Services) -> Vec<PlannedStep> {
        let step = |name: &'static str, what| PlannedStep::new(name, self.command, what);
        let mut plan = Vec::new();
        if let Some(answered) = &self.asks_for {
            plan.push(step("Continue? (yes/no)", StepKind::Wait).after(answered.clone()).by_hand());
        }
        plan.push(step("stop the application", StepKind::StopApplication));
        let pick = match self.backup {
            Chosen::BeforeDeploy => Pick::BeforeDeploy,
            Chosen::Newest => Pick::Newest,
        };
        plan.push(step("restore the backup", StepKind::Restore { pick, into_empty: self.into_empty }));
        if self.code {
            plan.push(step("put the old revision back", StepKind::RollBack(self.bounds)));
        }
        plan.push(step("start the application", StepKind::StartApplication));
        plan
    }

    fn needs_database(&self) -> bool {
        true
    }
}
