//! A Flagger rollout under way, tick by tick.

use super::replicas::{Bounds, Goal, reconcile};
use crate::effect::{Action, RolloutView, Routing, SetName};
use crate::strategy::flagger::{Flagger, Kind, is_ready};
use crate::strategy::{Progress, Signal, Step, StepKind, StepStatus, Strategy};
use crate::time::{SimDuration, SimTime};

/// How long after the restart of an analysis the canary's pods are replaced by those of the other build: time for the
/// routers to take its traffic away.
const REPLACED_AFTER: SimDuration = SimDuration::from_secs(9);

/// A Flagger rollout under way.
#[derive(Clone, Debug)]
pub struct Running {
    spec: Flagger,
    phase: Phase,
    /// Steps already taken.
    advanced: usize,
    next_tick: SimTime,
    since: SimTime,
    loaded: bool,
    /// Later deploys already seen.
    deployed_again: usize,
    /// Another build was deployed and no tick has noticed yet.
    superseded: bool,
    /// When the pods of the canary are replaced by those of the other build.
    replace_at: Option<SimTime>,
    /// Pods (created, ready) of the promoted set, and when they last changed.
    progressed: ((u32, u32), SimTime),
}

/// Flagger's phases.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// The new revision has not been noticed, or not been approved.
    Waiting,
    /// The canary is being analysed.
    Progressing,
    /// The primary takes over the template.
    Promoting(usize),
    /// Traffic is back on the primary, the canary goes next.
    Finalising,
    /// Nothing left to do.
    Succeeded,
    /// The primary did not come up: the canary keeps all traffic.
    Failed,
}

impl Running {
    /// The rollout at its start; the first tick is the deploy itself plus whatever the caller's phase says.
    pub fn new(spec: Flagger) -> Self {
        Running {
            spec,
            phase: Phase::Waiting,
            advanced: 0,
            next_tick: SimTime::ZERO,
            since: SimTime::ZERO,
            loaded: false,
            deployed_again: 0,
            superseded: false,
            replace_at: None,
            progressed: ((0, 0), SimTime::ZERO),
        }
    }

    fn canary_ready(&self, view: &RolloutView) -> bool {
        let wanted = view.set(SetName::New).desired;
        wanted > 0 && is_ready(view, SetName::New, wanted, self.spec.canary_ready)
    }

    fn primary_ready(&self, view: &RolloutView) -> bool {
        let set = match self.phase {
            Phase::Promoting(_) | Phase::Finalising => SetName::Promoted,
            _ => SetName::Old,
        };
        is_ready(view, set, view.replicas, self.spec.primary_ready)
    }

    /// One tick with every check good (the hold, if any, was looked at before).
    fn tick(&mut self, view: &RolloutView, actions: &mut Vec<Action>) {
        match self.phase {
            Phase::Waiting if self.spec.confirm_rollout && view.hold => {}
            Phase::Waiting => {
                actions.push(Action::Scale(SetName::New, view.replicas));
                self.enter(Phase::Progressing, view);
            }
            Phase::Progressing if !self.spec.skip_analysis && !self.primary_ready(view) => {}
            Phase::Progressing if self.superseded => self.restart(view, actions),
            Phase::Progressing if !self.canary_ready(view) => {}
            Phase::Progressing if self.spec.skip_analysis => self.skip(view, actions),
            Phase::Progressing => {
                self.load(actions);
                if !view.hold {
                    self.advance(view, actions);
                }
            }
            Phase::Promoting(done) if self.primary_ready(view) => self.shift_back(done, view, actions),
            Phase::Promoting(_) if self.primary_is_stuck(view) => {
                actions.push(Action::Unsplit);
                actions.push(Action::Weight(1.0));
                self.enter(Phase::Failed, view);
            }
            Phase::Promoting(_) => {}
            Phase::Finalising => {
                actions.push(Action::SyntheticLoad(0.0));
                actions.push(Action::Scale(SetName::New, 0));
                self.enter(Phase::Succeeded, view);
            }
            Phase::Succeeded | Phase::Failed => {}
        }
    }

    /// Webhooks of an analysis run before its metrics, whatever these say.
    fn load(&mut self, actions: &mut Vec<Action>) {
        if let Some(rate) = self.spec.synthetic_load
            && self.advanced > 0
            && !self.loaded
        {
            actions.push(Action::SyntheticLoad(rate.get()));
            self.loaded = true;
        }
    }

    /// Without an analysis one tick does it all; the primary then rolls over by itself.
    fn skip(&mut self, view: &RolloutView, actions: &mut Vec<Action>) {
        actions.push(Action::Weight(0.0));
        actions.push(Action::Scale(SetName::New, 0));
        self.enter(Phase::Succeeded, view);
    }

    /// Another build was deployed in mid-analysis: everything back to the primary, and all over again.
    fn restart(&mut self, view: &RolloutView, actions: &mut Vec<Action>) {
        actions.push(Action::Unsplit);
        if self.loaded {
            actions.push(Action::SyntheticLoad(0.0));
        }
        self.advanced = 0;
        self.loaded = false;
        self.superseded = false;
        self.replace_at = Some(view.now + REPLACED_AFTER);
        self.since = view.now;
    }

    /// Notes later deploys that are due. Those before the first tick or after the analysis change nothing here: the
    /// first is simply the latest build then, and one after the analysis is another rollout.
    fn deploy_again(&mut self, view: &RolloutView) {
        while let Some(after) = self.spec.again_at.get(self.deployed_again) {
            if view.now < view.deploy_at + *after {
                break;
            }
            self.deployed_again += 1;
            self.superseded |= self.phase == Phase::Progressing;
        }
    }

