//! A canary under way.

use super::{Canary, CanaryScale, CanaryStep, Experiment, WaitKind};
use crate::effect::{Action, RolloutView, Routing, SetName, Split};
use crate::quantity::Weight;
use crate::strategy::support::argo_replicas::{BasicCanary, PodSet, approximate_weighted};
use crate::strategy::support::replicas;
use crate::strategy::{Progress, Signal, Step, StepKind, StepStatus, Strategy};
use crate::time::SimTime;

/// A canary under way.
#[derive(Clone, Debug)]
pub struct Running {
    spec: Canary,
    index: usize,
    state: State,
    since: SimTime,
    /// What was asked of the routers so far; the view lags behind within one call.
    asked: Split,
    /// Pods of the new set that were asked for an experiment, without a router.
    extra: u32,
    /// Whether all traffic has been on the new revision.
    promoted: bool,
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

/// Pods wanted in the sets of a routed canary.
struct Wanted {
    new: u32,
    old: u32,
    baseline: u32,
}

impl Running {
    /// The rollout at its start.
    pub fn new(spec: Canary) -> Self {
        Running {
            spec,
            index: 0,
            state: State::Moving,
            since: SimTime::ZERO,
            asked: Split::STABLE,
            extra: 0,
            promoted: false,
        }
    }

    /// The last value that `of` finds at or before the present step; none after the last step.
    fn latest<T>(&self, of: impl Fn(&CanaryStep) -> Option<T>) -> Option<T> {
        self.spec.steps.get(..=self.index)?.iter().rev().find_map(of)
    }

    /// The weight in force in the present step: the last one set at or before it; all traffic after the last step.
    fn weight(&self) -> f64 {
        if self.index >= self.spec.steps.len() {
            return 1.0;
        }
        self.latest(|step| step.weight).map_or(0.0, share)
    }

    fn experiment(&self) -> Experiment {
        self.spec.steps.get(self.index).and_then(|step| step.experiment).unwrap_or_default()
    }

    /// What the routers shall do in the present step.
    fn split(&self) -> Split {
        let (weight, experiment) = (self.weight(), self.experiment());
        let candidate = (weight + share(experiment.candidate_weight)).min(1.0);
        let own = if self.spec.baseline && weight < 1.0 {
            self.spec.baseline_share.filter(|_| weight > 0.0).map_or(weight, share)
        } else {
            0.0
        };
        Split {
            candidate,
            baseline: (own + share(experiment.baseline_weight)).min(1.0 - candidate),
            mirror: self.latest(|step| step.mirror).map_or(0.0, share),
            cohort: self.latest(|step| step.cohort).unwrap_or(false),
        }
    }

    /// Pods for a share of the traffic, and not too few to be any.
    fn pods_for(&self, view: &RolloutView, share: f64) -> u32 {
        match replicas::routed(view.replicas, share) {
            0 => 0,
            pods => pods.max(self.spec.min_pods),
        }
    }

    /// The pods of the present step. Nobody loses pods before the routers took the traffic away: the greater of the
    /// share in force and the wanted one counts (`CalculateReplicaCountsForTrafficRoutedCanary`).
    fn wanted(&self, view: &RolloutView) -> Wanted {
        let (weight, experiment) = (self.weight(), self.experiment());
        let of_share = |share: f64| self.pods_for(view, share);
        let fits = of_share(weight.max(view.in_force.candidate));
        let new = match self.latest(|step| step.scale) {
            Some(CanaryScale::Pods(pods)) => pods,
            Some(CanaryScale::Share(scale)) => of_share(share(scale)),
            Some(CanaryScale::MatchTraffic) | None => fits,
        };
        let old = if self.spec.dynamic_stable_scale {
            of_share(1.0 - weight.min(view.in_force.candidate))
        } else {
            view.replicas
        };
        let own = if self.spec.baseline && weight < 1.0 { new } else { 0 };
        let still = if view.in_force.baseline > 0.0 { view.set(SetName::Baseline).desired } else { 0 };
        Wanted { new: new + experiment.candidate, old, baseline: (own + experiment.baseline).max(still) }
    }

    /// Moves the pods towards the present step; whether they are there.
    fn move_pods(&mut self, view: &RolloutView, actions: &mut Vec<Action>) -> bool {
        if !self.spec.traffic_routed {
            return self.move_by_counts(view, actions);
        }
        let wanted = self.wanted(view);
        let mut there = true;
        let sets =
            [(SetName::New, wanted.new), (SetName::Old, wanted.old), (SetName::Baseline, wanted.baseline)];
        for (set, count) in sets {
            if view.set(set).desired != count {
                actions.push(Action::Scale(set, count));
            }
            there &= set == SetName::Old || view.set(set).ready >= count;
        }
        there
    }

    /// Without a router the counts of pods are the weights; pods of an experiment come on top.
    fn move_by_counts(&mut self, view: &RolloutView, actions: &mut Vec<Action>) -> bool {
        let experiment = self.experiment();
        let controller = BasicCanary {
            replicas: view.replicas,
            weight: (self.weight() * 100.0).round() as u32,
            max_surge: self.spec.bounds.max_surge,
            max_unavailable: self.spec.bounds.max_unavailable,
        };
        let extra = std::mem::replace(&mut self.extra, experiment.candidate);
        let new_set = view.set(SetName::New);
        let new_pods = PodSet {
            desired: new_set.desired.saturating_sub(extra),
            available: new_set.available.saturating_sub(extra),
        };
        let old_set = view.set(SetName::Old);
        let old_pods = PodSet { desired: old_set.desired, available: old_set.available };
        let (new, old) = controller.next_counts(new_pods, old_pods);
        let sets = [
            (SetName::New, new + experiment.candidate),
            (SetName::Old, old),
            (SetName::Baseline, experiment.baseline),
        ];
        for (set, count) in sets {
            if view.set(set).desired != count {
                actions.push(Action::Scale(set, count));
            }
        }
        let (surge, _) = self.spec.bounds.resolve(view.replicas);
        let (want_new, want_old) = approximate_weighted(view.replicas, controller.weight, 100, surge);
        let (baseline, want_new) = (view.set(SetName::Baseline), want_new + experiment.candidate);
        new_set.available >= want_new
            && (extra == experiment.candidate || new_set.created <= want_new)
            && baseline.available >= experiment.baseline
            && old_set.created <= want_old
    }

