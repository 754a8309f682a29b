//! Another image on each host: `docker stop`, `docker run` of the new one, host after host or all at once.
//!
//! Each pod of the set stands for the one container of a host. A host serves nothing from the stop of the old container until
//! the new one is ready; if the image is not there, `docker run` pulls it in that time, unless it was pulled before. How
//! long a pull takes is drawn per host.
//!
//! Traps: one host at a time costs one host's capacity, and all at once is a downtime for everybody. If the registry
//! does not have the image, a script that stops first has stopped its hosts for nothing and leaves them so; one that
//! pulls first changes nothing. The container's environment is the host's, not the image's: where a release is bad by
//! it, give the fault to the old revision too.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Objection, Progress, Rollout, Signal, Step, StepKind, StepStatus, Strategy, Undo};
use crate::catalogue::Entry;
use crate::effect::{Action, RolloutView, Routing, SetName};
use crate::rng::{Distribution, Key, Purpose};
use crate::time::{SimDuration, SimTime};

/// Another image on each host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ImageSwap {
    /// Hosts that are changed at a time; every host if absent.
    pub at_once: Option<u32>,
    /// Time a host takes to pull the image; it is there already if absent.
    pub pull: Option<Distribution<SimDuration>>,
    /// Whether hosts pull before they stop what runs; else `docker run` pulls.
    pub pull_first: bool,
    /// Whether the registry does not have the image.
    pub missing: bool,
    /// How long a container must be ready before the next host.
    pub min_ready: SimDuration,
}

impl Default for ImageSwap {
    fn default() -> Self {
        ImageSwap {
            at_once: Some(1),
            pull: None,
            pull_first: false,
            missing: false,
            min_ready: SimDuration::ZERO,
        }
    }
}

impl Entry for ImageSwap {
    const NAME: &'static str = "image_swap";
    const SUMMARY: &'static str = "on each host the old container is stopped and the new image run";
    const EXAMPLE: &'static str =
        "image_swap: {at_once: 1, pull: {lognormal: {p50: 20s, p99: 2m}}, pull_first: true}";
}

impl ImageSwap {
    fn running(&self, key: Key) -> Box<dyn Strategy> {
        let state = State::Between;
        Box::new(Running { spec: self.clone(), key, state, through: 0, batch: 0, since: SimTime::ZERO })
    }
}

impl Rollout for ImageSwap {
    fn start(&self) -> Box<dyn Strategy> {
        self.running(Key::root(0, Self::NAME))
    }

    fn start_keyed(&self, key: Key) -> Box<dyn Strategy> {
        self.running(key)
    }

    fn min_ready(&self) -> SimDuration {
        self.min_ready
    }

    fn routing(&self) -> Routing {
        Routing::Endpoints
    }

    fn undo(&self) -> Undo {
        Undo::ImageSwap
    }

    fn objections(&self) -> Vec<Objection> {
        let object = |path: &str, fact: &str, help: &str| Objection {
            path: vec![path.to_owned()],
            fact: fact.to_owned(),
            help: help.to_owned(),
        };
        let mut found = Vec::new();
        if self.at_once == Some(0) {
            found.push(object(
                "at_once",
                "no host at a time",
                "leave it out for every host, or write `at_once: 1`",
            ));
        }
        if self.missing && self.pull.is_none() {
            let help = "an image that is on every host needs no registry: add `pull:`";
            found.push(object("missing", "an image that is missing and not pulled", help));
        }
        found
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No host is being changed.
    Between,
    /// The hosts of the batch pull while the old containers run.
    PullingFirst,
    /// Their old containers stop.
    Stopping,
    /// `docker run`: they pull if they have to, and start.
    Running,
    /// The image is not to be had; nobody goes on.
    Failed,
    /// Every host is changed.
    Done,
}

/// A change of images under way.
#[derive(Clone, Debug)]
struct Running {
    spec: ImageSwap,
    key: Key,
    state: State,
    /// Hosts that are through.
    through: u32,
    /// Hosts that are being changed.
    batch: u32,
    since: SimTime,
}

impl Running {
    fn enter(&mut self, state: State, now: SimTime) {
        self.state = state;
        self.since = now;
    }

    /// When the hosts of the batch have the image, if they pull in this state.
    fn pulled_at(&self) -> Vec<SimTime> {
        let pulls_now = self.spec.pull.as_ref().filter(|_| {
            self.state == State::PullingFirst || self.state == State::Running && !self.spec.pull_first
        });
        let key = self.key.entity("image pull").purpose(Purpose::Startup);
        let takes = |host: u32| match pulls_now {
            Some(law) => SimDuration::from_secs_f64(law.quantile(key.id(u64::from(host)).uniform_open())),
            None => SimDuration::ZERO,
        };
        (self.through..self.through + self.batch).map(|host| self.since + takes(host)).collect()
    }

    fn is_over(&self, view: &RolloutView) -> bool {
        self.through >= view.replicas
    }

