//! Blue-green: the new revision is started beside the old one at full size, looked at, and gets all traffic at once.
//!
//! Semantics of the Argo Rollouts controller (rollout/bluegreen.go): the preview replica set comes up, perhaps smaller
//! than the service; a pre-promotion analysis and a pause both have to end; the set is brought to full size; the
//! selector of the active service is switched; a post-promotion analysis may follow; the old pods go after a delay.
//!
//! Traps: before the switch no user reaches the new revision, so checks of live traffic find nothing then; after it
//! everybody does. The delay of the old pods counts from the switch: if it is shorter than the post-promotion
//! analysis, an abort finds no pods to go back to and has to start them. Without an explicit delay the old pods wait
//! for that analysis to succeed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Progress, Rollout, Signal, Step, StepKind, StepStatus, Strategy, Undo};
use crate::catalogue::Entry;
use crate::effect::{Action, RolloutView, Routing, SetName};
use crate::time::{SimDuration, SimTime};

/// How long the old pods stay when nobody says it.
const SCALE_DOWN_DELAY: SimDuration = SimDuration::from_secs(30);

/// A blue-green rollout.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BlueGreen {
    /// Pods of the new revision until the switch is decided; as many as the service has if absent.
    pub preview_replicas: Option<u32>,
    /// Time between the preview being available and the switch.
    pub pause: SimDuration,
    /// Whether a person ends the pause; its length is then the stand-in for the time the person takes.
    pub person: bool,
    /// Length of the analysis before the switch when every measurement succeeds; none if absent.
    pub pre_promotion: Option<SimDuration>,
    /// Length of the analysis after the switch when every measurement succeeds; none if absent.
    pub post_promotion: Option<SimDuration>,
    /// Time the old pods stay after the switch; if absent, 30s, which begin after the post-promotion analysis.
    pub scale_down_delay: Option<SimDuration>,
    /// How many old revisions may wait for their scale-down; with 0 the old pods go at once.
    pub scale_down_delay_revision_limit: Option<u32>,
    /// How long a pod must be ready to count as available.
    pub min_ready: SimDuration,
}

impl Entry for BlueGreen {
    const NAME: &'static str = "blue_green";
    const SUMMARY: &'static str = "the new revision beside the old one, then all traffic at once";
    const EXAMPLE: &'static str = "blue_green: {preview_replicas: 1, pause: 5m, scale_down_delay: 2m}";
}

impl Rollout for BlueGreen {
    fn start(&self) -> Box<dyn Strategy> {
        Box::new(Running::new(self.clone()))
    }

    fn min_ready(&self) -> SimDuration {
        self.min_ready
    }

    fn shortest(&self) -> SimDuration {
        let before = self.pause.max(self.pre_promotion.unwrap_or(SimDuration::ZERO));
        before + self.post_promotion.unwrap_or(SimDuration::ZERO)
    }

    fn undo(&self) -> Undo {
        Undo::SwitchBack
    }
}

impl BlueGreen {
    /// When the old pods go, from the switch and from the end of the analysis after it, whichever is known.
    fn old_goes_at(&self, switched: SimTime, verified: Option<SimTime>) -> Option<SimTime> {
        if self.scale_down_delay_revision_limit == Some(0) {
            return Some(switched);
        }
        match (self.scale_down_delay, self.post_promotion) {
            (Some(delay), _) => Some(switched + delay),
            (None, None) => Some(switched + SCALE_DOWN_DELAY),
            (None, Some(_)) => verified.map(|at| at + SCALE_DOWN_DELAY),
        }
    }
}

/// A blue-green rollout under way.
#[derive(Clone, Debug)]
pub struct Running {
    spec: BlueGreen,
    state: State,
    since: SimTime,
    /// Whether the analysis before the switch has ended well, or there is none.
    analysed: bool,
    switched: Option<SimTime>,
    verified: Option<SimTime>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Waiting for the pods of the preview.
    Preparing,
    /// The preview is up; waiting for the analysis and the pause.
    Previewing,
    /// Waiting for all pods of the new revision.
    Growing,
    /// The switch was asked for.
    Switching,
    /// All traffic is on the new revision; waiting for the analysis after the switch.
    Verifying,
    /// Fully promoted; the old pods are still there.
    Finishing,
    /// Nothing left to do.
    Done,
}

impl Running {
    /// The rollout at its start.
    pub fn new(spec: BlueGreen) -> Self {
        let analysed = spec.pre_promotion.is_none();
        Running {
            spec,
            state: State::Preparing,
            since: SimTime::ZERO,
            analysed,
            switched: None,
            verified: None,
        }
    }

    fn enter(&mut self, state: State, now: SimTime) {
        self.state = state;
        self.since = now;
    }

    /// Asks for pods of the new revision; whether they are available.
    fn grow(view: &RolloutView, pods: u32, actions: &mut Vec<Action>) -> bool {
        if view.set(SetName::New).desired != pods {
            actions.push(Action::Scale(SetName::New, pods));
        }
        view.set(SetName::New).desired == pods && view.set(SetName::New).available >= pods
    }

