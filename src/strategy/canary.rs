//! Canary: the new revision gets a growing share of the traffic, with a bake or an analysis between the steps.
//!
//! With `traffic_routed` a router splits requests exactly and the old revision keeps all its pods until the end, so
//! going back is a flip of weights. Without it the share is approximated by replica counts, within surge and
//! unavailability, so going back takes as long as pods take to start. Semantics of the Argo Rollouts controller
//! (rollout/canary.go, utils/replicaset/canary.go).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::argo_replicas::{BasicCanary, PodSet, approximate_weighted};
use super::support::replicas::{self, Bounds};
use super::{Progress, Rollout, Signal, Step, StepKind, StepStatus, Strategy, Undo};
use crate::catalogue::Entry;
use crate::effect::{Action, RolloutView, Routing, SetName};
use crate::quantity::Weight;
use crate::time::{SimDuration, SimTime};

/// A canary rollout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// The steps, in order.
    pub steps: Vec<CanaryStep>,
    /// Whether a router splits the traffic; otherwise replica counts do.
    #[serde(default = "yes")]
    pub traffic_routed: bool,
    /// Pods beyond and below the wanted number during the change; used without a router.
    #[serde(default)]
    pub bounds: Bounds,
    /// Time the old pods stay after the promotion.
    #[serde(default = "thirty_seconds")]
    pub scale_down_delay: SimDuration,
}

fn yes() -> bool {
    true
}

fn thirty_seconds() -> SimDuration {
    SimDuration::from_secs(30)
}

/// One step: set a weight, wait, or both.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CanaryStep {
    /// Share of traffic for the new revision, unchanged if absent.
    #[serde(default)]
    pub weight: Option<Weight>,
    /// How long to wait once the weight is in force.
    #[serde(default)]
    pub bake: SimDuration,
    /// What the wait is for; engines whose policies run analyses in steps look at it.
    #[serde(default)]
    pub kind: WaitKind,
}

/// What the wait of a step is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitKind {
    /// Time to observe.
    #[default]
    Bake,
    /// An analysis; `bake` is its length when every measurement succeeds.
    Analysis,
    /// A person; `bake` is the stand-in for the time the person takes.
    Pause,
}

impl Entry for Canary {
    const NAME: &'static str = "canary";
    const SUMMARY: &'static str = "weights in steps with a bake after each, by a router or by replica counts";
    const EXAMPLE: &'static str =
        "canary: {steps: [{weight: 5%, bake: 10m}, {weight: 50%, bake: 10m}], traffic_routed: true}";
}

impl Rollout for Canary {
    fn start(&self) -> Box<dyn Strategy> {
        Box::new(Running::new(self.clone()))
    }

    fn min_ready(&self) -> SimDuration {
        self.bounds.min_ready
    }

    fn shortest(&self) -> SimDuration {
        self.steps.iter().fold(SimDuration::ZERO, |sum, step| sum + step.bake)
    }

    fn undo(&self) -> Undo {
        Undo::ArgoAbort { traffic_routed: self.traffic_routed, bounds: self.bounds }
    }
}

/// A canary under way.
#[derive(Clone, Debug)]
pub struct Running {
    spec: Canary,
    index: usize,
    state: State,
    since: SimTime,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Waiting until pods and weight of the present step are there.
    Moving,
    /// Waiting until this instant.
    Baking(SimTime),
    /// All traffic is on the new revision; the old pods go at this instant.
    Finishing(SimTime),
    /// Nothing left to do.
    Done,
}

impl Running {
    /// The rollout at its start.
    pub fn new(spec: Canary) -> Self {
        Running { spec, index: 0, state: State::Moving, since: SimTime::ZERO }
    }

    /// The weight in force in step `index`: the last one set at or before it; all traffic after the last step.
    fn weight(&self) -> f64 {
        if self.index >= self.spec.steps.len() {
            return 1.0;
        }
        self.spec.steps[..=self.index].iter().rev().find_map(|s| s.weight).map_or(0.0, |w| w.ratio().get())
    }

