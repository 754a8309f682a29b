//! A rollout whose clients find the new side by themselves: both sides run, a value is changed, and then clients look.
//!
//! The new side is brought to full size beside the old one; after a pause the value rises, once or in several steps; the
//! share of the clients there follows as they [look](super::drift). The rollout counts as promoted when those who
//! look as they should have seen the last value: nobody can tell whether the others have.
//!
//! Traps: a hold keeps the value where it is, not the clients, who go on to find what was changed before.

use super::drift::{Ladder, Stage};
use crate::effect::{Action, RolloutView, Routing, SetName};
use crate::strategy::{Progress, Signal, Step, StepKind, StepStatus, Strategy};
use crate::time::{SimDuration, SimTime};

/// What such a rollout does.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The values and how clients find them.
    pub ladder: Ladder,
    /// Time between the new side being available and the first value.
    pub pause: SimDuration,
    /// Time from one value to the next.
    pub bake: SimDuration,
    /// Time the old side stays after the promotion; for ever if absent.
    pub keep_old: Option<SimDuration>,
    /// How requests find the sides.
    pub routing: Routing,
    /// Whether each side stands by for the other.
    pub backup: bool,
}

impl Plan {
    /// How long it takes at least.
    pub fn shortest(&self) -> SimDuration {
        self.pause
            + self.bake * (self.ladder.values.len() as u64).saturating_sub(1)
            + self.ladder.drift.period
    }

    /// The rollout at its start.
    pub fn start(self) -> Box<dyn Strategy> {
        Box::new(Running { plan: self, state: State::Preparing, since: SimTime::ZERO, changes: Vec::new() })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Waiting for the pods of the new side.
    Preparing,
    /// The new side is up; nobody has been sent there.
    Pausing,
    /// Clients find the values.
    Moving,
    /// Promoted; the old side is still there.
    Keeping,
    /// Nothing is left but clients who look late.
    Done,
}

/// Such a rollout under way.
#[derive(Clone, Debug)]
struct Running {
    plan: Plan,
    state: State,
    since: SimTime,
    /// When each value so far was set.
    changes: Vec<SimTime>,
}

impl Running {
    fn enter(&mut self, state: State, now: SimTime) {
        self.state = state;
        self.since = now;
    }

    fn has_all_values(&self) -> bool {
        self.changes.len() == self.plan.ladder.values.len()
    }

    /// When the present state ends if nobody holds it.
    fn ends(&self) -> Option<SimTime> {
        let period = self.plan.ladder.drift.period;
        match self.state {
            State::Pausing => Some(self.since + self.plan.pause),
            State::Moving if self.has_all_values() => Some(self.since + period),
            State::Moving => Some(self.since + self.plan.bake),
            State::Keeping => self.plan.keep_old.map(|keep| self.since + keep),
            State::Preparing | State::Done => None,
        }
    }

    fn is_due(&self, now: SimTime) -> bool {
        self.ends().is_some_and(|end| now >= end)
    }

    /// Whether a hold can keep it where it is.
    fn can_be_held(&self) -> bool {
        self.state == State::Pausing || self.state == State::Moving && !self.has_all_values()
    }

    /// Goes one state further if it can.
    fn step(&mut self, view: &RolloutView, advance: bool, actions: &mut Vec<Action>) -> bool {
        let now = view.now;
        if self.state == State::Preparing {
            let new = view.set(SetName::New);
            if new.desired < view.replicas {
                actions.push(Action::Scale(SetName::New, view.replicas));
            }
            let ready = new.desired >= view.replicas && new.available >= view.replicas;
            if ready {
                self.enter(State::Pausing, now);
            }
            return ready;
        }
        let over =
            if self.can_be_held() { advance || self.is_due(now) && !view.hold } else { self.is_due(now) };
        if !over {
            return false;
        }
        if self.can_be_held() {
            self.changes.push(now);
            self.enter(State::Moving, now);
        } else if self.state == State::Moving {
            self.enter(State::Keeping, now);
        } else {
            actions.push(Action::Scale(SetName::Old, 0));
            self.enter(State::Done, now);
        }
        true
    }

    /// Share of the clients on the new side: each change is worth its rise, for those who have looked since.
    fn stage(&self, now: SimTime) -> Stage {
        let mut all = Stage { share: 0.0, until: None };
        let mut before = 0.0;
        for (value, at) in self.plan.ladder.values.iter().zip(&self.changes) {
            let elapsed = now.since(*at);
            let one = self.plan.ladder.drift.forth(before, *value, elapsed);
            all.share += one.share - before;
            let left = one.until.map(|until| until.saturating_sub(elapsed));
            all.until = [all.until, left].into_iter().flatten().min();
            before = *value;
        }
        // Sums of shares may miss a value that everybody has found by a rounding.
        if all.until.is_none() { Stage { share: before, ..all } } else { all }
    }

