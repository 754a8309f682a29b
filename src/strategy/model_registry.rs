//! A model registry: the new version is put into the stage *Production*, or an alias is moved to it, and the processes that
//! serve find it when they next ask.
//!
//! No pod starts or stops: the serving processes stay, each asks once a polling interval what to serve and
//! [loads](super::support::polling) it. Here the share of them that serves the new version is a set of its own at full size, as with a
//! [feature flag](super::feature_flag); it is brought up before the registry names the new version.
//!
//! In a stage there may be several versions or none; the client that asks for the newest of a stage gets the one with the highest
//! version *number*, whenever it was promoted, and nothing where the stage is empty. A promotion may archive what was in
//! the stage before, or leave it there: then there is nothing archived to go back to. An alias names one version always.
//!
//! Traps: the change is one call and everybody's within an interval; there is no canary in a registry, so every user has met the
//! new model before its first label comes. A hold keeps the version from being named and can do nothing later.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::polling::Polling;
use super::{Progress, Rollout, Signal, Step, StepKind, StepStatus, Strategy, Undo};
use crate::catalogue::Entry;
use crate::effect::{Action, RolloutView, Routing, SetName};
use crate::time::{SimDuration, SimTime};

/// How the registry says which version is to be served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Names {
    /// By the stage *Production*.
    #[default]
    Stages,
    /// By an alias.
    Alias,
}

/// A version that servers find in a registry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ModelRegistry {
    /// How the registry says which version is to be served.
    pub mode: Names,
    /// How often a serving process asks.
    pub poll: SimDuration,
    /// Time from finding a version to answering with it.
    pub load: SimDuration,
    /// Time between the deploy and the registry naming the new version.
    pub pause: SimDuration,
    /// Whether the promotion archives what was in Production before (`archive_existing_versions`); without it there are two.
    pub archive_existing: bool,
}

impl Default for ModelRegistry {
    fn default() -> Self {
        ModelRegistry {
            mode: Names::Stages,
            poll: SimDuration::from_secs(60),
            load: SimDuration::from_secs(20),
            pause: SimDuration::from_secs(30),
            archive_existing: true,
        }
    }
}

impl Entry for ModelRegistry {
    const NAME: &'static str = "model_registry";
    const SUMMARY: &'static str =
        "a registry names another version of the model; servers find it when they poll, and load it";
    const EXAMPLE: &'static str = "model_registry: {mode: stages, poll: 1m, load: 20s}";
}

impl ModelRegistry {
    /// How servers follow it.
    pub fn polling(&self) -> Polling {
        Polling { poll: self.poll, load: self.load }
    }
}

impl Rollout for ModelRegistry {
    fn start(&self) -> Box<dyn Strategy> {
        Box::new(Running { spec: self.clone(), state: State::Preparing, since: SimTime::ZERO })
    }

    fn routing(&self) -> Routing {
        Routing::Registry
    }

    fn shortest(&self) -> SimDuration {
        self.pause + self.polling().longest()
    }

    fn undo(&self) -> Undo {
        Undo::Registry(self.clone())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// What stands for the processes with the new version is coming up.
    Preparing,
    /// The registry names the old version still.
    Pausing,
    /// Servers find and load the new version.
    Following,
    /// All of them serve it.
    Done,
}

/// Such a rollout under way.
#[derive(Clone, Debug)]
struct Running {
    spec: ModelRegistry,
    state: State,
    since: SimTime,
}

impl Running {
    fn enter(&mut self, state: State, now: SimTime) {
        self.state = state;
        self.since = now;
    }

    fn is_due(&self, now: SimTime) -> bool {
        self.state == State::Pausing && now >= self.since + self.spec.pause
    }

