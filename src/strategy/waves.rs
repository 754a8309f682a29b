//! Waves: the hosts are updated in place, a share of them at a time, with a look after each wave.
//!
//! One host, a tenth, a half, all of them; or region after region (three of the same size: `[34%, 67%, 100%]`).
//! Within a wave pods are replaced by the rule of the Kubernetes Deployment controller, within the bounds. A wave is through
//! when its pods are available; then it bakes, unless it was the last. A share is rounded up to whole pods.
//!
//! Traps: every ready pod gets the same share of the requests, so the share of users is the share of the hosts, and the first
//! wave of a small service is much more than it says: one host of four is a quarter, whatever `1%` was meant to be.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::replicas::{self, Bounds, Goal};
use super::support::rising;
use super::{Objection, Progress, Rollout, Signal, Step, StepKind, StepStatus, Strategy, Undo};
use crate::catalogue::Entry;
use crate::effect::{Action, RolloutView, Routing, SetName};
use crate::quantity::Weight;
use crate::time::{SimDuration, SimTime};

/// An update in waves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Waves {
    /// Share of the hosts that are updated after each wave.
    pub shares: Vec<Weight>,
    /// Time after each wave but the last.
    pub bake: SimDuration,
    /// Pods beyond and below the wanted number within a wave, and the minimum ready time.
    pub bounds: Bounds,
}

impl Default for Waves {
    fn default() -> Self {
        let shares = [1.0, 10.0, 50.0, 100.0].into_iter().filter_map(|share| Weight::percent(share).ok());
        Waves { shares: shares.collect(), bake: SimDuration::from_mins(10), bounds: Bounds::default() }
    }
}

impl Entry for Waves {
    const NAME: &'static str = "waves";
    const SUMMARY: &'static str = "hosts or regions updated in place, a larger share after each look";
    const EXAMPLE: &'static str = "waves: {shares: [1%, 10%, 50%, 100%], bake: 10m}";
}

impl Rollout for Waves {
    fn start(&self) -> Box<dyn Strategy> {
        Box::new(Running { spec: self.clone(), wave: 0, baking: false, done: false, since: SimTime::ZERO })
    }

    fn min_ready(&self) -> SimDuration {
        self.bounds.min_ready
    }

    fn shortest(&self) -> SimDuration {
        self.bake * (self.shares.len() as u64).saturating_sub(1)
    }

    fn routing(&self) -> Routing {
        Routing::Endpoints
    }

    fn undo(&self) -> Undo {
        Undo::Waves(self.bounds)
    }

    fn objections(&self) -> Vec<Objection> {
        rising::objections("shares", &self.shares)
    }
}

/// An update in waves under way.
#[derive(Clone, Debug)]
struct Running {
    spec: Waves,
    /// Index of the present wave.
    wave: usize,
    /// Whether its hosts are through.
    baking: bool,
    done: bool,
    since: SimTime,
}

impl Running {
    fn is_last(&self) -> bool {
        self.wave + 1 >= self.spec.shares.len()
    }

    fn goal(&self, view: &RolloutView) -> Goal {
        let share = self.spec.shares.get(self.wave).map_or(1.0, |share| share.ratio().get());
        let new = replicas::routed(view.replicas, share).min(view.replicas);
        Goal { old: view.replicas - new, new }
    }

    fn moves(&self, view: &RolloutView) -> Vec<Action> {
        let sets = (SetName::Old, SetName::New);
        replicas::reconcile(view, self.goal(view), &self.spec.bounds, sets)
    }

    /// Whether the hosts of the present wave, and only they, run the new revision.
    fn is_through(&self, view: &RolloutView) -> bool {
        let goal = self.goal(view);
        view.set(SetName::New).available >= goal.new && view.set(SetName::Old).created <= goal.old
    }

    fn bake_ends(&self) -> SimTime {
        self.since + self.spec.bake
    }

    /// Ends the wave, or its bake, if that can be.
    fn step(&mut self, view: &RolloutView, advance: bool) -> bool {
        if self.done {
            return false;
        }
        if !self.baking {
            let through = self.is_through(view);
            if through {
                self.since = view.now;
                self.done = self.is_last();
                self.baking = !self.done;
            }
            return through;
        }
        let over = advance || view.now >= self.bake_ends() && !view.hold;
        if over {
            self.wave += 1;
            self.baking = false;
            self.since = view.now;
        }
        over
    }
}

impl Strategy for Running {
    fn next(&mut self, signal: Signal, view: &RolloutView) -> Step {
        let mut actions = Vec::new();
        if signal == Signal::Start {
            actions.push(Action::Route(Routing::Endpoints));
            self.since = view.now;
        }
        if signal == Signal::Promote && !self.done {
            self.wave = self.spec.shares.len().saturating_sub(1);
            self.baking = false;
        }
        let mut advance = signal == Signal::Advance;
        while self.step(view, std::mem::take(&mut advance)) {}
        let moves = !self.done && !self.baking && !view.hold;
        actions.extend(if moves { self.moves(view) } else { Vec::new() });
        let ends = Some(self.bake_ends()).filter(|end| self.baking && *end > view.now);
        let progress = if self.done { Progress::Promoted } else { Progress::Running };
        Step { actions, wake: ends, progress }
    }

    fn wants_to_advance(&self, view: &RolloutView) -> bool {
        match self.baking {
            true => view.now >= self.bake_ends(),
            false => !self.done && !self.moves(view).is_empty(),
        }
    }

    fn status(&self) -> StepStatus {
        let kind = match (self.done, self.baking) {
            (true, _) => StepKind::Done,
            (_, true) => StepKind::Bake,
            (_, false) => StepKind::Progressing,
        };
        StepStatus { index: self.wave, kind, since: self.since }
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::support::testing::{Bench, at};
    use super::*;

    fn bench() -> Bench {
        Bench::new(Waves { bake: SimDuration::from_secs(60), ..Waves::default() }.start())
    }

    fn pods(bench: &Bench) -> (u32, u32) {
        (bench.count(SetName::Old), bench.count(SetName::New))
    }

    #[test]
    fn each_wave_bakes_and_a_host_is_the_least() {
        let mut bench = bench();
        assert_eq!(bench.ask(0, Signal::Start).wake, Some(at(60)));
        assert_eq!(pods(&bench), (3, 1), "1 % of four hosts is one");
        bench.view.hold = true;
        assert_eq!(bench.ask(70, Signal::Changed).wake, None);
        assert!(bench.strategy.wants_to_advance(&bench.view));
        bench.view.hold = false;
        // A tenth is one host too: nothing moves, and it bakes again.
        assert_eq!(bench.ask(80, Signal::Changed).wake, Some(at(140)));
        assert_eq!(pods(&bench), (3, 1));
        bench.ask(140, Signal::Changed);
        assert_eq!(pods(&bench), (2, 2));
        let last = bench.ask(200, Signal::Changed);
        assert_eq!((pods(&bench), last.progress, last.wake), ((0, 4), Progress::Promoted, None));
    }

    #[test]
    fn policies_may_hurry() {
        let mut bench = bench();
        bench.ask(0, Signal::Start);
        bench.ask(5, Signal::Advance);
        assert_eq!(bench.strategy.status().index, 1);
        assert_eq!(bench.ask(6, Signal::Promote).progress, Progress::Promoted);
        assert_eq!(pods(&bench), (0, 4));
    }
}