    /// Goes one state further if it can.
    fn step(&mut self, view: &RolloutView, actions: &mut Vec<Action>) -> bool {
        let now = view.now;
        let (old, new) = (view.set(SetName::Old), view.set(SetName::New));
        match self.state {
            State::Between if self.is_over(view) => self.enter(State::Done, now),
            State::Between if !view.hold => {
                let left = view.replicas - self.through;
                self.batch = self.spec.at_once.map_or(left, |most| most.min(left));
                let first = self.spec.pull_first && self.spec.pull.is_some();
                self.enter(if first { State::PullingFirst } else { State::Stopping }, now);
                return true;
            }
            State::PullingFirst if self.spec.missing => self.enter(State::Failed, now),
            State::PullingFirst if self.pulled_at().iter().all(|at| *at <= now) => {
                self.enter(State::Stopping, now);
                return true;
            }
            State::Stopping => {
                let rest = view.replicas.saturating_sub(self.through + self.batch);
                if old.desired > rest {
                    actions.push(Action::Scale(SetName::Old, rest));
                } else if old.created <= rest && old.terminating == 0 {
                    self.enter(State::Running, now);
                    return true;
                }
            }
            State::Running if self.spec.missing => self.enter(State::Failed, now),
            State::Running => {
                let ran = self.through + self.pulled_at().iter().filter(|at| **at <= now).count() as u32;
                if new.desired < ran {
                    actions.push(Action::Scale(SetName::New, ran));
                }
                let all = self.through + self.batch;
                if new.desired >= all && new.available >= all {
                    self.through = all;
                    self.enter(State::Between, now);
                    return true;
                }
            }
            State::Between | State::PullingFirst | State::Failed | State::Done => {}
        }
        false
    }
}

impl Strategy for Running {
    fn next(&mut self, signal: Signal, view: &RolloutView) -> Step {
        let mut actions = Vec::new();
        if signal == Signal::Start {
            actions.push(Action::Route(Routing::Endpoints));
            self.since = view.now;
        }
        while self.step(view, &mut actions) {}
        let pulls = matches!(self.state, State::PullingFirst | State::Running);
        let wake = if pulls { self.pulled_at().into_iter().filter(|at| *at > view.now).min() } else { None };
        let progress = if self.state == State::Done { Progress::Promoted } else { Progress::Running };
        Step { actions, wake, progress }
    }

    fn wants_to_advance(&self, view: &RolloutView) -> bool {
        self.state == State::Between && !self.is_over(view)
    }

    fn status(&self) -> StepStatus {
        let kind = if self.state == State::Done { StepKind::Done } else { StepKind::Progressing };
        StepStatus { index: self.through as usize, kind, since: self.since }
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::support::testing::{Bench, at};
    use super::*;

    fn pods(bench: &Bench) -> (u32, u32) {
        (bench.count(SetName::Old), bench.count(SetName::New))
    }

    #[test]
    fn host_by_host_and_a_hold_waits_between_two() {
        let mut bench = Bench::new(ImageSwap::default().start());
        bench.ask_once(0, Signal::Start);
        assert_eq!(pods(&bench), (3, 0));
        bench.view.hold = true;
        bench.ask(1, Signal::Changed);
        assert_eq!(pods(&bench), (3, 1), "what is begun is ended");
        assert!(bench.strategy.wants_to_advance(&bench.view));
        bench.view.hold = false;
        assert_eq!(bench.ask(2, Signal::Changed).progress, Progress::Promoted);
        assert_eq!(pods(&bench), (0, 4));
    }

    #[test]
    fn each_host_pulls_while_it_is_down_unless_it_pulled_before() {
        let pull = Some(Distribution::certain(30.0));
        let spec = ImageSwap { at_once: None, pull, ..ImageSwap::default() };
        let mut bench = Bench::new(spec.start());
        assert_eq!(bench.ask(0, Signal::Start).wake, Some(at(30)));
        assert_eq!(pods(&bench), (0, 0), "all at once is a downtime");
        assert_eq!(bench.ask(30, Signal::Changed).progress, Progress::Promoted);
        let mut first = Bench::new(ImageSwap { pull_first: true, ..spec }.start());
        assert_eq!(first.ask(0, Signal::Start).wake, Some(at(30)));
        assert_eq!(pods(&first), (4, 0));
        assert_eq!(first.ask(30, Signal::Changed).progress, Progress::Promoted);
        assert_eq!(pods(&first), (0, 4));
    }

    #[test]
    fn pulls_differ_by_host_and_luck_is_keyed() {
        let law = Distribution::lognormal(20.0, 60.0).unwrap();
        let spec = ImageSwap { at_once: None, pull: Some(law), ..ImageSwap::default() };
        let wakes = |seed: u64| {
            let mut bench = Bench::new(spec.start_keyed(Key::root(seed, "pulls")));
            let first = bench.ask(0, Signal::Start).wake.unwrap();
            bench.view.now = first;
            let step = bench.strategy.next(Signal::Changed, &bench.view);
            (first, step.actions, step.wake)
        };
        assert_eq!(wakes(1), wakes(1));
        assert_ne!(wakes(1), wakes(2));
        assert_eq!(wakes(1).1, [Action::Scale(SetName::New, 1)], "the first that has it starts");
        assert!(wakes(1).2 > Some(wakes(1).0));
    }

    #[test]
    fn a_missing_image_leaves_hosts_down_or_untouched() {
        let pull = Some(Distribution::certain(30.0));
        let spec = ImageSwap { pull, missing: true, ..ImageSwap::default() };
        let mut bench = Bench::new(spec.start());
        assert_eq!(bench.ask(0, Signal::Start), Step::default());
        assert_eq!(pods(&bench), (3, 0));
        let mut first = Bench::new(ImageSwap { pull_first: true, ..spec }.start());
        assert_eq!(first.ask(0, Signal::Start), Step::default());
        assert_eq!(pods(&first), (4, 0));
    }
}
