//! Flagger's rollouts: everything happens on a tick (`analysis.interval`), one thing per tick.
//!
//! Order of a healthy rollout (pkg/controller/scheduler.go, advanceCanary): the tick that notices the new revision
//! scales the canary up; from the next tick on which the canary is ready, each tick that finds all checks good takes
//! one step; then three more ticks: copy the template into the primary, send all traffic to the primary, scale the
//! canary to zero. A tick with a failed check changes nothing: the policy says *hold* and the step waits for the next
//! tick. What a step is depends on the strategy, which Flagger derives from what the file gives:
//!
//! - *canary*: the weight grows to the next of `weights`; with `mirror`, one step of copied traffic comes first;
//! - *blue-green* (`iterations`): so many steps without live traffic on the canary, or with copies of it; then all
//!   traffic to the canary in one step;
//! - *A/B testing* (`iterations` and `matching`): the requests that match a header or cookie go to the canary on the
//!   first step and stay there for all of them, everybody else stays on the primary.
//!
//! Traps: a weight is set on one tick and first judged on the next, so nothing is judged on the tick that sets the
//! first one; a primary that does not come up within the deadline leaves all traffic on the canary, which is not
//! rolled back; blue-green judges live traffic on one tick only, the one after the switch.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::support::flagger_ticks::Running;

use super::{Objection, Rollout, Strategy, Undo};
use crate::catalogue::Entry;
use crate::effect::{Action, RolloutView, SetName};
use crate::quantity::{Rate, Weight};
use crate::time::SimDuration;

/// A Flagger rollout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flagger {
    /// Time between ticks (`analysis.interval`).
    pub interval: SimDuration,
    /// Canary: weights of the successive good ticks, in order; the last one is the maximum. Not used with
    /// `iterations`.
    #[serde(default)]
    pub weights: Vec<Weight>,
    /// Blue-green and A/B testing: good ticks before the promotion (`analysis.iterations`).
    #[serde(default)]
    pub iterations: u32,
    /// A/B testing: whether the requests of the matching cohort go to the canary during the iterations
    /// (`analysis.match`); which share of users that is, the scenario's traffic says (`cohort`).
    #[serde(default)]
    pub matching: bool,
    /// Share of the primary's requests that is copied to the canary: on one tick before the first weight, or during
    /// all iterations of blue-green (`analysis.mirror`, `mirrorWeight`). Absent = no copies.
    #[serde(default)]
    pub mirror: Option<Weight>,
    /// Whether a mesh or ingress can send traffic to the canary; false for the provider `kubernetes`, where only the
    /// service is switched.
    #[serde(default = "yes")]
    pub routed: bool,
    /// Weights taken off the canary on the successive ticks of the promotion; empty = all at once.
    #[serde(default)]
    pub promotion_weights: Vec<Weight>,
    /// Synthetic load on the canary while it is analysed (a load-test webhook); it starts with the first analysis,
    /// one tick after the first step.
    #[serde(default)]
    pub synthetic_load: Option<Rate>,
    /// Whether the canary is promoted once it is ready, without weights or analysis (`skipAnalysis`).
    #[serde(default)]
    pub skip_analysis: bool,
    /// Whether somebody has to approve before the canary is scaled up (a `confirm-rollout` webhook): only then a hold
    /// delays the start.
    #[serde(default)]
    pub confirm_rollout: bool,
    /// Whether the controller leaves the canary alone (`suspend`): the new revision is never noticed.
    #[serde(default)]
    pub suspend: bool,
    /// Whether the last step is followed by a promotion. A file without any step weight stays where it is for ever.
    #[serde(default = "yes")]
    pub promotes: bool,
    /// Time without progress after which a promotion is given up and all traffic goes to the canary
    /// (`progressDeadlineSeconds`).
    #[serde(default = "ten_minutes")]
    pub progress_deadline: SimDuration,
    /// Share of the primary's pods that must be ready (`primaryReadyThreshold`), rounded down.
    #[serde(default = "all")]
    pub primary_ready: Weight,
    /// Share of the canary's pods that must be ready (`canaryReadyThreshold`), rounded down.
    #[serde(default = "all")]
    pub canary_ready: Weight,
    /// Times after the deploy at which another build of the same code is deployed. One that comes while the canary is
    /// analysed makes the analysis begin again, on the next tick.
    #[serde(default)]
    pub again_at: Vec<SimDuration>,
}

fn yes() -> bool {
    true
}

fn ten_minutes() -> SimDuration {
    SimDuration::from_mins(10)
}

fn all() -> Weight {
    Weight::percent(100.0).unwrap_or_default()
}

