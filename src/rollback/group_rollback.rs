//! A change of several services rolled back as one: `kubectl rollout undo` for each, in an order.
//!
//! The order matters where revisions do not understand each other. A consumer of the new revision may need a provider of
//! the new revision, so the consumers go back first and their providers when no new consumer is left; the other way
//! round every request between them fails until the consumers follow. With `wait: ready` each service is back before the
//! next command goes out; with `wait: none` the commands go out one after the other and the controllers work at the same
//! time, the target's own command last.
//!
//! Traps: only the target's rollback can be spoiled, be without a target, or go to another revision; its companions go to
//! what they ran before, whose images are always there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PlannedStep, Procedure, Services, StepKind};
use crate::catalogue::Entry;
use crate::strategy::support::replicas::Bounds;
use crate::time::SimDuration;

/// Whether a service is waited for before the next one goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// Until all of its pods run the previous revision and are ready.
    #[default]
    Ready,
    /// Not at all.
    None,
}

/// Undoes the services of a change one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupRollback {
    /// The services, those first that go back first: all of the change, the one that is rolled out among them.
    pub order: Vec<String>,
    /// Whether each is back before the next command: `ready` (the default) or `none`.
    #[serde(default)]
    pub wait: Wait,
    /// Bounds of the rolling update of the target back.
    #[serde(default)]
    pub bounds: Bounds,
    /// Time until a command has been accepted and the controller acts.
    #[serde(default = "two_seconds")]
    pub command: SimDuration,
}

/// How long a command takes where nobody says.
pub(super) fn two_seconds() -> SimDuration {
    SimDuration::from_secs(2)
}

impl Entry for GroupRollback {
    const NAME: &'static str = "group_rollback";
    const SUMMARY: &'static str = "all services of a change back, one after the other or at once";
    const EXAMPLE: &'static str = "group_rollback: {order: [shop], wait: ready}";
}

impl Procedure for GroupRollback {
    fn plan(&self, services: &Services) -> Vec<PlannedStep> {
        services.undo(&self.order, self.wait == Wait::Ready, (self.bounds, self.command))
    }

    fn services(&self) -> Option<(&'static str, &[String])> {
        Some(("order", &self.order))
    }

    fn takes_all(&self) -> bool {
        true
    }
}

impl Services {
    /// `kubectl rollout undo` for each of these services, then a look at all of them. Names that nobody has are left out.
    pub(super) fn undo(
        &self,
        names: &[String],
        wait: bool,
        (bounds, command): (Bounds, SimDuration),
    ) -> Vec<PlannedStep> {
        let mut steps = Vec::new();
        let mut last = Vec::new();
        let mut others = 0;
        for name in names {
            let Some(service) = self.id(name) else { continue };
            let step =
                |what| PlannedStep::new(format!("kubectl rollout undo deployment/{name}"), command, what);
            if service == self.target {
                // The procedure itself pushes the target on, so it comes last where nobody waits.
                let into = if wait { &mut steps } else { &mut last };
                into.push(step(StepKind::RollBack(bounds)));
            } else {
                others |= service.bit();
                steps.push(step(StepKind::UndoOther { service, wait }));
            }
        }
        let goes_for_target = names.iter().any(|name| self.id(name) == Some(self.target));
        steps.extend(last);
        let look = |what| PlannedStep::new("kubectl rollout status", command, what);
        steps.extend((others != 0).then(|| look(StepKind::OthersBack(others))));
        steps.extend(goes_for_target.then(|| look(StepKind::Verify)));
        steps
    }
}
