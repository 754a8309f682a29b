//! Rolling update of a Kubernetes Deployment: new pods come and old pods go a few at a time.
//!
//! Nothing in it ever rolls back; a crash-looping revision stops by itself at the surge because its pods never become
//! available (pkg/controller/deployment/rolling.go).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::replicas::{self, Bounds, Goal};
use super::{Progress, Rollout, Signal, Step, StepKind, StepStatus, Strategy, Undo};
use crate::catalogue::Entry;
use crate::effect::{Action, RolloutView, Routing, SetName};
use crate::time::{SimDuration, SimTime};

/// A rolling update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rolling {
    /// Pods beyond and below the wanted number, and the minimum ready time.
    pub bounds: Bounds,
}

impl Entry for Rolling {
    const NAME: &'static str = "rolling";
    const SUMMARY: &'static str = "pods replaced a few at a time, as a Kubernetes Deployment does";
    const EXAMPLE: &'static str = "rolling: {bounds: {max_surge: {percent: 25}, max_unavailable: {pods: 0}}}";
}

impl Rollout for Rolling {
    fn start(&self) -> Box<dyn Strategy> {
        Box::new(Running::new(*self))
    }

    fn min_ready(&self) -> SimDuration {
        self.bounds.min_ready
    }

    fn routing(&self) -> Routing {
        Routing::Endpoints
    }

    fn undo(&self) -> Undo {
        Undo::RollingUpdate(self.bounds)
    }
}

/// A rolling update under way.
#[derive(Clone, Copy, Debug)]
pub struct Running {
    spec: Rolling,
    done: bool,
    since: SimTime,
}

impl Running {
    /// The rollout at its start.
    pub fn new(spec: Rolling) -> Self {
        Running { spec, done: false, since: SimTime::ZERO }
    }
}

impl Strategy for Running {
    fn next(&mut self, signal: Signal, view: &RolloutView) -> Step {
        let mut actions = Vec::new();
        if signal == Signal::Start {
            actions.push(Action::Route(Routing::Endpoints));
            self.since = view.now;
        }
        if self.done {
            return Step { actions, wake: None, progress: Progress::Promoted };
        }
        if view.hold {
            return Step { actions, wake: None, progress: Progress::Running };
        }
        let goal = Goal { old: 0, new: view.replicas };
        actions.extend(replicas::reconcile(view, goal, &self.spec.bounds, (SetName::Old, SetName::New)));
        self.done = view.set(SetName::New).available >= view.replicas && view.set(SetName::Old).created == 0;
        if self.done {
            self.since = view.now;
            return Step { actions, wake: None, progress: Progress::Promoted };
        }
        Step { actions, wake: None, progress: Progress::Running }
    }

    fn wants_to_advance(&self, view: &RolloutView) -> bool {
        let goal = Goal { old: 0, new: view.replicas };
        !self.done
            && !replicas::reconcile(view, goal, &self.spec.bounds, (SetName::Old, SetName::New)).is_empty()
    }

    fn status(&self) -> StepStatus {
        let kind = if self.done { StepKind::Done } else { StepKind::Progressing };
        StepStatus { index: 0, kind, since: self.since }
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(*self)
    }
}
