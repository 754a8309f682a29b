//! Recreation of a Kubernetes Deployment (`strategy.type: Recreate`): all old pods stop, then all new ones start.
//!
//! The controller scales the old replica sets to zero, waits until none of their pods is left, terminating ones
//! included, and only then scales the new one up (pkg/controller/deployment/recreate.go). Two revisions never run
//! side by side, which is what it is for: one that migrates a schema, or holds a lock.
//!
//! Traps: nobody is served from the stop of the old pods until the first new one is ready, at every release and at every
//! rollback; a new revision that does not start leaves nobody serving at all. A hold delays the stop; once the old
//! pods stop there is nothing left to wait with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Progress, Rollout, Signal, Step, StepKind, StepStatus, Strategy, Undo};
use crate::catalogue::Entry;
use crate::effect::{Action, RolloutView, Routing, SetName};
use crate::time::{SimDuration, SimTime};

/// A recreation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Recreate {
    /// How long a pod must be ready to count as available.
    pub min_ready: SimDuration,
}

impl Entry for Recreate {
    const NAME: &'static str = "recreate";
    const SUMMARY: &'static str = "all old pods stop, then all new ones start: a downtime at every release";
    const EXAMPLE: &'static str = "recreate: {min_ready: 10s}";
}

impl Rollout for Recreate {
    fn start(&self) -> Box<dyn Strategy> {
        Box::new(Running { done: false, since: SimTime::ZERO })
    }

    fn min_ready(&self) -> SimDuration {
        self.min_ready
    }

    fn shortest(&self) -> SimDuration {
        self.min_ready
    }

    fn routing(&self) -> Routing {
        Routing::Endpoints
    }

    fn undo(&self) -> Undo {
        Undo::Recreate
    }
}

/// A recreation under way: where it stands, the pods tell.
#[derive(Clone, Copy, Debug)]
struct Running {
    done: bool,
    since: SimTime,
}

impl Running {
    /// Whether the old pods are still meant to run.
    fn is_untouched(view: &RolloutView) -> bool {
        view.set(SetName::Old).desired > 0
    }

    fn step(view: &RolloutView, actions: &mut Vec<Action>) {
        let (old, new) = (view.set(SetName::Old), view.set(SetName::New));
        let gone = old.created == 0 && old.terminating == 0;
        if Self::is_untouched(view) {
            if !view.hold {
                actions.push(Action::Scale(SetName::Old, 0));
            }
        } else if gone && new.desired < view.replicas {
            actions.push(Action::Scale(SetName::New, view.replicas));
        }
    }
}

impl Strategy for Running {
    fn next(&mut self, signal: Signal, view: &RolloutView) -> Step {
        let mut actions = Vec::new();
        if signal == Signal::Start {
            actions.push(Action::Route(Routing::Endpoints));
            self.since = view.now;
        }
        if !self.done {
            Self::step(view, &mut actions);
            let new = view.set(SetName::New);
            self.done = !Self::is_untouched(view) && new.desired > 0 && new.available >= view.replicas;
            if self.done {
                self.since = view.now;
            }
        }
        let progress = if self.done { Progress::Promoted } else { Progress::Running };
        Step { actions, wake: None, progress }
    }

    fn wants_to_advance(&self, view: &RolloutView) -> bool {
        !self.done && Self::is_untouched(view)
    }

    fn status(&self) -> StepStatus {
        let kind = if self.done { StepKind::Done } else { StepKind::Progressing };
        StepStatus { index: 0, kind, since: self.since }
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::support::testing::{Bench, stopping};
    use super::*;

    #[test]
    fn nothing_new_starts_before_the_last_old_pod_is_gone() {
        let mut bench = Bench::new(Recreate::default().start());
        bench.view.hold = true;
        bench.ask_once(0, Signal::Start);
        assert_eq!(bench.count(SetName::Old), 4, "a hold delays the stop");
        assert!(bench.strategy.wants_to_advance(&bench.view));
        bench.view.hold = false;
        bench.ask_once(10, Signal::Changed);
        assert_eq!((bench.count(SetName::Old), bench.count(SetName::New)), (0, 0));
        bench.view.sets[SetName::Old.index()] = stopping(1);
        bench.view.hold = true;
        bench.ask_once(12, Signal::Changed);
        assert_eq!(bench.count(SetName::New), 0, "one is still there");
        bench.view.sets[SetName::Old.index()] = stopping(0);
        bench.ask_once(14, Signal::Changed);
        assert_eq!(bench.count(SetName::New), 4, "a hold does not keep the service down");
        assert_eq!(bench.ask_once(16, Signal::Changed).progress, Progress::Promoted);
        assert!(bench.ask_once(17, Signal::Changed).actions.is_empty());
    }
}
