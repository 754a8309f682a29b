//! Canaries on a cluster that obeys at once but for its routers.

use super::*;
use crate::effect::{Action, RolloutView, Routing, SetName, SetView, Split};
use crate::strategy::{Progress, Signal, StepKind};
use crate::time::SimTime;

fn at(seconds: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs(seconds)
}

fn pods(count: u32) -> SetView {
    SetView { desired: count, created: count, ready: count, available: count, ..SetView::default() }
}

fn percent(value: f64) -> Weight {
    Weight::percent(value).unwrap()
}

fn to(weight: f64, bake: u64) -> CanaryStep {
    CanaryStep { weight: Some(percent(weight)), bake: SimDuration::from_secs(bake), ..CanaryStep::default() }
}

struct Bench {
    strategy: Running,
    view: RolloutView,
    said: Vec<Action>,
    progress: Progress,
}

impl Bench {
    fn new(spec: Canary) -> Self {
        let mut sets = [SetView::default(); SetName::COUNT];
        sets[SetName::Old.index()] = pods(10);
        let view = RolloutView {
            now: at(0),
            deploy_at: at(0),
            replicas: 10,
            sets,
            split: Split::STABLE,
            in_force: Split::STABLE,
            routing: Routing::Weighted,
            hold: false,
            database: None,
            others_back: 0,
        };
        Bench { strategy: Running::new(spec), view, said: Vec::new(), progress: Progress::Running }
    }

    /// Asks until nothing is left to do before the routers are reached.
    fn ask(&mut self, seconds: u64, mut signal: Signal) -> Option<SimTime> {
        self.view.now = at(seconds);
        loop {
            let step = self.strategy.next(signal, &self.view);
            signal = Signal::Changed;
            self.progress = step.progress;
            for action in &step.actions {
                match *action {
                    Action::Scale(set, count) => self.view.sets[set.index()] = pods(count),
                    Action::Weight(weight) => self.view.split.candidate = weight,
                    Action::BaselineWeight(weight) => self.view.split.baseline = weight,
                    Action::Mirror(share) => self.view.split.mirror = share,
                    Action::Cohort(matched) => self.view.split.cohort = matched,
                    _ => {}
                }
            }
            self.said.extend(&step.actions);
            if step.actions.is_empty() {
                return step.wake;
            }
        }
    }

    /// The routers are reached, a second later.
    fn reach(&mut self, seconds: u64) -> Option<SimTime> {
        self.view.in_force = self.view.split;
        self.ask(seconds, Signal::Changed)
    }

    fn counts(&self) -> [u32; 3] {
        [SetName::New, SetName::Old, SetName::Baseline].map(|set| self.view.set(set).desired)
    }
}

#[test]
fn it_is_promoted_when_the_routers_are_reached_and_says_each_weight_once() {
    let steps = vec![to(20.0, 0), CanaryStep { bake: SimDuration::from_secs(60), ..CanaryStep::default() }];
    let mut bench = Bench::new(Canary { steps, ..Canary::default() });
    assert_eq!(bench.ask(0, Signal::Start), Some(at(60)));
    bench.reach(1);
    bench.ask(60, Signal::Changed);
    assert_eq!(bench.progress, Progress::Running, "the last weight is on its way");
    assert_eq!(bench.reach(61), Some(at(90)));
    assert_eq!(bench.progress, Progress::Promoted);
    let weights: Vec<&Action> = bench.said.iter().filter(|a| matches!(a, Action::Weight(_))).collect();
    assert_eq!(weights, [&Action::Weight(0.2), &Action::Weight(1.0)]);
    bench.ask(90, Signal::Changed);
    assert_eq!(bench.counts(), [10, 0, 0]);
}

#[test]
fn stable_pods_leave_with_their_traffic_and_not_before() {
    let steps = vec![to(50.0, 60), to(80.0, 60)];
    let mut bench = Bench::new(Canary { steps, dynamic_stable_scale: true, ..Canary::default() });
    bench.ask(0, Signal::Start);
    assert_eq!(bench.counts(), [5, 10, 0], "the weight is on its way");
    bench.reach(1);
    assert_eq!(bench.counts(), [5, 5, 0]);
    bench.ask(60, Signal::Changed);
    bench.reach(61);
    assert_eq!(bench.counts(), [8, 2, 0]);
    bench.ask(120, Signal::Changed);
    assert_eq!(bench.counts(), [10, 2, 0]);
    bench.reach(121);
    assert_eq!(bench.counts(), [10, 0, 0]);
    assert_eq!(bench.progress, Progress::Promoted);
}

#[test]
fn a_weight_that_falls_keeps_the_pods_until_it_is_in_force() {
    let mut bench = Bench::new(Canary { steps: vec![to(50.0, 60), to(10.0, 60)], ..Canary::default() });
    bench.ask(0, Signal::Start);
    bench.reach(1);
    bench.ask(60, Signal::Changed);
    assert_eq!(bench.counts(), [5, 10, 0]);
    bench.reach(61);
    assert_eq!(bench.counts(), [1, 10, 0]);
}