    fn replace_pods(&mut self, view: &RolloutView, actions: &mut Vec<Action>) {
        if self.replace_at.is_some_and(|at| view.now >= at) {
            self.replace_at = None;
            actions.push(Action::Scale(SetName::New, 0));
            actions.push(Action::Scale(SetName::New, view.replicas));
        }
    }

    fn primary_is_stuck(&self, view: &RolloutView) -> bool {
        view.now.since(self.progressed.1) > self.spec.progress_deadline
    }

    fn watch_progress(&mut self, view: &RolloutView) {
        let pods = (view.set(SetName::Promoted).created, view.set(SetName::Promoted).ready);
        if pods != self.progressed.0 || !matches!(self.phase, Phase::Promoting(_)) {
            self.progressed = (pods, view.now);
        }
    }

    fn advance(&mut self, view: &RolloutView, actions: &mut Vec<Action>) {
        if self.advanced < self.spec.steps() {
            actions.extend(self.spec.step(self.advanced));
            self.advanced += 1;
            self.since = view.now;
        } else if self.spec.promotes {
            // The primary workload rolls from the old template to the new one; its pods are replaced under the
            // cover of the canary, which carries what the last step gave it meanwhile.
            self.enter(Phase::Promoting(0), view);
        }
    }

    /// The primary is ready: its traffic comes back, in one go or step by step. Matching requests come back at once.
    fn shift_back(&mut self, done: usize, view: &RolloutView, actions: &mut Vec<Action>) {
        match self.spec.promotion_weights.get(done) {
            Some(weight) if weight.ratio().get() > 0.0 && self.spec.kind() != Kind::AbTesting => {
                actions.push(Action::Weight(weight.ratio().get()));
                self.phase = Phase::Promoting(done + 1);
            }
            _ => {
                actions.push(Action::Unsplit);
                self.enter(Phase::Finalising, view);
            }
        }
    }

    fn enter(&mut self, phase: Phase, view: &RolloutView) {
        self.phase = phase;
        self.since = view.now;
    }

    /// While the template is copied, the primary's pods are replaced by the Deployment's own rolling update
    /// (25 % surge and unavailability).
    fn roll_primary(&self, view: &RolloutView, actions: &mut Vec<Action>) {
        let goal = Goal { old: 0, new: view.replicas };
        actions.extend(reconcile(view, goal, &Bounds::default(), (SetName::Old, SetName::Promoted)));
    }

    /// When to be asked again: the next tick, or a deploy or a replacement of pods before it.
    fn wake(&self, view: &RolloutView) -> SimTime {
        let analysing = matches!(self.phase, Phase::Waiting | Phase::Progressing);
        let again = self.spec.again_at.get(self.deployed_again).filter(|_| analysing);
        let again = again.map_or(SimTime::NEVER, |after| view.deploy_at + *after);
        self.next_tick.min(again).min(self.replace_at.unwrap_or(SimTime::NEVER))
    }
}

impl Strategy for Running {
    fn next(&mut self, signal: Signal, view: &RolloutView) -> Step {
        let mut actions = Vec::new();
        if signal == Signal::Start {
            actions.push(Action::Route(Routing::Weighted));
            self.next_tick = if self.spec.suspend { SimTime::NEVER } else { view.now };
            self.since = view.now;
        }
        if self.spec.suspend {
            return Step { actions, wake: None, progress: Progress::Running };
        }
        if signal == Signal::Start && self.spec.confirm_rollout {
            // Policies are asked at this instant too, and after the start: whoever has to approve comes first.
            return Step { actions, wake: Some(view.now), progress: Progress::Running };
        }
        self.watch_progress(view);
        self.deploy_again(view);
        self.replace_pods(view, &mut actions);
        if signal == Signal::Promote && self.phase == Phase::Progressing && self.spec.promotes {
            self.advanced = self.spec.steps();
            self.enter(Phase::Promoting(0), view);
        }
        if view.now >= self.next_tick || signal == Signal::Advance {
            self.tick(view, &mut actions);
            self.next_tick = view.now + self.spec.interval;
        }
        let copied = matches!(self.phase, Phase::Promoting(_)) || self.phase == Phase::Succeeded;
        if copied {
            self.roll_primary(view, &mut actions);
        }
        let done = matches!(self.phase, Phase::Succeeded | Phase::Failed);
        let promoted =
            matches!(self.phase, Phase::Promoting(_) | Phase::Finalising | Phase::Succeeded | Phase::Failed);
        Step {
            actions,
            wake: (!done).then(|| self.wake(view)),
            progress: if promoted { Progress::Promoted } else { Progress::Running },
        }
    }

    fn wants_to_advance(&self, view: &RolloutView) -> bool {
        let starts = self.phase == Phase::Waiting && self.spec.confirm_rollout;
        let steps = self.phase == Phase::Progressing && self.canary_ready(view);
        (starts || steps) && view.now >= self.next_tick
    }

    fn status(&self) -> StepStatus {
        let kind = match self.phase {
            Phase::Waiting => StepKind::Progressing,
            Phase::Progressing if self.superseded => StepKind::Superseded,
            Phase::Progressing => StepKind::Bake,
            Phase::Promoting(_) | Phase::Finalising => StepKind::Promoting,
            Phase::Succeeded | Phase::Failed => StepKind::Done,
        };
        StepStatus { index: self.advanced, kind, since: self.since }
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}