    /// Tells the routers what is new for them.
    fn route(&mut self, actions: &mut Vec<Action>) {
        if !self.spec.traffic_routed {
            return;
        }
        let wanted = self.split();
        if wanted.candidate != self.asked.candidate {
            actions.push(Action::Weight(wanted.candidate));
        }
        if wanted.baseline != self.asked.baseline {
            actions.push(Action::BaselineWeight(wanted.baseline));
        }
        if wanted.mirror != self.asked.mirror {
            actions.push(Action::Mirror(wanted.mirror));
        }
        if wanted.cohort != self.asked.cohort {
            actions.push(Action::Cohort(wanted.cohort));
        }
        self.asked = wanted;
    }

    fn moving(&mut self, view: &RolloutView, actions: &mut Vec<Action>) -> Option<SimTime> {
        if !self.move_pods(view, actions) {
            return None;
        }
        self.route(actions);
        self.since = view.now;
        let end = match self.spec.steps.get(self.index) {
            Some(step) => view.now + step.bake,
            None => view.now + self.spec.scale_down_delay,
        };
        self.state =
            if self.index < self.spec.steps.len() { State::Baking(end) } else { State::Finishing(end) };
        Some(end)
    }

    /// The next step begins.
    fn enter(&mut self, index: usize, now: SimTime) {
        self.index = index;
        self.state = State::Moving;
        self.since = now;
    }

    /// Pods of a routed canary follow the traffic also while a step waits.
    fn follow(&mut self, view: &RolloutView, actions: &mut Vec<Action>) {
        if self.spec.traffic_routed && matches!(self.state, State::Baking(_)) {
            self.move_pods(view, actions);
        }
    }

    /// All traffic is on the new revision once the routers have been reached; without one, once the pods are.
    fn finish(&mut self, end: SimTime, view: &RolloutView, actions: &mut Vec<Action>) -> Option<SimTime> {
        self.promoted |= !self.spec.traffic_routed || view.in_force.candidate >= 1.0;
        if !self.promoted {
            return None;
        }
        if view.set(SetName::Baseline).desired > 0 {
            actions.push(Action::Scale(SetName::Baseline, 0));
        }
        if self.spec.dynamic_stable_scale || view.now >= end {
            actions.push(Action::Scale(SetName::Old, 0));
            self.state = State::Done;
            return None;
        }
        Some(end)
    }

    fn wait_kind(&self) -> StepKind {
        let analyses = |steps: &[CanaryStep]| steps.iter().filter(|s| s.kind == WaitKind::Analysis).count();
        match self.spec.steps.get(self.index).map(|s| s.kind) {
            Some(WaitKind::Analysis) => StepKind::Analysis(analyses(&self.spec.steps[..self.index])),
            Some(WaitKind::Pause) => StepKind::Pause,
            _ => StepKind::Bake,
        }
    }
}

impl Strategy for Running {
    fn next(&mut self, signal: Signal, view: &RolloutView) -> Step {
        let mut actions = Vec::new();
        if signal == Signal::Start {
            self.since = view.now;
            self.asked = view.split;
            let routing = if self.spec.traffic_routed { Routing::Weighted } else { Routing::Endpoints };
            actions.push(Action::Route(routing));
        }
        if signal == Signal::Promote && matches!(self.state, State::Moving | State::Baking(_)) {
            self.enter(self.spec.steps.len(), view.now);
        }
        self.follow(view, &mut actions);
        let mut advance = signal == Signal::Advance && matches!(self.state, State::Baking(_));
        let wake = loop {
            match self.state {
                State::Moving => {
                    if self.moving(view, &mut actions).is_none() {
                        break None;
                    }
                }
                State::Baking(end) => {
                    if !(std::mem::take(&mut advance) || (view.now >= end && !view.hold)) {
                        // A hold beyond the end is lifted by a change, not by a timer.
                        break (view.now < end).then_some(end);
                    }
                    self.enter(self.index + 1, view.now);
                }
                State::Finishing(end) => break self.finish(end, view, &mut actions),
                State::Done => break None,
            }
        };
        let progress = if self.promoted { Progress::Promoted } else { Progress::Running };
        Step { actions, wake, progress }
    }

    fn wants_to_advance(&self, view: &RolloutView) -> bool {
        matches!(self.state, State::Baking(end) if view.now >= end)
    }

    fn status(&self) -> StepStatus {
        let kind = match self.state {
            State::Moving => StepKind::Progressing,
            State::Baking(_) => self.wait_kind(),
            State::Finishing(_) if !self.promoted => StepKind::Progressing,
            State::Finishing(_) | State::Done => StepKind::Done,
        };
        StepStatus { index: self.index, kind, since: self.since }
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}

fn share(weight: Weight) -> f64 {
    weight.ratio().get()
}