    /// Goes one state further if it can.
    fn step(&mut self, signal: Signal, view: &RolloutView, actions: &mut Vec<Action>) -> bool {
        let now = view.now;
        let next = match self.state {
            State::Preparing => {
                let new = view.set(SetName::New);
                if new.desired < view.replicas {
                    actions.push(Action::Scale(SetName::New, view.replicas));
                }
                let ready = new.desired >= view.replicas && new.available >= view.replicas;
                ready.then_some(State::Pausing)
            }
            State::Pausing => {
                let asked = matches!(signal, Signal::Advance | Signal::Promote);
                (asked || self.is_due(now) && !view.hold).then_some(State::Following)
            }
            State::Following => {
                let over = self.spec.polling().forth(now.since(self.since)).until.is_none();
                over.then_some(State::Done)
            }
            State::Done => None,
        };
        next.inspect(|state| self.enter(*state, now)).is_some()
    }
}

impl Strategy for Running {
    fn next(&mut self, signal: Signal, view: &RolloutView) -> Step {
        let mut actions = Vec::new();
        if signal == Signal::Start {
            actions.push(Action::Route(Routing::Registry));
            self.since = view.now;
        }
        let mut wake = None;
        let following = |running: &Self| running.spec.polling().forth(view.now.since(running.since));
        let mut shares = None;
        while self.step(signal, view, &mut actions) {
            if self.state == State::Done {
                shares = Some((1.0, 1.0));
            }
        }
        match self.state {
            State::Pausing => wake = Some(self.since + self.spec.pause).filter(|at| *at > view.now),
            State::Following => {
                let now = following(self);
                shares = Some((now.found, now.loaded));
                wake = now.until.map(|left| self.since + left);
            }
            State::Preparing | State::Done => {}
        }
        if let Some((found, loaded)) = shares
            && (found, loaded) != (view.split.candidate, view.in_force.candidate)
        {
            actions.push(Action::ModelShare { found, loaded });
        }
        let progress = if self.state == State::Done { Progress::Promoted } else { Progress::Running };
        Step { actions, wake, progress }
    }

    fn wants_to_advance(&self, view: &RolloutView) -> bool {
        self.is_due(view.now)
    }

    fn status(&self) -> StepStatus {
        let kind = match self.state {
            State::Pausing => StepKind::Bake,
            State::Preparing | State::Following => StepKind::Progressing,
            State::Done => StepKind::Done,
        };
        let index = usize::from(matches!(self.state, State::Following | State::Done));
        StepStatus { index, kind, since: self.since }
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::support::testing::{Bench, at};
    use super::*;

    #[test]
    fn servers_follow_within_an_interval_and_a_loading_time() {
        let spec = ModelRegistry { pause: SimDuration::from_secs(10), ..ModelRegistry::default() };
        let mut bench = Bench::new(spec.start());
        assert_eq!(bench.ask(0, Signal::Start).wake, Some(at(10)));
        assert_eq!((bench.count(SetName::Old), bench.count(SetName::New)), (4, 4));
        bench.ask(10, Signal::Changed);
        bench.ask(60, Signal::Changed);
        let loaded = bench.view.in_force.candidate;
        assert!((loaded - 0.5).abs() < 0.02 && bench.share() > 0.8, "{loaded}");
        assert_eq!(bench.ask(90, Signal::Changed).progress, Progress::Promoted);
        assert_eq!((bench.share(), bench.view.in_force.candidate), (1.0, 1.0));
    }

    #[test]
    fn a_hold_keeps_the_version_from_being_named_and_stops_nobody_later() {
        let mut bench = Bench::new(ModelRegistry::default().start());
        bench.view.hold = true;
        bench.ask(0, Signal::Start);
        bench.ask(40, Signal::Changed);
        assert!(bench.strategy.wants_to_advance(&bench.view) && bench.share() == 0.0);
        bench.view.hold = false;
        bench.ask(41, Signal::Changed);
        bench.view.hold = true;
        bench.ask(140, Signal::Changed);
        assert_eq!(bench.share(), 1.0);
    }
}