#[test]
fn a_baseline_is_as_large_as_the_candidate_and_goes_with_the_end() {
    let steps = vec![to(10.0, 60), to(60.0, 60)];
    let mut bench = Bench::new(Canary { steps, baseline: true, ..Canary::default() });
    bench.ask(0, Signal::Start);
    assert_eq!((bench.counts(), bench.view.split.baseline), ([1, 10, 1], 0.1));
    bench.reach(1);
    bench.ask(60, Signal::Changed);
    assert_eq!((bench.counts(), bench.view.split.baseline), ([6, 10, 6], 0.4), "no more than what is left");
    bench.reach(61);
    bench.ask(120, Signal::Changed);
    assert_eq!((bench.counts(), bench.view.split.baseline), ([10, 10, 6], 0.0), "still in force");
    bench.reach(121);
    assert_eq!(bench.counts(), [10, 10, 0]);
    let own = Canary {
        steps: vec![to(20.0, 60)],
        baseline: true,
        baseline_share: Some(percent(5.0)),
        ..Canary::default()
    };
    let mut bench = Bench::new(own);
    bench.ask(0, Signal::Start);
    assert_eq!((bench.counts(), bench.view.split.baseline), ([2, 10, 2], 0.05));
}

#[test]
fn pods_can_be_set_apart_from_traffic() {
    let scale = |scale| CanaryStep { scale: Some(scale), ..CanaryStep::default() };
    let wait = CanaryStep { bake: SimDuration::from_secs(60), ..CanaryStep::default() };
    let steps = vec![
        scale(CanaryScale::Pods(3)),
        wait,
        scale(CanaryScale::Share(percent(40.0))),
        wait,
        scale(CanaryScale::MatchTraffic),
        to(10.0, 60),
    ];
    let mut bench = Bench::new(Canary { steps, min_pods: 2, ..Canary::default() });
    bench.ask(0, Signal::Start);
    assert_eq!((bench.counts(), bench.view.split.candidate), ([3, 10, 0], 0.0));
    bench.ask(60, Signal::Changed);
    assert_eq!(bench.counts(), [4, 10, 0]);
    bench.ask(120, Signal::Changed);
    assert_eq!((bench.counts(), bench.view.split.candidate), ([2, 10, 0], 0.1), "two at least");
}

#[test]
fn routes_last_until_they_are_taken_back_or_the_rollout_ends() {
    let wait = SimDuration::from_secs(60);
    let steps = vec![
        CanaryStep { scale: Some(CanaryScale::Pods(2)), ..CanaryStep::default() },
        CanaryStep { mirror: Some(percent(30.0)), cohort: Some(true), bake: wait, ..CanaryStep::default() },
        CanaryStep { mirror: Some(percent(0.0)), bake: wait, ..CanaryStep::default() },
    ];
    let mut bench = Bench::new(Canary { steps, ..Canary::default() });
    bench.ask(0, Signal::Start);
    assert_eq!((bench.view.split.mirror, bench.view.split.cohort), (0.3, true));
    bench.ask(60, Signal::Changed);
    assert_eq!((bench.view.split.mirror, bench.view.split.cohort), (0.0, true));
    bench.ask(120, Signal::Changed);
    assert_eq!(bench.view.split, Split { candidate: 1.0, ..Split::STABLE });
}

#[test]
fn an_experiment_has_pods_and_weights_of_its_own_while_it_lasts() {
    let experiment = Experiment {
        candidate: 2,
        candidate_weight: percent(10.0),
        baseline: 2,
        baseline_weight: percent(10.0),
    };
    let step = CanaryStep {
        bake: SimDuration::from_secs(60),
        experiment: Some(experiment),
        ..CanaryStep::default()
    };
    let mut bench = Bench::new(Canary { steps: vec![step, to(20.0, 60)], ..Canary::default() });
    bench.ask(0, Signal::Start);
    assert_eq!(bench.counts(), [2, 10, 2]);
    assert_eq!((bench.view.split.candidate, bench.view.split.baseline), (0.1, 0.1));
    bench.reach(1);
    bench.ask(60, Signal::Changed);
    bench.reach(61);
    assert_eq!((bench.counts(), bench.view.split.baseline), ([2, 10, 0], 0.0));

    let by_counts =
        Canary { steps: vec![to(20.0, 0), step, to(50.0, 60)], traffic_routed: false, ..Canary::default() };
    let mut bench = Bench::new(by_counts);
    bench.ask(0, Signal::Start);
    assert_eq!(bench.counts(), [4, 8, 2], "on top of the two canary pods");
    bench.ask(60, Signal::Changed);
    assert_eq!(bench.counts(), [5, 5, 0]);
}

#[test]
fn an_advance_ends_the_bake_it_came_in_and_no_other() {
    let mut bench = Bench::new(Canary { steps: vec![to(10.0, 60), to(20.0, 60)], ..Canary::default() });
    bench.ask(0, Signal::Start);
    bench.ask(0, Signal::Advance);
    assert_eq!(bench.strategy.status().index, 1);
    assert_eq!(bench.strategy.status().kind, StepKind::Bake);
}

#[test]
fn what_needs_a_router_is_refused_without_one() {
    let step = CanaryStep { mirror: Some(percent(5.0)), ..CanaryStep::default() };
    let canary = Canary { steps: vec![step], traffic_routed: false, baseline: true, ..Canary::default() };
    let paths: Vec<Vec<String>> = canary.objections().into_iter().map(|found| found.path).collect();
    assert_eq!(paths, [vec!["baseline"], vec!["steps", "0", "mirror"]]);
    let share = Canary { baseline_share: Some(percent(5.0)), ..Canary::default() };
    assert_eq!(share.objections()[0].path, ["baseline_share"]);
}