    /// The last value at once.
    fn promote(&mut self, now: SimTime) {
        if matches!(self.state, State::Pausing | State::Moving) && !self.has_all_values() {
            self.changes.resize(self.plan.ladder.values.len(), now);
            self.enter(State::Moving, now);
        }
    }
}

impl Strategy for Running {
    fn next(&mut self, signal: Signal, view: &RolloutView) -> Step {
        let mut actions = Vec::new();
        match signal {
            Signal::Start => {
                actions.push(Action::Route(self.plan.routing));
                if self.plan.backup {
                    actions.push(Action::Backup(true));
                }
                self.since = view.now;
            }
            Signal::Promote => self.promote(view.now),
            Signal::Advance | Signal::Changed => {}
        }
        let mut advance = signal == Signal::Advance;
        while self.step(view, std::mem::take(&mut advance), &mut actions) {}
        let stage = self.stage(view.now);
        if stage.share != view.split.candidate {
            actions.push(Action::ClientShare(stage.share));
        }
        let moves = stage.until.map(|left| view.now + left);
        // A hold beyond the end is lifted by a change, not by a timer.
        let ends = self.ends().filter(|end| *end > view.now);
        let wake = [moves, ends].into_iter().flatten().min();
        let promoted = matches!(self.state, State::Keeping | State::Done);
        let progress = if promoted { Progress::Promoted } else { Progress::Running };
        Step { actions, wake, progress }
    }

    fn wants_to_advance(&self, view: &RolloutView) -> bool {
        self.can_be_held() && self.is_due(view.now)
    }

    fn status(&self) -> StepStatus {
        let kind = match self.state {
            State::Keeping | State::Done => StepKind::Done,
            _ if self.can_be_held() => StepKind::Bake,
            _ => StepKind::Progressing,
        };
        StepStatus { index: self.changes.len(), kind, since: self.since }
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::drift::Drift;
    use super::super::testing::{Bench, at, secs};
    use super::*;
    use crate::quantity::Ratio;

    fn bench(values: &[f64], bake: u64) -> Bench {
        let drift = Drift { period: secs(60), late: Ratio::new(0.1).unwrap(), late_period: secs(600) };
        let ladder = Ladder { drift, values: values.to_vec() };
        let plan = Plan {
            ladder,
            pause: secs(100),
            bake: secs(bake),
            keep_old: Some(secs(900)),
            routing: Routing::Clients,
            backup: false,
        };
        Bench::new(plan.start())
    }

    #[test]
    fn clients_follow_the_record_until_the_last_has_looked() {
        let mut bench = bench(&[1.0], 0);
        assert_eq!(bench.ask(0, Signal::Start).wake, Some(at(100)));
        assert_eq!((bench.count(SetName::New), bench.share()), (4, 0.0));
        bench.view.hold = true;
        assert_eq!(bench.ask(130, Signal::Changed).wake, None, "held");
        assert!(bench.strategy.wants_to_advance(&bench.view));
        bench.view.hold = false;
        assert_eq!(bench.ask(150, Signal::Changed).wake, Some(at(151)));
        bench.view.hold = true;
        bench.ask(180, Signal::Changed);
        let (share, law) = (bench.share(), 0.9 * 30.5 / 60.0 + 0.1 * 30.5 / 600.0);
        assert!((share - law).abs() < 1e-9, "no hold keeps clients: {share} {law}");
        assert_eq!(bench.ask(209, Signal::Changed).progress, Progress::Running);
        assert_eq!(bench.ask(210, Signal::Changed).progress, Progress::Promoted);
        assert!(bench.share() < 0.92, "who ignores the time to live is still there: {}", bench.share());
        bench.ask(750, Signal::Changed);
        assert_eq!((bench.share(), bench.count(SetName::Old)), (1.0, 4));
        bench.ask(1110, Signal::Changed);
        assert_eq!(bench.count(SetName::Old), 0);
        assert_eq!(
            bench.ask(1111, Signal::Changed),
            Step { progress: Progress::Promoted, ..Step::default() }
        );
    }

    #[test]
    fn a_value_waits_for_its_bake_and_for_nobody_who_looks_late() {
        let mut bench = bench(&[0.2, 1.0], 300);
        bench.ask(0, Signal::Start);
        bench.ask(100, Signal::Changed);
        bench.ask(399, Signal::Changed);
        let late = 0.1 * 0.2 * 0.5;
        assert!((bench.share() - (0.2 * 0.9 + late)).abs() < 0.002, "{}", bench.share());
        assert_eq!(bench.strategy.status().kind, StepKind::Bake);
        bench.ask(400, Signal::Changed);
        // Ten minutes after the first value, five after the second: late clients have found it all, and half of the rest.
        bench.ask(700, Signal::Changed);
        let late = 0.1 * (0.2 + 0.8 * 0.5);
        assert!((bench.share() - (0.9 + late)).abs() < 0.002, "{}", bench.share());
    }

    #[test]
    fn policies_may_hurry() {
        let mut slow = bench(&[0.2, 0.5, 1.0], 3000);
        slow.ask(0, Signal::Start);
        slow.ask(10, Signal::Advance);
        assert_eq!(slow.strategy.status().index, 1, "one value an advance");
        slow.ask(20, Signal::Promote);
        assert_eq!(slow.strategy.status().index, 3);
        slow.ask(80, Signal::Changed);
        assert!(slow.share() > 0.89, "{}", slow.share());
    }
}
