//! The kinds of abort, step by step on a cluster whose pods start when the test says so.

use backout::effect::{Action, RolloutView, Routing, SetName, SetView, Split};
use backout::replication::ledger::Ledger;
use backout::rng::Key;
use backout::rollback::{Execution, ProcedureSpec, RollbackConditions};
use backout::time::{SimDuration, SimTime};

use crate::studies;

fn pods(desired: u32, ready: u32) -> SetView {
    SetView { desired, created: desired, ready, available: ready, ..SetView::default() }
}

struct Cluster {
    view: RolloutView,
    execution: Execution,
    log: Vec<Action>,
}

impl Cluster {
    /// A rollback that begins with these old and new pods and this share on the new ones.
    fn new(procedure: &str, old: u32, new: u32, weight: f64) -> Self {
        let split = Split { candidate: weight, ..Split::STABLE };
        let view = RolloutView {
            now: SimTime::ZERO,
            deploy_at: SimTime::ZERO,
            replicas: 10,
            sets: [
                pods(old, old),
                pods(new, new),
                SetView::default(),
                SetView::default(),
                SetView::default(),
            ],
            split,
            in_force: split,
            routing: Routing::Weighted,
            hold: false,
            database: None,
            others_back: 0,
        };
        let procedure: ProcedureSpec = studies::yaml(procedure);
        let execution =
            studies::rollback(&procedure, RollbackConditions::default(), Key::root(1, "aborts"), &view);
        Cluster { view, execution, log: Vec::new() }
    }

    /// Goes on to this second; pods that are asked for exist and are not ready.
    fn at(&mut self, seconds: u64) -> &mut Self {
        self.view.now = SimTime::ZERO + SimDuration::from_secs(seconds);
        loop {
            let step = self.execution.next(&self.view, &Ledger::default());
            for action in &step.actions {
                match *action {
                    Action::Scale(set, count) => {
                        let ready = self.view.set(set).ready.min(count);
                        self.view.sets[set.index()] = pods(count, ready);
                    }
                    Action::Weight(weight) => self.view.split.candidate = weight,
                    Action::Unsplit => self.view.split = Split::STABLE,
                    Action::Mirror(share) => self.view.split.mirror = share,
                    Action::Cohort(matched) => self.view.split.cohort = matched,
                    _ => {}
                }
            }
            self.view.in_force = self.view.split;
            self.log.extend(&step.actions);
            if step.actions.is_empty() {
                return self;
            }
        }
    }

    /// So many old pods are ready.
    fn ready(&mut self, count: u32) -> &mut Self {
        let desired = self.view.set(SetName::Old).desired;
        self.view.sets[SetName::Old.index()] = pods(desired, count);
        self
    }

    fn weight(&self) -> f64 {
        self.view.split.candidate
    }
}

#[test]
fn a_switch_goes_back_at_once_while_the_old_pods_run() {
    let mut cluster = Cluster::new("switch_back: {}", 10, 10, 1.0);
    assert_eq!(cluster.at(0).weight(), 1.0, "the controller has not reconciled");
    assert_eq!(cluster.at(1).weight(), 0.0);
    assert_eq!(cluster.at(30).view.set(SetName::New).desired, 10, "the new pods wait for their delay");
    assert_eq!(cluster.at(31).view.set(SetName::New).desired, 0);
    assert!(!cluster.execution.is_pending());
}

#[test]
fn before_the_switch_only_the_preview_goes() {
    let mut cluster = Cluster::new("switch_back: {scale_down_delay: 5s}", 10, 2, 0.0);
    cluster.at(1).at(6);
    assert_eq!(cluster.view.set(SetName::New).desired, 0);
    assert_eq!(cluster.view.set(SetName::Old).desired, 10);
}

#[test]
fn old_pods_that_are_too_few_or_gone_are_started_first() {
    for left in [0, 4] {
        let mut cluster = Cluster::new("switch_back: {}", left, 10, 1.0);
        assert_eq!(cluster.at(1).weight(), 1.0, "users stay where pods are");
        assert_eq!(cluster.view.set(SetName::Old).desired, 10);
        assert_eq!(cluster.ready(9).at(20).weight(), 1.0);
        assert_eq!(cluster.ready(10).at(25).weight(), 0.0);
        assert_eq!(cluster.at(55).view.set(SetName::New).desired, 0);
    }
}

#[test]
fn new_pods_that_are_kept_stay() {
    for procedure in ["switch_back: {keep_candidate: true}", "argo_abort: {keep_candidate: true}"] {
        let mut cluster = Cluster::new(procedure, 10, 10, 1.0);
        cluster.at(1).at(1000);
        assert_eq!((cluster.weight(), cluster.view.set(SetName::New).desired), (0.0, 10), "{procedure}");
        assert!(!cluster.execution.is_pending());
    }
}

#[test]
fn with_dynamic_stable_scale_the_weight_walks_down_as_stable_pods_come() {
    let mut cluster = Cluster::new("argo_abort: {dynamic_stable_scale: true}", 2, 8, 0.8);
    cluster.view.split.mirror = 0.1;
    cluster.view.split.cohort = true;
    assert_eq!(cluster.at(1).weight(), 0.8);
    assert_eq!(cluster.view.set(SetName::Old).desired, 10);
    assert_eq!(
        (cluster.view.split.mirror, cluster.view.split.cohort),
        (0.0, false),
        "managed routes go at once"
    );
    assert_eq!(cluster.ready(5).at(10).weight(), 0.5);
    assert_eq!(cluster.ready(4).at(12).weight(), 0.5, "never up again");
    assert_eq!(cluster.ready(9).at(15).weight(), 0.1);
    assert_eq!(cluster.view.set(SetName::New).desired, 8);
    assert_eq!(cluster.ready(10).at(20).weight(), 0.0);
    assert_eq!(cluster.at(49).view.set(SetName::New).desired, 8);
    assert_eq!(cluster.at(50).view.set(SetName::New).desired, 0);
    let weights = cluster.log.iter().filter(|action| matches!(action, Action::Weight(_))).count();
    assert_eq!(weights, 2, "{:?}", cluster.log);
}
