//! A cluster of four replicas that obeys at once, for tests of strategies.

use crate::effect::{Action, RolloutView, Routing, SetName, SetView, Split};
use crate::strategy::{Signal, Step, Strategy};
use crate::time::{SimDuration, SimTime};

/// A strategy and what it sees.
pub struct Bench {
    /// Under test.
    pub strategy: Box<dyn Strategy>,
    /// What it is shown.
    pub view: RolloutView,
}

/// An instant of the test.
pub fn at(seconds: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs(seconds)
}

/// A span of the test.
pub fn secs(seconds: u64) -> SimDuration {
    SimDuration::from_secs(seconds)
}

/// So many pods, all of them available.
pub fn pods(count: u32) -> SetView {
    SetView { desired: count, created: count, ready: count, available: count, ..SetView::default() }
}

/// A set that nobody wants any more, with so many pods that have not stopped yet.
pub fn stopping(count: u32) -> SetView {
    SetView { terminating: count, ..SetView::default() }
}

impl Bench {
    /// Before the deploy.
    pub fn new(strategy: Box<dyn Strategy>) -> Self {
        let mut sets = [SetView::default(); SetName::COUNT];
        sets[SetName::Old.index()] = pods(4);
        let view = RolloutView {
            now: at(0),
            deploy_at: at(0),
            replicas: 4,
            sets,
            split: Split::STABLE,
            in_force: Split::STABLE,
            routing: Routing::Endpoints,
            hold: false,
            database: None,
            others_back: 0,
        };
        Bench { strategy, view }
    }

    /// Asks once and obeys.
    pub fn ask_once(&mut self, seconds: u64, signal: Signal) -> Step {
        self.view.now = at(seconds);
        let step = self.strategy.next(signal, &self.view);
        for action in &step.actions {
            match *action {
                Action::Scale(set, count) => self.view.sets[set.index()] = pods(count),
                Action::Weight(share) | Action::ClientShare(share) => self.view.split.candidate = share,
                Action::Mirror(share) => self.view.split.mirror = share,
                Action::Unsplit => self.view.split = Split::STABLE,
                Action::Route(routing) => self.view.routing = routing,
                _ => {}
            }
            self.view.in_force = self.view.split;
            if let Action::ModelShare { found, loaded } = *action {
                self.view.split.candidate = found;
                self.view.in_force.candidate = loaded;
            }
        }
        step
    }

    /// Asks until it has nothing more to say at this instant; its last word.
    pub fn ask(&mut self, seconds: u64, signal: Signal) -> Step {
        let mut step = self.ask_once(seconds, signal);
        while !step.actions.is_empty() {
            step = self.ask_once(seconds, Signal::Changed);
        }
        step
    }

    /// Pods asked for in a set.
    pub fn count(&self, set: SetName) -> u32 {
        self.view.set(set).desired
    }

    /// Share of the traffic on the new side.
    pub fn share(&self) -> f64 {
        self.view.split.candidate
    }
}