    fn analysis_ends(&self) -> SimTime {
        self.since + self.spec.pre_promotion.unwrap_or(SimDuration::ZERO)
    }

    fn pause_ends(&self) -> SimTime {
        self.since + self.spec.pause
    }

    /// Whether nothing but a hold is between the preview and the switch.
    fn previewed(&self, now: SimTime) -> bool {
        (self.analysed || now >= self.analysis_ends()) && now >= self.pause_ends()
    }

    fn verification_ends(&self) -> SimTime {
        self.since + self.spec.post_promotion.unwrap_or(SimDuration::ZERO)
    }

    /// Goes one state further if it can.
    fn step(&mut self, view: &RolloutView, advance: bool, actions: &mut Vec<Action>) -> bool {
        let now = view.now;
        match self.state {
            State::Preparing => {
                let pods = self.spec.preview_replicas.map_or(view.replicas, |few| few.min(view.replicas));
                let ready = Self::grow(view, pods, actions);
                if ready {
                    self.enter(State::Previewing, now);
                }
                ready
            }
            State::Previewing => {
                if advance && self.analysed {
                    self.enter(State::Growing, now);
                    return true;
                }
                self.analysed |= advance || (now >= self.analysis_ends() && !view.hold);
                let over = self.previewed(now) && !view.hold;
                if over {
                    self.enter(State::Growing, now);
                }
                over
            }
            State::Growing => {
                let ready = Self::grow(view, view.replicas, actions);
                if ready {
                    actions.push(Action::Weight(1.0));
                    self.enter(State::Switching, now);
                }
                false
            }
            State::Switching if view.in_force.candidate >= 1.0 => {
                self.switched = Some(now);
                self.enter(State::Verifying, now);
                true
            }
            State::Verifying => {
                let over = advance
                    || self.spec.post_promotion.is_none()
                    || (now >= self.verification_ends() && !view.hold);
                if over {
                    self.verified = Some(now);
                    self.enter(State::Finishing, now);
                }
                over
            }
            State::Switching | State::Finishing | State::Done => false,
        }
    }

    /// Lets the old pods go when their time has come; when that is, if it is known and still to come.
    fn release_old(&mut self, view: &RolloutView, actions: &mut Vec<Action>) -> Option<SimTime> {
        let at = self.spec.old_goes_at(self.switched?, self.verified)?;
        if view.now < at {
            return Some(at);
        }
        if view.set(SetName::Old).desired > 0 {
            actions.push(Action::Scale(SetName::Old, 0));
        }
        if self.state == State::Finishing {
            self.state = State::Done;
        }
        None
    }

    /// When the present state ends by itself.
    fn ends(&self, now: SimTime) -> Option<SimTime> {
        let ends = match self.state {
            State::Previewing if self.analysed => self.pause_ends(),
            State::Previewing if now < self.analysis_ends() => self.analysis_ends(),
            State::Previewing => self.pause_ends(),
            State::Verifying => self.verification_ends(),
            _ => return None,
        };
        // A hold beyond the end is lifted by a change, not by a timer.
        (ends > now).then_some(ends)
    }
}

impl Strategy for Running {
    fn next(&mut self, signal: Signal, view: &RolloutView) -> Step {
        let mut actions = Vec::new();
        if signal == Signal::Start {
            actions.push(Action::Route(Routing::Weighted));
            self.since = view.now;
        }
        if signal == Signal::Promote && matches!(self.state, State::Preparing | State::Previewing) {
            self.enter(State::Growing, view.now);
        }
        let waits = matches!(self.state, State::Previewing | State::Verifying);
        let mut advance = signal == Signal::Advance && waits;
        while self.step(view, std::mem::take(&mut advance), &mut actions) {}
        let release = self.release_old(view, &mut actions);
        let wake = [self.ends(view.now), release].into_iter().flatten().min();
        let progress = if self.verified.is_some() { Progress::Promoted } else { Progress::Running };
        Step { actions, wake, progress }
    }

    fn wants_to_advance(&self, view: &RolloutView) -> bool {
        match self.state {
            State::Previewing => self.previewed(view.now),
            State::Verifying => view.now >= self.verification_ends(),
            _ => false,
        }
    }

    fn status(&self) -> StepStatus {
        let (index, kind) = match self.state {
            State::Previewing if !self.analysed => (0, StepKind::Analysis(0)),
            State::Previewing if self.spec.person => (0, StepKind::Pause),
            State::Previewing => (0, StepKind::Bake),
            State::Verifying => (1, StepKind::Analysis(usize::from(self.spec.pre_promotion.is_some()))),
            State::Finishing | State::Done => (2, StepKind::Done),
            State::Preparing => (0, StepKind::Progressing),
            State::Growing | State::Switching => (1, StepKind::Progressing),
        };
        StepStatus { index, kind, since: self.since }
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
#[path = "support/blue_green_tests.rs"]
mod tests;
