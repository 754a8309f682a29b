//! Shadow traffic: the new revision gets copies of live requests, whose answers nobody sees, and then perhaps a switch.
//!
//! While requests are copied no user meets the new revision, so nothing it does can harm one; metrics of the candidate
//! are fed by the copies. When the time is over the copies end, and either all traffic is switched to it, as in a
//! blue-green rollout, or its pods are taken away again.
//!
//! Traps: what only users notice (wrong answers, a broken session) no copy shows; copies that write, write twice, which is not
//! modelled; with half of the requests copied the candidate carries half of the load it will have.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Objection, Progress, Rollout, Signal, Step, StepKind, StepStatus, Strategy, Undo};
use crate::catalogue::Entry;
use crate::effect::{Action, RolloutView, Routing, SetName};
use crate::quantity::Weight;
use crate::time::{SimDuration, SimTime};

/// Copied traffic, then a switch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Shadow {
    /// Share of the requests that is copied.
    pub share: Weight,
    /// How long.
    pub r#for: SimDuration,
    /// Whether all traffic is switched to the new revision then; else its pods go.
    pub then_switch: bool,
    /// Time the old pods stay after the switch.
    pub scale_down_delay: SimDuration,
    /// How long a pod must be ready to count as available.
    pub min_ready: SimDuration,
}

impl Default for Shadow {
    fn default() -> Self {
        Shadow {
            share: Weight::percent(100.0).unwrap_or_default(),
            r#for: SimDuration::from_mins(10),
            then_switch: true,
            scale_down_delay: SimDuration::from_mins(10),
            min_ready: SimDuration::ZERO,
        }
    }
}

impl Entry for Shadow {
    const NAME: &'static str = "shadow";
    const SUMMARY: &'static str = "copies of live requests for a while, which no user notices, then a switch";
    const EXAMPLE: &'static str = "shadow: {share: 100%, for: 10m, then_switch: true}";
}

impl Rollout for Shadow {
    fn start(&self) -> Box<dyn Strategy> {
        Box::new(Running { spec: *self, state: State::Preparing, since: SimTime::ZERO })
    }

    fn min_ready(&self) -> SimDuration {
        self.min_ready
    }

    fn shortest(&self) -> SimDuration {
        self.r#for
    }

    fn undo(&self) -> Undo {
        Undo::Shadow
    }

    fn objections(&self) -> Vec<Objection> {
        if self.share.get() > 0.0 {
            return Vec::new();
        }
        let fact = "no request is copied".to_owned();
        vec![Objection {
            path: vec!["share".to_owned()],
            fact,
            help: "copy some, or use `blue_green`".to_owned(),
        }]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Waiting for the pods of the new revision.
    Preparing,
    /// Requests are copied.
    Copying,
    /// The switch was asked for.
    Switching,
    /// All traffic is on the new revision; the old pods are still there.
    Switched,
    /// Nothing left to do; whether users are on the new revision.
    Done { promoted: bool },
}

/// Copied traffic under way.
#[derive(Clone, Copy, Debug)]
struct Running {
    spec: Shadow,
    state: State,
    since: SimTime,
}

impl Running {
    fn enter(&mut self, state: State, now: SimTime) {
        self.state = state;
        self.since = now;
    }

