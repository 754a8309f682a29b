//! Flagger's canary rollout: everything happens on a tick (`analysis.interval`), one thing per tick.
//!
//! Order of a healthy rollout (pkg/controller/scheduler.go, advanceCanary): the tick that notices the new revision
//! scales the canary up; from the next tick on which the canary is ready, each tick that finds all checks good adds
//! `step_weight` until `max_weight`; then three more ticks: copy the template into the primary, send all traffic to
//! the primary, scale the canary to zero. A tick with a failed check changes nothing: the policy says *hold* and the
//! weight waits for the next tick. Blue-green is the same machine with weights of zero for its iterations and one of
//! 100 % at the end; A/B testing has the share of the matching requests as its weight for every iteration.
//!
//! Traps: a weight is set on one tick and first judged on the next, so nothing is judged on the tick that sets the
//! first one; a primary that does not come up within the deadline leaves all traffic on the canary, which is not
//! rolled back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Progress, Rollout, Signal, Step, StepKind, StepStatus, Strategy, Undo};
use crate::catalogue::Entry;
use crate::effect::{Action, RolloutView, Routing, SetName};
use crate::quantity::{Rate, Weight};
use crate::time::{SimDuration, SimTime};

/// A Flagger canary rollout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flagger {
    /// Time between ticks (`analysis.interval`).
    pub interval: SimDuration,
    /// Weights of the successive good ticks, in order; the last one is the maximum.
    pub weights: Vec<Weight>,
    /// Weights taken off the canary on the successive ticks of the promotion; empty = all at once.
    #[serde(default)]
    pub promotion_weights: Vec<Weight>,
    /// Synthetic load on the canary while it is analysed (a load-test webhook); it starts with the first analysis,
    /// one tick after the first weight.
    #[serde(default)]
    pub synthetic_load: Option<Rate>,
    /// Whether the canary is promoted once it is ready, without weights or analysis (`skipAnalysis`).
    #[serde(default)]
    pub skip_analysis: bool,
    /// Whether the last weight is followed by a promotion. A file without any step weight stays where it is for ever.
    #[serde(default = "yes")]
    pub promotes: bool,
    /// Time without progress after which a promotion is given up and all traffic goes to the canary
    /// (`progressDeadlineSeconds`).
    #[serde(default = "ten_minutes")]
    pub progress_deadline: SimDuration,
}

fn yes() -> bool {
    true
}

fn ten_minutes() -> SimDuration {
    SimDuration::from_mins(10)
}

impl Entry for Flagger {
    const NAME: &'static str = "flagger";
    const SUMMARY: &'static str = "Flagger's canary: one step a tick, then a promotion by copying";
    const EXAMPLE: &'static str = "flagger: {interval: 1m, weights: [10%, 20%, 30%, 40%, 50%]}";
}

impl Rollout for Flagger {
    fn start(&self) -> Box<dyn Strategy> {
        Box::new(Running::new(self.clone()))
    }

    fn shortest(&self) -> SimDuration {
        // One tick to notice, one per weight, three to promote and clean up.
        self.interval * (self.weights.len() as u64 + 4)
    }

    fn has_own_workload(&self) -> bool {
        true
    }

    fn undo(&self) -> Undo {
        Undo::Flagger
    }
}

impl Flagger {
    /// A rollout with Flagger's defaults but for the interval and the weights.
    pub fn new(interval: SimDuration, weights: Vec<Weight>) -> Self {
        Flagger {
            interval,
            weights,
            promotion_weights: Vec::new(),
            synthetic_load: None,
            skip_analysis: false,
            promotes: true,
            progress_deadline: ten_minutes(),
        }
    }
}

/// A Flagger rollout under way.
#[derive(Clone, Debug)]
pub struct Running {
    spec: Flagger,
    phase: Phase,
    /// Weights already set.
    advanced: usize,
    next_tick: SimTime,
    since: SimTime,
    loaded: bool,
    /// Pods (created, ready) of the promoted set, and when they last changed.
    progressed: ((u32, u32), SimTime),
}

/// Flagger's phases.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// The new revision has not been noticed.
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
            progressed: ((0, 0), SimTime::ZERO),
        }
    }

    fn canary_ready(view: &RolloutView) -> bool {
        let canary = view.set(SetName::New);
        canary.desired > 0 && canary.ready >= canary.desired
    }

    fn primary_ready(&self, view: &RolloutView) -> bool {
        match self.phase {
            Phase::Promoting(_) | Phase::Finalising => view.set(SetName::Promoted).ready >= view.replicas,
            _ => view.set(SetName::Old).ready >= view.replicas,
        }
    }

    /// One tick with every check good (the hold, if any, was looked at before).
    fn tick(&mut self, view: &RolloutView, actions: &mut Vec<Action>) {
        match self.phase {
            Phase::Waiting => {
                actions.push(Action::Scale(SetName::New, view.replicas));
                self.enter(Phase::Progressing, view);
            }
            Phase::Progressing if !Self::canary_ready(view) => {}
            Phase::Progressing if self.spec.skip_analysis => self.skip(view, actions),
            Phase::Progressing => {
                self.load(actions);
                if !view.hold {
                    self.advance(view, actions);
                }
            }
            Phase::Promoting(done) if self.primary_ready(view) => self.shift_back(done, view, actions),
            Phase::Promoting(_) if self.primary_is_stuck(view) => {
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
        if let Some(weight) = self.spec.weights.get(self.advanced) {
            actions.push(Action::Weight(weight.ratio().get()));
            self.advanced += 1;
            self.since = view.now;
        } else if self.spec.promotes {
            // The primary workload rolls from the old template to the new one; its pods are replaced under the
            // cover of the canary, which carries `max_weight` meanwhile.
            self.enter(Phase::Promoting(0), view);
        }
    }

    fn shift_back(&mut self, done: usize, view: &RolloutView, actions: &mut Vec<Action>) {
        match self.spec.promotion_weights.get(done) {
            Some(weight) if weight.ratio().get() > 0.0 => {
                actions.push(Action::Weight(weight.ratio().get()));
                self.phase = Phase::Promoting(done + 1);
            }
            _ => {
                actions.push(Action::Weight(0.0));
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
        use super::support::replicas::{Bounds, Goal, reconcile};
        let goal = Goal { old: 0, new: view.replicas };
        actions.extend(reconcile(view, goal, &Bounds::default(), (SetName::Old, SetName::Promoted)));
    }
}

impl Strategy for Running {
    fn next(&mut self, signal: Signal, view: &RolloutView) -> Step {
        let mut actions = Vec::new();
        if signal == Signal::Start {
            actions.push(Action::Route(Routing::Weighted));
            self.next_tick = view.now;
            self.since = view.now;
        }
        self.watch_progress(view);
        if signal == Signal::Promote && self.phase == Phase::Progressing && self.spec.promotes {
            self.advanced = self.spec.weights.len();
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
            wake: (!done).then_some(self.next_tick),
            progress: if promoted { Progress::Promoted } else { Progress::Running },
        }
    }

    fn wants_to_advance(&self, view: &RolloutView) -> bool {
        self.phase == Phase::Progressing && view.now >= self.next_tick && Self::canary_ready(view)
    }

    fn status(&self) -> StepStatus {
        let kind = match self.phase {
            Phase::Waiting => StepKind::Progressing,
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
