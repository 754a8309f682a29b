//! The primary and the backup server of an nginx upstream exchanged again, by a script.
//!
//! Sound: the other side is made sure of, the file edited, tested, reloaded, and the side that now serves is looked at;
//! what is left of the release is stopped, not removed. The script that goes round (`sed -i 's/8000/8001/g'`, then
//! `sed -i 's/8001 backup/8000 backup/g'`, then `nginx -t && nginx -s reload`) has these faults, each a parameter here:
//!
//! - Ports are written into it. It makes 8001 the primary whatever the file says: right if the release is on 8000,
//!   and no change at all if it is on 8001, as every second release is ([`Edit::Unchanged`]).
//! - The second `sed` matches only if nothing stands between port and `backup`; with a `max_fails` there, both lines
//!   end equal, users move and nobody stands by ([`Edit::BothLines`]).
//! - A failed test stops the reload and not the script: what fails on the left of `&&` ends no script, with or without
//!   `set -e` ([`ConfigurationTest::Swallowed`]).
//! - It looks at a fixed port, which is that of the release it rolled back: `check: {health_endpoint: {asks: rolled_back}}`.
//! - It removes the container afterwards, and with it what somebody could have found out (`removes`).
//!
//! It also prints the name of a container (`head -2 | tail -1`, the second newest by the order of `docker ps`) that it does
//! nothing with; that is only a wrong line in a report.
//!
//! Traps: connections that outlive the reload stay on the release; stopping it cuts them off.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::CheckSpec;
use super::check::health_endpoint::HealthEndpoint;
use super::{Command, PlannedStep, Procedure, Services, StepKind, needs_a_router};
use crate::catalogue::Entry;
use crate::effect::Routing;
use crate::quantity::Ratio;
use crate::strategy::nginx_upstream::reload;
use crate::strategy::support::drift::{Drift, Ladder};
use crate::time::SimDuration;

/// What editing the file does to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// The two servers change places.
    #[default]
    Swap,
    /// Nothing: it is already as the script writes it.
    Unchanged,
    /// Both lines name the old side: it serves, and nobody stands by for it.
    BothLines,
}

/// What becomes of the test of the new configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConfigurationTest {
    /// It passes.
    #[default]
    Passes,
    /// It fails, and the script with it: somebody is called.
    Fails,
    /// It fails, nothing is reloaded, and the script goes on.
    Swallowed,
}

/// An nginx upstream swapped back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UpstreamSwap {
    /// Whether the old side is brought to full size first; flawed without.
    pub make_sure: bool,
    /// What editing the file does to it.
    pub edit: Edit,
    /// What becomes of the test of the new configuration.
    pub test: ConfigurationTest,
    /// Time from one command to the next.
    pub command: SimDuration,
    /// Share of the clients on connections that outlive a reload.
    pub long_lived: Ratio,
    /// Time until the last of these has ended or been cut off.
    pub longest: SimDuration,
    /// Time between the reload and the look.
    pub sleep: SimDuration,
    /// The look; nobody looks if absent.
    pub check: Option<CheckSpec>,
    /// Whether the release is stopped in the end.
    pub stops: bool,
    /// Whether it is removed too, logs and all: who looks for the cause has less to look at.
    pub removes: bool,
}

impl Default for UpstreamSwap {
    fn default() -> Self {
        UpstreamSwap {
            make_sure: true,
            edit: Edit::Swap,
            test: ConfigurationTest::Passes,
            command: SimDuration::from_secs(1),
            long_lived: Ratio::ZERO,
            longest: SimDuration::from_mins(60),
            sleep: SimDuration::from_secs(2),
            check: Some(CheckSpec::HealthEndpoint(HealthEndpoint::default())),
            stops: true,
            removes: false,
        }
    }
}

impl Entry for UpstreamSwap {
    const NAME: &'static str = "upstream_swap";
    const SUMMARY: &'static str = "primary and backup of an nginx upstream exchanged, tested, reloaded";
    const EXAMPLE: &'static str = "upstream_swap: {edit: unchanged, test: swallowed, removes: true}";
}

impl UpstreamSwap {
    /// What takes such a switch back.
    pub fn undoing(drift: Drift) -> Self {
        UpstreamSwap { long_lived: drift.late, longest: drift.late_period, ..UpstreamSwap::default() }
    }

    /// What the reload does, as far as it comes to one.
    fn reload(&self) -> PlannedStep {
        let whole = Ladder::whole(reload(self.long_lived, self.longest));
        let mut step =
            PlannedStep::new("nginx -t && nginx -s reload", self.command, StepKind::DriftBack(whole));
        match (self.test, self.edit) {
            (ConfigurationTest::Fails, _) => step.working = Command::FailsUntilMended,
            (ConfigurationTest::Swallowed, _) | (_, Edit::Unchanged) => step.working = Command::DoesNothing,
            (ConfigurationTest::Passes, Edit::Swap | Edit::BothLines) => {}
        }
        step
    }
}

impl Procedure for UpstreamSwap {
    fn plan(&self, _: &Services) -> Vec<PlannedStep> {
        let mut plan = Vec::new();
        if self.make_sure {
            let up = StepKind::RestoreCapacity;
            plan.push(PlannedStep::new("make sure of the old side", SimDuration::ZERO, up));
        }
        plan.push(self.reload());
        if self.edit == Edit::BothLines {
            let step = PlannedStep::new("both lines alike", SimDuration::ZERO, StepKind::DropBackup);
            plan.push(step);
        }
        let look = self.check.clone().map(StepKind::Check);
        plan.extend(look.map(|what| PlannedStep::new("look at it", self.sleep, what)));
        if self.stops {
            let name =
                if self.removes { "docker stop and rm the release" } else { "docker stop the release" };
            let stop = PlannedStep::new(name, self.command, StepKind::ScaleDown);
            plan.push(stop.removing_evidence(self.removes));
        }
        plan
    }

    fn why_not(&self, routing: Routing) -> Option<&'static str> {
        needs_a_router(routing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reloads(swap: UpstreamSwap) -> Command {
        let plan = swap.plan(&Services::default());
        plan.iter().find(|step| step.moves_traffic()).expect("there is a reload").working
    }

    #[test]
    fn a_reload_that_never_was_is_reported_as_one() {
        let with = |edit, test| reloads(UpstreamSwap { edit, test, ..UpstreamSwap::default() });
        assert_eq!(with(Edit::Swap, ConfigurationTest::Passes), Command::Works);
        assert_eq!(with(Edit::BothLines, ConfigurationTest::Passes), Command::Works);
        assert_eq!(with(Edit::Unchanged, ConfigurationTest::Passes), Command::DoesNothing);
        for edit in [Edit::Swap, Edit::Unchanged, Edit::BothLines] {
            assert_eq!(with(edit, ConfigurationTest::Swallowed), Command::DoesNothing);
            assert_eq!(with(edit, ConfigurationTest::Fails), Command::FailsUntilMended);
        }
    }

    #[test]
    fn evidence_goes_with_what_is_removed_and_with_nothing_else() {
        let removes = |stops, removes| {
            let swap = UpstreamSwap { stops, removes, ..UpstreamSwap::default() };
            swap.plan(&Services::default()).iter().any(|step| step.removes_evidence)
        };
        assert!(removes(true, true) && !removes(true, false) && !removes(false, true));
    }
}
