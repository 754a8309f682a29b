//! A blue-green rollout on a cluster that obeys at once, step by step.

use super::*;
use crate::effect::{SetView, Split};

fn at(seconds: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs(seconds)
}

fn secs(seconds: u64) -> SimDuration {
    SimDuration::from_secs(seconds)
}

struct Bench {
    strategy: Running,
    view: RolloutView,
    said: Vec<Action>,
}

impl Bench {
    fn new(spec: BlueGreen) -> Self {
        let mut sets = [SetView::default(); SetName::COUNT];
        sets[SetName::Old.index()] = pods(4);
        let view = RolloutView {
            now: at(0),
            deploy_at: at(0),
            replicas: 4,
            sets,
            split: Split::STABLE,
            in_force: Split::STABLE,
            routing: Routing::Weighted,
            hold: false,
            database: None,
            others_back: 0,
        };
        Bench { strategy: Running::new(spec), view, said: Vec::new() }
    }

    /// Asks until nothing is left to do at this instant; where it stands and when it wants to be asked again.
    fn ask(&mut self, seconds: u64, mut signal: Signal) -> (StepKind, Option<SimTime>) {
        self.view.now = at(seconds);
        loop {
            let step = self.strategy.next(signal, &self.view);
            signal = Signal::Changed;
            for action in &step.actions {
                match *action {
                    Action::Scale(set, count) => self.view.sets[set.index()] = pods(count),
                    Action::Weight(weight) => {
                        self.view.split.candidate = weight;
                        self.view.in_force = self.view.split;
                    }
                    _ => {}
                }
            }
            self.said.extend(&step.actions);
            if step.actions.is_empty() {
                return (self.strategy.status().kind, step.wake);
            }
        }
    }

    fn promoted(&mut self) -> bool {
        self.strategy.next(Signal::Changed, &self.view).progress == Progress::Promoted
    }

    fn count(&self, set: SetName) -> u32 {
        self.view.set(set).desired
    }
}

fn pods(count: u32) -> SetView {
    SetView { desired: count, created: count, ready: count, available: count, ..SetView::default() }
}

#[test]
fn without_anything_to_wait_for_the_switch_follows_the_pods() {
    let mut bench = Bench::new(BlueGreen::default());
    assert_eq!(bench.ask(0, Signal::Start), (StepKind::Done, Some(at(30))));
    assert_eq!(bench.view.split.candidate, 1.0);
    assert!(bench.promoted());
    assert_eq!(bench.count(SetName::Old), 4, "the old pods wait for their delay");
    bench.ask(30, Signal::Changed);
    assert_eq!(bench.count(SetName::Old), 0);
}

#[test]
fn the_preview_is_small_until_analysis_and_pause_are_over() {
    let spec = BlueGreen {
        preview_replicas: Some(1),
        pause: secs(600),
        person: true,
        pre_promotion: Some(secs(120)),
        ..BlueGreen::default()
    };
    let mut bench = Bench::new(spec);
    assert_eq!(bench.ask(0, Signal::Start).0, StepKind::Analysis(0));
    bench.view.hold = true;
    assert_eq!(bench.ask(300, Signal::Changed).0, StepKind::Analysis(0), "the analysis is not over");
    bench.view.hold = false;
    assert_eq!(bench.ask(310, Signal::Advance), (StepKind::Pause, Some(at(600))));
    assert_eq!((bench.count(SetName::New), bench.view.split.candidate), (1, 0.0));
    assert_eq!(bench.ask(600, Signal::Changed).0, StepKind::Done);
    assert_eq!((bench.count(SetName::New), bench.view.split.candidate), (4, 1.0));
}

#[test]
fn old_pods_wait_for_the_analysis_after_the_switch_unless_a_delay_is_given() {
    let spec = BlueGreen { post_promotion: Some(secs(300)), ..BlueGreen::default() };
    let mut bench = Bench::new(spec.clone());
    assert_eq!(bench.ask(0, Signal::Start), (StepKind::Analysis(0), Some(at(300))));
    assert!(!bench.promoted(), "the old revision is still the stable one");
    bench.view.hold = true;
    bench.ask(400, Signal::Changed);
    assert_eq!(bench.count(SetName::Old), 4);
    bench.view.hold = false;
    assert_eq!(bench.ask(420, Signal::Advance), (StepKind::Done, Some(at(450))));
    assert!(bench.promoted());
    bench.ask(450, Signal::Changed);
    assert_eq!(bench.count(SetName::Old), 0);

    let mut bench = Bench::new(BlueGreen { scale_down_delay: Some(secs(60)), ..spec });
    assert_eq!(bench.ask(0, Signal::Start), (StepKind::Analysis(0), Some(at(60))));
    bench.ask(60, Signal::Changed);
    assert_eq!(bench.count(SetName::Old), 0, "an abort has to start them");
    assert!(!bench.promoted());
}

#[test]
fn no_old_revision_may_wait_when_the_limit_is_zero() {
    let mut bench =
        Bench::new(BlueGreen { scale_down_delay_revision_limit: Some(0), ..BlueGreen::default() });
    bench.ask(0, Signal::Start);
    assert_eq!(bench.count(SetName::Old), 0);
    let limit = Some(1);
    let mut bench = Bench::new(BlueGreen { scale_down_delay_revision_limit: limit, ..BlueGreen::default() });
    bench.ask(0, Signal::Start);
    assert_eq!(bench.count(SetName::Old), 4);
}

#[test]
fn a_promotion_by_hand_skips_what_is_before_the_switch() {
    let mut bench = Bench::new(BlueGreen { pause: secs(600), ..BlueGreen::default() });
    assert_eq!(bench.ask(0, Signal::Start), (StepKind::Bake, Some(at(600))));
    assert_eq!(bench.ask(10, Signal::Promote).0, StepKind::Done);
    assert_eq!(bench.view.split.candidate, 1.0);
}