    /// Moves the pods towards the present weight; whether they are there.
    fn move_pods(&self, view: &RolloutView, actions: &mut Vec<Action>) -> bool {
        let weight = self.weight();
        if self.spec.traffic_routed {
            let new = replicas::routed(view.replicas, weight);
            if view.set(SetName::New).desired != new {
                actions.push(Action::Scale(SetName::New, new));
            }
            return view.set(SetName::New).ready >= new;
        }
        let controller = BasicCanary {
            replicas: view.replicas,
            weight: (weight * 100.0).round() as u32,
            max_surge: self.spec.bounds.max_surge.into(),
            max_unavailable: self.spec.bounds.max_unavailable.into(),
        };
        let pods = |set| {
            let seen = view.set(set);
            PodSet { desired: seen.desired, available: seen.available }
        };
        let (new, old) = controller.next_counts(pods(SetName::New), pods(SetName::Old));
        for (set, count) in [(SetName::New, new), (SetName::Old, old)] {
            if view.set(set).desired != count {
                actions.push(Action::Scale(set, count));
            }
        }
        let (surge, _) = self.spec.bounds.resolve(view.replicas);
        let (want_new, want_old) = approximate_weighted(view.replicas, controller.weight, 100, surge);
        view.set(SetName::New).available >= want_new && view.set(SetName::Old).created <= want_old
    }

    fn moving(&mut self, view: &RolloutView, actions: &mut Vec<Action>) -> Option<SimTime> {
        if !self.move_pods(view, actions) {
            return None;
        }
        let weight = self.weight();
        if self.spec.traffic_routed && view.split.candidate != weight {
            actions.push(Action::Weight(weight));
        }
        self.since = view.now;
        let end = match self.spec.steps.get(self.index) {
            Some(step) => view.now + step.bake,
            None => view.now + self.spec.scale_down_delay,
        };
        self.state =
            if self.index < self.spec.steps.len() { State::Baking(end) } else { State::Finishing(end) };
        Some(end)
    }
}

impl Strategy for Running {
    fn next(&mut self, signal: Signal, view: &RolloutView) -> Step {
        let mut actions = Vec::new();
        if signal == Signal::Start {
            self.since = view.now;
            let routing = if self.spec.traffic_routed { Routing::Weighted } else { Routing::Endpoints };
            actions.push(Action::Route(routing));
        }
        if signal == Signal::Promote && matches!(self.state, State::Moving | State::Baking(_)) {
            self.index = self.spec.steps.len();
            self.state = State::Moving;
            self.since = view.now;
        }
        loop {
            let wake = match self.state {
                State::Moving => match self.moving(view, &mut actions) {
                    None => break Step { actions, wake: None, progress: Progress::Running },
                    Some(end) => end,
                },
                State::Baking(end) => {
                    let over = (view.now >= end && !view.hold) || signal == Signal::Advance;
                    if !over {
                        // A hold beyond the end is lifted by a change, not by a timer.
                        let wake = (view.now < end).then_some(end);
                        break Step { actions, wake, progress: Progress::Running };
                    }
                    self.index += 1;
                    self.state = State::Moving;
                    self.since = view.now;
                    continue;
                }
                State::Finishing(end) => {
                    if view.now >= end {
                        actions.push(Action::Scale(SetName::Old, 0));
                        self.state = State::Done;
                        continue;
                    }
                    break Step { actions, wake: Some(end), progress: Progress::Promoted };
                }
                State::Done => break Step { actions, wake: None, progress: Progress::Promoted },
            };
            if wake > view.now {
                let progress = if matches!(self.state, State::Finishing(_)) {
                    Progress::Promoted
                } else {
                    Progress::Running
                };
                break Step { actions, wake: Some(wake), progress };
            }
            if view.hold && matches!(self.state, State::Baking(_)) {
                break Step { actions, wake: None, progress: Progress::Running };
            }
        }
    }

    fn wants_to_advance(&self, view: &RolloutView) -> bool {
        matches!(self.state, State::Baking(end) if view.now >= end)
    }

    fn status(&self) -> StepStatus {
        let kind = match self.state {
            State::Moving => StepKind::Progressing,
            State::Baking(_) => self.wait_kind(),
            State::Finishing(_) | State::Done => StepKind::Done,
        };
        StepStatus { index: self.index, kind, since: self.since }
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}

impl Running {
    fn wait_kind(&self) -> StepKind {
        let analyses = |steps: &[CanaryStep]| steps.iter().filter(|s| s.kind == WaitKind::Analysis).count();
        match self.spec.steps.get(self.index).map(|s| s.kind) {
            Some(WaitKind::Analysis) => StepKind::Analysis(analyses(&self.spec.steps[..self.index])),
            Some(WaitKind::Pause) => StepKind::Pause,
            _ => StepKind::Bake,
        }
    }
}