impl Entry for Flagger {
    const NAME: &'static str = "flagger";
    const SUMMARY: &'static str =
        "Flagger's canary, blue-green or A/B test: one step a tick, then a promotion by copying";
    const EXAMPLE: &'static str = "flagger: {interval: 1m, weights: [10%, 20%, 30%, 40%, 50%]}";
}

impl Rollout for Flagger {
    fn start(&self) -> Box<dyn Strategy> {
        Box::new(Running::new(self.clone()))
    }

    fn shortest(&self) -> SimDuration {
        // One tick to notice, one a step, three to promote and clean up.
        self.interval * (self.steps() as u64 + 4)
    }

    fn has_own_workload(&self) -> bool {
        true
    }

    fn undo(&self) -> Undo {
        Undo::Flagger
    }

    fn objections(&self) -> Vec<Objection> {
        let object = |path: &str, fact: &str, help: &str| Objection {
            path: vec![path.to_owned()],
            fact: fact.to_owned(),
            help: help.to_owned(),
        };
        let mut found = Vec::new();
        if self.iterations > 0 && !self.weights.is_empty() {
            let fact = "weights and iterations are two strategies";
            found.push(object("weights", fact, "leave `weights` out for blue-green and A/B testing"));
        }
        if self.matching && self.iterations == 0 {
            found.push(object("matching", "an A/B test without iterations", "add `iterations: 10`"));
        }
        if self.matching && !self.routed {
            found.push(object("routed", "nothing routes the matching requests", "leave `routed` out"));
        }
        found
    }
}

/// The kinds of rollouts of Flagger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// More weight step by step.
    Canary,
    /// No live traffic for some iterations, then all of it.
    BlueGreen,
    /// The matching requests for some iterations, then all of it.
    AbTesting,
}

impl Flagger {
    /// A canary with Flagger's defaults but for the interval and the weights.
    pub fn new(interval: SimDuration, weights: Vec<Weight>) -> Self {
        Flagger {
            interval,
            weights,
            iterations: 0,
            matching: false,
            mirror: None,
            routed: true,
            promotion_weights: Vec::new(),
            synthetic_load: None,
            skip_analysis: false,
            confirm_rollout: false,
            suspend: false,
            promotes: true,
            progress_deadline: ten_minutes(),
            primary_ready: all(),
            canary_ready: all(),
            again_at: Vec::new(),
        }
    }

    /// Which kind of rollout it is.
    pub fn kind(&self) -> Kind {
        match (self.iterations, self.matching) {
            (0, _) => Kind::Canary,
            (_, true) => Kind::AbTesting,
            (_, false) => Kind::BlueGreen,
        }
    }

    /// Number of steps up to the promotion.
    pub fn steps(&self) -> usize {
        let iterations = self.iterations as usize;
        match self.kind() {
            Kind::Canary => self.weights.len() + usize::from(self.mirror.is_some()),
            Kind::BlueGreen => iterations + 1,
            Kind::AbTesting => iterations,
        }
    }

    /// What the step of this number asks of the routers.
    pub(super) fn step(&self, index: usize) -> Vec<Action> {
        let mirror = self.mirror.filter(|_| self.routed).map(|share| share.ratio().get());
        let weight = |index: usize| self.weights.get(index).map_or(0.0, |weight| weight.ratio().get());
        match (self.kind(), mirror) {
            (Kind::Canary, Some(share)) if index == 0 => vec![Action::Mirror(share)],
            (Kind::Canary, Some(_)) if index == 1 => vec![Action::Mirror(0.0), Action::Weight(weight(0))],
            (Kind::Canary, Some(_)) => vec![Action::Weight(weight(index - 1))],
            (Kind::Canary, None) => vec![Action::Weight(weight(index))],
            (Kind::AbTesting, _) if index == 0 => vec![Action::Cohort(true)],
            (Kind::AbTesting, _) => Vec::new(),
            (Kind::BlueGreen, Some(share)) if index == 0 => vec![Action::Mirror(share)],
            (Kind::BlueGreen, Some(_)) if index == self.iterations as usize => {
                vec![Action::Mirror(0.0), Action::Weight(1.0)]
            }
            (Kind::BlueGreen, None) if index == self.iterations as usize && self.routed => {
                vec![Action::Weight(1.0)]
            }
            (Kind::BlueGreen, _) => Vec::new(),
        }
    }
}

/// Whether a workload counts as ready: all its pods exist and `share` of them, rounded down, are ready
/// (pkg/canary/deployment_ready.go).
pub fn is_ready(view: &RolloutView, set: SetName, wanted: u32, share: Weight) -> bool {
    let pods = view.set(set);
    let enough = (f64::from(wanted) * share.ratio().get()).floor();
    pods.created >= wanted && f64::from(pods.ready) >= enough
}