    /// When the present state ends if nobody holds it.
    fn ends(&self) -> Option<SimTime> {
        match self.state {
            State::Copying => Some(self.since + self.spec.r#for),
            State::Switched => Some(self.since + self.spec.scale_down_delay),
            _ => None,
        }
    }

    fn is_due(&self, now: SimTime) -> bool {
        self.ends().is_some_and(|end| now >= end)
    }

    fn prepare(&mut self, view: &RolloutView, actions: &mut Vec<Action>) {
        let new = view.set(SetName::New);
        if new.desired < view.replicas {
            actions.push(Action::Scale(SetName::New, view.replicas));
        } else if new.available >= view.replicas {
            actions.push(Action::Mirror(self.spec.share.ratio().get()));
            self.enter(State::Copying, view.now);
        }
    }

    /// Ends the copies.
    fn end_copies(&mut self, switch: bool, now: SimTime, actions: &mut Vec<Action>) {
        actions.push(Action::Mirror(0.0));
        if switch {
            actions.push(Action::Weight(1.0));
            self.enter(State::Switching, now);
        } else {
            actions.push(Action::Scale(SetName::New, 0));
            self.enter(State::Done { promoted: false }, now);
        }
    }
}

impl Strategy for Running {
    fn next(&mut self, signal: Signal, view: &RolloutView) -> Step {
        let mut actions = Vec::new();
        if signal == Signal::Start {
            actions.push(Action::Route(Routing::Weighted));
            self.since = view.now;
        }
        match self.state {
            State::Preparing => self.prepare(view, &mut actions),
            State::Copying if signal == Signal::Promote => self.end_copies(true, view.now, &mut actions),
            State::Copying if signal == Signal::Advance || self.is_due(view.now) && !view.hold => {
                self.end_copies(self.spec.then_switch, view.now, &mut actions);
            }
            State::Switching if view.in_force.candidate >= 1.0 => self.enter(State::Switched, view.now),
            State::Switched if self.is_due(view.now) => {
                actions.push(Action::Scale(SetName::Old, 0));
                self.enter(State::Done { promoted: true }, view.now);
            }
            State::Copying | State::Switching | State::Switched | State::Done { .. } => {}
        }
        let promoted = matches!(self.state, State::Switched | State::Done { promoted: true });
        let progress = if promoted { Progress::Promoted } else { Progress::Running };
        // A hold beyond the end is lifted by a change, not by a timer.
        Step { actions, wake: self.ends().filter(|end| *end > view.now), progress }
    }

    fn wants_to_advance(&self, view: &RolloutView) -> bool {
        self.state == State::Copying && self.is_due(view.now)
    }

    fn status(&self) -> StepStatus {
        let (index, kind) = match self.state {
            State::Preparing => (0, StepKind::Progressing),
            State::Copying => (0, StepKind::Bake),
            State::Switching => (1, StepKind::Progressing),
            State::Switched | State::Done { .. } => (1, StepKind::Done),
        };
        StepStatus { index, kind, since: self.since }
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::support::testing::{Bench, at};
    use super::*;

    #[test]
    fn copies_come_before_users() {
        let mut bench = Bench::new(Shadow::default().start());
        assert_eq!(bench.ask(0, Signal::Start).wake, Some(at(600)));
        assert_eq!((bench.view.split.mirror, bench.share(), bench.count(SetName::New)), (1.0, 0.0, 4));
        bench.view.hold = true;
        bench.ask(700, Signal::Changed);
        assert!(bench.share() == 0.0 && bench.strategy.wants_to_advance(&bench.view));
        bench.view.hold = false;
        assert_eq!(bench.ask(710, Signal::Changed).progress, Progress::Promoted);
        assert_eq!((bench.view.split.mirror, bench.share(), bench.count(SetName::Old)), (0.0, 1.0, 4));
        bench.ask(1310, Signal::Changed);
        assert_eq!(bench.count(SetName::Old), 0);
        assert_eq!(
            bench.ask_once(1311, Signal::Changed),
            Step { progress: Progress::Promoted, ..Step::default() }
        );
    }

    #[test]
    fn without_a_switch_nobody_ever_meets_it() {
        let mut bench = Bench::new(Shadow { then_switch: false, ..Shadow::default() }.start());
        bench.ask(0, Signal::Start);
        assert_eq!(bench.ask(600, Signal::Changed).progress, Progress::Running);
        assert_eq!((bench.view.split.mirror, bench.share(), bench.count(SetName::New)), (0.0, 0.0, 0));
        assert_eq!(bench.ask_once(9000, Signal::Changed), Step::default());
    }
}
